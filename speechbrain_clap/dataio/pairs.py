"""Data sets of sounds and the captions that tell what is heard in them.

Authors
 * The speechbrain_clap team 2026
"""

import random

from speechbrain_clap.dataio.clips import fit_clip
from speechbrain_clap.dataio.manifest import ManifestError


class FileRows:
    """Clips that are files of their own, or parts of such.

    Arguments
    ---------
    name : str
        Of the set.
    rows : dict
        Id to row, from ``speechbrain_clap.dataio.manifest.read_manifest``,
        with `path` and, where only a part of the file is meant, `start` and
        `stop` in seconds.

    Attributes
    ----------
    name : str
        As given.
    ids : list of str
        The rows' ids, in the manifest's order.
    blocks : list of range
        Rows that lie together on the disk: here all of them.

    Example
    -------
    >>> rows = FileRows("garden", {"a": {"path": "a.wav", "start": 2.0}})
    >>> rows.ids, rows.file(0), rows.span(0)
    (['a'], 'a.wav', (2.0, None))
    """

    def __init__(self, name, rows):
        self.name = name
        self.ids = list(rows)
        self.rows = list(rows.values())
        self.blocks = [range(len(rows))]

    def __len__(self):
        return len(self.ids)

    def file(self, i):
        """The file a clip lies in.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        str
            What ``speechbrain_clap.dataio.segments.SegmentReader`` takes.
        """
        return self.rows[i]["path"]

    def span(self, i):
        """The part of the file that is meant.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple
            Start and stop in seconds, each a float or None.
        """
        return self.rows[i].get("start"), self.rows[i].get("stop")


class ManifestPairs(FileRows):
    """The pairs of a manifest, as a source for the data sets below.

    A *source of pairs* is whatever has the attributes and methods of this
    class; ``speechbrain_clap.dataio.shards.ShardPairs`` is another one.

    Arguments
    ---------
    name : str
        Of the set.
    rows : dict
        As for `FileRows`, with `captions` too (a list of texts).

    Raises
    ------
    ManifestError
        If a row's captions are not a list of at least one text.

    Example
    -------
    >>> rows = {"a": {"path": "a.wav", "captions": ["rain", "it rains"]}}
    >>> pairs = ManifestPairs("garden", rows)
    >>> pairs.ids, pairs.captions(0), pairs.file(0), pairs.span(0)
    (['a'], ['rain', 'it rains'], 'a.wav', (None, None))
    """

    def __init__(self, name, rows):
        super().__init__(name, rows)
        for key, row in rows.items():
            captions = row["captions"]
            if (
                not isinstance(captions, list)
                or not captions
                or not all(isinstance(c, str) and c for c in captions)
            ):
                raise ManifestError(
                    f"{name}: row '{key}' has captions {captions!r}, expected "
                    "a list of at least one text, none of them empty"
                )

    def captions(self, i):
        """What is said of a clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            At least one text.
        """
        return self.rows[i]["captions"]


class PairDataset:
    """Training pairs: a random crop of a clip and one of its captions.

    Both are drawn from a generator that knows the seed, the epoch, the set
    and the clip, nothing else: they are the same whichever worker or rank
    reads the clip, and whenever.

    Arguments
    ---------
    sources : list
        Sources of pairs, such as ``ManifestPairs``; names must differ.
    reader : callable
        ``speechbrain_clap.dataio.segments.SegmentReader``.
    seed : int
        Of crops and captions.

    Raises
    ------
    ValueError
        If two sources have one name.

    Example
    -------
    >>> rows = {"a": {"path": "a.wav", "captions": ["rain"]}}
    >>> def read(file, start, stop, position):
    ...     return f"{file}, {position:.2f} into the slack"
    >>> pairs = PairDataset([ManifestPairs("garden", rows)], read, seed=1)
    >>> epoch, number, row = 1, 0, 0
    >>> pair = pairs[epoch, number, row]
    >>> pair["id"], pair["text"], pair["sig"]
    ('garden/a', 'rain', 'a.wav, ... into the slack')
    """

    def __init__(self, sources, reader, seed):
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ValueError(f"two sets have one name: {', '.join(names)}")
        self.sources = sources
        self.reader = reader
        self.seed = seed

    def __len__(self):
        return sum(len(source) for source in self.sources)

    def __getitem__(self, index):
        """Reads one pair.

        Arguments
        ---------
        index : tuple
            (epoch, number of the set, row in it), as
            ``speechbrain_clap.dataio.mixture.MixtureBatches`` gives.

        Returns
        -------
        dict
            `id` ("set/id"), `sig` ([T]; None for a bad clip that the reader
            skips), `text` (the caption drawn), `captions` (all of them) and
            `set`.
        """
        epoch, number, row = index
        source = self.sources[number]
        pair = _pair(source, row)
        # random.Random hashes a string the same way in every process.
        draw = random.Random(f"{self.seed} {epoch} {pair['id']}").random
        position, caption = draw(), draw()
        pair["sig"] = self.reader(
            source.file(row), *source.span(row), position=position
        )
        captions = pair["captions"]
        pair["text"] = captions[int(caption * len(captions))]
        return pair


class ClipPairs:
    """Clips with all of their captions, for evaluation.

    Arguments
    ---------
    source : object
        A source of pairs.
    reader : callable
        ``speechbrain_clap.dataio.segments.SegmentReader``. If it cuts clips
        to `clip_seconds`, the policy must not want longer ones.
    policy : dict or None
        Arguments of ``speechbrain_clap.dataio.clips.fit_clip``, which brings
        each clip to one length. None keeps whole clips.

    Raises
    ------
    ValueError
        If the reader's clips are shorter than the policy's.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio import audio_io
    >>> from speechbrain_clap.dataio.segments import SegmentReader
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> audio_io.save(path, 0.1 * torch.ones(1, 8000), 8000)
    >>> rows = {"a": {"path": path, "captions": ["a hum"]}}
    >>> source = ManifestPairs("hums", rows)
    >>> clips = ClipPairs(source, SegmentReader(8000), {"samples": 12000})
    >>> clips[0]["sig"].shape, clips[0]["captions"]
    (torch.Size([12000]), ['a hum'])
    """

    def __init__(self, source, reader, policy=None):
        self.source = source
        self.reader = reader
        self.policy = policy
        self.position = None
        seconds = getattr(reader, "clip_seconds", None)
        if policy is not None and seconds is not None:
            if round(seconds * reader.sample_rate) < policy["samples"]:
                raise ValueError(
                    f"the reader cuts clips to {seconds} s at "
                    f"{reader.sample_rate} Hz, and the policy wants "
                    f"{policy['samples']} samples: give the reader at least "
                    "as many, or clip_seconds=None"
                )
            # Only what the policy's own crop keeps has to be decoded.
            self.position = 0.0 if policy.get("crop") == "start" else 0.5

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
            `id` ("set/id"), `sig` ([T]; None for a bad clip that the reader
            skips), `captions` (all of them) and `set`.
        """
        pair = _pair(self.source, i)
        wav = self.reader(
            self.source.file(i), *self.source.span(i), position=self.position
        )
        if wav is not None and self.policy is not None:
            wav = fit_clip(wav, **self.policy)
        pair["sig"] = wav
        return pair


def _pair(source, row):
    return {
        "id": f"{source.name}/{source.ids[row]}",
        "captions": source.captions(row),
        "set": source.name,
    }
