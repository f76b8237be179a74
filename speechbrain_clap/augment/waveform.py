"""Augmentations of waves, on a batch and its device.

Time scaling, inversion, crop, pad and noise are those of section 4 of
"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043. All draw from PyTorch's global generator on
the CPU, so that a seed gives the same augmentation on any device. Time is the
last dimension; the channels of a clip share what is drawn.

Authors
 * The speechbrain_clap team 2026
"""

import torch


def per_clip(values, wavs):
    """Gives numbers of clips the shape that goes with their waves.

    Arguments
    ---------
    values : torch.Tensor
        [B, 1], on any device.
    wavs : torch.Tensor
        [B, T] or [B, C, T].

    Returns
    -------
    torch.Tensor
        [B, 1] or [B, 1, 1], on the device of the waves.

    Example
    -------
    >>> per_clip(torch.ones(2, 1), torch.rand(2, 3, 5)).shape
    torch.Size([2, 1, 1])
    """
    shape = (len(values), *[1] * (wavs.ndim - 1))
    return values.reshape(shape).to(wavs.device)


def take(wavs, at):
    """Takes samples by their places, the same of each channel.

    Arguments
    ---------
    wavs : torch.Tensor
        [B, T] or [B, C, T].
    at : torch.Tensor
        Places in time, int64, [B, N] or [B, 1, N].

    Returns
    -------
    torch.Tensor
        [B, N] or [B, C, N].

    Example
    -------
    >>> take(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 2, 0, 1]]))
    tensor([[3, 3, 1, 2]])
    """
    return wavs.gather(-1, at.expand(*wavs.shape[:-1], -1))


class TimeScaling(torch.nn.Module):
    """Plays each clip faster or slower, by `base` ** U(-1, 1).

    Linear interpolation, which shifts the pitch too, as in the paper. The
    number of samples stays: a longer clip is cropped at a random place, a
    shorter one is repeated or padded with zeros behind a random offset.

    Arguments
    ---------
    base : float
        The largest factor; its inverse is the smallest.
    probability : float
        Share of the clips that are scaled.
    padding : str
        "repeat" or "zero".

    Example
    -------
    >>> TimeScaling()(torch.rand(4, 1000)).shape
    torch.Size([4, 1000])
    """

    def __init__(self, base=1.5, probability=1.0, padding="repeat"):
        super().__init__()
        if padding not in ("repeat", "zero"):
            raise ValueError(
                f"TimeScaling: padding is '{padding}', expected 'repeat' or "
                "'zero'"
            )
        self.base = base
        self.probability = probability
        self.padding = padding

    def forward(self, wavs):
        """Scales.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            As it came.
        """
        batch, samples = len(wavs), wavs.shape[-1]
        speed = self.base ** (2 * torch.rand(batch, 1) - 1)
        speed[torch.rand(batch, 1) >= self.probability] = 1.0
        if bool((speed == 1.0).all()):
            return wavs
        # Where in the source the output begins: negative is padding in
        # front (the source, sped up, is shorter than the output).
        start = torch.rand(batch, 1) * (samples - samples * speed)
        grid = torch.arange(samples, device=wavs.device)
        at = per_clip(start, wavs) + grid * per_clip(speed, wavs)
        if self.padding == "repeat":
            at = at % samples
        left = at.floor()
        share = at - left
        inside = (left >= 0) & (left < samples)
        left = left.long().clamp(0, samples - 1)
        right = (left + 1).clamp(max=samples - 1)
        return torch.lerp(take(wavs, left), take(wavs, right), share) * inside


class TimeReversal(torch.nn.Module):
    """Plays some clips backwards (the paper's "time inversion").

    The code published with the paper swaps the channels instead, which does
    nothing to mono sound; here time is reversed, unless that is asked for.

    Arguments
    ---------
    probability : float
        Share of the clips that are reversed.
    swap_channels : bool
        If True, the order of the channels is reversed, and time is not.

    Example
    -------
    >>> TimeReversal(1.0)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1.]])
    """

    def __init__(self, probability=0.5, swap_channels=False):
        super().__init__()
        self.probability = probability
        self.swap_channels = swap_channels

    def forward(self, wavs):
        """Reverses.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            As it came.
        """
        chosen = torch.rand(len(wavs), 1) < self.probability
        if not self.swap_channels:
            other = wavs.flip(-1)
        else:
            other = wavs.flip(1) if wavs.ndim == 3 else wavs
        return torch.where(per_clip(chosen, wavs), other, wavs)


