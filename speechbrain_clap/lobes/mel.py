"""Mel matrices: from the bins of a spectrum to bands that hearing tells apart.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import torch
import torchaudio


def slaney_mel_matrix(sample_rate, n_fft, n_mels, f_min, f_max):
    """Triangular filters on Slaney's mel scale, each of unit area.

    As ``torchaudio.functional.melscale_fbanks(norm="slaney",
    mel_scale="slaney")``, but computed in float64 as librosa does: in float32
    a filter's edge moves so far that tonal sounds differ by 2e-3 dB from what
    the published weights were trained on.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    n_fft : int
        Points of the Fourier transform.
    n_mels : int
        Number of filters.
    f_min : float
        Lower edge of the lowest, in Hz.
    f_max : float
        Upper edge of the highest, in Hz.

    Returns
    -------
    torch.Tensor
        float32, [n_fft // 2 + 1, n_mels].

    Example
    -------
    >>> slaney_mel_matrix(16000, 512, 64, 0.0, 8000.0).shape
    torch.Size([257, 64])
    """
    # Linear below 1000 Hz (15 mels), then 27 mels to a factor of 6.4.
    step = numpy.log(6.4) / 27

    def _to_mel(hertz):
        return numpy.where(
            hertz < 1000,
            3 * hertz / 200,
            15 + numpy.log(numpy.maximum(hertz, 1000) / 1000) / step,
        )

    mels = numpy.linspace(_to_mel(f_min), _to_mel(f_max), n_mels + 2)
    edges = numpy.where(
        mels < 15, 200 * mels / 3, 1000 * numpy.exp(step * (mels - 15))
    )
    filters = _triangles(_bins(sample_rate, n_fft), edges)
    area = 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy((filters * area).astype(numpy.float32))


def htk_mel_matrix(sample_rate, n_fft, n_mels, f_min, f_max):
    """Triangular filters on HTK's mel scale, each of height one.

    torchaudio's own, in its float32: the weights that use them (LAION's
    fusion model) were trained on torchaudio's features.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    n_fft : int
        Points of the Fourier transform.
    n_mels : int
        Number of filters.
    f_min : float
        Lower edge of the lowest, in Hz.
    f_max : float
        Upper edge of the highest, in Hz.

    Returns
    -------
    torch.Tensor
        float32, [n_fft // 2 + 1, n_mels].

    Example
    -------
    >>> htk_mel_matrix(48000, 1024, 64, 50.0, 14000.0).shape
    torch.Size([513, 64])
    """
    return torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, f_min, f_max, n_mels, sample_rate
    )


def vggish_mel_matrix(sample_rate, n_fft, n_mels, f_min, f_max):
    """The filters of VGGish: triangles whose sides are straight in mel.

    Elsewhere they are straight in Hz. Their height is one, and the bin at
    0 Hz is in none of them.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    n_fft : int
        Points of the Fourier transform.
    n_mels : int
        Number of filters.
    f_min : float
        Lower edge of the lowest, in Hz.
    f_max : float
        Upper edge of the highest, in Hz.

    Returns
    -------
    torch.Tensor
        float32, [n_fft // 2 + 1, n_mels].

    Example
    -------
    >>> vggish_mel_matrix(16000, 512, 64, 125.0, 7500.0).shape
    torch.Size([257, 64])
    """

    def _to_mel(hertz):  # in a unit that cancels out
        return numpy.log1p(hertz / 700)

    edges = numpy.linspace(_to_mel(f_min), _to_mel(f_max), n_mels + 2)
    filters = _triangles(_to_mel(_bins(sample_rate, n_fft)), edges)
    filters[0] = 0
    return torch.from_numpy(filters.astype(numpy.float32))


def _bins(sample_rate, n_fft):
    """Frequencies of the bins of a spectrum, in Hz."""
    return numpy.linspace(0, sample_rate / 2, n_fft // 2 + 1)


def _triangles(points, edges):
    """From 0 at each edge to 1 at the next and back: [points, edges - 2]."""
    points = points[:, None]
    rise = (points - edges[:-2]) / numpy.diff(edges)[:-1]
    fall = (edges[2:] - points) / numpy.diff(edges)[1:]
    return numpy.maximum(0, numpy.minimum(rise, fall))
