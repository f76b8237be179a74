"""Dot products of normalised rows: quick ones that prune, exact ones to keep.

The quick product runs in bfloat16 where that is faster, else in float32. It
is off by no more than a margin that follows from the rules of rounding (see
`margin_of`), so whatever may reach a threshold is found. What is found is
then computed again in float32, by one kernel that adds the products of a pair
in the same order wherever the pair lies: this number is the similarity, and
it alone decides.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import time
import typing
import warnings

import numpy as np
import torch

# A float32 sum of n products is off by at most n units of rounding (2^-24)
# times the norms, in any order. Two such sums are compared, and twice that
# allows for units that truncate or flush what is tiny.
SUM_ERROR = 4 * 2.0**-24
# Rounding to nearest with 8 significant bits moves a number by this share.
BFLOAT16_ERROR = 2.0**-8


def normalise(raw):
    """Divides rows by their L2 norms, in float32.

    Arguments
    ---------
    raw : np.ndarray
        [B, D], float16.

    Returns
    -------
    tuple
        The rows (torch.Tensor, [B, D], float32; zeros where unusable) and
        which are usable, neither zero nor with a NaN or an infinity
        (torch.Tensor, [B], bool).

    Example
    -------
    >>> rows, usable = normalise(np.array([[3, 4], [0, 0]], np.float16))
    >>> rows[0].tolist() == torch.tensor([0.6, 0.8]).tolist()
    True
    >>> usable.tolist()
    [True, False]
    """
    rows = torch.from_numpy(raw).float()
    # No float16 is so small or so large that its square leaves float32.
    norms = torch.linalg.vector_norm(rows, dim=1)
    usable = norms.isfinite() & (norms > 0)
    rows /= norms.unsqueeze(1)
    rows[~usable] = 0.0
    return rows, usable


def similarities(left, right, i, j):
    """The float32 dot products of some pairs of rows.

    A pair's number does not depend on which others are asked for, nor on the
    threads.

    Arguments
    ---------
    left : torch.Tensor
        [M, D], float32, on the CPU.
    right : torch.Tensor
        [N, D], float32, on the CPU.
    i : np.ndarray
        [P], rows of `left`, ascending.
    j : np.ndarray
        [P], rows of `right`.

    Returns
    -------
    np.ndarray
        [P], float32.

    Example
    -------
    >>> a, b = torch.eye(2), torch.tensor([[0.6, 0.8]])
    >>> similarities(a, b, np.array([0, 1]), np.array([0, 0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    first, last = (int(i[0]), int(i[-1])) if len(i) else (0, 0)
    left = left[first : last + 1]
    starts = np.searchsorted(i, np.arange(first, last + 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support")
        pattern = torch.sparse_csr_tensor(
            torch.from_numpy(starts),
            torch.from_numpy(j),
            torch.zeros(len(j)),
            (len(left), len(right)),
            check_invariants=False,
        )
    found = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0)
    return found.values().numpy()


def fastest_dtype(dim):
    """Whether this CPU multiplies bfloat16 faster than float32: measured.

    Arguments
    ---------
    dim : int
        D, the length of the rows.

    Returns
    -------
    torch.dtype
        torch.bfloat16 if it is 1.5 times faster, else torch.float32.

    Example
    -------
    >>> fastest_dtype(64) in (torch.bfloat16, torch.float32)
    True
    """
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(256, dim, dtype=dtype)
        turns = []
        for _ in range(4):
            start = time.perf_counter()
            a @ a.T
            turns.append(time.perf_counter() - start)
        seconds[dtype] = min(turns)
    quick = 1.5 * seconds[torch.bfloat16] < seconds[torch.float32]
    return torch.bfloat16 if quick else torch.float32


@contextlib.contextmanager
def full_float32():
    """Keeps float32 products float32: no TF32, no bfloat16 in their place.

    Example
    -------
    >>> with full_float32():
    ...     torch.get_float32_matmul_precision()
    'highest'
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def margin_of(dim, dtype):
    """How far a quick product can be from a pair's similarity.

    With x + e and y + f the quick forms of two rows x and y, their products
    differ by e.y + x.f + e.f, which Cauchy and Schwarz bound by the norms:
    that of e is at most 2^-8 of that of x in bfloat16. The two float32 sums
    add their rounding.

    Arguments
    ---------
    dim : int
        D, the length of the rows.
    dtype : torch.dtype
        Of the quick product: torch.bfloat16 or torch.float32.

    Returns
    -------
    float
        The bound, without what a score loses when it is stored in the quick
        type: `QuickProduct.above` sees to that.

    Example
    -------
    >>> f"{margin_of(1024, torch.bfloat16):.4f}"
    '0.0081'
    >>> f"{margin_of(1024, torch.float32):.4f}"
    '0.0002'
    """
    error = BFLOAT16_ERROR if dtype == torch.bfloat16 else 0.0
    norm = 1 + dim * 2.0**-23  # of a row that was normalised
    sums = dim * SUM_ERROR * (1 + error) ** 2
    return norm**2 * (2 * error + error**2 + sums)


class Block(typing.NamedTuple):
    """Some rows of a store, ready for products.

    Arguments
    ---------
    rows : torch.Tensor
        [B, D], float32, normalised, on the CPU.
    usable : torch.Tensor
        [B], bool.
    quick : torch.Tensor
        [B, D], the rows in the quick product's type and place.

    Example
    -------
    >>> rows, usable = normalise(np.ones((1, 4), np.float16))
    >>> Block(rows, usable, quick=rows.bfloat16()).quick.tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """

    rows: torch.Tensor
    usable: torch.Tensor
    quick: torch.Tensor


class QuickProduct:
    """Finds the pairs of two blocks that may reach a threshold.

    Arguments
    ---------
    dim : int
        D, the length of the rows.
    device : str
        Where the product runs.
    dtype : torch.dtype or None
        torch.bfloat16 or torch.float32; None takes the faster one. Elsewhere
        than on the CPU it is float32.

    Example
    -------
    >>> product = QuickProduct(2)
    >>> block = product.block(np.eye(2, dtype=np.float16))
    >>> scores = product.scores(block.quick, block.usable, block)
    >>> floors = np.full(2, 0.5)
    >>> [x.tolist() for x in product.above(scores, floors)]
    [[0, 1], [0, 1]]
    """

    def __init__(self, dim, device="cpu", dtype=None):
        self.dim, self.device = dim, torch.device(device)
        if self.device.type != "cpu":
            dtype = torch.float32
        self.dtype = dtype or fastest_dtype(dim)
        self.margin = margin_of(dim, self.dtype)
        self._scores = torch.empty(0, dtype=self.dtype, device=self.device)

    def block(self, raw):
        """Prepares rows of a store.

        Arguments
        ---------
        raw : np.ndarray
            [B, D], float16.

        Returns
        -------
        Block
            The rows, normalised.

        Example
        -------
        >>> block = QuickProduct(2).block(np.ones((3, 2), np.float16))
        >>> block.rows.shape
        torch.Size([3, 2])
        """
        rows, usable = normalise(raw)
        return Block(rows, usable, rows.to(self.device, self.dtype))

    def scores(self, rows, usable, right):
        """The quick products.

        Arguments
        ---------
        rows : torch.Tensor
            [M, D], quick rows of the left block.
        usable : torch.Tensor
            [M], bool.
        right : Block
            N rows.

        Returns
        -------
        torch.Tensor
            [M, N], -inf where a row is unusable. The next call reuses its
            memory.

        Example
        -------
        >>> product = QuickProduct(2, dtype=torch.float32)
        >>> block = product.block(np.array([[2, 0], [0, 0]], np.float16))
        >>> product.scores(block.quick, block.usable, block).tolist()
        [[1.0, -inf], [-inf, -inf]]
        """
        shape = (len(rows), len(right.quick))
        if self._scores.numel() < shape[0] * shape[1]:
            self._scores = self._scores.new_empty(shape[0] * shape[1])
        out = self._scores[: shape[0] * shape[1]].view(shape)
        torch.mm(rows, right.quick.T, out=out)
        if not usable.all():
            out[~usable.to(out.device)] = -torch.inf
        if not right.usable.all():
            out[:, ~right.usable.to(out.device)] = -torch.inf
        return out

    def above(self, scores, floors):
        """Where the exact product may be at or above a row's floor.

        Arguments
        ---------
        scores : torch.Tensor
            [M, N], from `scores`.
        floors : np.ndarray
            [M], float64, one threshold per row.

        Returns
        -------
        tuple of np.ndarray
            Rows and columns, sorted by row, then by column.

        Example
        -------
        >>> scores = torch.tensor([[0.2, 0.7], [0.695, 0.1]])
        >>> product = QuickProduct(2, dtype=torch.bfloat16)
        >>> scores = scores.bfloat16()
        >>> floors = np.full(2, 0.7)
        >>> [x.tolist() for x in product.above(scores, floors)]
        [[0, 1], [1, 0]]
        """
        # Rounding keeps order. So if a sum was at or above a limit that the
        # type can hold, the stored score is so as well. Real scores are never
        # as low as -2: unusable ones stay out.
        exact = torch.from_numpy(np.maximum(floors - self.margin, -2.0))
        limits = exact.to(self.dtype)
        low = limits.double() > exact
        lower = torch.full_like(limits, -torch.inf)
        limits[low] = torch.nextafter(limits, lower)[low]
        if self.device.type != "cpu":
            limits = limits.to(self.device).unsqueeze(1)
            found = (scores >= limits).nonzero().cpu().numpy()
            return found[:, 0], np.ascontiguousarray(found[:, 1])
        if self.dtype == torch.bfloat16 and bool((limits > 0).all()):
            # Positive floats order as their bits do, and NumPy compares
            # integers several times faster than torch does bfloat16.
            scores, limits = scores.view(torch.int16), limits.view(torch.int16)
        if scores.dtype == torch.bfloat16:
            mask = (scores >= limits.unsqueeze(1)).numpy()
        else:
            mask = scores.numpy() >= limits.numpy()[:, None]
        flat = np.flatnonzero(mask)
        return np.divmod(flat, scores.shape[1])
