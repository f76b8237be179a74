"""Sounds of videos beside what a frozen CLIP makes of the same seconds.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499. The videos themselves are not touched.

Authors
 * The speechbrain_clap team 2026
"""

import random

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.clips import fit_clip
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.pairs import PairDataset
from speechbrain_clap.dataio.video_pairs import VideoPairs

logger = get_logger(__name__)


def frames_id(clip):
    """Under which name the frames of a clip are kept, whatever part it is in.

    Arguments
    ---------
    clip : str
        "set/id", or "valid/set/id" as
        ``speechbrain_clap.dataio.pair_sets.PairSets`` names what validates.

    Returns
    -------
    str
        "set/id".

    Example
    -------
    >>> frames_id("valid/VGGSound/a"), frames_id("VGGSound/a")
    ('VGGSound/a', 'VGGSound/a')
    """
    return clip.removeprefix("valid/")


class SeenSounds(VideoPairs):
    """The clips of a source whose frames were embedded, as a source.

    Arguments
    ---------
    source : speechbrain_clap.dataio.video_pairs.VideoPairs
        The sounds.
    embeddings : speechbrain_clap.dataio.frame_embeddings.FrameEmbeddings
        Of the frames, by the names that `frames_id` gives.
    clip_seconds : float
        What is heard and seen of a clip at once.

    Attributes
    ----------
    unseen : int
        Clips of the source that have no embeddings, and are left out.

    Raises
    ------
    DataError
        If none has any.

    Example
    -------
    >>> import numpy
    >>> class Embeddings(dict):
    ...     def seconds(self, clip):
    ...         return 10.0
    ...
    ...     def mean(self, clip, start, stop):
    ...         return numpy.float32([start, stop])
    >>> rows = {i: {"path": f"{i}.wav", "captions": ["rain"]} for i in "ab"}
    >>> source = VideoPairs("garden", rows, 16000)
    >>> sounds = SeenSounds(source, Embeddings({"garden/b": 1}), 5.0)
    >>> sounds.ids, sounds.unseen, sounds.file(0), sounds.span(0)
    (['b'], 1, 'b.wav', (0.0, 10.0))
    >>> sounds.image(0, position=0.5)
    tensor([2.5000, 7.5000])
    """

    def __init__(self, source, embeddings, clip_seconds):
        rows = dict(zip(source.ids, source.rows, strict=True))
        kept = {
            clip: row
            for clip, row in rows.items()
            if frames_id(f"{source.name}/{clip}") in embeddings
        }
        super().__init__(source.name, kept, source.sample_rate)
        self.embeddings = embeddings
        self.clip_seconds = clip_seconds
        self.unseen = len(rows) - len(kept)
        if not kept:
            raise DataError(
                f"{source.name}: none of the {len(rows)} clips has "
                "embeddings of its frames; write them first, with "
                "recipes/VGGSound/extract_clip.py, from the same data"
            )
        if self.unseen:
            logger.warning(
                "%s: %d of %d clips have no embeddings of frames, left out",
                source.name,
                self.unseen,
                len(rows),
            )

    def id(self, i):
        """The full name of a clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        str
            "set/id".
        """
        return f"{self.name}/{self.ids[i]}"

    def span(self, i):
        """The part of the file that was seen.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple of float
            Start and stop in seconds.
        """
        start = super().span(i)[0] or 0.0
        return start, start + self._seconds(i)

    def image(self, i, position):
        """The mean of what was seen while a part of the clip sounds.

        Arguments
        ---------
        i : int
            Row.
        position : float
            Where the part of `clip_seconds` lies: 0 at the beginning of the
            clip, 0.5 in its middle, 1 at its end.

        Returns
        -------
        torch.Tensor
            float32, [D], not normalised.
        """
        slack = max(0.0, self._seconds(i) - self.clip_seconds)
        start = position * slack
        mean = self.embeddings.mean(
            frames_id(self.id(i)), start, start + self.clip_seconds
        )
        return torch.from_numpy(mean)

    def _seconds(self, i):
        return self.embeddings.seconds(frames_id(self.id(i)))


class DistillationClips(PairDataset):
    """Parts of clips, each with the mean of its frames, for training.

    Where a part lies is drawn from a generator that knows the seed, the epoch
    and the clip, nothing else.

    Arguments
    ---------
    sources : list of SeenSounds
        Their names must differ.
    reader : callable
        ``speechbrain_clap.dataio.segments.SegmentReader``, of the
        `clip_seconds` of the sources.
    seed : int
        Of the draw.

    Example
    -------
    >>> import types
    >>> source = types.SimpleNamespace(
    ...     name="garden",
    ...     id=lambda i: "garden/a",
    ...     file=lambda i: "a.wav",
    ...     span=lambda i: (0.0, 10.0),
    ...     image=lambda i, position: torch.tensor([position]),
    ... )
    >>> def read(file, start, stop, position):
    ...     return torch.tensor([position])
    >>> clips = DistillationClips([source], read, seed=1)
    >>> part = clips[1, 0, 0]
    >>> part["id"], bool(part["sig"] == part["image"])
    ('garden/a', True)
    """

    def __getitem__(self, index):
        """Reads one part.

        Arguments
        ---------
        index : tuple
            (epoch, number of the set, row in it), as
            ``speechbrain_clap.dataio.mixture.MixtureBatches`` gives.

        Returns
        -------
        dict
            `id`, `sig` ([T]; None for a bad clip that the reader skips) and
            `image` ([D]).
        """
        epoch, number, row = index
        source = self.sources[number]
        key = f"{self.seed} {epoch} {source.id(row)}"
        position = random.Random(key).random()
        return _heard_and_seen(source, row, self.reader, position)


class CentredClips:
    """The middle of each clip, with the mean of its frames, for evaluation.

    Arguments
    ---------
    source : SeenSounds
        The clips.
    reader : callable
        ``speechbrain_clap.dataio.segments.SegmentReader``, of the
        `clip_seconds` of the source.
    policy : dict
        Arguments of ``speechbrain_clap.dataio.clips.fit_clip``, of the same
        length.

    Example
    -------
    >>> import types
    >>> source = types.SimpleNamespace(
    ...     id=lambda i: "garden/a",
    ...     file=lambda i: "a.wav",
    ...     span=lambda i: (0.0, 10.0),
    ...     labels=lambda i: ["rain"],
    ...     image=lambda i, position: torch.tensor([position]),
    ... )
    >>> read = lambda file, start, stop, position: torch.ones(2)
    >>> clip = CentredClips(source, read, {"samples": 3})[0]
    >>> clip["sig"], clip["image"], clip["labels"]
    (tensor([1., 1., 0.]), tensor([0.5000]), ['rain'])
    """

    def __init__(self, source, reader, policy):
        self.source = source
        self.reader = reader
        self.policy = policy

    def __len__(self):
        return len(self.source)

    def __getitem__(self, i):
        """Reads one clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        dict
            `id`, `sig` ([T]; None for a bad clip that the reader skips),
            `image` ([D]) and `labels`.
        """
        clip = _heard_and_seen(self.source, i, self.reader, 0.5)
        if clip["sig"] is not None:
            clip["sig"] = fit_clip(clip["sig"], **self.policy)
        return {**clip, "labels": self.source.labels(i)}


def _heard_and_seen(source, row, reader, position):
    start, stop = source.span(row)
    return {
        "id": source.id(row),
        "sig": reader(source.file(row), start, stop, position=position),
        "image": source.image(row, position),
    }
