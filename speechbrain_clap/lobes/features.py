"""Spectrograms as the published CLAP, PANNs and Wav2CLIP models use them.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.lobes.mel import htk_mel_matrix, slaney_mel_matrix
from speechbrain_clap.lobes.spectrogram import PowerSpectrogram

# Below this power a bin counts as silent, as in torchlibrosa.
POWER_FLOOR = 1e-10

MEL_SCALES = {"slaney": slaney_mel_matrix, "htk": htk_mel_matrix}

# What the weights of each family need, where it is not LogMel's default.
PUBLISHED = {
    "panns_cnn14": {"sample_rate": 32000},
    "htsat_audioset": {"sample_rate": 32000},
    "msclap_2022": {"sample_rate": 44100},
    # The authors' HTSAT takes its filters from AudioSet's settings, whatever
    # the sample rate.
    "msclap_2023": {"sample_rate": 44100, "mel_sample_rate": 32000},
    "msclap_clapcap": {"sample_rate": 44100, "mel_sample_rate": 32000},
    "laion_clap_htsat_tiny_unfused": {"sample_rate": 48000, "hop_length": 480},
    "laion_clap_htsat_tiny_fused": {
        "sample_rate": 48000,
        "hop_length": 480,
        "mel_scale": "htk",
    },
}


class LogMel(PowerSpectrogram):
    """Log-mel spectrogram, equal to torchlibrosa's (see benchmarks/logmel.py).

    Periodic Hann window, centred frames with reflected edges, power, a mel
    matrix with Slaney's scale and norm, then 10 log10 with a floor of 1e-10
    and no limit on the range. These are the settings behind the weights of
    PANNs (https://arxiv.org/abs/1912.10211), HTS-AT and Microsoft CLAP; the
    table ``PUBLISHED`` has them by family. SpeechBrain's own ``Fbank`` is
    another feature: it differs by about 20 dB.

    The arithmetic is float32 even under autocast: in bf16 the quiet bins,
    and with them the decibels, would be lost.

    Arguments
    ---------
    sample_rate : int
        Of the waves, in Hz.
    n_fft : int
        Points of the Fourier transform.
    win_length : int
        Length of the window, in samples.
    hop_length : int
        From one frame to the next, in samples.
    n_mels : int
        Number of mel bins.
    f_min : float
        Lower edge of the lowest bin, in Hz.
    f_max : float
        Upper edge of the highest bin, in Hz.
    mel_scale : str
        "slaney" with filters of unit area, or "htk" with filters of height
        one, as in LAION's fusion model.
    mel_sample_rate : int or None
        The rate that the mel matrix is built for, if it is not that of the
        waves: Microsoft CLAP 2023 hears 44100 Hz through filters for 32000
        Hz, so that each lies 1.38 times higher than its name.

    Raises
    ------
    ValueError
        If the edges do not fit the sample rate, or for another scale.

    Example
    -------
    >>> features = LogMel(sample_rate=22050, f_max=11025.0)
    >>> features(torch.randn(2, 22050)).shape
    torch.Size([2, 69, 64])
    """

    def __init__(
        self,
        sample_rate=44100,
        n_fft=1024,
        win_length=1024,
        hop_length=320,
        n_mels=64,
        f_min=50.0,
        f_max=14000.0,
        mel_scale="slaney",
        mel_sample_rate=None,
    ):
        super().__init__(sample_rate, n_fft, win_length, hop_length)
        if mel_sample_rate is None:
            mel_sample_rate = sample_rate
        if not 0 <= f_min < f_max <= mel_sample_rate / 2:
            raise ValueError(
                f"LogMel: expected 0 <= f_min < f_max <= mel_sample_rate / 2, "
                f"got f_min={f_min}, f_max={f_max}, sample_rate={sample_rate}, "
                f"mel_sample_rate={mel_sample_rate}"
            )
        if mel_scale not in MEL_SCALES:
            raise ValueError(
                f"LogMel: expected mel_scale to be one of "
                f"{', '.join(MEL_SCALES)}, got {mel_scale!r}"
            )
        self.n_mels = n_mels
        self.f_min = f_min
        self.f_max = f_max
        self.mel_scale = mel_scale
        self.mel_sample_rate = mel_sample_rate
        self.register_buffer(
            "mel_matrix",
            MEL_SCALES[mel_scale](mel_sample_rate, n_fft, n_mels, f_min, f_max),
        )

    def scale(self, power):
        """From power to decibels in mel bins.

        Arguments
        ---------
        power : torch.Tensor
            float32, [B, frames, n_fft // 2 + 1].

        Returns
        -------
        torch.Tensor
            Decibels, [B, frames, n_mels].
        """
        mel = power @ self.mel_matrix
        return mel.clamp_(min=POWER_FLOOR).log10_().mul_(10)

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, hop, number and scale of the mel bins, and the rate
            that they are built for.
        """
        return (
            f"sample_rate={self.sample_rate}, hop_length={self.hop_length}, "
            f"n_mels={self.n_mels}, mel_scale={self.mel_scale!r}, "
            f"mel_sample_rate={self.mel_sample_rate}"
        )


def published_log_mel(name):
    """The log-mel that the published weights of a family need.

    Arguments
    ---------
    name : str
        The family's, a key of ``PUBLISHED``.

    Returns
    -------
    LogMel
        At the published settings.

    Raises
    ------
    ValueError
        If there is no such family.

    Example
    -------
    >>> published_log_mel("msclap_2023")
    LogMel(
      sample_rate=44100, hop_length=320, n_mels=64, mel_scale='slaney',
      mel_sample_rate=32000
      (stft): STFT()
    )
    """
    if name not in PUBLISHED:
        raise ValueError(
            f"published_log_mel: there is no {name!r}; expected one of "
            f"{', '.join(PUBLISHED)}"
        )
    return LogMel(**PUBLISHED[name])


class LogSpectrogram(PowerSpectrogram):
    """Wav2CLIP's front end: a standardised logarithm of the power, no mels.

    "Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al.
    2021, https://arxiv.org/abs/2110.11499. The natural logarithm of
    power + 1e-7 minus its mean, over its standard deviation + 1e-9: one mean
    and one deviation over time and frequency.

    Silence has no deviation and becomes zeros.

    Arguments
    ---------
    sample_rate : int
        Of the waves, in Hz.
    n_fft : int
        Points of the Fourier transform, and length of the window.
    hop_length : int
        From one frame to the next, in samples.
    normalise : str
        "clip" standardises each clip by itself, so that one file has one
        embedding; "batch" is the published rule, over the whole batch (of
        this process), so that the embedding of a clip depends on the others.
        On one file they are the same.

    Raises
    ------
    ValueError
        For another rule of standardising.

    Example
    -------
    >>> features = LogSpectrogram()(torch.randn(2, 16000))
    >>> features.shape, bool(features.mean().abs() < 1e-6)
    (torch.Size([2, 46, 257]), True)
    """

    def __init__(
        self, sample_rate=16000, n_fft=512, hop_length=353, normalise="clip"
    ):
        super().__init__(sample_rate, n_fft, n_fft, hop_length)
        if normalise not in ("clip", "batch"):
            raise ValueError(
                f'LogSpectrogram: expected normalise to be "clip" or "batch", '
                f"got {normalise!r}"
            )
        self.normalise = normalise

    def forward(self, wavs):
        """Turns waves into standardised log spectrograms.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            float32, [B, T // hop_length + 1, n_fft // 2 + 1].
        """
        return self.standardise(self.log_power(wavs))

    def log_power(self, wavs):
        """Turns waves into log spectrograms, not standardised.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            float32, [B, T // hop_length + 1, n_fft // 2 + 1].
        """
        return super().forward(wavs)

    def scale(self, power):
        """The natural logarithm.

        Arguments
        ---------
        power : torch.Tensor
            float32, [B, frames, n_fft // 2 + 1].

        Returns
        -------
        torch.Tensor
            The same shape.
        """
        return power.add_(1e-7).log_()

    def standardise(self, x):
        """Subtracts the mean and divides by the deviation, by the rule set.

        Arguments
        ---------
        x : torch.Tensor
            The first dimension is that of the clips; what each holds (frames
            and bins, or several spectrograms of one clip) has one mean.

        Returns
        -------
        torch.Tensor
            float32, the same shape.
        """
        first = 1 if self.normalise == "clip" else 0
        # In float32 the mean of equal numbers is off by a rounding, which
        # the deviation of silence, 0, would blow up.
        x = x.double()
        std, mean = torch.std_mean(x, tuple(range(first, x.ndim)), keepdim=True)
        return ((x - mean) / (std + 1e-9)).float()

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            As of a power spectrogram, and the rule of standardising.
        """
        return f"{super().extra_repr()}, normalise={self.normalise!r}"
