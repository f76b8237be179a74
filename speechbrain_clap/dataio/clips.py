"""From a wave of any length to clips of the length a model takes.

Authors
 * The speechbrain_clap team 2026
"""

import torch

PADDINGS = ("zero", "repeat", "repeat-zero")


def fit_clip(wav, samples, padding="zero", crop="center"):
    """Cuts or fills one wave to a given length, always in the same way.

    Arguments
    ---------
    wav : torch.Tensor
        [T].
    samples : int
        The length wanted.
    padding : str
        For short clips: "zero" adds silence at the end, "repeat" starts
        again from the beginning, "repeat-zero" does so as often as the whole
        wave fits and adds silence, as LAION CLAP does.
    crop : str
        For long clips: "center" or "start".

    Returns
    -------
    torch.Tensor
        [samples].

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
    >>> fit_clip(torch.tensor([1, 2, 3, 4]), 2)
    tensor([2, 3])
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding is '{padding}', expected one of {PADDINGS}")
    if crop not in ("center", "start"):
        raise ValueError(f"crop is '{crop}', expected 'center', 'start'")
    if len(wav) >= samples:
        start = (len(wav) - samples) // 2 if crop == "center" else 0
        return wav[start : start + samples]
    if padding == "repeat":
        return wav.repeat(-(-samples // len(wav)))[:samples]
    if padding == "repeat-zero":
        wav = wav.repeat(samples // len(wav))
    return torch.nn.functional.pad(wav, (0, samples - len(wav)))


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
