"""Sounds of a curation that are nearly the same.

Copies of one recording in the wild count several times in training; a copy of
a training sound is nothing new. Neither is removed: a person is to judge.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from speechbrain_clap.curation.join import SimilarityJoin
from speechbrain_clap.curation.pair_files import read_pairs
from speechbrain_clap.curation.products import normalise
from speechbrain_clap.dataio.curated import PAIRS
from speechbrain_clap.utils.distributed import rank
from speechbrain_clap.utils.files import atomic_write

DUPLICATES = "duplicates.csv"
COLUMNS = ("kind", "sound", "other", "cosine")
APART = 5e-4  # of the similarities that two such sounds have with one caption
MOST = 200_000  # candidates that are looked at, the closest first


def near_duplicates(folder, wild, own=None, cosine=0.99, join=None):
    """Finds them and writes `duplicates.csv`; on several ranks, all call.

    Two wild sounds are looked at if they are neighbours among the sounds of a
    caption, sorted by similarity, and differ there by less than 0.0005. The
    wild sounds that are paired meet all training sounds.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of a curation (DU or ADS).
    wild : speechbrain_clap.curation.store.EmbeddingStore
        The wild sounds.
    own : speechbrain_clap.curation.store.EmbeddingStore or None
        The training sounds; None leaves them out.
    cosine : float
        From which on two sounds are named.
    join : dict or None
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.

    Returns
    -------
    list of tuple
        "wild" or "training", the id of a wild sound, that of the other one,
        and their cosine; the closest first. Empty on all ranks but the first.

    Example
    -------
    >>> from speechbrain_clap.curation.curate import curate_du
    >>> from speechbrain_clap.curation.store import (
    ...     EmbeddingStore,
    ...     EmbeddingWriter,
    ... )
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder / "captions", 2) as writer:
    ...     rows = {"id": ["x/0"], "text": ["rain"], "rows": [["x"]]}
    ...     writer.append([[1, 0]], rows)
    >>> with EmbeddingWriter(folder / "wild", 2) as writer:
    ...     rows = {"id": ["a", "b", "c"], "path": ["a.wav"] * 3}
    ...     writer.append([[4, 3], [1, 0], [4, 3]], rows)
    >>> names = "captions", "wild"
    >>> stores = [EmbeddingStore.open(folder / name) for name in names]
    >>> quiet = {"progress": False}
    >>> _ = curate_du(*stores, folder / "DU", join=quiet)
    >>> near_duplicates(folder / "DU", stores[1])
    [('wild', 'a', 'c', 1.0)]
    """
    folder = pathlib.Path(folder)
    if own is not None:
        meeting = SimilarityJoin(cosine, top_k=1, **(join or {}))
        meeting.run(wild, own, folder / "training_join")
    if rank() != 0:
        return []
    ids = wild.rows(["id"])["id"]
    rows, captions, values = _paired(folder, ids)
    found = [
        ("wild", ids[a].as_py(), ids[b].as_py(), value)
        for a, b, value in _wild_copies(rows, captions, values, wild, cosine)
    ]
    if own is not None:
        names = own.rows(["id"])["id"]
        paired = set(rows.tolist())
        found += [
            ("training", ids[a].as_py(), names[b].as_py(), value)
            for chunk in read_pairs(folder / "training_join")
            for a, b, value in zip(*(x.tolist() for x in chunk), strict=True)
            if a in paired
        ]
    found.sort(key=lambda row: (-row[3], row))
    with (
        atomic_write(folder / DUPLICATES) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((*row[:3], f"{row[3]:.6f}") for row in found)
    return found


def _paired(folder, ids):
    """Row in the store and number of the caption, of each pair; cosines."""
    table = pq.read_table(
        folder / PAIRS, columns=["audio_id", "caption_id", "similarity"]
    )
    rows = pc.index_in(table["audio_id"], value_set=ids.combine_chunks())
    captions = table["caption_id"].unique()
    numbers = pc.index_in(table["caption_id"], value_set=captions)
    return (x.to_numpy() for x in (rows, numbers, table["similarity"]))


def _wild_copies(rows, captions, values, wild, cosine):
    """Rows of two wild sounds, the first one lower, and their cosine."""
    order = np.lexsort((rows, values, captions))
    rows, captions, values = rows[order], captions[order], values[order]
    gaps = np.diff(values)
    near = np.flatnonzero((captions[1:] == captions[:-1]) & (gaps < APART))
    near = near[np.argsort(gaps[near], kind="stable")][:MOST]
    pairs = np.sort(np.stack([rows[near], rows[near + 1]], axis=1), axis=1)
    pairs = np.unique(pairs, axis=0)
    for start in range(0, len(pairs), 1024):
        part = pairs[start : start + 1024]
        sides = [normalise(wild.embeddings[side])[0].numpy() for side in part.T]
        cosines = (sides[0] * sides[1]).sum(1)
        for (a, b), value in zip(part, cosines, strict=True):
            if value >= cosine:
                yield int(a), int(b), float(value)
