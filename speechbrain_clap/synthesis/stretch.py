"""Time stretch and pitch shift of one sound, by a phase vocoder.

Authors
 * The speechbrain_clap team 2026
"""

import math
from fractions import Fraction

import numpy as np
import scipy.signal
import torch

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
    """A phase vocoder with identity phase locking.

    J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification
    of audio", IEEE Trans. Speech and Audio Processing, 1999. Without the
    locking, neighbouring bins cancel and a tone may lose 10 dB.
    """
    window = torch.hann_window(N_FFT)
    # The transform reflects half a window at either end.
    padded = torch.nn.functional.pad(wav, (0, max(0, N_FFT - len(wav))))
    frames = torch.stft(
        padded, N_FFT, HOP, window=window, return_complex=True
    ).T.numpy()
    steps = int(len(padded) * factor) // HOP + 2
    places = np.minimum(np.arange(steps) / factor, len(frames) - 1.001)
    magnitudes = np.abs(frames)
    phases = np.angle(frames)
    output = np.empty((steps, frames.shape[1]), dtype=np.complex64)
    phase = phases[0]
    for step, place in enumerate(places):
        i, share = int(place), place % 1
        magnitude = (1 - share) * magnitudes[i] + share * magnitudes[i + 1]
        output[step] = magnitude * np.exp(1j * phase)
        # A peak's phase goes on as it does from this frame to the next; the
        # bins around it keep their phases relative to it.
        peaks = scipy.signal.argrelmax(magnitudes[i + 1], order=2)[0]
        turn = phase - phases[i]
        if len(peaks):
            middles = (peaks[1:] + peaks[:-1]) / 2
            turn = turn[peaks[np.searchsorted(middles, np.arange(len(turn)))]]
        phase = phases[i + 1] + turn
    return torch.istft(
        torch.from_numpy(output.T.copy()),
        N_FFT,
        HOP,
        window=window,
        length=round(len(wav) * factor),
    )
