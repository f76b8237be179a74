"""Filling a store by parts, which ranks share and a kill does not lose.

The parts depend on the number of rows alone, so the store is the same
whatever the number of ranks, and whatever happened in between.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib
import shutil

import numpy as np
from speechbrain.utils.distributed import ddp_barrier
from speechbrain.utils.logger import get_logger

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.curation.store import (
    ABOUT,
    EmbeddingStore,
    EmbeddingWriter,
)
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.utils.distributed import rank, ranks
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

PARTS, PLAN, BAD = "parts", "plan.json", "bad.json"


def embed_parts(folder, fingerprint, count, rows_per_part, embed, rows_of):
    """Opens the store in a folder; first fills it, if it is not there.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of the store.
    fingerprint : dict
        Of model, settings and rows, of JSON's types.
    count : int
        How many rows there are.
    rows_per_part : int
        How many of them make a part.
    embed : callable
        Takes a list of ranges of rows. Yields for each the vectors, [n, D],
        and a dict of the row of each bad one to what is wrong.
    rows_of : callable
        Takes a list of rows, gives their columns.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        With the rows that are not bad.

    Raises
    ------
    ValueError
        If the folder's content has another fingerprint.
    DataError
        If there are no rows, or all are bad.

    Example
    -------
    >>> def embed(parts):
    ...     for part in parts:
    ...         vectors = np.array([[i, 1.0] for i in part])
    ...         yield vectors, {i: "is silent" for i in part if i == 1}
    >>> def rows_of(rows):
    ...     return {"id": [f"clip {i}" for i in rows]}
    >>> folder = getfixture("tmp_path")
    >>> store = embed_parts(folder, {"model": "m"}, 3, 2, embed, rows_of)
    >>> store.ids(range(len(store))), store.read(1, 2).tolist()
    (['clip 0', 'clip 2'], [[2.0, 1.0]])
    """
    folder = pathlib.Path(folder)
    parts = folder / PARTS
    if (folder / ABOUT).exists():
        return EmbeddingStore.open(folder, fingerprint)
    if not count:
        raise DataError(f"{folder}: there is nothing to embed")
    plan = {**fingerprint, "rows_per_part": rows_per_part}
    if (parts / PLAN).exists():
        found = json.loads((parts / PLAN).read_text("utf-8"))
        check_fingerprint(found, plan, folder)
    ranges = [
        range(start, min(start + rows_per_part, count))
        for start in range(0, count, rows_per_part)
    ]
    missing = [n for n in range(len(ranges)) if not _file(parts, n).exists()]
    ddp_barrier()  # all have seen the same before anything changes
    if rank() == 0 and not (parts / PLAN).exists():
        write_json(parts / PLAN, plan)
    mine = missing[rank() :: ranks()]
    made = embed([ranges[number] for number in mine])
    for number, (vectors, bad) in zip(mine, made, strict=True):
        with atomic_write(_file(parts, number)) as temporary:
            np.savez(
                temporary,
                vectors=np.asarray(vectors, np.float16),
                bad=np.array(json.dumps(bad)),
            )
    ddp_barrier()
    if rank() == 0:
        _merge(folder, parts, fingerprint, ranges, rows_of)
    ddp_barrier()
    return EmbeddingStore.open(folder, fingerprint)


def _file(parts, number):
    return parts / f"part-{number:06}.npz"


def _load(parts, number):
    """Vectors, and row to what is wrong."""
    with np.load(_file(parts, number)) as part:
        bad = json.loads(str(part["bad"]))
        return part["vectors"], {int(i): why for i, why in bad.items()}


def _merge(folder, parts, fingerprint, ranges, rows_of):
    """Makes the store of all parts."""
    bad = {}
    dim = None
    for number in range(len(ranges)):
        vectors, bad_here = _load(parts, number)
        bad |= bad_here
        # The width is not known where no row is good.
        dim = vectors.shape[1] or dim
    listed = ranges[-1].stop
    if len(bad) == listed:
        raise DataError(
            f"{folder}: none of the {listed} sounds can be read; the first "
            f"one: {next(iter(bad.values()))}"
        )
    with EmbeddingWriter(folder, dim, fingerprint) as writer:
        ahead = writer.written  # by a run that was killed while merging
        for number, rows in enumerate(ranges):
            good = [i for i in rows if i not in bad]
            good, ahead = good[ahead:], max(0, ahead - len(good))
            if good:
                vectors, _ = _load(parts, number)
                places = np.array(good) - rows.start
                writer.append(vectors[places], rows_of(good))
        names = rows_of(list(bad))["id"] if bad else []
        problems = zip(map(str, names), bad.values(), strict=True)
        write_json(
            folder / BAD,
            {"listed": listed, "bad": len(bad), "problems": dict(problems)},
        )
    shutil.rmtree(parts)
    logger.info(
        "%s: %d rows embedded, %d bad ones left out (see %s)",
        folder,
        listed - len(bad),
        len(bad),
        BAD,
    )
