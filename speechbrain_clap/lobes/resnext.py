"""What ESResNeXt is built of: residual blocks, and attention over a stage.

"Aggregated Residual Transformations for Deep Neural Networks", Xie et al.
2016, https://arxiv.org/abs/1611.05431; the attention is that of "ESResNet:
Environmental Sound Classification Based on Visual Domain Models", Guzhov et
al. 2020, https://arxiv.org/abs/2004.07301.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional


class Bottleneck(torch.nn.Module):
    """Residual block: 1 x 1, grouped 3 x 3 and 1 x 1 convolution.

    Arguments
    ---------
    in_channels : int
        Channels of the input.
    inner : int
        Channels of the 3 x 3 convolution.
    out_channels : int
        Channels of the output.
    groups : int
        Groups of the 3 x 3 convolution.
    stride : int
        Its stride.

    Example
    -------
    >>> block = Bottleneck(8, 4, 16, groups=2, stride=2)
    >>> block(torch.rand(2, 8, 5, 6)).shape
    torch.Size([2, 16, 3, 3])
    """

    def __init__(self, in_channels, inner, out_channels, groups=1, stride=1):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(inner)
        self.conv2 = torch.nn.Conv2d(
            inner, inner, 3, stride, padding=1, groups=groups, bias=False
        )
        self.bn2 = torch.nn.BatchNorm2d(inner)
        self.conv3 = torch.nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(
                    in_channels, out_channels, 1, stride, bias=False
                ),
                torch.nn.BatchNorm2d(out_channels),
            )

    def forward(self, x):
        """Applies the block.

        Arguments
        ---------
        x : torch.Tensor
            [B, in_channels, H, W].

        Returns
        -------
        torch.Tensor
            [B, out_channels, ceil(H / stride), ceil(W / stride)].
        """
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = torch.relu_(self.bn2(self.conv2(x)))
        return torch.relu_(self.bn3(self.conv3(x)) + shortcut)


class StageAttention(torch.nn.Module):
    """Factors in (0, 1) for a stage's output, made of its input.

    Arguments
    ---------
    in_channels : int
        Channels of the input of the stage.
    out_channels : int
        Channels of its output.
    kernel_size : tuple of int
        Of the depthwise convolution, odd: frequency, time.

    Example
    -------
    >>> attention = StageAttention(4, 8, (3, 1))
    >>> attention(torch.rand(2, 4, 9, 10), (5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.conv_depth = torch.nn.Conv2d(
            in_channels,
            in_channels,
            kernel_size,
            padding=tuple(size // 2 for size in kernel_size),
            groups=in_channels,
        )
        self.conv_point = torch.nn.Conv2d(in_channels, out_channels, 1)
        self.bn = torch.nn.BatchNorm2d(out_channels)

    def forward(self, x, size):
        """Makes the factors.

        Arguments
        ---------
        x : torch.Tensor
            Input of the stage, [B, in_channels, H, W].
        size : tuple of int
            Height and width of its output.

        Returns
        -------
        torch.Tensor
            [B, out_channels, *size].
        """
        if tuple(x.shape[2:]) != tuple(size):
            x = functional.adaptive_max_pool2d(x, size)
        return self.bn(self.conv_point(self.conv_depth(x))).sigmoid_()
