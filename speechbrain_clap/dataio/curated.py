"""Pairs that a curation wrote, as a source of pairs to train on.

Authors
 * The speechbrain_clap team 2026
"""

import collections.abc
import functools
import os
import pathlib

import numpy

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.shard_files import ShardFile

PAIRS = "pairs.parquet"
TEXTS = ("audio_path", "audio_id", "caption", "caption_id")
NUMBERS = ("start", "stop", "audio_offset", "audio_bytes")


class CuratedPairs:
    """The pairs of a curation: a sound, and one caption of it.

    Has what ``speechbrain_clap.dataio.pairs.ManifestPairs`` has. Each text is
    held once, and beside it a few numbers for each pair: five million pairs of
    a million sounds take some 300 MB, shared by the workers of a loader.

    Arguments
    ---------
    name : str
        Of the set.
    folder : str or pathlib.Path
        With `pairs.parquet`, as ``speechbrain_clap.curation.curate`` writes
        it.

    Attributes
    ----------
    ids : Sequence of str
        Of each pair, made when asked for.
    blocks : list of range
        Rows that lie together on the disk: those of one tar, or all.

    Raises
    ------
    FileNotFoundError
        If there are no pairs in the folder.
    DataError
        If it holds none, or a column is missing.
    ImportError
        If pyarrow is not installed.

    Example
    -------
    >>> import pyarrow
    >>> import pyarrow.parquet
    >>> folder = getfixture("tmp_path")
    >>> row = dict(zip(TEXTS, ["a.wav", "a", "a dog", "x/0"], strict=True))
    >>> row |= dict(zip(NUMBERS, [1.0, 2.0, None, None], strict=True))
    >>> table = pyarrow.Table.from_pylist([row])
    >>> pyarrow.parquet.write_table(table, folder / "pairs.parquet")
    >>> pairs = CuratedPairs("wild", folder)
    >>> pairs.ids[0], pairs.captions(0), pairs.file(0), pairs.span(0)
    ('a+x/0', ['a dog'], 'a.wav', (1.0, 2.0))
    """

    def __init__(self, name, folder):
        path = pathlib.Path(folder) / PAIRS
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist: expected the folder that "
                "recipes/Curation/curate.py wrote"
            )
        self.name = name
        self._texts, self._numbers = _read(path)
        if not len(self):
            raise DataError(
                f"{path} holds no pair: curate with a lower threshold"
            )
        self.ids = _PairIds(self)
        self.blocks = self._find_blocks()

    def __len__(self):
        return len(self._texts["caption"][0])

    def captions(self, i):
        """What is said of a sound.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            One caption.
        """
        return [self._text("caption", i)]

    def file(self, i):
        """The file a sound lies in.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        str or ShardFile
            What ``speechbrain_clap.dataio.segments.SegmentReader`` takes.
        """
        path = self._text("audio_path", i)
        offset = self._number("audio_offset", i)
        if offset is None:
            return path
        return ShardFile(
            f"{path}: clip '{self._text('audio_id', i)}'",
            (path, _changed(path)),
            offset,
            self._number("audio_bytes", i),
        )

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
        return self._number("start", i), self._number("stop", i)

    def _text(self, column, i):
        codes, values = self._texts[column]
        return values[int(codes[i])].as_py()

    def _number(self, column, i):
        values = self._numbers[column]
        return None if values is None else values[i].as_py()

    def _find_blocks(self):
        """Runs of one tar; where all are plain files, one block."""
        if self._numbers["audio_offset"] is None:
            return [range(len(self))]
        codes = self._texts["audio_path"][0]
        cuts = numpy.flatnonzero(numpy.diff(codes)) + 1
        edges = [0, *cuts.tolist(), len(self)]
        return [range(a, b) for a, b in zip(edges, edges[1:], strict=False)]


class _PairIds(collections.abc.Sequence):
    """Names of pairs: millions of texts are not to lie in memory."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        pairs = self.pairs
        return f"{pairs._text('audio_id', i)}+{pairs._text('caption_id', i)}"


def _read(path):
    """Text columns as (codes, values), and numbers; None if all are null."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install "
            "'speechbrain_clap[curation]'"
        ) from error
    names = pyarrow.parquet.read_schema(path).names
    missing = [name for name in (*TEXTS, *NUMBERS) if name not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}: expected the pairs "
            "that recipes/Curation/curate.py wrote"
        )
    texts, numbers = {}, {}
    for name in TEXTS:  # one at a time: less memory at the peak
        table = pyarrow.parquet.read_table(
            path, columns=[name], read_dictionary=[name]
        )
        column = table.unify_dictionaries().column(name)
        if not pyarrow.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        codes = [chunk.indices.to_numpy() for chunk in column.chunks]
        values = column.chunk(0).dictionary if column.num_chunks else []
        none = numpy.zeros(0, numpy.int32)
        texts[name] = numpy.concatenate([*codes, none]), values
    for name in NUMBERS:
        table = pyarrow.parquet.read_table(path, columns=[name])
        column = table.column(name)
        if column.null_count == len(column):
            numbers[name] = None
        else:
            numbers[name] = column.combine_chunks()
    return texts, numbers


@functools.lru_cache(maxsize=4096)
def _changed(path):
    """When a tar changed, as it names its open file."""
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0  # opening it tells
