"""From a wave of any length to clips of the length a model takes.

Authors
 * The speechbrain_clap team 2026
"""

import torch

# How short clips are filled, and in words, for reports.
PADDINGS = {
    "zero": "silence at the end",
    "repeat": "repetition",
    "repeat-zero": "whole repetitions, then silence,",
    "edge": "the first and the last sample on both sides",
}


def fit_clip(wav, samples, padding="zero", crop="center"):
    """Cuts or fills one wave to a given length, always in the same way.

    Arguments
    ---------
    wav : torch.Tensor
        [T], or [T, C].
    samples : int
        The length wanted.
    padding : str
        For short clips: "zero" adds silence at the end, "repeat" starts
        again from the beginning, "repeat-zero" does so as often as the whole
        wave fits and adds silence, as LAION CLAP does, "edge" puts the wave
        in the middle and repeats its first and last sample, as AudioCLIP.
    crop : str
        For long clips: "center" or "start".

    Returns
    -------
    torch.Tensor
        [samples], or [samples, C].

    Raises
    ------
    ValueError
        If there is no such padding or crop.

    Example
    -------
    >>> fit_clip(torch.tensor([1, 2, 3]), 5, padding="repeat")
    tensor([1, 2, 3, 1, 2])
    >>> fit_clip(torch.tensor([1, 2]), 5, padding="repeat-zero")
    tensor([1, 2, 1, 2, 0])
    >>> fit_clip(torch.tensor([1, 2]), 5, padding="edge")
    tensor([1, 1, 1, 2, 2])
    >>> fit_clip(torch.tensor([1, 2, 3, 4]), 2)
    tensor([2, 3])
    """
    if padding not in PADDINGS:
        raise ValueError(
            f"padding is '{padding}', expected one of {', '.join(PADDINGS)}"
        )
    if crop not in ("center", "start"):
        raise ValueError(f"crop is '{crop}', expected 'center', 'start'")
    if len(wav) >= samples:
        start = (len(wav) - samples) // 2 if crop == "center" else 0
        return wav[start : start + samples]
    if padding == "edge":
        # Half to even, as the published code rounds.
        left = round(0.5 * (samples - len(wav)))
        at = torch.arange(samples, device=wav.device) - left
        return wav[at.clamp(0, len(wav) - 1)]
    if padding == "repeat":
        return wav[torch.arange(samples, device=wav.device) % len(wav)]
    if padding == "repeat-zero":
        wav = torch.cat([wav] * (samples // len(wav)))
    silence = wav.new_zeros(samples - len(wav), *wav.shape[1:])
    return torch.cat([wav, silence])


def clip_policy(seconds, sample_rate, padding):
    """What ``fit_clip`` takes, from seconds: for YAML files.

    Arguments
    ---------
    seconds : float
        Length of a clip.
    sample_rate : int
        In Hz.
    padding : str
        As for ``fit_clip``.

    Returns
    -------
    dict
        `samples` and `padding`.

    Example
    -------
    >>> clip_policy(0.5, 16000, "repeat")
    {'samples': 8000, 'padding': 'repeat'}
    """
    return {"samples": round(seconds * sample_rate), "padding": padding}


def windows(wav, samples, hop, padding="zero"):
    """Cuts one wave into clips that cover all of it.

    The last clip ends where the wave ends, so that no sample is lost and
    none but a wave shorter than one clip is padded.

    Arguments
    ---------
    wav : torch.Tensor
        [T].
    samples : int
        Length of a clip.
    hop : int
        From the start of one clip to that of the next.
    padding : str
        As for ``fit_clip``, for a wave shorter than one clip.

    Returns
    -------
    torch.Tensor
        [number of clips, samples].

    Example
    -------
    >>> windows(torch.arange(5), samples=3, hop=3)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    if len(wav) <= samples:
        return fit_clip(wav, samples, padding).unsqueeze(0)
    starts = list(range(0, len(wav) - samples, hop)) + [len(wav) - samples]
    return torch.stack([wav[start : start + samples] for start in starts])


def stretch_clip(wav):
    """Stretches a wave so that it fills [-1, 1], as AudioCLIP did for US8K.

    Its lowest sample becomes -1 and its highest 32767 / 32768, the ends of
    int16's range; a constant shift comes with that.

    Arguments
    ---------
    wav : torch.Tensor
        Of any shape; all channels together.

    Returns
    -------
    torch.Tensor
        As it came; a constant wave becomes silence.

    Example
    -------
    >>> stretch_clip(torch.tensor([0.0, 0.1, 0.2])).tolist()
    [-1.0, ..., 0.999969482421875]
    """
    low, high = wav.aminmax()
    if low == high:
        return torch.zeros_like(wav)
    return (wav - low) / (high - low) * (65535 / 32768) - 1


def as_waves(wavs):
    """Brings waves from outside to float32 in [-1, 1], or says why it cannot.

    Arguments
    ---------
    wavs : torch.Tensor or array
        [B, T] or [T], of any length; float of any width, or int16.

    Returns
    -------
    torch.Tensor
        float32, [B, T].

    Raises
    ------
    ValueError
        If they have another shape or type, no samples, or are not finite.

    Example
    -------
    >>> as_waves(torch.tensor([-32768, 16384], dtype=torch.int16))
    tensor([[-1.0000,  0.5000]])
    """
    wavs = torch.as_tensor(wavs)
    if wavs.ndim == 1:
        wavs = wavs.unsqueeze(0)
    if wavs.ndim != 2 or wavs.shape[1] == 0:
        raise ValueError(
            f"waves of shape {list(wavs.shape)}: expected [B, T], mono, "
            "with T of at least 1 (average the channels of stereo first)"
        )
    if wavs.dtype == torch.int16:
        wavs = wavs.float() / 32768
    elif not wavs.is_floating_point():
        raise ValueError(
            f"waves of type {wavs.dtype}: expected float in [-1, 1], or int16"
        )
    wavs = wavs.float()
    if not bool(torch.isfinite(wavs).all()):
        raise ValueError("waves hold NaN or infinite samples")
    return wavs