class RandomCropOrPad(torch.nn.Module):
    """Cuts every clip to one length at a random place, or fills it up.

    Arguments
    ---------
    seconds : float
        The length wanted.
    sample_rate : int
        In Hz.
    padding : str
        "zero", "edge" (repeats the first and the last sample, as AudioCLIP
        does) or "repeat" (starts again from the beginning).

    Example
    -------
    >>> RandomCropOrPad(0.5, 16000)(torch.rand(2, 16000)).shape
    torch.Size([2, 8000])
    """

    def __init__(self, seconds, sample_rate, padding="zero"):
        super().__init__()
        if padding not in ("zero", "edge", "repeat"):
            raise ValueError(
                f"RandomCropOrPad: padding is '{padding}', expected 'zero', "
                "'edge' or 'repeat'"
            )
        self.samples = round(seconds * sample_rate)
        self.padding = padding

    def forward(self, wavs, lens=None):
        """Crops or pads.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].
        lens : torch.Tensor or None
            Relative lengths, [B]: what lies behind a clip's end is not used.

        Returns
        -------
        torch.Tensor
            [B, seconds * sample_rate] or [B, C, seconds * sample_rate].
        """
        batch, samples = len(wavs), wavs.shape[-1]
        true = torch.full((batch, 1), samples)
        if lens is not None:
            true = (lens.cpu() * samples).round().long().clamp(min=1)[:, None]
        slack = true - self.samples
        # A positive start cuts, a negative one pads in front.
        start = (torch.rand(batch, 1) * (slack.abs() + 1)).long()
        start = per_clip(start * slack.sign(), wavs)
        true = per_clip(true, wavs)
        at = start + torch.arange(self.samples, device=wavs.device)
        if self.padding == "repeat":
            # Short clips begin anywhere within themselves.
            return take(wavs, at % true)
        inside = (at >= 0) & (at < true)
        cut = take(wavs, at.clamp(min=0).minimum(true - 1))
        return cut if self.padding == "edge" else cut * inside


class RandomShift(torch.nn.Module):
    """Rolls each clip in time by a random number of samples.

    Arguments
    ---------
    probability : float
        Share of the clips that are rolled.

    Example
    -------
    >>> sorted(RandomShift()(torch.tensor([[1, 2, 3]]))[0].tolist())
    [1, 2, 3]
    """

    def __init__(self, probability=1.0):
        super().__init__()
        self.probability = probability

    def forward(self, wavs):
        """Rolls.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            As it came.
        """
        batch, samples = len(wavs), wavs.shape[-1]
        shift = torch.randint(samples, (batch, 1))
        shift[torch.rand(batch, 1) >= self.probability] = 0
        at = torch.arange(samples, device=wavs.device) + per_clip(shift, wavs)
        return take(wavs, at % samples)


class GaussianNoise(torch.nn.Module):
    """Adds white noise at a random signal-to-noise ratio to some clips.

    Arguments
    ---------
    snr_low : float
        Lowest ratio, in dB.
    snr_high : float
        Highest ratio, in dB.
    probability : float
        Share of the clips that get noise.

    Example
    -------
    >>> clean = torch.ones(1, 10000)
    >>> noise = GaussianNoise(20, 20, probability=1.0)(clean) - clean
    >>> bool((noise.std() - 0.1).abs() < 0.01)
    True
    """

    def __init__(self, snr_low=10.0, snr_high=120.0, probability=0.25):
        super().__init__()
        self.snr_low = snr_low
        self.snr_high = snr_high
        self.probability = probability

    def forward(self, wavs):
        """Adds noise.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].

        Returns
        -------
        torch.Tensor
            As it came.
        """
        batch = len(wavs)
        span = self.snr_high - self.snr_low
        snr = self.snr_low + span * torch.rand(batch, 1)
        gain = 10 ** (-snr / 20)
        gain[torch.rand(batch, 1) >= self.probability] = 0.0
        # Drawn on the CPU for the clips that need it: most need none.
        rows = gain[:, 0].nonzero()[:, 0]
        if len(rows) == 0:
            return wavs
        noise = torch.randn(len(rows), *wavs.shape[1:]).to(wavs)
        rms = wavs[rows].square().flatten(1).mean(1, keepdim=True).sqrt()
        noisy = wavs.clone()
        gain = rms * gain[rows].to(wavs)
        noisy[rows] += noise * per_clip(gain, wavs)
        return noisy
