"""The contrastive loss of very large batches, without the B x B matrix.

"Breaking the Memory Barrier: Near Infinite Batch Size Scaling for Contrastive
Loss", Cheng et al. 2024, https://arxiv.org/abs/2410.17243, has the idea: what
the gradient needs of the matrix of logits are the log-sum-exps of its rows and
columns. They are gathered block by block, and the blocks are computed again
in the backward.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.utils.distributed import gather_with_gradient, rank


def blocks(rows, columns, size):
    """Cuts a matrix into blocks.

    Arguments
    ---------
    rows : int
        Of the matrix.
    columns : int
        Of the matrix.
    size : int
        Rows and columns of a block; the last ones may have fewer.

    Yields
    ------
    tuple
        Two slices: which rows and which columns.

    Example
    -------
    >>> matrix = torch.arange(6).view(2, 3)
    >>> [matrix[i, j].tolist() for i, j in blocks(2, 3, 2)]
    [[[0, 1], [3, 4]], [[2], [5]]]
    """
    for first in range(0, rows, size):
        for second in range(0, columns, size):
            yield (
                slice(first, min(first + size, rows)),
                slice(second, min(second + size, columns)),
            )


class ProductGradients:
    """Sums up the gradients of both factors of ``queries @ keys.T``.

    Arguments
    ---------
    queries : torch.Tensor
        [B, D].
    keys : torch.Tensor
        [N, D].
    wanted : tuple of bool
        For the queries and for the keys; what is not wanted costs nothing.

    Example
    -------
    >>> found = ProductGradients(torch.eye(2), torch.ones(3, 2), (True, False))
    >>> for i, j in blocks(2, 3, 2):
    ...     found.add(i, j, torch.ones(2, 3)[i, j])
    >>> found.queries
    tensor([[3., 3.],
            [3., 3.]])
    """

    def __init__(self, queries, keys, wanted):
        self.factors = queries, keys
        self.queries = torch.zeros_like(queries) if wanted[0] else None
        self.keys = torch.zeros_like(keys) if wanted[1] else None

    def add(self, i, j, gradient):
        """Takes the gradient of one block of the product.

        Arguments
        ---------
        i : slice
            Its rows.
        j : slice
            Its columns.
        gradient : torch.Tensor
            [rows, columns].
        """
        queries, keys = self.factors
        if self.queries is not None:
            self.queries[i].addmm_(gradient, keys[j])
        if self.keys is not None:
            self.keys[j].addmm_(gradient.T, queries[i])


class _LogSumExp(torch.autograd.Function):
    """Of rows and columns of a product; a block serves both at once."""

    @staticmethod
    def forward(ctx, queries, keys, size):
        """[B, D] and [N, D] to [B] and [N]."""
        rows = queries.new_full((len(queries),), -torch.inf)
        columns = keys.new_full((len(keys),), -torch.inf)
        for i, j in blocks(len(queries), len(keys), size):
            logits = queries[i] @ keys[j].T
            for total, dim in (rows[i], 1), (columns[j], 0):
                torch.logaddexp(total, logits.logsumexp(dim), out=total)
        # The only block, of a batch that is small enough, is kept.
        only = logits if logits.shape == (len(queries), len(keys)) else None
        ctx.save_for_backward(queries, keys, rows, columns, only)
        ctx.size = size
        return rows, columns

    @staticmethod
    def backward(ctx, row_gradient, column_gradient):
        """The softmax of each block, weighted, times the other factor."""
        queries, keys, rows, columns, only = ctx.saved_tensors
        found = ProductGradients(queries, keys, ctx.needs_input_grad[:2])
        # A backward within an autocast would round the products.
        with torch.autocast(queries.device.type, enabled=False):
            for i, j in blocks(len(queries), len(keys), ctx.size):
                logits = queries[i] @ keys[j].T if only is None else only
                gradient = (logits - rows[i, None]).exp_()
                gradient *= row_gradient[i, None]
                by_column = (logits - columns[j]).exp_()
                gradient += by_column.mul_(column_gradient[j])
                found.add(i, j, gradient)
        return found.queries, found.keys, None


class BlockwiseContrastiveLoss(torch.nn.Module):
    """Symmetric cross-entropy of a global batch in memory linear in it.

    The same loss and gradients as ``ContrastiveLoss`` without concepts, of
    which it has no other: clip `i` has one right text, text `i`. It holds
    blocks of the logits and their log-sum-exps, never the whole matrix, and
    is faster too, for each block serves both directions: four products of
    B x B x D in all, three where one block is enough, and six are usual.

    Over several ranks each takes its own sounds against the texts of all.
    What it finds for the columns, of which it sees a part, is put together
    with what the others found: a gather of numbers. The embeddings of sounds
    are never gathered. Averaged by DDP this is the loss of one process over
    the union of the batches.

    Arguments
    ---------
    block_size : int
        Rows and columns of a block: three or four times its square of float32
        numbers are held.

    Example
    -------
    >>> loss = BlockwiseContrastiveLoss(block_size=1)
    >>> loss(torch.eye(2), torch.eye(2), torch.tensor(1.0))
    tensor(0.3133)
    """

    def __init__(self, block_size=2048):
        super().__init__()
        self.block_size = check_block_size(block_size)

    def forward(self, audio, text, scale):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            L2-normalised embeddings of this rank's sounds, [B, D].
        text : torch.Tensor
            L2-normalised embeddings of its texts, [B, D].
        scale : torch.Tensor
            What multiplies the cosines (one over the temperature), a scalar.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        with torch.autocast(audio.device.type, enabled=False):
            queries, text = scale.float() * audio.float(), text.float()
            rows, columns = _LogSumExp.apply(
                queries, gather_with_gradient(text), self.block_size
            )
            # This rank's sounds give each column a part of its sum.
            parts = gather_with_gradient(columns).view(-1, len(columns))
            first = rank() * len(text)
            columns = parts[:, first : first + len(text)].logsumexp(0)
            right = (queries * text).sum(1)
            return 0.5 * (rows + columns - 2 * right).mean()


def check_block_size(size):
    """Refuses what is no size of a block.

    Arguments
    ---------
    size : int
        Rows and columns of a block.

    Returns
    -------
    int
        The same.

    Raises
    ------
    ValueError
        If it is not a positive whole number.

    Example
    -------
    >>> check_block_size(2048)
    2048
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"block_size is {size!r}, expected a whole number of 1 or more: "
            "rows and columns of a block of logits"
        )
    return size
