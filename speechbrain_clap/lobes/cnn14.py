"""CNN6, CNN10 and CNN14 of PANNs, at the published or any other widths.

"PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition", Kong et al. 2020, https://arxiv.org/abs/1912.10211.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from speechbrain.lobes.models.Cnn14 import ConvBlock, init_bn, init_layer
from torch.nn.functional import avg_pool2d, dropout

from speechbrain_clap.utils.lengths import by_length


class ConvBlock5x5(torch.nn.Module):
    """One 5 x 5 convolution, batch norm, ReLU and average pooling (CNN6).

    Arguments
    ---------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.

    Example
    -------
    >>> ConvBlock5x5(1, 8)(torch.rand(2, 1, 20, 64)).shape
    torch.Size([2, 8, 10, 32])
    """

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(
            in_channels, out_channels, kernel_size=5, padding=2, bias=False
        )
        self.norm1 = torch.nn.BatchNorm2d(out_channels)
        init_layer(self.conv1)

    def forward(self, x, pool_size=(2, 2)):
        """Convolves and pools.

        Arguments
        ---------
        x : torch.Tensor
            [B, C, frames, bins].
        pool_size : tuple of int
            Frames and bins that become one.

        Returns
        -------
        torch.Tensor
            [B, C', frames // pool, bins // pool].
        """
        return avg_pool2d(torch.relu_(self.norm1(self.conv1(x))), pool_size)


class CNN14(torch.nn.Module):
    """CNN14: six blocks of two 3 x 3 convolutions over a log-mel spectrogram.

    The blocks are SpeechBrain's, under its names, so that a state dict of
    ``speechbrain.lobes.models.Cnn14.Cnn14`` fits; on top come the front end,
    ``fc1`` and the augmentation that the PANNs authors train with.

    Arguments
    ---------
    features : torch.nn.Module
        Waves [B, T] to log-mel [B, frames, n_mels], such as
        ``speechbrain_clap.lobes.features.LogMel``.
    clip_seconds : float
        The length that the network is trained on.
    channels : list of int
        Channels of each block; the published ones by default.
    embedding_dim : int
        Size of the clip embedding.
    block_dropout : float
        Dropout after each block.
    head_dropout : float
        Dropout before and after ``fc1``.
    num_classes : int
        Classes of the tagging head, 527 for AudioSet. With 0 there is none,
        so that training an embedding leaves no parameter unused; with a head,
        train through ``classify``.
    spec_augment : torch.nn.Module or None
        Applied to the normalised spectrogram in training.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> encoder = CNN14(LogMel(), channels=[4] * 6, embedding_dim=16).eval()
    >>> encoder(torch.rand(2, 44100)).shape
    torch.Size([2, 16])
    >>> frames, seconds = encoder.forward_frames(torch.rand(2, 44100))
    >>> frames.shape, round(seconds, 3)
    (torch.Size([2, 4, 16]), 0.232)
    """

    last_pool = (1, 1)

    def __init__(
        self,
        features,
        clip_seconds=5.0,
        channels=(64, 128, 256, 512, 1024, 2048),
        embedding_dim=2048,
        block_dropout=0.2,
        head_dropout=0.5,
        num_classes=0,
        spec_augment=None,
    ):
        super().__init__()
        self.features = features
        self.sample_rate = features.sample_rate
        self.clip_seconds = clip_seconds
        self.embedding_dim = embedding_dim
        self.block_dropout = block_dropout
        self.head_dropout = head_dropout
        self.spec_augment = spec_augment
        self.norm0 = torch.nn.BatchNorm2d(features.n_mels)
        init_bn(self.norm0)
        widths = [1, *channels]
        self.depth = len(channels)
        for index in range(self.depth):
            block = self.make_block(widths[index], widths[index + 1])
            setattr(self, f"conv_block{index + 1}", block)
        self.fc1 = torch.nn.Linear(widths[-1], embedding_dim)
        init_layer(self.fc1)
        self.num_classes = num_classes
        if num_classes:
            self.fc_audioset = torch.nn.Linear(embedding_dim, num_classes)
            init_layer(self.fc_audioset)
        # On two CPU cores a training step takes 0.78 of the time in float32
        # and 0.75 in bf16 this way; tensor cores want it too.
        self.to(memory_format=torch.channels_last)

    def make_block(self, in_channels, out_channels):
        """Makes one block; what CNN6 does otherwise.

        Arguments
        ---------
        in_channels : int
            Channels of its input.
        out_channels : int
            Channels of its output.

        Returns
        -------
        torch.nn.Module
            A block with ``forward(x, pool_size)``.
        """
        return ConvBlock(in_channels, out_channels, norm_type="bn")

    def trunk(self, wavs):
        """The convolutional part, over time.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            [B, channels[-1], N], averaged over frequency.
        """
        x = self.features(wavs)  # [B, frames, mels]
        smallest = 2 ** (self.depth - (self.last_pool == (1, 1)))
        if x.shape[1] < smallest:  # shorter than one output frame
            x = torch.nn.functional.pad(
                x.transpose(1, 2), (0, smallest - x.shape[1]), mode="replicate"
            ).transpose(1, 2)
        # The mel bins are the channels of the first batch norm.
        x = self.norm0(x.transpose(1, 2).unsqueeze(-1)).squeeze(-1)
        x = x.transpose(1, 2)
        if self.training and self.spec_augment is not None:
            x = self.spec_augment(x)
        x = x.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for index in range(1, self.depth + 1):
            pool = self.last_pool if index == self.depth else (2, 2)
            x = getattr(self, f"conv_block{index}")(x, pool_size=pool)
            x = dropout(x, self.block_dropout, self.training)
        return x.mean(3)

    def pool(self, wavs):
        """The trunk's features over time as one vector, maximum plus mean.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            [B, channels[-1]].
        """
        x = self.trunk(wavs)
        return x.amax(2) + x.mean(2)

    def hidden(self, x):
        """From pooled features to what the embedding and the tags are of.

        Arguments
        ---------
        x : torch.Tensor
            [..., channels[-1]].

        Returns
        -------
        torch.Tensor
            [..., embedding_dim], not negative.
        """
        x = dropout(x, self.head_dropout, self.training)
        return torch.relu(self.fc1(x))

    def head(self, x):
        """From pooled features to the embedding.

        Arguments
        ---------
        x : torch.Tensor
            [..., channels[-1]].

        Returns
        -------
        torch.Tensor
            [..., embedding_dim], not negative.
        """
        return dropout(self.hidden(x), self.head_dropout, self.training)

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone.

        Returns
        -------
        torch.Tensor
            [B, embedding_dim].
        """
        return by_length(lambda x: self.head(self.pool(x)), wavs, lens)

    def classify(self, wavs, lens=None):
        """Scores the classes; the sigmoid of a score is a probability.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            Logits, [B, num_classes].

        Raises
        ------
        ValueError
            If the network was made without a head.
        """
        if not self.num_classes:
            raise ValueError(
                f"{type(self).__name__}: there is no head to classify with; "
                "make it with num_classes, 527 for AudioSet"
            )
        # Without the embedding's dropout, as the authors train the head.
        return by_length(
            lambda x: self.fc_audioset(self.hidden(self.pool(x))), wavs, lens
        )

    def forward_frames(self, wavs, lens=None):
        """Embeds each frame as if it were a clip.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; frames past a clip's end are zero.

        Returns
        -------
        torch.Tensor
            [B, N, embedding_dim].
        float
            Seconds from one frame to the next.
        """
        pools = self.depth - (self.last_pool == (1, 1))
        seconds = self.features.hop_length * 2**pools / self.sample_rate
        full = max(
            1, (wavs.shape[1] // self.features.hop_length + 1) // 2**pools
        )

        def _frames(wavs):
            # A clip of one frame has its value as maximum and as mean.
            x = self.head(2 * self.trunk(wavs).transpose(1, 2))
            return torch.nn.functional.pad(x, (0, 0, 0, full - x.shape[1]))

        return by_length(_frames, wavs, lens), seconds

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, clip length, embedding size.
        """
        return (
            f"sample_rate={self.sample_rate}, clip_seconds={self.clip_seconds},"
            f" embedding_dim={self.embedding_dim}"
        )


class CNN10(CNN14):
    """CNN10: four blocks of two 3 x 3 convolutions, each pooled.

    Arguments
    ---------
    features : torch.nn.Module
        Waves [B, T] to log-mel [B, frames, n_mels].
    channels : list of int
        Channels of each block; the published ones by default.
    embedding_dim : int
        Size of the clip embedding.
    **kwargs : dict
        As for CNN14: ``clip_seconds``, dropouts, ``spec_augment``.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> encoder = CNN10(LogMel(), channels=[4, 8], embedding_dim=16).eval()
    >>> encoder(torch.rand(2, 4410), torch.tensor([1.0, 0.5])).shape
    torch.Size([2, 16])
    """

    last_pool = (2, 2)

    def __init__(
        self,
        features,
        channels=(64, 128, 256, 512),
        embedding_dim=512,
        **kwargs,
    ):
        super().__init__(
            features, channels=channels, embedding_dim=embedding_dim, **kwargs
        )


class CNN6(CNN10):
    """CNN6: four blocks of one 5 x 5 convolution, each pooled.

    Arguments are CNN10's.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> encoder = CNN6(LogMel(), channels=[4, 8], embedding_dim=16).eval()
    >>> encoder(torch.rand(2, 4410)).shape
    torch.Size([2, 16])
    """

    def make_block(self, in_channels, out_channels):
        """Makes one block of a single convolution.

        Arguments
        ---------
        in_channels : int
            Channels of its input.
        out_channels : int
            Channels of its output.

        Returns
        -------
        torch.nn.Module
            A block with ``forward(x, pool_size)``.
        """
        return ConvBlock5x5(in_channels, out_channels)
