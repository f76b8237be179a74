"""ResNet-18 over a log spectrogram: the audio tower of Wav2CLIP.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499, and "Deep Residual Learning for Image
Recognition", He et al. 2015, https://arxiv.org/abs/1512.03385. Parameters
carry the names of the published weights, which are torchvision's.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.lobes.features import LogSpectrogram
from speechbrain_clap.utils.lengths import by_length


class BasicBlock(torch.nn.Module):
    """Two 3 x 3 convolutions with batch norm, beside a way around them.

    Arguments
    ---------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    stride : int
        Pixels of the input to one of the output, along either axis.

    Example
    -------
    >>> BasicBlock(4, 8, stride=2)(torch.rand(2, 4, 20, 10)).shape
    torch.Size([2, 8, 10, 5])
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(
            in_channels, out_channels, 3, stride, padding=1, bias=False
        )
        self.bn1 = torch.nn.BatchNorm2d(out_channels)
        self.conv2 = torch.nn.Conv2d(
            out_channels, out_channels, 3, padding=1, bias=False
        )
        self.bn2 = torch.nn.BatchNorm2d(out_channels)
        self.downsample = torch.nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.downsample = torch.nn.Sequential(
                torch.nn.Conv2d(
                    in_channels, out_channels, 1, stride, bias=False
                ),
                torch.nn.BatchNorm2d(out_channels),
            )

    def forward(self, x):
        """Adds what the convolutions find to the input.

        Arguments
        ---------
        x : torch.Tensor
            [B, C, H, W].

        Returns
        -------
        torch.Tensor
            [B, C', ceil(H / stride), ceil(W / stride)].
        """
        found = torch.relu_(self.bn1(self.conv1(x)))
        found = self.bn2(self.conv2(found))
        return torch.relu_(found + self.downsample(x))


class ResNet18(torch.nn.Module):
    """ResNet-18 with one input channel and no last layer, as in Wav2CLIP.

    A clip of any length goes in; the embedding is the mean over the last map.

    Arguments
    ---------
    features : speechbrain_clap.lobes.features.LogSpectrogram or None
        Waves to spectrogram; None is Wav2CLIP's, which takes 16 kHz.
    clip_seconds : float
        The length that the network is trained on.
    widths : list of int
        Channels of each stage; the published ones by default.
    depths : list of int
        Blocks of each stage.
    frame_length : int
        Samples of a frame of ``forward_frames``.
    frame_hop : int
        Samples from one frame to the next.
    normalise : str
        "clip" or "batch": how Wav2CLIP's `features` are standardised, if they
        are not given; see ``LogSpectrogram``.

    Example
    -------
    >>> encoder = ResNet18(widths=[4, 8, 8, 16]).eval()
    >>> encoder(torch.randn(2, 32000)).shape
    torch.Size([2, 16])
    >>> frames, seconds = encoder.forward_frames(torch.randn(2, 40000))
    >>> frames.shape, seconds
    (torch.Size([2, 4, 16]), 0.5)
    """

    def __init__(
        self,
        features=None,
        clip_seconds=5.0,
        widths=(64, 128, 256, 512),
        depths=(2, 2, 2, 2),
        frame_length=16000,
        frame_hop=8000,
        normalise="clip",
    ):
        super().__init__()
        if len(widths) != len(depths):
            raise ValueError(
                f"ResNet18: expected as many widths as depths, got "
                f"widths={list(widths)}, depths={list(depths)}"
            )
        if features is None:
            features = LogSpectrogram(normalise=normalise)
        self.features = features
        self.sample_rate = features.sample_rate
        self.clip_seconds = clip_seconds
        self.embedding_dim = widths[-1]
        self.frame_length = frame_length
        self.frame_hop = frame_hop
        self.stages = len(widths)
        self.conv1 = torch.nn.Conv2d(
            1, widths[0], 7, stride=2, padding=3, bias=False
        )
        self.bn1 = torch.nn.BatchNorm2d(widths[0])
        channels = widths[0]
        for index in range(self.stages):
            blocks = []
            for place in range(depths[index]):
                stride = 2 if index and not place else 1
                blocks.append(BasicBlock(channels, widths[index], stride))
                channels = widths[index]
            setattr(self, f"layer{index + 1}", torch.nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_out")
        # Tensor cores want it; on CPUs it is within 10 % either way.
        self.to(memory_format=torch.channels_last)

    def trunk(self, x):
        """The network behind the front end.

        Arguments
        ---------
        x : torch.Tensor
            Standardised spectrograms, [B, frames, bins].

        Returns
        -------
        torch.Tensor
            Mean over the last map, float32, [B, embedding_dim].
        """
        x = x.transpose(1, 2).unsqueeze(1)  # [B, 1, bins, frames]
        x = x.contiguous(memory_format=torch.channels_last)
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, stride=2, padding=1)
        for index in range(1, self.stages + 1):
            x = getattr(self, f"layer{index}")(x)
        # In float32, or the mean would be taken in bf16.
        return x.float().mean((2, 3))

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone;
            features that standardise over the batch do so over the clips of
            one length.

        Returns
        -------
        torch.Tensor
            Not normalised, [B, embedding_dim].
        """
        return by_length(lambda x: self.trunk(self.features(x)), wavs, lens)

    def forward_frames(self, wavs, lens=None):
        """Embeds frames, which overlap where the hop is shorter than they.

        The frames of a clip (or of the batch, if the features standardise so)
        are standardised together, so that a quiet one stays quiet. A frame
        that would end behind the clip is dropped; a clip shorter than a frame
        is one frame as it is.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; frames past a clip's end are zero.

        Returns
        -------
        torch.Tensor
            [B, N, embedding_dim].
        float
            Seconds from one frame to the next.
        """
        seconds = self.frame_hop / self.sample_rate
        rest = max(0, wavs.shape[1] - self.frame_length)
        full = 1 + rest // self.frame_hop

        def _frames(wavs):
            length = min(self.frame_length, wavs.shape[1])
            frames = wavs.unfold(1, length, self.frame_hop)  # [b, n, length]
            count = frames.shape[:2]
            x = self.features.log_power(frames.flatten(0, 1))
            x = self.features.standardise(x.unflatten(0, count))
            x = self.trunk(x.flatten(0, 1)).unflatten(0, count)
            return functional.pad(x, (0, 0, 0, full - x.shape[1]))

        return by_length(_frames, wavs, lens), seconds

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, clip length, embedding size, frames.
        """
        return (
            f"sample_rate={self.sample_rate}, clip_seconds={self.clip_seconds},"
            f" embedding_dim={self.embedding_dim}, "
            f"frame_length={self.frame_length}, frame_hop={self.frame_hop}"
        )
