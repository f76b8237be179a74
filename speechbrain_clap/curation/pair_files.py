"""Files of pairs: the parts that a join writes.

Part p has the pairs whose left row is in [p * rows_per_part, (p + 1) *
rows_per_part), sorted by left row, then by right row. Parts are cut, and row
groups within them, by counts alone: the bytes do not tell how the pairs came.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from speechbrain_clap.utils.files import atomic_write

JOIN = "join.json"
GROUP_PAIRS = 1 << 18
SCHEMA = pa.schema(
    [("left", pa.int64()), ("right", pa.int64()), ("similarity", pa.float32())]
)


def part_path(folder, number):
    """Where a part lies.

    Arguments
    ---------
    folder : pathlib.Path
        Of the join.
    number : int
        Of the part.

    Returns
    -------
    pathlib.Path
        The file.

    Example
    -------
    >>> part_path(pathlib.Path("pairs"), 3).name
    'part-000003.parquet'
    """
    return folder / f"part-{number:06}.parquet"


def write_part(path, chunks):
    """Writes one part; under its name there is all of it or nothing.

    Arguments
    ---------
    path : pathlib.Path
        The file.
    chunks : iterable of tuple
        Left rows, right rows and similarities as np.ndarray, in order.

    Example
    -------
    >>> path = getfixture("tmp_path") / "part.parquet"
    >>> write_part(path, [(np.array([1]), np.array([2]), np.array([0.5]))])
    >>> pq.read_table(path).to_pylist()
    [{'left': 1, 'right': 2, 'similarity': 0.5}]
    """
    with (
        atomic_write(path) as temporary,
        pq.ParquetWriter(
            temporary,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            column_encoding={
                "left": "DELTA_BINARY_PACKED",
                "right": "DELTA_BINARY_PACKED",
                "similarity": "BYTE_STREAM_SPLIT",
            },
        ) as writer,
    ):
        held = SCHEMA.empty_table()
        for chunk in chunks:
            new = pa.table([pa.array(x) for x in chunk], names=SCHEMA.names)
            held = pa.concat_tables([held, new.cast(SCHEMA)])
            while held.num_rows >= GROUP_PAIRS:
                writer.write_table(held.slice(0, GROUP_PAIRS))
                held = held.slice(GROUP_PAIRS)
        if held.num_rows:
            writer.write_table(held)


def read_parts(folder):
    """Reads the parts of a folder, piece by piece.

    Arguments
    ---------
    folder : pathlib.Path
        Where they are.

    Yields
    ------
    tuple of np.ndarray
        Left rows, right rows and similarities of some pairs.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> write_part(
    ...     part_path(folder, 0),
    ...     [(np.array([1]), np.array([2]), np.array([0.5]))],
    ... )
    >>> [[x.tolist() for x in pairs] for pairs in read_parts(folder)]
    [[[1], [2], [0.5]]]
    """
    for path in sorted(folder.glob("part-*.parquet")):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                yield tuple(column.to_numpy() for column in table.columns)


def read_pairs(folder):
    """Reads the pairs of a finished join, piece by piece and in order.

    Arguments
    ---------
    folder : str or pathlib.Path
        That `SimilarityJoin.run` was given.

    Yields
    ------
    tuple of np.ndarray
        Left rows, right rows (indices into the two stores) and similarities.
        Pairs are sorted by left row, then by right row.

    Raises
    ------
    FileNotFoundError
        If there is no join in the folder, or if it did not finish.

    Example
    -------
    >>> list(read_pairs(getfixture("tmp_path")))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...holds no finished join...
    """
    folder = pathlib.Path(folder)
    path = folder / JOIN
    if not path.exists() or not json.loads(path.read_text())["complete"]:
        raise FileNotFoundError(
            f"{folder} holds no finished join. Run the same join again: it "
            "goes on where it stopped"
        )
    yield from read_parts(folder)


def regroup(source, folder, rows, rows_per_part, limit):
    """Writes parts sorted by left row from pairs in any other order.

    Arguments
    ---------
    source : pathlib.Path
        Folder of the parts to read, as often as memory makes it necessary.
    folder : pathlib.Path
        Where to write.
    rows : int
        How many left rows there are.
    rows_per_part : int
        How many of them go into one part.
    limit : int
        How many pairs may be held. A single row may have more.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "by_right").mkdir()
    >>> pairs = np.array([1, 0]), np.array([0, 1]), np.array([0.5, 0.6])
    >>> write_part(part_path(folder / "by_right", 0), [pairs])
    >>> regroup(folder / "by_right", folder, 2, 2, 100)
    >>> [x.tolist() for x in next(read_parts(folder))[:2]]
    [[0, 1], [1, 0]]
    """
    counts = np.zeros(rows, np.int64)
    for left, _, _ in read_parts(source):
        counts += np.bincount(left, minlength=rows)
    ends = np.cumsum(counts)
    held, held_to = None, 0  # the pairs of rows [.., held_to)

    def _chunks(start, stop):
        nonlocal held, held_to
        while start < stop:
            if start >= held_to:
                before = ends[start] - counts[start]
                last = np.searchsorted(ends, before + limit, "right")
                held_to = max(start + 1, int(last))
                held = _collect(source, start, held_to)
            to = min(stop, held_to)
            a, b = np.searchsorted(held[0], [start, to])
            yield tuple(x[a:b] for x in held)
            start = to

    for number, start in enumerate(range(0, rows, rows_per_part)):
        stop = min(start + rows_per_part, rows)
        write_part(part_path(folder, number), _chunks(start, stop))


def _collect(source, start, stop):
    """The sorted pairs of some left rows."""
    parts = []
    for left, right, values in read_parts(source):
        mine = (start <= left) & (left < stop)
        parts.append((left[mine], right[mine], values[mine]))
    if not parts:
        return tuple(np.zeros(0, np.int64) for _ in SCHEMA)
    left, right, values = (np.concatenate(x) for x in zip(*parts, strict=True))
    order = np.lexsort((right, left))
    return left[order], right[order], values[order]
