"""SigLIP's loss: each pair of sound and text is right or wrong by itself.

"Sigmoid Loss for Language Image Pre-Training", Zhai et al. 2023,
https://arxiv.org/abs/2303.15343, algorithm 1.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.losses.blockwise import (
    ProductGradients,
    blocks,
    check_block_size,
)
from speechbrain_clap.utils.distributed import gather_with_gradient, rank


class _SummedLogSigmoid(torch.autograd.Function):
    """Over all pairs; gradients are found with it, on the same blocks."""

    @staticmethod
    def forward(ctx, queries, keys, bias, first, size):
        """[B, D] and [N, D] to a scalar; row i is right in column first + i."""
        total = queries.new_zeros(())
        by_bias = queries.new_zeros(())
        found = ProductGradients(queries, keys, ctx.needs_input_grad[:2])
        for i, j in blocks(len(queries), len(keys), size):
            logits = torch.addmm(bias, queries[i], keys[j].T)
            right = first + i.start - j.start
            logits.diagonal(right).neg_()
            total += softplus(logits).sum()
            if any(ctx.needs_input_grad):
                gradient = logits.sigmoid_()
                gradient.diagonal(right).neg_()
                by_bias += gradient.sum()
                found.add(i, j, gradient)
        ctx.gradients = found.queries, found.keys, by_bias
        return total

    @staticmethod
    def backward(ctx, gradient):
        """Scales what the forward found."""
        scaled = (
            None if not wanted else gradient * each
            for wanted, each in zip(
                ctx.needs_input_grad, ctx.gradients, strict=False
            )
        )
        return *scaled, None, None


class SigmoidLoss(torch.nn.Module):
    """A binary cross-entropy over all pairs of a global batch.

    Summed over all pairs of the global batch and divided by its number of
    sounds. It needs no sum over a row or a column, so that a clip's loss does
    not depend on how many others there are but through their number. As each
    block is done at once, memory is linear in the batch, at three products of
    B x B x D in all.

    Each rank takes its own sounds against the texts of all ranks. Averaged by
    DDP this is the loss of one process over the union of the batches.

    Arguments
    ---------
    block_size : int
        Rows and columns of a block: three or four times its square of float32
        numbers are held.

    Example
    -------
    >>> loss = SigmoidLoss(block_size=1)
    >>> a, t = torch.eye(2), torch.eye(2)
    >>> loss(a, t, torch.tensor(10.0), torch.tensor(-10.0))
    tensor(0.6932)
    """

    def __init__(self, block_size=2048):
        super().__init__()
        self.block_size = check_block_size(block_size)

    def forward(self, audio, text, scale, bias):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            L2-normalised embeddings of this rank's sounds, [B, D].
        text : torch.Tensor
            L2-normalised embeddings of its texts, [B, D].
        scale : torch.Tensor
            What multiplies the cosines, a scalar; 10 at first in the paper.
        bias : torch.Tensor
            What is then added, a scalar; -10 at first in the paper, for
            nearly all pairs are wrong.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        with torch.autocast(audio.device.type, enabled=False):
            total = _SummedLogSigmoid.apply(
                scale.float() * audio.float(),
                gather_with_gradient(text.float()),
                bias.float(),
                rank() * len(audio),
                self.block_size,
            )
            return total / len(audio)


def softplus(x):
    """The logarithm of 1 + exp(x), to the last digits wherever it is small.

    torch's own takes ten times as long on CPUs, whose vector instructions
    have logarithms but no ``log1p``; that rounds 1 + e and puts what was lost
    back.

    Arguments
    ---------
    x : torch.Tensor
        Any shape.

    Returns
    -------
    torch.Tensor
        The same shape.

    Example
    -------
    >>> softplus(torch.tensor([-20.0, 0.0, 50.0]))
    tensor([2.0612e-09, 6.9315e-01, 5.0000e+01])
    """
    small = x.abs().neg_().exp_()
    rounded = 1 + small
    lost = small.sub_(rounded - 1).div_(rounded)
    return lost.add_(rounded.log_()).add_(x.clamp(min=0))
