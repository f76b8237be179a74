"""Any model of sounds and texts, and any captioner, by one name each.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.distributed import infer_device

from speechbrain_clap.inference.captioner import FAMILY, Captioner
from speechbrain_clap.inference.clap import CLAP
from speechbrain_clap.inference.loading import load_embedder

TRANSFORMERS = "laion_clap_transformers"  # the layout of transformers' CLAP


def open_model(model, weights=None, device=None):
    """Loads whatever embeds sounds and texts in one space.

    Arguments
    ---------
    model : str
        A folder that training left; a folder of a CLAP in the layout of
        `transformers` (`config.json`, `model.safetensors`); or a name of
        published weights, such as "msclap_2023" or "audioclip".
    weights : str or None
        The file of published weights; None downloads them once.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    speechbrain_clap.inference.embedder.SoundEmbedder
        In eval mode.

    Raises
    ------
    FileNotFoundError
        If `model` is none of these.

    Example
    -------
    >>> open_model(getfixture("tiny_clap_folder"), device="cpu").sample_rate
    16000
    """
    folder = pathlib.Path(str(model))
    ours = (folder / "hyperparams.yaml").is_file()
    if (folder / "config.json").is_file() and not ours:
        return CLAP.from_published(
            TRANSFORMERS, str(folder), device=device or infer_device()
        )
    return load_embedder(model, weights, device)


def open_captioner(captioner, weights=None, device=None):
    """Loads a captioner, for the tasks of captioning.

    Arguments
    ---------
    captioner : str or None
        A folder that training left, or "msclap_clapcap". None: there is none.
    weights : str or None
        The file of published weights; None downloads them once.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    callable or None
        Takes a list of files, gives a caption of each.

    Raises
    ------
    FileNotFoundError
        If `captioner` is neither, or the folder of something else.

    Example
    -------
    >>> open_captioner(None) is None
    True
    """
    if captioner is None:
        return None
    device = device or infer_device()
    if captioner == FAMILY:
        return Captioner.from_published(weights, device=device).caption_files
    if not pathlib.Path(captioner).is_dir():
        raise FileNotFoundError(
            f"captioner is {captioner}: expected the folder model/ that the "
            f"training of a captioner left, or {FAMILY}"
        )
    return Captioner.from_hparams(
        source=captioner, run_opts={"device": device}
    ).caption_files
