"""Reading pairs of sound and caption from WebDataset tars by their index.

Any clip is read at once, without what lies before it in its tar.
``speechbrain_clap.dataio.shard_packing.pack`` makes such tars.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import numpy
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import split_leaks
from speechbrain_clap.dataio.shard_files import (
    ShardFile,
    opened,
    read_member,
)
from speechbrain_clap.dataio.shard_index import (
    captions_of,
    parse_text,
    read_index,
)

logger = get_logger(__name__)

LOGGED_PROBLEMS = 100  # named one by one by a process
NO_CAPTION = "it holds no caption"


class ShardPairs:
    """The pairs of a folder of shards, as a source for the data sets.

    Has what ``speechbrain_clap.dataio.pairs.ManifestPairs`` has, and a block
    for each shard. Nothing but the index is held in memory. All processes of
    a training must see the same tars.

    Arguments
    ---------
    name : str
        Of the set.
    folder : str or pathlib.Path
        With the tars and `index.json`.
    on_bad_shard : str
        What to do about a tar that is missing, truncated or unreadable:
        "skip" names it and leaves its clips out; "stop" raises. What is found
        out only while reading follows the rule as well: under "skip" such a
        clip has one empty caption, and a file that the reader finds bad.

    Attributes
    ----------
    ids : list of str
        The clips' ids, in the order of the shards.
    sources : list
        Where each recording comes from, such as "freesound:12", or None.
    blocks : list of range
        The rows of each shard.
    bad : dict
        Name of each bad tar, and of each bad clip that this process met, to
        what is wrong.

    Raises
    ------
    DataError
        If there is no index, no tar is left, or one is bad and the rule is
        "stop".

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.dataio.shard_packing import pack
    >>> folder = getfixture("tmp_path")
    >>> soundfile.write(folder / "a.wav", numpy.full(80, 0.1), 8000)
    >>> rows = {"a": {"path": folder / "a.wav", "captions": ["a hum"]}}
    >>> report = pack(rows, folder / "shards")
    >>> pairs = ShardPairs("hums", folder / "shards")
    >>> pairs.ids, pairs.captions(0), pairs.span(0), pairs.blocks
    (['a'], ['a hum'], (None, None), [range(0, 1)])
    >>> pairs.file(0).open().read(4)
    b'RIFF'
    """

    def __init__(self, name, folder, on_bad_shard="skip"):
        if on_bad_shard not in ("skip", "stop"):
            raise ValueError(
                f"on_bad_shard is '{on_bad_shard}', expected 'skip' or 'stop'"
            )
        self.name = name
        self.on_bad_shard = on_bad_shard
        self.bad = {}
        self._last = None, None
        folder = pathlib.Path(folder)
        index = read_index(folder)
        self._is_packed = index["manifest"] is not None
        self.tars, good = [], []
        for shard in index["shards"]:
            path = folder / shard["name"]
            problem = _shard_problem(path, shard)
            if problem is None:
                self.tars.append((str(path), path.stat().st_mtime_ns))
                good.append(shard)
            else:
                self._found_bad(str(path), problem)
        if not good:
            raise DataError(f"{folder}: no tar of its index can be used")
        if self.bad:
            total = sum(len(shard["ids"]) for shard in index["shards"])
            logger.warning(
                "%s: %d of %d shards, with %d of %d clips, are left out",
                name,
                len(self.bad),
                len(index["shards"]),
                total - sum(len(shard["ids"]) for shard in good),
                total,
            )
        self._gather(good)
        self._row(0)
        if NO_CAPTION in self.bad.get(self._clip_name(0), ""):
            raise DataError(
                f"{folder}: clip '{self.ids[0]}' has no captions: pack a "
                "manifest whose rows have captions"
            )

    def _gather(self, shards):
        def _column(key):
            return [value for shard in shards for value in shard[key]]

        self.ids = _column("ids")
        self.sources = _column("sources")
        keys = ("text_offsets", "text_bytes", "audio_offsets", "audio_bytes")
        self.places = numpy.array([_column(key) for key in keys], numpy.int64)
        self.plain = numpy.array(_column("texts")) == "txt"
        self.shards = numpy.repeat(
            numpy.arange(len(shards)), [len(shard["ids"]) for shard in shards]
        )
        self._find_blocks()

    def _find_blocks(self):
        counts = numpy.bincount(self.shards, minlength=len(self.tars))
        stops = numpy.cumsum(counts)
        self.blocks = [
            range(int(stop - count), int(stop))
            for stop, count in zip(stops, counts, strict=True)
            if count
        ]

    def __len__(self):
        return len(self.ids)

    def captions(self, i):
        """What is said of a clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            At least one text; [""] for a clip that cannot be read.
        """
        return captions_of(self._row(i)) or [""]

    def file(self, i):
        """The file a clip lies in.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        ShardFile
            What ``speechbrain_clap.dataio.segments.SegmentReader`` takes.
        """
        _, _, offset, size = self.places[:, i].tolist()
        name = self._clip_name(i)
        return ShardFile(name, self._tar(i), offset, size, self.bad.get(name))

    def span(self, i):
        """Which part of its file a clip is.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple
            Start and stop in seconds, None where the file's own ends are
            meant, as always in tars that others wrote: a start in their JSON
            tells what the sound was cut from.
        """
        if not self._is_packed:
            return None, None
        row = self._row(i)
        return row.get("start"), row.get("stop")

    def leave_out(self, held_out):
        """Leaves out the clips whose recording must not be trained on.

        Arguments
        ---------
        held_out : dict
            Name of a list to its set of sources.

        Returns
        -------
        dict
            Name of each list to the number of clips that it holds out, as
            ``speechbrain_clap.dataio.leaks.split_leaks`` counts.
        """
        held = set().union(*held_out.values())
        rows = {
            i: {"source": source}
            for i, source in enumerate(self.sources)
            if source in held
        }
        _, counts = split_leaks(rows, held_out)
        keep = numpy.array([i for i in range(len(self)) if i not in rows], int)
        self.ids = [self.ids[i] for i in keep]
        self.sources = [self.sources[i] for i in keep]
        self.places = self.places[:, keep]
        self.plain = self.plain[keep]
        self.shards = self.shards[keep]
        self._last = None, None
        self._find_blocks()
        return counts

    def _tar(self, i):
        return self.tars[self.shards[i]]

    def _clip_name(self, i):
        return f"{self._tar(i)[0]}: clip '{self.ids[i]}'"

    def _row(self, i):
        """What lies beside a sound; it is asked for several times in turn."""
        last, row = self._last
        if last == i:
            return row
        offset, size, _, _ = self.places[:, i].tolist()
        try:
            data = read_member(opened(*self._tar(i)), offset, size)
            row = parse_text(data, "txt" if self.plain[i] else "json")
            if not captions_of(row):
                raise ValueError(NO_CAPTION)
        except (OSError, ValueError) as error:
            self._found_bad(
                self._clip_name(i), f"its text cannot be read ({error})"
            )
            row = {}
        self._last = i, row
        return row

    def _found_bad(self, name, problem):
        if self.on_bad_shard == "stop":
            raise DataError(
                f"{name}: {problem}. Copy the tar again (sbclap verify names "
                "all that changed), or set on_bad_clip: skip"
            )
        if name not in self.bad and len(self.bad) < LOGGED_PROBLEMS:
            logger.warning("Left out: %s: %s", name, problem)
        self.bad[name] = problem


def _shard_problem(path, shard):
    """What is wrong with a tar, if anything, at little cost."""
    if not path.is_file():
        return "there is no such file"
    size = path.stat().st_size
    if size != shard["bytes"]:
        kind = "truncated" if size < shard["bytes"] else "another file"
        return (
            f"is {kind}: it has {size} bytes, and the index says "
            f"{shard['bytes']}"
        )
    try:
        with open(path, "rb", buffering=0) as file:
            for sample in {0, len(shard["ids"]) - 1}:
                read_member(
                    file,
                    shard["text_offsets"][sample],
                    shard["text_bytes"][sample],
                )
    except OSError as error:
        return str(error)
    return None
