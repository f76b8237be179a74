"""The rows nearest to a query by cosine, exactly or by faiss.

Authors
 * The speechbrain_clap team 2026
"""

import math
import pathlib

import numpy as np

from speechbrain_clap.utils.files import atomic_write

BLOCK = 4096  # rows held in float64 at once
SEED = 0  # of the rows that a faiss index is trained on
TRAIN_ROWS = 64  # per cell; faiss asks for 39 at least
ROUNDS = 10  # of k-means
CANDIDATES = 20  # of faiss, for each result wanted
UNIT = 2.0**-24  # largest relative error of one rounding in float32


class ExactSearch:
    """Finds the best rows by cosine, as if all were computed in float64.

    A product in float32 passes over all rows. Those that it cannot tell from
    the best, by the bound of its rounding errors, are compared in float64.
    Equal vectors get equal cosines, and go by their order.

    Arguments
    ---------
    vectors : np.ndarray
        Float32, [N, D], memory-mapped or not, of any norm but zero.

    Example
    -------
    >>> vectors = np.array([[1, 0], [0, 2], [3, 3], [3, 3]], np.float32)
    >>> rows, cosines = ExactSearch(vectors)(np.array([2.0, 0.0]), k=3)
    >>> rows.tolist(), cosines.round(3).tolist()
    ([0, 2, 3], [1.0, 0.707, 0.707])
    """

    def __init__(self, vectors):
        self.vectors = vectors
        self._norms = None

    @property
    def norms(self):
        """L2 norms: float32, [N]; made at the first search."""
        if self._norms is None:
            squares = [
                np.einsum("nd,nd->n", block, block)
                for block in _blocks(self.vectors)
            ]
            self._norms = np.sqrt(np.concatenate(squares))
        return self._norms

    def __call__(self, query, k, without=frozenset()):
        """Finds the best rows.

        Arguments
        ---------
        query : np.ndarray
            [D], of any norm but zero.
        k : int
            How many to find.
        without : set of int
            Rows to leave out.

        Returns
        -------
        tuple
            Rows, int64, and cosines, float64: both [K], best first, where K
            is k or as many as there are.
        """
        k = min(k, len(self.vectors) - len(without))
        if k < 1:
            return np.zeros(0, np.int64), np.zeros(0)
        query = np.asarray(query, np.float64)
        query = query / np.linalg.norm(query)
        cosines = self.vectors @ query.astype(np.float32)
        cosines /= self.norms
        cosines[list(without)] = -np.inf
        kth = np.partition(cosines, len(cosines) - k)[len(cosines) - k]
        # A sum of D products is off by D roundings at most, a norm by half as
        # many; and so may be the k-th cosine, the other way.
        slack = 2 * (1.5 * len(query) + 8) * UNIT
        candidates = np.flatnonzero(cosines >= kth - slack)
        return best_of(self.vectors, candidates, query, k)


def best_of(vectors, candidates, query, k):
    """The best of some rows by cosine in float64.

    Arguments
    ---------
    vectors : np.ndarray
        Float32, [N, D].
    candidates : np.ndarray
        Rows, int [C].
    query : np.ndarray
        [D], of norm one.
    k : int
        How many to give.

    Returns
    -------
    tuple
        Rows and cosines, both [min(k, C)], best first, equal ones in their
        order.

    Example
    -------
    >>> vectors = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    >>> rows, _ = best_of(vectors, np.array([0, 1, 2]), np.array([0, 1.0]), 2)
    >>> rows.tolist()
    [1, 2]
    """
    candidates = np.sort(np.asarray(candidates, np.int64))
    cosines = np.empty(len(candidates))
    for first in range(0, len(candidates), BLOCK):
        here = slice(first, first + BLOCK)
        block = vectors[candidates[here]].astype(np.float64)
        # Not a matrix product: its rounding may depend on a row's place.
        norms = np.sqrt((block * block).sum(1))
        cosines[here] = (block * query).sum(1) / norms
    order = np.argsort(-cosines, kind="stable")[:k]
    return candidates[order], cosines[order]


class ApproximateSearch:
    """Finds most of the best rows by faiss, for millions of them.

    The vectors are parted into cells, and only the cells near the query are
    looked through, one byte for each number. What they propose is compared
    exactly, so that cosines are right, though some of the best rows may be
    missing. The faiss index is made once and kept in a file.

    Arguments
    ---------
    vectors : np.ndarray
        Float32, [N, D].
    path : str or pathlib.Path
        Of the faiss index of these vectors; made when missing.

    Raises
    ------
    ImportError
        If faiss is not installed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("faiss")
    >>> vectors = np.eye(4, dtype=np.float32)
    >>> search = ApproximateSearch(vectors, getfixture("tmp_path") / "a.faiss")
    >>> search(vectors[2], k=1)[0].tolist()
    [2]
    """

    def __init__(self, vectors, path):
        faiss = _faiss()
        self.vectors = vectors
        if not pathlib.Path(path).exists():
            with atomic_write(path) as temporary:
                faiss.write_index(self._make(faiss), str(temporary))
        self.index = faiss.read_index(str(path))
        # An eighth of the cells: benchmarks/search.py tells what that finds.
        self.index.nprobe = max(8, self.index.nlist // 8)

    def _make(self, faiss):
        """Trains cells on a share of the rows and fills them."""
        n, dim = self.vectors.shape
        cells = max(1, min(round(2 * math.sqrt(n)), n // 39))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim),
            dim,
            cells,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.cp.niter = ROUNDS
        draw = np.random.default_rng(SEED)
        chosen = draw.choice(n, min(n, TRAIN_ROWS * cells), replace=False)
        index.train(_normalized(self.vectors[np.sort(chosen)]))
        for block in _blocks(self.vectors):
            index.add(_normalized(block))
        return index

    def __call__(self, query, k, without=frozenset()):
        """Finds rows that are among the best.

        Arguments
        ---------
        query : np.ndarray
            [D], of any norm but zero.
        k : int
            How many to find.
        without : set of int
            Rows to leave out.

        Returns
        -------
        tuple
            As of ``ExactSearch``.
        """
        query = np.asarray(query, np.float64)
        query = query / np.linalg.norm(query)
        wanted = min(len(self.vectors), CANDIDATES * k + len(without))
        _, found = self.index.search(query[None].astype(np.float32), wanted)
        found = np.setdiff1d(found[0], [-1, *without])  # -1: cells were empty
        return best_of(self.vectors, found, query, k)


def _blocks(vectors):
    """Consecutive blocks of rows."""
    for first in range(0, max(len(vectors), 1), BLOCK):
        yield vectors[first : first + BLOCK]


def _normalized(vectors):
    """Float32 of norm one."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _faiss():
    """The package."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f"approximate search needs faiss ({error}): "
            'pip install "speechbrain_clap[search]". The exact search needs '
            "nothing more"
        ) from error
    return faiss
