"""All pairs of a block of rows with a whole store: a threshold, the top k.

Authors
 * The speechbrain_clap team 2026
"""

import typing

import numpy as np

from speechbrain_clap.curation.products import similarities


class Bounds(typing.NamedTuple):
    """How much to hold at once.

    Arguments
    ---------
    block_rows : int
        Rows of either side.
    tile_rows : int
        Left rows of one product.
    strip_pairs : int
        Pairs of a product that are looked through together: all of them may
        be candidates.
    found_pairs : int
        Pairs that were found.

    Example
    -------
    >>> Bounds.of(memory=256e6, dim=1024)
    Bounds(block_rows=6250, tile_rows=1024, strip_pairs=2000000, ...)
    """

    block_rows: int
    tile_rows: int
    strip_pairs: int
    found_pairs: int

    @classmethod
    def of(cls, memory, dim, device="cpu"):
        """Shares out some memory.

        Arguments
        ---------
        memory : float
            Bytes.
        dim : int
            D, the length of the rows.
        device : str
            Where the products run.

        Returns
        -------
        Bounds
            Each at least 1.

        Example
        -------
        >>> Bounds.of(memory=1, dim=1024)
        Bounds(block_rows=1, tile_rows=1, strip_pairs=1, found_pairs=1)
        """
        # Raw float16, float32, the quick form: 10 bytes a number at most.
        rows = memory / 4 / (10 * dim)
        if device == "cpu":  # gains nothing from more than its caches hold
            rows = min(rows, 8192)
        rows = max(1, int(rows))
        return cls(
            block_rows=rows,
            tile_rows=max(1, min(1024, int(memory / 32 / rows))),
            strip_pairs=max(1, int(memory / 128)),
            # 20 bytes a pair, some six times while they are sorted, written.
            found_pairs=max(1, int(memory / 4 / 120)),
        )


class Found:
    """Pairs at or above a threshold.

    Arguments
    ---------
    rows : int
        M, of the left block.
    threshold : float
        The least similarity.

    Example
    -------
    >>> found = Found(2, 0.5)
    >>> values = np.array([0.4, 0.5], np.float32)
    >>> found.add(np.array([0, 1]), np.array([7, 8]), values)
    >>> [x.tolist() for x in found.pairs()]
    [[1], [8], [0.5]]
    """

    def __init__(self, rows, threshold):
        # As float32, as similarities are: 0.7 has no exact form in either.
        self.floors = np.full(rows, np.float32(threshold), np.float64)
        self.count = 0
        self._parts = []

    def add(self, i, j, values):
        """Takes the pairs that reach their row's floor.

        Arguments
        ---------
        i : np.ndarray
            [P], rows of the left block.
        j : np.ndarray
            [P], rows of the right store.
        values : np.ndarray
            [P], float32, their similarities.
        """
        kept = values >= self.floors[i]
        part = i[kept], j[kept], values[kept]
        self.count += len(part[0])
        self._parts.append(part)

    def pairs(self):
        """What was found.

        Returns
        -------
        tuple of np.ndarray
            Left rows, right rows and similarities, sorted by left, then by
            right.
        """
        i, j, values = self._joined()
        order = np.lexsort((j, i))
        return i[order], j[order], values[order]

    def _joined(self):
        """The parts as one."""
        none = np.zeros(0, np.int64), np.zeros(0, np.int64)
        parts = [*self._parts, (*none, np.zeros(0, np.float32))]
        self._parts = []
        return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


