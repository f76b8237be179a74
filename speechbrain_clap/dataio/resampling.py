"""Changing the sample rate, at any pair of rates.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import math

import torch

CROSSINGS = 6  # zero crossings of the sinc to each side
ROLLOFF = 0.99  # the cutoff, of half the lower rate
PHASES = 32  # output samples made by one matrix product


def context_frames(original, wanted):
    """How far around itself an output sample looks.

    Arguments
    ---------
    original : int
        Rate of the input, in Hz.
    wanted : int
        Rate of the output, in Hz.

    Returns
    -------
    int
        Frames of the input, to each side.

    Example
    -------
    >>> context_frames(44100, 32000), context_frames(32000, 44100)
    (9, 7)
    """
    return math.ceil(CROSSINGS * max(1.0, original / wanted) / ROLLOFF)


def resample(wav, original, wanted):
    """Changes the sample rate by a windowed sinc.

    The values are those of ``torchaudio.transforms.Resample`` at its default
    settings. That multiplies a whole period in which the two rates meet, 441
    samples at 44.1 to 32 kHz, by coefficients of which all but 18 are 0, and
    takes some 16 GB where the rates share no divisor, as 44,099 and 44,100
    Hz. Here nearby output samples are made together of the few input samples
    that they look at.

    Arguments
    ---------
    wav : torch.Tensor
        Float32, [..., T].
    original : int
        Its rate, in Hz.
    wanted : int
        The rate wanted, in Hz.

    Returns
    -------
    torch.Tensor
        [..., ceil(T * wanted / original)].

    Example
    -------
    >>> resample(torch.rand(2, 44100), 44100, 16000).shape
    torch.Size([2, 16000])
    """
    if original == wanted:
        return wav
    frames, samples, kernels, starts = _kernels(int(original), int(wanted))
    kernels = kernels.to(wav.device)
    length = math.ceil(wav.shape[-1] * wanted / original)
    periods = -(-length // samples)
    reach = context_frames(original, wanted)
    taps = kernels.shape[1]
    # So many that the last group of the last period finds its taps.
    needed = (periods - 1) * frames + starts[-1] + taps
    padded = torch.nn.functional.pad(
        wav.reshape(-1, wav.shape[-1]),
        (reach, max(0, needed - reach - wav.shape[-1])),
    )
    out = wav.new_empty(len(padded), periods, len(starts) * PHASES)
    for group, start in enumerate(starts):
        looked_at = padded.as_strided(
            (len(padded), periods, taps),
            (padded.stride(0), frames, 1),
            start,
        )
        first = group * PHASES
        out[..., first : first + PHASES] = looked_at @ kernels[group]
    out = out[..., :samples].reshape(len(padded), -1)[:, :length]
    return out.reshape(*wav.shape[:-1], length)


@functools.lru_cache(maxsize=32)
def _kernels(original, wanted):
    """A period in frames and samples, and the coefficients of its groups.

    `kernels` is [groups, taps, PHASES]; group i looks at `taps` frames from
    frame starts[i] of a wave that was padded by `context_frames`.
    """
    divisor = math.gcd(original, wanted)
    frames, samples = original // divisor, wanted // divisor
    # Short periods are taken together, to fill two groups.
    repeats = math.ceil(2 * PHASES / samples)
    phases = repeats * samples
    reach = context_frames(original, wanted)
    taps = math.ceil((PHASES - 1) * original / wanted) + 2 * reach + 1
    groups = math.ceil(phases / PHASES)
    starts = [group * PHASES * frames // samples for group in range(groups)]
    tap = torch.tensor(starts)[:, None, None] + torch.arange(taps)[:, None]
    phase = torch.arange(groups * PHASES).reshape(groups, 1, PHASES)
    # Times in periods, the phase's in float32: torchaudio rounds it too.
    early = tap - reach - phase // samples * frames
    time = early.double() / frames - (phase % samples) / samples
    time *= ROLLOFF * min(frames, samples)
    time = time.clamp(-CROSSINGS, CROSSINGS)
    window = torch.cos(time * math.pi / CROSSINGS / 2) ** 2
    kernels = torch.sinc(time) * window * ROLLOFF * min(1.0, wanted / original)
    return repeats * frames, phases, kernels.float(), starts
