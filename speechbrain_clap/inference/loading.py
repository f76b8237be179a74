"""One name for any model: a folder of a training, or published weights.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.distributed import infer_device

from speechbrain_clap.checkpoints import FAMILIES
from speechbrain_clap.inference.audioclip import AudioCLIP
from speechbrain_clap.inference.clap import CLAP
from speechbrain_clap.inference.query_modifier import QueryModifierRetrieval
from speechbrain_clap.inference.wav2clip import Wav2CLIP
from speechbrain_clap.utils.hparams import HparamsError


def load_clap(model, weights=None, device=None):
    """Loads a CLAP by its folder or by the name of published weights.

    Arguments
    ---------
    model : str
        A folder that training left (`model/`), or a name such as
        "msclap_2023".
    weights : str or None
        The file of published weights; None downloads them once.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    CLAP
        In eval mode.

    Raises
    ------
    FileNotFoundError
        If `model` is neither.
    HparamsError
        If `weights` are given for a folder, which has its own.

    Example
    -------
    >>> clap = load_clap(getfixture("tiny_clap_folder"), device="cpu")
    >>> clap.sample_rate
    16000
    """
    device = infer_device() if device is None else device
    if model in FAMILIES:
        return CLAP.from_published(model, weights, device=device)
    if not pathlib.Path(str(model)).is_dir():
        raise FileNotFoundError(
            f"model is {model}: expected the folder model/ that a training "
            f"left, or a name of published weights: {', '.join(FAMILIES)}"
        )
    if weights is not None:
        raise HparamsError(
            f"weights {weights}: {model} is a folder, which has its own; "
            "expected a name of published weights, or no weights"
        )
    return CLAP.from_hparams(source=model, run_opts={"device": device})


def load_embedder(model, weights=None, device=None):
    """Loads whatever embeds sounds and texts.

    Arguments
    ---------
    model : str
        As for `load_clap`; or the folder of an AudioCLIP, a Wav2CLIP or a
        text query-modifier; or "audioclip" or "wav2clip".
    weights : str or None
        As for `load_clap`.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    speechbrain_clap.inference.embedder.SoundEmbedder
        In eval mode.

    Raises
    ------
    FileNotFoundError
        If `model` is neither a folder nor a name.

    Example
    -------
    >>> folder = getfixture("tiny_clap_folder")
    >>> type(load_embedder(folder, device="cpu")).__name__
    'CLAP'
    """
    device = infer_device() if device is None else device
    for kind in (QueryModifierRetrieval, AudioCLIP, Wav2CLIP):
        name = kind.MODULES_NEEDED[0]
        if pathlib.Path(model, f"{name}.ckpt").is_file():
            return kind.from_hparams(source=model, run_opts={"device": device})
    for kind in (AudioCLIP, Wav2CLIP):
        if model == kind.MODULES_NEEDED[0]:
            return kind.from_published(weights, device=device)
    return load_clap(model, weights, device)
