"""The exact similarity join of two stores of embeddings.

Every pair is compared; nothing is approximate. A pair's similarity is the
float32 dot product of its two rows, each normalised in float32 (see
`speechbrain_clap.curation.products`), so the result depends neither on the
sizes of blocks, nor on the number of ranks, nor on a kill in between.

Authors
 * The speechbrain_clap team 2026
"""

import json
import logging
import math
import pathlib
import shutil

import numpy as np
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.curation.pair_files import (
    JOIN,
    part_path,
    regroup,
    write_part,
)
from speechbrain_clap.curation.products import (
    QuickProduct,
    full_float32,
)
from speechbrain_clap.curation.scan import Bounds, Found, TopFound, scan
from speechbrain_clap.curation.unusable import name_unusable
from speechbrain_clap.utils.distributed import rank, ranks
from speechbrain_clap.utils.files import write_json

logger = logging.getLogger(__name__)


class SimilarityJoin:
    """All pairs of two stores that are similar enough.

    Arguments
    ---------
    threshold : float or None
        The least cosine similarity, in [-1, 1]. A pair whose similarity
        equals it, as a float32, is kept.
    top_k : int or None
        How many pairs to keep of every row, the most similar. Of equals,
        those with the lower index. With `threshold`, both must hold.
    per : str
        "left" or "right": whose rows have `top_k` pairs.
    memory_megabytes : float
        Bound of what the join holds beyond the program itself. A card does
        better with some thousands.
    rows_per_part : int
        How many left rows go into one file. A kill costs at most the part
        that is being written.
    device : str
        Where the products run.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    ValueError
        If there is neither `threshold` nor `top_k`, or no sense in one.

    Example
    -------
    >>> from speechbrain_clap.curation.pair_files import read_pairs
    >>> from speechbrain_clap.curation.store import EmbeddingStore
    >>> from speechbrain_clap.curation.store import EmbeddingWriter
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder / "sounds", 2) as writer:
    ...     writer.append([[3, 4], [0, 0]], {"id": ["a", "b"]})
    >>> with EmbeddingWriter(folder / "texts", 2) as writer:
    ...     writer.append([[1, 0], [0, 1], [1, 1]], {"id": ["x", "y", "z"]})
    >>> sounds = EmbeddingStore.open(folder / "sounds")
    >>> texts = EmbeddingStore.open(folder / "texts")
    >>> join = SimilarityJoin(threshold=0.7, progress=False)
    >>> done = join.run(sounds, texts, folder / "pairs")
    >>> done["pairs"], done["left_out"]
    (2, {'left': 1, 'right': 0})
    >>> [x.tolist() for x in next(read_pairs(folder / "pairs"))[:2]]
    [[0, 0], [1, 2]]
    """

    def __init__(
        self,
        threshold=None,
        top_k=None,
        per="left",
        memory_megabytes=256,
        rows_per_part=16384,
        device="cpu",
        progress=True,
    ):
        if threshold is None and top_k is None:
            raise ValueError("a join needs a threshold, or top_k, or both")
        if threshold is not None and not -1 <= threshold <= 1:
            raise ValueError(f"threshold must be in [-1, 1], not {threshold}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be 1 or more, not {top_k}")
        if per not in ("left", "right"):
            raise ValueError(f"per must be 'left' or 'right', not {per!r}")
        if rows_per_part < 1 or memory_megabytes <= 0:
            raise ValueError(
                "rows_per_part and memory_megabytes must be positive"
            )
        self.threshold, self.top_k, self.per = threshold, top_k, per
        self.memory = 1e6 * memory_megabytes
        # Of one block: grows while there is room for their pairs.
        self._outer_rows = 1 << 13
        self.rows_per_part = rows_per_part
        self.device, self.progress = device, progress

    def run(self, left, right, folder):
        """Joins two stores, or goes on with it; on several ranks, all call.

        Arguments
        ---------
        left : speechbrain_clap.curation.store.EmbeddingStore
            M rows, such as sounds.
        right : speechbrain_clap.curation.store.EmbeddingStore
            N rows, such as texts.
        folder : str or pathlib.Path
            Takes ``part-*.parquet`` (columns ``left``, ``right``: indices
            into the stores; ``similarity``; see
            `speechbrain_clap.curation.pair_files.read_pairs`), ``join.json``
            and ``left_out.csv``, which names the rows that are zero or not
            finite and so have no direction.

        Returns
        -------
        dict
            What ``join.json`` says: the settings, the number of ``pairs``,
            and under ``left_out`` the counts for ``left`` and ``right``.

        Raises
        ------
        ValueError
            If the dims differ, or if the folder holds another join.
        FileExistsError
            If the folder holds parts of nobody knows what.

        Example
        -------
        >>> from speechbrain_clap.curation.store import EmbeddingStore
        >>> from speechbrain_clap.curation.store import EmbeddingWriter
        >>> folder = getfixture("tmp_path")
        >>> with EmbeddingWriter(folder / "a", 2) as writer:
        ...     writer.append([[3, 4], [4, 3]], {"id": ["a", "b"]})
        >>> store = EmbeddingStore.open(folder / "a")
        >>> join = SimilarityJoin(top_k=1, progress=False)
        >>> join.run(store, store, folder / "pairs")["pairs"]
        2
        """
        folder = pathlib.Path(folder)
        about = self._about(left, right)
        found = self._found(folder, about)
        if found.get("complete"):
            logger.info("%s is already joined", folder)
            return found
        by_right = self.top_k is not None and self.per == "right"
        outer, inner = (right, left) if by_right else (left, right)
        parts = folder / "by_right" if by_right else folder
        starts = range(0, len(outer), self.rows_per_part)
        missing = [
            n for n in range(len(starts)) if not part_path(parts, n).exists()
        ]
        if rank() == 0:
            _remove_unfinished(folder, parts)
        _wait()  # all have seen the same before anything changes
        if rank() == 0:
            write_json(folder / JOIN, {**about, "complete": False})
        _wait()  # no part without it
        if rank() == 0:
            left_out = name_unusable(folder, left, right)
        mine = missing[rank() :: ranks()]
        with full_float32():
            self._join(outer, inner, parts, mine, by_right)
        _wait()
        if rank() == 0:
            if by_right:
                limit = Bounds.of(self.memory, left.dim).found_pairs
                regroup(parts, folder, len(left), self.rows_per_part, limit)
            pairs = sum(
                pq.read_metadata(path).num_rows
                for path in folder.glob("part-*.parquet")
            )
            about.update(complete=True, pairs=pairs, left_out=left_out)
            write_json(folder / JOIN, about)
            if by_right and parts.exists():
                shutil.rmtree(parts)
        _wait()
        return json.loads((folder / JOIN).read_text(encoding="utf-8"))

    def estimate(self, left, right, sample=1000, seed=0):
        """Says from a sample what `run` would find, without writing.

        Arguments
        ---------
        left : speechbrain_clap.curation.store.EmbeddingStore
            M rows.
        right : speechbrain_clap.curation.store.EmbeddingStore
            N rows.
        sample : int
            How many left rows to compare with all right ones (with `top_k`
            per right row, the other way round).
        seed : int
            Chooses them.

        Returns
        -------
        dict
            ``pairs`` and its ``standard_error`` (floats; 0 where the sample
            is the whole, None where it is a single row of more), and the
            number of rows in the ``sample``. Where no pair was found, there
            may still be some: the error is then too small.

        Raises
        ------
        ValueError
            If the dims differ, or if the sample is empty.

        Example
        -------
        >>> from speechbrain_clap.curation.store import EmbeddingStore
        >>> from speechbrain_clap.curation.store import EmbeddingWriter
        >>> folder = getfixture("tmp_path")
        >>> with EmbeddingWriter(folder, 2) as writer:
        ...     writer.append([[3, 4], [4, 3]], {"id": ["a", "b"]})
        >>> store = EmbeddingStore.open(folder)
        >>> found = SimilarityJoin(0.99).estimate(store, store)
        >>> found["pairs"], found["standard_error"]
        (2.0, 0.0)
        """
        self._about(left, right)
        if sample < 1:
            raise ValueError(f"sample must be 1 or more, not {sample}")
        by_right = self.top_k is not None and self.per == "right"
        outer, inner = (right, left) if by_right else (left, right)
        total = len(outer)
        generator = np.random.default_rng(seed)
        chosen = generator.permutation(total)[:sample]
        chosen.sort()
        counts = np.zeros(len(chosen), np.int64)
        product = QuickProduct(outer.dim, self.device)

        def _read(first, last):
            return outer.embeddings[chosen[first:last]]

        with full_float32():
            for i, _, _ in self._pairs(
                product, _read, 0, len(chosen), inner, lambda pairs: None
            ):
                counts += np.bincount(i, minlength=len(chosen))
        n = len(chosen)
        if n == total:
            error = 0.0
        elif n == 1:
            error = None
        else:  # sampled without replacement
            variance = counts.var(ddof=1) / n * (1 - n / total)
            error = total * math.sqrt(variance)
        scale = total / n if n else 0.0
        return {
            "pairs": float(counts.sum() * scale),
            "standard_error": error,
            "sample": n,
        }

    def _about(self, left, right):
        """The settings that the result depends on, as join.json has them."""
        if left.dim != right.dim:
            raise ValueError(
                f"{left.folder} has embeddings of {left.dim} numbers, "
                f"{right.folder} of {right.dim}: they are not of one model"
            )
        return {
            "left": left.about,
            "right": right.about,
            "threshold": self.threshold,
            "top_k": self.top_k,
            "per": self.per if self.top_k is not None else None,
            "rows_per_part": self.rows_per_part,
        }

    def _found(self, folder, about):
        """What an earlier run left in the folder, if it was the same join."""
        path = folder / JOIN
        if not path.exists():
            if part_path(folder, 0).exists():
                raise FileExistsError(
                    f"{folder} has parts of a join, but no {JOIN} that says "
                    "of which. Remove the folder, or choose another one"
                )
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        check_fingerprint({key: found.get(key) for key in about}, about, folder)
        return found

    def _join(self, outer, inner, parts, mine, swap):
        """Writes this rank's parts."""
        step = self.rows_per_part
        bounds = {n: (n * step, min((n + 1) * step, len(outer))) for n in mine}
        product = QuickProduct(outer.dim, self.device)
        with tqdm(
            desc="join",
            total=len(inner) * sum(b - a for a, b in bounds.values()),
            unit="pair",
            unit_scale=True,
            disable=not self.progress or rank() != 0,
        ) as bar:
            for number, (start, stop) in bounds.items():
                chunks = self._pairs(
                    product, outer.read, start, stop, inner, bar.update
                )
                if swap:
                    chunks = ((j, i, values) for i, j, values in chunks)
                write_part(part_path(parts, number), chunks)

    def _pairs(self, product, read, start, stop, inner, progress):
        """The pairs of the outer rows [start, stop), block by block."""
        bounds = Bounds.of(self.memory, inner.dim, self.device)
        most, threshold = bounds.block_rows, self.threshold
        if threshold is None:
            threshold = -math.inf
        if self.top_k is not None:
            kept = min(self.top_k, max(1, len(inner)))
            most = min(most, max(1, bounds.found_pairs // kept))
        while start < stop:
            rows = self._outer_rows = min(self._outer_rows, most)
            end = min(start + rows, stop)
            block = product.block(read(start, end))
            if self.top_k is None:
                found = Found(end - start, threshold)
            else:
                found = TopFound(end - start, threshold, self.top_k)
            if not scan(product, block, inner, found, bounds, progress):
                self._outer_rows = (end - start) // 2
                continue
            if found.count < bounds.found_pairs // 4:
                self._outer_rows = 2 * rows
            i, j, values = found.pairs()
            yield start + i, j, values
            start = end


def _remove_unfinished(*folders):
    """Removes what a killed run was writing; its parts stay."""
    for folder in folders:
        for path in folder.glob(".part-*.parquet"):
            path.unlink(missing_ok=True)


def _wait():
    """Waits for the other ranks, if there are any."""
    if ranks() > 1:
        torch.distributed.barrier()
