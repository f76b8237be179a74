"""Tensors that published files hold and that we compute: to compare with.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import torch


def dft_kernels(n_fft, win_length):
    """The Fourier transform as torchlibrosa writes it, as kernels.

    Arguments
    ---------
    n_fft : int
        Points.
    win_length : int
        Length of the periodic Hann window, centred in them.

    Returns
    -------
    torch.Tensor
        Real part, [n_fft // 2 + 1, 1, n_fft].
    torch.Tensor
        Imaginary part, the same shape.

    Example
    -------
    >>> real, imaginary = dft_kernels(8, 8)
    >>> real.shape, bool(imaginary[0].abs().max() == 0)
    (torch.Size([5, 1, 8]), True)
    """
    window = numpy.zeros(n_fft)
    left = (n_fft - win_length) // 2
    angle = 2 * numpy.pi * numpy.arange(win_length) / win_length
    window[left : left + win_length] = 0.5 - 0.5 * numpy.cos(angle)
    bins = numpy.arange(n_fft // 2 + 1)[:, None]
    # Modulo n_fft, or float64 would lose digits in large products.
    turns = (bins * numpy.arange(n_fft)) % n_fft / n_fft
    kernels = window * numpy.exp(-2j * numpy.pi * turns)
    kernels = torch.from_numpy(kernels[:, None])
    return kernels.real.float(), kernels.imag.float()


def torchlibrosa_constants(prefix, features):
    """What torchlibrosa's front end adds to a state dict.

    Arguments
    ---------
    prefix : str
        Of the network's keys.
    features : speechbrain_clap.lobes.features.LogMel
        Ours.

    Returns
    -------
    dict
        Official key to tensor.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> list(torchlibrosa_constants("", LogMel()))[-1]
    'logmel_extractor.melW'
    """
    stft = features.stft
    real, imaginary = dft_kernels(stft.n_fft, stft.win_length)
    extractor = f"{prefix}spectrogram_extractor.stft.conv_"
    return {
        f"{extractor}real.weight": real,
        f"{extractor}imag.weight": imaginary,
        f"{prefix}logmel_extractor.melW": features.mel_matrix,
    }


def swin_constants(prefix, htsat):
    """The tables of HTS-AT's attention.

    Arguments
    ---------
    prefix : str
        Of the network's keys.
    htsat : speechbrain_clap.lobes.htsat.HTSAT
        Ours.

    Returns
    -------
    dict
        Official key to tensor: which bias a pair of tokens has, and what the
        shifted windows must not see.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.htsat import HTSAT
    >>> features = LogMel(sample_rate=16000, n_mels=16, f_max=8000.0)
    >>> sizes = {"embed_dim": 8, "depths": [2], "num_heads": [2]}
    >>> tables = swin_constants("", HTSAT(features, spec_size=64, **sizes))
    >>> list(tables)[-1]
    'layers.0.blocks.1.attn_mask'
    """
    found = {}
    for index, stage in enumerate(htsat.layers):
        for place, block in enumerate(stage.blocks):
            front = f"{prefix}layers.{index}.blocks.{place}."
            found[f"{front}attn.relative_position_index"] = (
                block.attn.relative_position_index
            )
            if block.attn_mask is not None:
                found[f"{front}attn_mask"] = block.attn_mask
    return found
