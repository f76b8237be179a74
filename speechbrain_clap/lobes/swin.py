"""Stages of a Swin transformer: attention within windows that shift.

"Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
Liu et al. 2021, https://arxiv.org/abs/2103.14030. Parameters carry the names
of the published weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.lobes.mlp import MLP
from speechbrain_clap.lobes.window_attention import (
    WindowAttention,
    shift_mask,
    window_order,
)


def drop_path(x, probability, training):
    """Drops whole clips from a residual branch (stochastic depth).

    "Deep Networks with Stochastic Depth", Huang et al. 2016,
    https://arxiv.org/abs/1603.09382.

    Arguments
    ---------
    x : torch.Tensor
        Output of the branch, [B, ...].
    probability : float
        Of a clip's being dropped.
    training : bool
        Nothing is dropped otherwise.

    Returns
    -------
    torch.Tensor
        [B, ...], of the same expectation.

    Example
    -------
    >>> drop_path(torch.ones(3, 2), 0.5, training=False).sum()
    tensor(6.)
    """
    if probability == 0 or not training:
        return x
    shape = (len(x),) + (1,) * (x.ndim - 1)
    kept = torch.rand(shape, device=x.device) >= probability
    return x * kept / (1 - probability)


def init_linear(module):
    """Initialises a linear layer as Swin does; leaves other modules alone.

    Arguments
    ---------
    module : torch.nn.Module
        As ``torch.nn.Module.apply`` gives them.

    Example
    -------
    >>> init_linear(torch.nn.Linear(2, 3))
    """
    if isinstance(module, torch.nn.Linear):
        torch.nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)


class PatchEmbedding(torch.nn.Module):
    """Turns each square of an image into a token.

    Arguments
    ---------
    patch_size : int
        Side of the square, in pixels.
    dim : int
        Channels of a token.

    Example
    -------
    >>> PatchEmbedding(4, 8)(torch.randn(2, 1, 16, 16)).shape
    torch.Size([2, 4, 4, 8])
    """

    def __init__(self, patch_size, dim):
        super().__init__()
        self.proj = torch.nn.Conv2d(1, dim, patch_size, stride=patch_size)
        self.norm = torch.nn.LayerNorm(dim, eps=1e-5)

    def forward(self, image):
        """Embeds the patches.

        Arguments
        ---------
        image : torch.Tensor
            [B, 1, H, W].

        Returns
        -------
        torch.Tensor
            [B, H / patch_size, W / patch_size, dim].
        """
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class Reorder(torch.autograd.Function):
    """Puts tokens into another order; the gradient is put back the same way.

    Indexing alone would add up gradients token by token, one after the other.
    """

    @staticmethod
    def forward(ctx, x, order, inverse):
        """Reorders.

        Arguments
        ---------
        ctx : object
            What the backward needs.
        x : torch.Tensor
            [B, tokens, C].
        order : torch.Tensor
            Which token comes where, [tokens].
        inverse : torch.Tensor
            The way back, [tokens].

        Returns
        -------
        torch.Tensor
            [B, tokens, C].
        """
        ctx.save_for_backward(order, inverse)
        return x.index_select(1, order)

    @staticmethod
    def backward(ctx, grad):
        """Puts the gradient back.

        Arguments
        ---------
        ctx : object
            What the forward left.
        grad : torch.Tensor
            [B, tokens, C].

        Returns
        -------
        tuple
            The gradient of the tokens, and nothing for the orders.
        """
        order, inverse = ctx.saved_tensors
        return Reorder.apply(grad, inverse, order), None, None


class SwinBlock(torch.nn.Module):
    """Window attention and an MLP, each after LayerNorm and with a residual.

    Arguments
    ---------
    dim : int
        Channels.
    resolution : int
        Side of the image, in tokens: a multiple of `window_size`.
    num_heads : int
        Heads of the attention.
    window_size : int
        Side of a window.
    shift : int
        Tokens by which the windows are shifted; 0 for none.
    mlp_ratio : float
        Hidden channels of the MLP, in units of `dim`.
    drop_path : float
        Probability that a clip skips a branch, in training.

    Example
    -------
    >>> block = SwinBlock(8, resolution=8, num_heads=2, window_size=4, shift=2)
    >>> block(torch.randn(2, 4, 16, 8)).shape
    torch.Size([2, 4, 16, 8])
    """

    def __init__(
        self,
        dim,
        resolution,
        num_heads,
        window_size,
        shift=0,
        mlp_ratio=4.0,
        drop_path=0.0,
    ):
        super().__init__()
        self.shift = shift
        self.drop_path = drop_path
        self.norm1 = torch.nn.LayerNorm(dim, eps=1e-5)
        self.attn = WindowAttention(dim, num_heads, window_size)
        self.norm2 = torch.nn.LayerNorm(dim, eps=1e-5)
        self.mlp = MLP(dim, int(dim * mlp_ratio))
        mask = shift_mask(resolution, window_size, shift) if shift else None
        self.register_buffer("attn_mask", mask, persistent=False)

    def forward(self, x):
        """Transforms the tokens of (shifted) windows.

        Arguments
        ---------
        x : torch.Tensor
            [B, windows, window_size ** 2, dim].

        Returns
        -------
        torch.Tensor
            The same shape.
        """
        branch = self.attn(self.norm1(x), self.attn_mask)
        x = x + drop_path(branch, self.drop_path, self.training)
        branch = self.mlp(self.norm2(x))
        return x + drop_path(branch, self.drop_path, self.training)


class PatchMerging(torch.nn.Module):
    """Makes one token of each 2 x 2, with twice the channels.

    Arguments
    ---------
    dim : int
        Channels of the input.

    Example
    -------
    >>> PatchMerging(8)(torch.randn(2, 4, 4, 8)).shape
    torch.Size([2, 2, 2, 16])
    """

    def __init__(self, dim):
        super().__init__()
        self.norm = torch.nn.LayerNorm(4 * dim, eps=1e-5)
        self.reduction = torch.nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x):
        """Merges.

        Arguments
        ---------
        x : torch.Tensor
            [B, H, W, dim], H and W even.

        Returns
        -------
        torch.Tensor
            [B, H / 2, W / 2, 2 * dim].
        """
        batch, height, width, dim = x.shape
        x = x.view(batch, height // 2, 2, width // 2, 2, dim)
        # The order of the four that the weights know: down before right.
        x = x.permute(0, 1, 3, 4, 2, 5).flatten(3)
        return self.reduction(self.norm(x))


class SwinStage(torch.nn.Module):
    """Blocks at one resolution, every second one shifted; then the merging.

    Where one window covers the image there is nothing to shift. The tokens
    lie in the order of the windows all through a block, MLP included, and
    move only where the windows do: on two CPU cores a training step of HTSAT
    takes 0.9 of the time that moving there and back around each attention
    takes.

    Arguments
    ---------
    dim : int
        Channels.
    resolution : int
        Side of the image, in tokens.
    num_heads : int
        Heads of the attention.
    window_size : int
        Side of a window; no more than `resolution` is used.
    drop_paths : list of float
        A probability for each block; as many blocks are made.
    mlp_ratio : float
        Hidden channels of the MLPs, in units of `dim`.
    merge : bool
        Whether to halve the resolution at the end.

    Raises
    ------
    ValueError
        If the windows do not fill the image.

    Example
    -------
    >>> stage = SwinStage(8, 8, 2, 4, drop_paths=[0.0, 0.1], merge=True)
    >>> stage(torch.randn(2, 8, 8, 8)).shape
    torch.Size([2, 4, 4, 16])
    """

    def __init__(
        self,
        dim,
        resolution,
        num_heads,
        window_size,
        drop_paths,
        mlp_ratio=4.0,
        merge=False,
    ):
        super().__init__()
        window_size = min(window_size, resolution)
        if resolution % window_size or dim % num_heads:
            raise ValueError(
                f"SwinStage: expected a resolution that is a multiple of the "
                f"window and channels that are a multiple of the heads, got "
                f"resolution={resolution}, window_size={window_size}, "
                f"dim={dim}, num_heads={num_heads}"
            )
        shift = window_size // 2 if resolution > window_size else 0
        self.blocks = torch.nn.ModuleList(
            SwinBlock(
                dim,
                resolution,
                num_heads,
                window_size,
                shift=shift * (index % 2),
                mlp_ratio=mlp_ratio,
                drop_path=probability,
            )
            for index, probability in enumerate(drop_paths)
        )
        self.window_area = window_size**2
        image = torch.arange(resolution**2)
        plain = window_order(resolution, window_size, 0)
        shifted = window_order(resolution, window_size, shift)
        # From one layout to the next: y[i] = image[b[i]] = x[a^-1[b[i]]].
        for name, start, end in (
            ("enter", image, plain),
            ("shift", plain, shifted),
            ("leave", plain, image),
        ):
            self.register_buffer(name, start.argsort()[end], persistent=False)
        self.register_buffer("back", self.shift.argsort(), persistent=False)
        self.downsample = PatchMerging(dim) if merge else None

    def forward(self, x):
        """Transforms an image of tokens.

        Arguments
        ---------
        x : torch.Tensor
            [B, resolution, resolution, dim].

        Returns
        -------
        torch.Tensor
            The same shape, or [B, resolution / 2, resolution / 2, 2 * dim].
        """
        shape = x.shape
        x = Reorder.apply(x.flatten(1, 2), self.enter, self.leave)
        shifted = False
        for block in self.blocks:
            if bool(block.shift) != shifted:
                x = self._move(x, shifted)
                shifted = not shifted
            x = block(x.unflatten(1, (-1, self.window_area))).flatten(1, 2)
        if shifted:
            x = self._move(x, shifted)
        x = Reorder.apply(x, self.leave, self.enter).view(shape)
        return x if self.downsample is None else self.downsample(x)

    def _move(self, x, shifted):
        """Between the windows and the shifted windows."""
        if shifted:
            return Reorder.apply(x, self.back, self.shift)
        return Reorder.apply(x, self.shift, self.back)
