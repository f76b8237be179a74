"""Attention within square windows of an image, as in Swin transformers.

"Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
Liu et al. 2021, https://arxiv.org/abs/2103.14030. Parameters carry the names
of the published weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.utils.memory import workspace

# Added to the attention between regions that only the shift made neighbours.
# Trained weights know this value; minus infinity would give other numbers.
APART = -100.0


def split_windows(x, size):
    """Cuts an image of tokens into square windows.

    Arguments
    ---------
    x : torch.Tensor
        [B, H, W, C], H and W multiples of `size`.
    size : int
        Side of a window, in tokens.

    Returns
    -------
    torch.Tensor
        [B, windows, size * size, C], row by row.

    Example
    -------
    >>> split_windows(torch.arange(16).view(1, 4, 4, 1), 2)[0, 1, :, 0]
    tensor([2, 3, 6, 7])
    """
    batch, height, width, channels = x.shape
    x = x.view(batch, height // size, size, width // size, size, channels)
    return x.transpose(2, 3).reshape(batch, -1, size * size, channels)


def window_order(resolution, size, shift):
    """The tokens of an image in the order of its shifted windows.

    Arguments
    ---------
    resolution : int
        Side of the image, in tokens.
    size : int
        Side of a window.
    shift : int
        Tokens that the image is rolled by first; 0 for none.

    Returns
    -------
    torch.Tensor
        Row-major places in the image, [resolution ** 2].

    Example
    -------
    >>> window_order(4, 2, 0)[:8]
    tensor([0, 1, 4, 5, 2, 3, 6, 7])
    """
    image = torch.arange(resolution**2).view(1, resolution, resolution, 1)
    return split_windows(image.roll((-shift, -shift), (1, 2)), size).flatten()


def shift_mask(resolution, size, shift):
    """What is added to the attention within the windows of a shifted image.

    The image is rolled by `shift`, so a window at its edge holds pieces from
    opposite sides, which must not see each other.

    Arguments
    ---------
    resolution : int
        Side of the image, in tokens.
    size : int
        Side of a window.
    shift : int
        Tokens that the image is rolled by; above 0, below `size`.

    Returns
    -------
    torch.Tensor
        0 or -100, [windows, size * size, size * size].

    Example
    -------
    >>> shift_mask(4, 2, 1)[1, 0]
    tensor([   0., -100.,    0., -100.])
    """
    index = torch.arange(resolution)
    part = (index >= resolution - size).int() + (index >= resolution - shift)
    region = (3 * part[:, None] + part).view(1, resolution, resolution, 1)
    region = split_windows(region, size)[0, :, :, 0]
    apart = region[:, :, None] != region[:, None, :]
    return torch.zeros(apart.shape).masked_fill_(apart, APART)


class BiasedAttention(torch.autograd.Function):
    """Attention with a bias that learns, on CPUs.

    PyTorch's fused kernel has no gradient for the bias there. What autograd
    makes of the single steps asks for fresh memory for the scores four times,
    and getting it takes longer than the arithmetic; here it is once.
    """

    @staticmethod
    def forward(ctx, qkv, bias):
        """Attends.

        Arguments
        ---------
        ctx : object
            What the backward needs.
        qkv : torch.Tensor
            Queries, keys and values, [3, B, heads, tokens, C].
        bias : torch.Tensor
            [1, heads, tokens, tokens].

        Returns
        -------
        torch.Tensor
            [B, heads, tokens, C].
        """
        query, key, value = qkv.unbind(0)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        scores.add_(bias)
        torch.softmax(scores, -1, out=scores)
        ctx.save_for_backward(qkv, scores)
        return scores @ value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        """Gradients of everything.

        Arguments
        ---------
        ctx : object
            What the forward left.
        grad : torch.Tensor
            [B, heads, tokens, C].

        Returns
        -------
        tuple of torch.Tensor
            For each argument of the forward.
        """
        qkv, weights = ctx.saved_tensors
        query, key, value = qkv.flatten(1, 2).unbind(0)
        grad, scores = grad.flatten(0, 1), weights.flatten(0, 1)
        of_qkv = torch.empty_like(qkv, memory_format=torch.contiguous_format)
        of_query, of_key, of_value = of_qkv.flatten(1, 2).unbind(0)
        torch.bmm(scores.transpose(1, 2), grad, out=of_value)
        of_scores = workspace(scores)
        torch.bmm(grad, value.transpose(1, 2), out=of_scores)
        torch.ops.aten._softmax_backward_data.out(
            of_scores, scores, -1, scores.dtype, grad_input=of_scores
        )
        torch.bmm(of_scores, key, out=of_query)
        torch.bmm(of_scores.transpose(1, 2), query, out=of_key)
        of_qkv[:2].mul_(query.shape[-1] ** -0.5)
        return of_qkv, of_scores.view(weights.shape).sum(0, keepdim=True)


def attend(qkv, bias):
    """Attention with a bias, by the fastest way for the device at hand.

    That is PyTorch's fused kernel, except on CPUs in training, and in bf16:
    there two products around a softmax take half of its time (windows of 64
    tokens, two cores).

    Arguments
    ---------
    qkv : torch.Tensor
        Queries, keys and values, [3, B, heads, tokens, C].
    bias : torch.Tensor
        Added to the scores, [1, heads, tokens, tokens].

    Returns
    -------
    torch.Tensor
        [B, heads, tokens, C].

    Example
    -------
    >>> qkv, bias = torch.randn(3, 3, 2, 4, 8), torch.randn(1, 2, 4, 4)
    >>> with torch.no_grad():
    ...     fused = attend(qkv, bias)
    >>> torch.allclose(attend(qkv, bias), fused, atol=1e-6)
    True
    """
    whole = qkv.dtype == torch.float32 and not torch.is_grad_enabled()
    if qkv.device.type != "cpu" or whole or torch.compiler.is_compiling():
        return functional.scaled_dot_product_attention(
            *qkv.unbind(0), attn_mask=bias
        )
    with torch.autocast("cpu", enabled=False):  # which would widen the softmax
        return BiasedAttention.apply(qkv, bias)


class WindowAttention(torch.nn.Module):
    """Self-attention within windows, with a bias per relative position.

    Arguments
    ---------
    dim : int
        Channels.
    num_heads : int
        Heads of the attention.
    window_size : int
        Side of a window, in tokens.

    Example
    -------
    >>> attention = WindowAttention(dim=8, num_heads=2, window_size=4)
    >>> attention(torch.randn(3, 5, 16, 8)).shape
    torch.Size([3, 5, 16, 8])
    """

    def __init__(self, dim, num_heads, window_size):
        super().__init__()
        self.num_heads = num_heads
        side = 2 * window_size - 1  # offsets from -(size - 1) to size - 1
        self.relative_position_bias_table = torch.nn.Parameter(
            torch.empty(side * side, num_heads)
        )
        torch.nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = torch.nn.Linear(dim, 3 * dim)
        self.proj = torch.nn.Linear(dim, dim)
        index = torch.arange(window_size * window_size)
        row, column = index // window_size, index % window_size
        rows = row[:, None] - row + window_size - 1
        columns = column[:, None] - column + window_size - 1
        self.register_buffer(
            "relative_position_index", side * rows + columns, persistent=False
        )

    def forward(self, x, mask=None):
        """Attends.

        Arguments
        ---------
        x : torch.Tensor
            [B, windows, tokens, C].
        mask : torch.Tensor or None
            Added to the attention, [windows, tokens, tokens].

        Returns
        -------
        torch.Tensor
            [B, windows, tokens, C].
        """
        batch, windows, tokens, channels = x.shape
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.permute(2, 0, 1)  # [heads, tokens, tokens]
        # A mask differs from window to window. Counting windows as heads then
        # lets one mask serve the whole batch, without a copy for each clip.
        apart = 1
        if mask is not None:
            apart = windows
            bias = (bias + mask.unsqueeze(1)).flatten(0, 1)
        qkv = self.qkv(x).view(
            -1, tokens, 3, self.num_heads, channels // self.num_heads
        )
        qkv = qkv.permute(2, 0, 3, 1, 4).reshape(
            3, -1, apart * self.num_heads, tokens, channels // self.num_heads
        )
        # The fused kernels want it contiguous.
        x = attend(qkv, bias.unsqueeze(0).to(qkv.dtype).contiguous())
        x = x.reshape(-1, self.num_heads, tokens, channels // self.num_heads)
        x = x.transpose(1, 2).reshape(batch, windows, tokens, channels)
        return self.proj(x)
