"""How loud a sound is: LUFS after ITU-R BS.1770, and RMS.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import numpy as np
import scipy.signal

STEP_SECONDS = 0.1
STEPS = 4  # in a block, which has 0.4 s
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU below the mean of what passed the first gate
LEVELS = ("lufs", "rms")


@functools.lru_cache
def k_weighting(sample_rate):
    """The two filters that BS.1770 puts before its mean square.

    A shelf for the head and a high pass. The standard gives coefficients at
    48 kHz only; here their analogue prototypes are taken to any rate by the
    bilinear transform, which at 48 kHz gives the standard's.

    Arguments
    ---------
    sample_rate : int
        In Hz.

    Returns
    -------
    numpy.ndarray
        Second-order sections, shape [2, 6].

    Example
    -------
    >>> [round(float(value), 6) for value in k_weighting(48000)[0, :3]]
    [1.535125, -2.691696, 1.198393]
    """
    shelf = np.tan(np.pi * 1681.974450955533 / sample_rate)
    gain = 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    q = 0.7071752369554196
    scale = 1 + shelf / q + shelf**2
    first = [
        (gain + middle * shelf / q + shelf**2) / scale,
        2 * (shelf**2 - gain) / scale,
        (gain - middle * shelf / q + shelf**2) / scale,
        1.0,
        2 * (shelf**2 - 1) / scale,
        (1 - shelf / q + shelf**2) / scale,
    ]
    low = np.tan(np.pi * 38.13547087602444 / sample_rate)
    q = 0.5003270373238773
    scale = 1 + low / q + low**2
    second = [
        1.0,
        -2.0,
        1.0,
        1.0,
        2 * (low**2 - 1) / scale,
        (1 - low / q + low**2) / scale,
    ]
    return np.array([first, second])


def lufs(wav, sample_rate, gate=ABSOLUTE_GATE):
    """Integrated, gated loudness of one channel (ITU-R BS.1770-4).

    A sound shorter than one block of 0.4 s is repeated until it fills one, as
    Scaper does.

    Arguments
    ---------
    wav : numpy.ndarray
        Shape [T], full scale 1.
    sample_rate : int
        In Hz.
    gate : float
        Blocks below so many LUFS do not count.

    Returns
    -------
    float
        LUFS; minus infinity where nothing passes the gate.

    Example
    -------
    >>> time = np.arange(48000) / 48000
    >>> round(lufs(np.sin(2 * np.pi * 997 * time), 48000), 2)  # the standard
    -3.01
    """
    step = round(STEP_SECONDS * sample_rate)
    if len(wav) < STEPS * step:
        wav = np.resize(wav, STEPS * step)
    weighted = scipy.signal.sosfilt(k_weighting(int(sample_rate)), wav)
    steps = weighted[: len(weighted) // step * step].reshape(-1, step)
    # Squares and sums without an array of squares in between.
    energies = np.einsum("ij,ij->i", steps, steps)
    powers = np.convolve(energies, np.ones(STEPS), "valid") / (STEPS * step)
    powers = powers[powers > 10 ** ((gate + 0.691) / 10)]
    if not len(powers):
        return -np.inf
    relative = 10 ** (RELATIVE_GATE / 10) * powers.mean()
    return float(-0.691 + 10 * np.log10(powers[powers > relative].mean()))


def rms_db(wav):
    """The root mean square, in dB of full scale.

    Arguments
    ---------
    wav : numpy.ndarray
        Shape [T], full scale 1.

    Returns
    -------
    float
        dB; minus infinity for silence. A square wave of full scale has 0.

    Example
    -------
    >>> round(rms_db(np.full(8, 0.1)), 3), rms_db(np.zeros(8))
    (-20.0, -inf)
    """
    wav = np.asarray(wav, dtype=np.float64)
    power = float(wav @ wav) / max(1, len(wav))
    return float(10 * np.log10(power)) if power > 0 else -np.inf


def level_db(wav, sample_rate, kind="lufs"):
    """The level of a sound, however faint it was recorded.

    The absolute gate of BS.1770 would have it that faint recordings have no
    loudness at all: here it is relative to the sound's peak.

    Arguments
    ---------
    wav : numpy.ndarray
        Shape [T].
    sample_rate : int
        In Hz.
    kind : str
        "lufs" or "rms".

    Returns
    -------
    float
        dB; minus infinity for silence.

    Raises
    ------
    ValueError
        If there is no such kind.

    Example
    -------
    >>> wav = np.sin(np.arange(8000))
    >>> faint = level_db(1e-4 * wav, 8000)
    >>> round(faint - level_db(wav, 8000), 3)
    -80.0
    """
    if kind not in LEVELS:
        raise ValueError(f"level is '{kind}', expected 'lufs' or 'rms'")
    if kind == "rms":
        return rms_db(wav)
    peak = max(wav.max(initial=0.0), -wav.min(initial=0.0))
    if peak == 0:
        return -np.inf
    return lufs(wav, sample_rate, ABSOLUTE_GATE + 20 * np.log10(peak))
