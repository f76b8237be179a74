"""ESResNeXt-fbsp: an image network with attention over a trained transform.

"ESResNe(X)t-fbsp: Learning Robust Time-Frequency Transformation of Audio",
Guzhov et al. 2021, https://arxiv.org/abs/2104.11587. The audio tower of
AudioCLIP, https://arxiv.org/abs/2106.13043. Parameters carry the names of the
published weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.lobes.fbsp import FBSP
from speechbrain_clap.lobes.resnext import Bottleneck, StageAttention
from speechbrain_clap.utils.lengths import by_length

# What a power of exactly zero is replaced by, before the logarithm.
SILENCE = 1e-18
# Of the attention at the input of each of the four stages: frequency, time.
ATTENTION_KERNELS = ((3, 1), (1, 5), (3, 1), (1, 5))


class ESResNeXt(torch.nn.Module):
    """ResNeXt with attention over a log power image of three bands.

    The trainable transform ``fbsp`` gives a power spectrogram. Its lower bins,
    as many as divide by three, are cut into three bands: low, middle and high
    are the channels of an image, as red, green and blue would be. It enters in
    decibels, neither normalised nor resized.

    Waves are in [-1, 1]. The network itself was published for int16 numbers,
    the mapping of which to [-1, 1] is part of it: silence is half a step above
    zero there, and so it is here. A clip is one image however long it is:
    three minutes take 1.5 GB.

    Arguments
    ---------
    sample_rate : int
        Of the waves, in Hz.
    clip_seconds : float
        The length that the network is trained on.
    n_fft : int
        Taps of a filter.
    hop_length : int
        From one frame to the next, in samples.
    win_length : int
        Samples of a frame.
    depths : list of int
        Blocks of each of the four stages.
    channels : int
        Channels of the stem; a stage gives 4, 8, 16 and 32 times as many.
    groups : int
        Groups of the 3 x 3 convolutions.
    width_per_group : int
        Channels of each group in the first stage; they double with each.
    num_classes : int
        Outputs of the head ``fc``, 527 for AudioSet. With 0 there is none, so
        that training an embedding leaves no parameter unused; with a head,
        train through ``classify``.

    Example
    -------
    >>> sizes = {"depths": [1, 1, 1, 1], "channels": 4, "groups": 2}
    >>> encoder = ESResNeXt(n_fft=256, win_length=206, **sizes).eval()
    >>> encoder(torch.rand(2, 22050)).shape
    torch.Size([2, 128])
    >>> frames, seconds = encoder.forward_frames(torch.rand(2, 22050))
    >>> frames.shape, round(seconds, 3)
    (torch.Size([2, 2, 128]), 0.407)
    """

    def __init__(
        self,
        sample_rate=44100,
        clip_seconds=5.0,
        n_fft=2048,
        hop_length=561,
        win_length=1654,
        depths=(3, 4, 6, 3),
        channels=64,
        groups=32,
        width_per_group=4,
        num_classes=0,
    ):
        super().__init__()
        self.sample_rate = sample_rate
        self.clip_seconds = clip_seconds
        self.conv1 = torch.nn.Conv2d(3, channels, 7, 2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(channels)
        width = channels
        for index, kernel_size in enumerate(ATTENTION_KERNELS):
            inner = groups * width_per_group * 2**index
            out = 4 * channels * 2**index
            blocks = []
            for block in range(depths[index]):
                stride = 2 if index and not block else 1
                source = out if block else width
                blocks.append(Bottleneck(source, inner, out, groups, stride))
            attention = StageAttention(width, out, kernel_size)
            setattr(self, f"layer{index + 1}", torch.nn.Sequential(*blocks))
            setattr(self, f"att{index + 1}", attention)
            width = out
        self.att5 = StageAttention(width, width, (3, 5))
        self.embedding_dim = width
        self.num_classes = num_classes
        if num_classes:
            self.fc = torch.nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
        self.fbsp = FBSP(n_fft, hop_length, win_length)
        # On two CPU cores evaluation takes 0.72 of the time this way, training
        # 0.68; in bf16 0.66 and 0.78.
        self.to(memory_format=torch.channels_last)

    def load_imagenet(self, state_dict):
        """Starts from an image network, as the authors do.

        The attention's batch norms, which it does not hold, get weight and
        bias 1, so that the factors are 0.73 on average. Its own classifier is
        left aside.

        Arguments
        ---------
        state_dict : dict
            Of ``torchvision.models.resnext50_32x4d``, or of one of other sizes
            that fits.

        Returns
        -------
        list of str
            Our keys that it does not hold: attention, ``fc``, ``fbsp``.

        Raises
        ------
        ValueError
            If a key is missing, unknown or of another shape.
        """
        own, rest = {}, []
        for key, value in self.state_dict().items():
            if key.startswith(("att", "fc.", "fbsp.")):
                rest.append(key)
            else:
                own[key] = value
        given = {
            key: value
            for key, value in state_dict.items()
            if not key.startswith("fc.")
        }
        problems = [
            f"missing: {key}"
            for key in own
            # Files older than these counters lack them.
            if key not in given and not key.endswith("num_batches_tracked")
        ]
        problems += [f"unknown: {key}" for key in given if key not in own]
        problems += [
            f"{key}: expected {list(value.shape)}, got {list(given[key].shape)}"
            for key, value in own.items()
            if key in given and given[key].shape != value.shape
        ]
        if problems:
            raise ValueError(
                f"ESResNeXt: expected the state dict of an image network of "
                f"the same sizes, such as resnext50_32x4d; {len(problems)} "
                f"keys do not fit: " + "; ".join(problems[:5])
            )
        self.load_state_dict(given, strict=False)
        for index in range(1, 6):
            norm = getattr(self, f"att{index}").bn
            torch.nn.init.ones_(norm.weight)
            torch.nn.init.ones_(norm.bias)
        return rest

    def features(self, wavs):
        """Turns waves into the network's image.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            Decibels, float32, [B, 3, bins, frames] or
            [B, C, 3, bins, frames].
        """
        with torch.autocast(wavs.device.type, enabled=False):
            # (x + 32768) * 2 / 65535 - 1 of int16 numbers x, in a form that
            # does not round a quiet wave to steps of the loudest.
            x = wavs.float() * (65536 / 65535) + 1 / 65535
            power = self.fbsp.power(x.flatten(0, -2))
            bins = power.shape[1] // 3
            power = power[:, : 3 * bins].unflatten(1, (3, bins))
            power = torch.where(power > 0, power, SILENCE)
            return power.log10().mul(10).unflatten(0, wavs.shape[:-1])

    def trunk(self, image):
        """The four stages, each times its attention.

        Arguments
        ---------
        image : torch.Tensor
            [B, 3, bins, frames].

        Returns
        -------
        torch.Tensor
            [B, embedding_dim, rows, steps], 32 times fewer of both.
        """
        x = image.contiguous(memory_format=torch.channels_last)
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, padding=1)
        for index in range(1, 5):
            y = getattr(self, f"layer{index}")(x)
            x = y * getattr(self, f"att{index}")(x, y.shape[2:])
        return x

    def steps(self, wavs):
        """The trunk over time; its mean is the embedding of a clip.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            float32, [B, steps, embedding_dim]: the mean over frequency times
            the last attention, summed over the channels of the waves.
        """
        x = self.trunk(self.features(wavs).flatten(0, -4))
        factors = self.att5(x, (1, 1)).float()[..., 0]
        x = x.mean(2, dtype=torch.float32) * factors
        return x.unflatten(0, (len(wavs), -1)).sum(1).transpose(1, 2)

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T]; or [B, C, T], where each of the C
            channels passes alone and the embeddings are summed. (The authors
            trained on mono made stereo: that doubles an embedding.)
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone.

        Returns
        -------
        torch.Tensor
            Pooled features, [B, embedding_dim].
        """
        return self._by_length(lambda x: self.steps(x).mean(1), wavs, lens)

    def classify(self, wavs, lens=None):
        """Scores the classes.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T] or [B, C, T].
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
                "ESResNeXt: there is no head to classify with; make it with "
                "num_classes, 527 for AudioSet"
            )
        return self.fc(self(wavs, lens))

    def forward_frames(self, wavs, lens=None):
        """Embeds what happens over time; the frames' mean is ``forward``'s.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T] or [B, C, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; frames past a clip's end are zero.

        Returns
        -------
        torch.Tensor
            [B, N, embedding_dim].
        float
            Seconds from one frame to the next, 0.407 as published.
        """
        full = -(-self.fbsp.count(wavs.shape[-1]) // 32)

        def _frames(wavs):
            x = self.steps(wavs)
            return functional.pad(x, (0, 0, 0, full - x.shape[1]))

        seconds = 32 * self.fbsp.hop_length / self.sample_rate
        return self._by_length(_frames, wavs, lens), seconds

    def fbsp_norm_loss(self):
        """What the authors add to the loss of training.

        Returns
        -------
        torch.Tensor
            Mean over the bins of (norm of the filter - 1) ** 2, a scalar.
        """
        return self.fbsp.norm_loss()

    def _by_length(self, function, wavs, lens):
        """As ``by_length``, with time in the last dimension of the waves."""
        return by_length(
            lambda x: function(x.movedim(1, -1)), wavs.movedim(-1, 1), lens
        )

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
