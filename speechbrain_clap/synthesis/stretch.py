"""Time stretch and pitch shift of one sound, by a phase vocoder.

Authors
 * The speechbrain_clap team 2026
"""

import math
from fractions import Fraction

import torch
import torchaudio

from speechbrain_clap.dataio.resampling import resample

N_FFT = 2048
HOP = 512
LARGEST_TERM = 200  # of the ratio of two rates that stands for an interval


def stretch_and_shift(wav, time_stretch=None, pitch_shift=None):
    """Changes how long a sound is, how high it is, or both.

    Arguments
    ---------
    wav : torch.Tensor
        Float32, shape [T].
    time_stretch : float or None
        Factor on the duration: above 1 is longer, as in Scaper.
    pitch_shift : float or None
        In semitones: above 0 is higher. To a hundredth of a semitone or so.

    Returns
    -------
    torch.Tensor
        Shape [T * time_stretch], rounded.

    Raises
    ------
    ValueError
        If the factor is not above 0, or the shift beyond two octaves.

    Example
    -------
    >>> tone = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 16000)
    >>> longer = stretch_and_shift(tone, time_stretch=1.5)
    >>> higher = stretch_and_shift(tone, pitch_shift=12)
    >>> longer.shape, higher.shape
    (torch.Size([24000]), torch.Size([16000]))
    >>> int(torch.fft.rfft(longer).abs().argmax() / 1.5)
    440
    >>> int(torch.fft.rfft(higher).abs().argmax())
    880
    """
    factor = 1.0 if time_stretch is None else float(time_stretch)
    semitones = 0.0 if pitch_shift is None else float(pitch_shift)
    if not 0 < factor < math.inf or not abs(semitones) <= 24:
        raise ValueError(
            f"time_stretch={time_stretch} and pitch_shift={pitch_shift}: "
            "expected a factor above 0, and between -24 and 24 semitones"
        )
    length = max(1, round(len(wav) * factor))
    ratio = Fraction(2 ** (semitones / 12)).limit_denominator(LARGEST_TERM)
    stretched = factor * float(ratio)
    if stretched != 1:
        wav = _vocode(wav, stretched)
    # Played faster by the ratio, it is higher and as long as was asked for.
    wav = resample(wav, ratio.numerator, ratio.denominator)
    missing = length - len(wav)
    if missing > 0:
        return torch.nn.functional.pad(wav, (0, missing))
    return wav[:length]


def _vocode(wav, factor):
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(
        # The transform reflects half a window at either end.
        torch.nn.functional.pad(wav, (0, max(0, N_FFT - len(wav)))),
        N_FFT,
        HOP,
        window=window,
        return_complex=True,
    )
    advance = torch.linspace(0, math.pi * HOP, N_FFT // 2 + 1)[:, None]
    spectrum = torchaudio.functional.phase_vocoder(
        spectrum, 1 / factor, advance
    )
    return torch.istft(
        spectrum, N_FFT, HOP, window=window, length=round(len(wav) * factor)
    )
