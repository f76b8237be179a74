"""The sets of a mixture whose clips may have pictures.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain.utils.distributed import ddp_barrier, run_on_main

from speechbrain_clap.dataio.frame_cache import CachedFrames, write_frames
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.dataio.video import VideoFrames
from speechbrain_clap.dataio.video_pairs import VideoPairs
from speechbrain_clap.utils.distributed import rank, ranks


class VideoSets(PairSets):
    """As ``PairSets``, of sources that give labels and know their videos.

    Arguments
    ---------
    *args : tuple
        As for ``PairSets``.
    sample_rate : int
        At which the sounds of videos are decoded, in Hz.
    **kwargs : dict
        As for ``PairSets``.

    Example
    -------
    >>> mixture = {"Garden": {"data_folder": None, "shards": None}}
    >>> VideoSets(mixture, "manifests", sample_rate=44100).prepare()
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: no set of the mixture is there...
    """

    def __init__(self, *args, sample_rate, **kwargs):
        super().__init__(*args, **kwargs)
        self.sample_rate = sample_rate

    def load(self, held_out=None):
        """Reads what was prepared.

        Arguments
        ---------
        held_out : dict or None
            As for ``PairSets.load``.

        Returns
        -------
        VideoSets
            Itself; `train`, `valid` and `tests` are
            ``speechbrain_clap.dataio.video_pairs.VideoPairs``.
        """
        super().load(held_out)
        self.train = [self._source(source) for source in self.train]
        if self.valid is not None:
            self.valid = self._source(self.valid)
        self.tests = {
            name: self._source(source) for name, source in self.tests.items()
        }
        return self

    def _source(self, source):
        rows = dict(zip(source.ids, source.rows, strict=True))
        return VideoPairs(source.name, rows, self.sample_rate)

    def videos(self):
        """All clips that have pictures.

        Returns
        -------
        dict
            "set/id" to a row, as ``speechbrain_clap.dataio.video.VideoFrames``
            takes.
        """
        found = {}
        for source in [*self.train, self.valid, *self.tests.values()]:
            if source is not None:
                found |= source.videos()
        return found

    def class_names(self):
        """The classes of all sets, in their order.

        Returns
        -------
        list of str
            Each once.
        """
        names = {}
        for name in self.present:
            report = read_json(self.folder / name / "prepare.json")
            names |= dict.fromkeys(report["classes"])
        return list(names)

    def listed(self, name):
        """How many clips the test list of a set has, there or not.

        Arguments
        ---------
        name : str
            Of the set.

        Returns
        -------
        int
            Their number.
        """
        report = read_json(self.folder / name / "prepare.json")
        return report["parts"]["test"]["listed"]


def prepare_videos(
    mixture,
    manifest_folder,
    sample_rate,
    on_bad_clip="skip",
    subset_percent=100,
    seed=0,
    synthesise=None,
):
    """Prepares the sets of an experiment and reads what was prepared.

    Arguments
    ---------
    mixture : dict
        As for ``PairSets``.
    manifest_folder : str
        As for ``PairSets``.
    sample_rate : int
        At which the sounds of videos are decoded, in Hz.
    on_bad_clip : str
        "skip" or "stop".
    subset_percent : float
        Share of the training clips that is used, drawn at random.
    seed : int
        Of that draw.
    synthesise : callable or None
        Makes the data up before; with `folder`, where.

    Returns
    -------
    VideoSets
        Loaded.

    Raises
    ------
    DataError
        If no set is there.

    Example
    -------
    >>> mixture = {"Garden": {"data_folder": None, "shards": None}}
    >>> prepare_videos(mixture, "manifests", 44100)
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: no set of the mixture is there...
    """
    folders = [options["data_folder"] for options in mixture.values()]
    # A data set of the user's own is never touched.
    if synthesise is not None and synthesise.keywords["folder"] in folders:
        run_on_main(synthesise)
    sets = VideoSets(
        mixture,
        manifest_folder,
        on_bad_clip,
        subset_percent=subset_percent,
        seed=seed,
        sample_rate=sample_rate,
    )
    run_on_main(sets.prepare)
    sets.load()
    run_on_main(sets.write_report)
    return sets


def open_frames(rows, n, on_bad_clip="skip", frames_folder=None):
    """The frames of an experiment's clips, out of the videos or of a cache.

    Arguments
    ---------
    rows : dict
        From ``VideoSets.videos``.
    n : int
        Equally spaced frames of each clip.
    on_bad_clip : str
        "skip" or "stop".
    frames_folder : str or None
        Where all frames are written as JPEG before, by all ranks together,
        unless they are there. None: each is read out of its video when it is
        asked for.

    Returns
    -------
    object
        With `count` and `read`.

    Example
    -------
    >>> open_frames({}, 10).count("a")
    0
    """
    if frames_folder is None:
        return VideoFrames(rows, n, on_bad_clip)
    write_frames(
        rows,
        frames_folder,
        n,
        on_bad_clip=on_bad_clip,
        rank=rank(),
        world_size=ranks(),
    )
    ddp_barrier()
    return CachedFrames(frames_folder)
