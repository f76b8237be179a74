"""Attentional feature fusion: patches of crops into those of the whole clip.

"Attentional Feature Fusion", Dai et al. 2021,
https://arxiv.org/abs/2009.14082, as LAION CLAP has it,
https://arxiv.org/abs/2211.06687. Parameters carry the names of the published
weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.lobes.swin import PatchEmbedding

CROPS = 3  # of a long clip, beside the whole of it


class AttentionalFusion(torch.nn.Module):
    """Weighs two feature maps, place by place and channel by channel.

    2 a w + 2 b (1 - w), where w is the sigmoid of what two small networks
    make of a + b: one looks at each place, the other at the mean over all.

    In training the second sees one value per channel and clip. Of one clip
    there is no variance, so its batch norms then use their running
    statistics and leave them as they are. (The published code duplicates the
    clip, whose variance of 0 goes into the running one.)

    Arguments
    ---------
    dim : int
        Channels.
    ratio : int
        By how much the networks narrow them.

    Example
    -------
    >>> fusion = AttentionalFusion(8, ratio=4)
    >>> fusion(torch.randn(2, 8, 4, 4), torch.randn(2, 8, 4, 4)).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, dim, ratio=4):
        super().__init__()
        self.ratio = ratio

        def _layers():
            return (
                torch.nn.Conv2d(dim, dim // ratio, 1),
                torch.nn.BatchNorm2d(dim // ratio),
                torch.nn.ReLU(),
                torch.nn.Conv2d(dim // ratio, dim, 1),
                torch.nn.BatchNorm2d(dim),
            )

        self.local_att = torch.nn.Sequential(*_layers())
        self.global_att = torch.nn.Sequential(
            torch.nn.AdaptiveAvgPool2d(1), *_layers()
        )

    def forward(self, a, b):
        """Fuses.

        Arguments
        ---------
        a : torch.Tensor
            [B, dim, H, W].
        b : torch.Tensor
            [B, dim, H, W].

        Returns
        -------
        torch.Tensor
            [B, dim, H, W].
        """
        both = a + b
        weight = torch.sigmoid(self.local_att(both) + self._overall(both))
        return 2 * a * weight + 2 * b * (1 - weight)

    def _overall(self, x):
        if not self.training or len(x) > 1:
            return self.global_att(x)
        for layer in self.global_att:
            # SyncBatchNorm is another class: it counts all processes' clips.
            if isinstance(layer, torch.nn.BatchNorm2d):
                x = functional.batch_norm(
                    x,
                    layer.running_mean,
                    layer.running_var,
                    layer.weight,
                    layer.bias,
                    eps=layer.eps,
                )
            else:
                x = layer(x)
        return x


class FusedPatchEmbedding(PatchEmbedding):
    """Patch embedding that fuses crops of a clip into the whole of it.

    The patches of the crops are three times wider, so that those of all three
    crops, side by side in time, cover an image of the same size.

    Arguments
    ---------
    patch_size : int
        Side of a patch, in pixels.
    dim : int
        Channels of a token.
    ratio : int
        As for ``AttentionalFusion``.

    Example
    -------
    >>> embed = FusedPatchEmbedding(4, 8)
    >>> whole, crops = torch.randn(2, 1, 16, 16), torch.randn(1, 3, 16, 16)
    >>> embed(whole, crops, torch.tensor([1])).shape
    torch.Size([2, 4, 4, 8])
    """

    def __init__(self, patch_size, dim, ratio=4):
        super().__init__(patch_size, dim)
        size = (patch_size, CROPS * patch_size)
        self.mel_conv2d = torch.nn.Conv2d(1, dim, size, stride=size)
        self.fusion_model = AttentionalFusion(dim, ratio)

    def forward(self, image, crops=None, rows=None):
        """Embeds the patches.

        Arguments
        ---------
        image : torch.Tensor
            [B, 1, H, W].
        crops : torch.Tensor or None
            Images of three crops of some of the clips, [b, 3, H, W].
        rows : torch.Tensor or None
            Which clips these are, [b].

        Returns
        -------
        torch.Tensor
            [B, H / patch_size, W / patch_size, dim].
        """
        x = self.proj(image)
        if crops is not None:
            y = self.mel_conv2d(crops.flatten(0, 1).unsqueeze(1))
            y = y.unflatten(0, (-1, CROPS)).permute(0, 2, 3, 1, 4).flatten(3)
            # What is left of the width, less than one wide patch, is zero.
            y = functional.pad(y, (0, x.shape[-1] - y.shape[-1]))
            fused = self.fusion_model(x[rows], y)
            x = x.index_copy(0, rows, fused.to(x.dtype))
        return self.norm(x.permute(0, 2, 3, 1))
