"""VGGish, with its embedding or with the text query-modifier's pooling.

"CNN Architectures for Large-Scale Audio Classification", Hershey et al. 2017,
https://arxiv.org/abs/1609.09430. Parameters carry the names of the published
weights, those of torchvggish.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.lobes.vggish_features import VGGishLogMel
from speechbrain_clap.utils.lengths import by_length

# At once through the convolutions: memory does not grow with the clip.
EXAMPLES_AT_ONCE = 64


class VGGish(torch.nn.Module):
    """VGGish, at the published or any other sizes.

    With `pooling` "embedding" it is the published network, which gives 128
    numbers for each example of 0.96 s; a clip's embedding is the mean over
    its examples. With "max_mean" there is no fully connected part: the last
    map of all examples, joined in time, is pooled over time as the text
    query-modifier does, maximum + mean, with entry channel * bands + band.

    Waves are in [-1, 1]. What fills no example is dropped at the end of a
    clip, and a clip shorter than one is padded with zeros to it; see
    ``VGGishLogMel``. The official names leave `features` to the
    convolutions, so the front end is `front_end` here.

    Arguments
    ---------
    front_end : speechbrain_clap.lobes.vggish_features.VGGishLogMel or None
        Waves to log-mel examples; None is the published one.
    channels : list of list of int
        Channels of the convolutions before each max pool.
    hidden_dim : int
        Size of the two hidden layers of the fully connected part.
    embedding_dim : int
        Size of its output. With "max_mean" the size follows from the map:
        2048 as published, or 4096 before the last max pool.
    last_relu : bool
        Whether a ReLU ends the fully connected part, as in torchvggish; False
        is Google's.
    pooling : str
        "embedding" or "max_mean".
    last_pool : bool
        False leaves out the last max pool, for "max_mean" over finer frames.

    Raises
    ------
    ValueError
        For another pooling, or for a last_pool that the fully connected part
        cannot do without.

    Example
    -------
    >>> sizes = {"channels": [[4], [4], [8], [8]], "hidden_dim": 16}
    >>> VGGish(**sizes)(torch.randn(2, 40000)).shape
    torch.Size([2, 128])
    >>> encoder = VGGish(**sizes, pooling="max_mean")
    >>> encoder(torch.randn(2, 40000)).shape
    torch.Size([2, 32])
    >>> frames, seconds = encoder.forward_frames(torch.randn(2, 40000))
    >>> frames.shape, seconds
    (torch.Size([2, 12, 32]), 0.16)
    """

    def __init__(
        self,
        front_end=None,
        channels=((64,), (128,), (256, 256), (512, 512)),
        hidden_dim=4096,
        embedding_dim=128,
        last_relu=True,
        pooling="embedding",
        last_pool=True,
    ):
        super().__init__()
        if pooling not in ("embedding", "max_mean"):
            raise ValueError(
                f'VGGish: expected pooling to be "embedding" or "max_mean", '
                f"got {pooling!r}"
            )
        if pooling == "embedding" and not last_pool:
            raise ValueError(
                'VGGish: last_pool=False is for pooling="max_mean"; the fully '
                "connected part sees the map behind the last max pool"
            )
        if front_end is None:
            front_end = VGGishLogMel()
        self.front_end = front_end
        self.sample_rate = front_end.sample_rate
        hop_seconds = front_end.hop_length / front_end.sample_rate
        self.clip_seconds = front_end.example_frames * hop_seconds
        self.pooling = pooling
        layers, width = [], 1
        for stage in channels:
            for wider in stage:
                layers += [
                    torch.nn.Conv2d(width, wider, 3, padding=1),
                    torch.nn.ReLU(inplace=True),
                ]
                width = wider
            layers.append(torch.nn.MaxPool2d(2))
        if not last_pool:
            layers.pop()
        self.features = torch.nn.Sequential(*layers)
        # Columns of the map in an example, and rows, which are bands.
        pools = len(channels) - (not last_pool)
        self.columns = front_end.example_frames >> pools
        bands = front_end.n_mels >> pools
        if pooling == "max_mean":
            self.embedding_dim = width * bands
            self.frame_seconds = hop_seconds * 2**pools
        else:
            self.embedding_dim = embedding_dim
            self.frame_seconds = self.clip_seconds
            sizes = [width * self.columns * bands, hidden_dim, hidden_dim]
            layers = []
            for index, size in enumerate(sizes):
                wanted = [*sizes, embedding_dim][index + 1]
                layers += [torch.nn.Linear(size, wanted), torch.nn.ReLU()]
            if not last_relu:
                layers.pop()
            self.embeddings = torch.nn.Sequential(*layers)
        # On two CPU cores a forward takes 0.7 of the time this way; tensor
        # cores want it too.
        self.to(memory_format=torch.channels_last)

    def maps(self, wavs):
        """The convolutional part.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            [B, examples, channels, columns, bands]; 512, 6 and 4 as
            published. Not negative.
        """
        x = self.front_end(wavs)
        batch = x.shape[0]
        x = x.flatten(0, 1).unsqueeze(1)
        x = x.contiguous(memory_format=torch.channels_last)
        parts = [self.features(part) for part in x.split(EXAMPLES_AT_ONCE)]
        return torch.cat(parts).unflatten(0, (batch, -1))

    def over_time(self, wavs):
        """The vectors that are pooled over time.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            float32: each example's embedding, or with "max_mean" each column
            of the maps; [B, N, embedding_dim].
        """
        x = self.maps(wavs)
        if self.pooling == "max_mean":
            x = x.permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)
        else:
            # Time, band, channel: the order of TensorFlow.
            x = self.embeddings(x.permute(0, 1, 3, 4, 2).flatten(2))
        # Or the mean would be taken in bf16.
        return x.float()

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone.

        Returns
        -------
        torch.Tensor
            [B, embedding_dim].
        """

        def _clip(wavs):
            x = self.over_time(wavs)
            if self.pooling == "max_mean":
                return x.amax(1) + x.mean(1)
            return x.mean(1)

        return by_length(_clip, wavs, lens)

    def forward_frames(self, wavs, lens=None):
        """Embeds what happens over time, each frame as if it were a clip.

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
            Seconds from one frame to the next: 0.96 for examples; 0.16 with
            "max_mean", 0.08 without the last max pool.
        """
        full = self.front_end.examples(wavs.shape[1])
        if self.pooling == "max_mean":
            full *= self.columns

        def _frames(wavs):
            x = self.over_time(wavs)
            if self.pooling == "max_mean":
                x = 2 * x  # of one frame the maximum is the mean
            return functional.pad(x, (0, 0, 0, full - x.shape[1]))

        return by_length(_frames, wavs, lens), self.frame_seconds

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, seconds of an example, embedding size, pooling.
        """
        return (
            f"sample_rate={self.sample_rate}, clip_seconds={self.clip_seconds},"
            f" embedding_dim={self.embedding_dim}, pooling={self.pooling!r}"
        )