class TopFound(Found):
    """The k most similar of every row; of equals, those that come first.

    Arguments
    ---------
    rows : int
        M, of the left block.
    threshold : float
        The least similarity.
    top_k : int
        k.

    Example
    -------
    >>> found = TopFound(1, -1.0, 2)
    >>> values = np.array([0.4, 0.5, 0.4], np.float32)
    >>> found.add(np.array([0, 0, 0]), np.array([4, 6, 8]), values)
    >>> [x.tolist() for x in found.pairs()]
    [[0, 0], [4, 6], [0.4000000059604645, 0.5]]
    """

    def __init__(self, rows, threshold, top_k):
        super().__init__(rows, threshold)
        self.top_k = top_k
        self._settled = 0

    def add(self, i, j, values):
        """Takes pairs, and drops what is no longer among the best.

        Arguments
        ---------
        i : np.ndarray
            [P], rows of the left block.
        j : np.ndarray
            [P], rows of the right store.
        values : np.ndarray
            [P], float32, their similarities.
        """
        super().add(i, j, values)
        # Sorting seldom keeps it cheap, however many candidates there are.
        full = len(self.floors) * self.top_k
        if self.count - self._settled >= max(full, 1 << 16):
            self._settle()

    def pairs(self):
        """What was found.

        Returns
        -------
        tuple of np.ndarray
            Left rows, right rows and similarities, sorted by left, then by
            right.
        """
        self._settle()
        return super().pairs()

    def _settle(self):
        """Keeps the best of every row; the worst of them is its new floor."""
        i, j, values = self._joined()
        order = np.lexsort((j, -values, i))
        i, j, values = i[order], j[order], values[order]
        place = np.arange(len(i)) - np.searchsorted(i, i)
        last = place == self.top_k - 1
        self.floors[i[last]] = values[last]
        best = place < self.top_k
        self._parts = [(i[best], j[best], values[best])]
        self.count = self._settled = int(best.sum())


def scan(product, left, store, found, bounds, progress):
    """Compares a block of rows with a whole store.

    Arguments
    ---------
    product : speechbrain_clap.curation.products.QuickProduct
        What multiplies.
    left : speechbrain_clap.curation.products.Block
        M rows.
    store : speechbrain_clap.curation.store.EmbeddingStore
        The right side.
    found : Found
        Takes the pairs.
    bounds : Bounds
        How much to hold. The pairs of a single row, and the top k, may be
        more.
    progress : callable
        Told of every block how many pairs were compared; in vain, less.

    Returns
    -------
    bool
        False if there were too many pairs; `found` is then of no use.

    Example
    -------
    >>> from speechbrain_clap.curation.products import QuickProduct
    >>> from speechbrain_clap.curation.store import EmbeddingStore
    >>> from speechbrain_clap.curation.store import EmbeddingWriter
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder, 2) as writer:
    ...     writer.append([[2, 0], [0, 2]], {"id": ["a", "b"]})
    >>> store, product = EmbeddingStore.open(folder), QuickProduct(2)
    >>> left = product.block(store.read(1, 2))
    >>> found = Found(1, 0.7)
    >>> bounds = Bounds.of(memory=1e6, dim=2)
    >>> scan(product, left, store, found, bounds, lambda pairs: None)
    True
    >>> [x.tolist() for x in found.pairs()]
    [[0], [1], [1.0]]
    """
    limited = len(left.rows) > 1 and not isinstance(found, TopFound)
    for start in range(0, len(store), bounds.block_rows):
        stop = min(start + bounds.block_rows, len(store))
        right = product.block(store.read(start, stop))
        for first in range(0, len(left.rows), bounds.tile_rows):
            tile = slice(first, first + bounds.tile_rows)
            scores = product.scores(left.quick[tile], left.usable[tile], right)
            floors = found.floors[tile]  # a view: what is found raises it
            if start == 0 and isinstance(found, TopFound):
                least = _first_floors(
                    scores, left.rows[tile], right, found.top_k
                )
                np.maximum(floors, least, out=floors)
            strip = max(1, bounds.strip_pairs // (stop - start))
            for at in range(0, len(scores), strip):
                some = slice(at, at + strip)
                i, j = product.above(scores[some], floors[some])
                at += first
                values = similarities(left.rows[at:], right.rows, i, j)
                found.add(at + i, start + j, values)
                if limited and found.count > bounds.found_pairs:
                    progress(-len(left.rows) * start)
                    return False
        progress(len(left.rows) * (stop - start))
    return True


def _first_floors(scores, rows, right, k):
    """What k pairs of every row reach, to begin with."""
    if k > scores.shape[1]:
        return -np.inf
    best, j = scores.topk(k, dim=1)
    i = np.repeat(np.arange(len(rows)), k)
    values = similarities(rows, right.rows, i, j.cpu().numpy().ravel())
    values = np.where(
        best.isneginf().cpu().numpy().any(1),  # fewer than k are usable
        -np.inf,
        values.reshape(-1, k).min(1),
    )
    return values.astype(np.float64)
