"""The two towers of a CLIP: of open_clip's, of a file, or of our own training.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import torch

from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.lobes.clip_text import OpenClipText
from speechbrain_clap.lobes.vision import OpenClipVision
from speechbrain_clap.utils.files import atomic_write, write_json
from speechbrain_clap.utils.openclip import load_weights

SIZES, WEIGHTS = "open_clip_config.json", "open_clip_pytorch_model.bin"
TEXT = "clip_text.pt"


def write_clip(folder, clip, sizes, facts):
    """Writes a trained CLIP as open_clip keeps its own.

    Arguments
    ---------
    folder : str or pathlib.Path
        Gets `open_clip_config.json`, `open_clip_pytorch_model.bin` (a state
        dict, with OpenAI's names) and `model.json`.
    clip : speechbrain_clap.models.clip.CLIP
        The model.
    sizes : dict
        What its towers were made with.
    facts : dict
        What a user should know of the training, for `model.json`.

    Returns
    -------
    pathlib.Path
        The file of weights.

    Example
    -------
    >>> import types
    >>> scale, layer = torch.ones(()), torch.nn.Linear(1, 1)
    >>> clip = types.SimpleNamespace(
    ...     image_encoder=layer, text_encoder=layer, logit_scale=scale
    ... )
    >>> path = write_clip(getfixture("tmp_path"), clip, {"embed_dim": 1}, {})
    >>> sorted(torch.load(path))
    ['bias', 'logit_scale', 'visual.bias', 'visual.weight', 'weight']
    """
    folder = pathlib.Path(folder)
    state = {
        **{
            f"visual.{k}": x for k, x in clip.image_encoder.state_dict().items()
        },
        **clip.text_encoder.state_dict(),
        "logit_scale": clip.logit_scale.detach(),
    }
    with atomic_write(folder / WEIGHTS) as temporary:
        torch.save({key: x.cpu() for key, x in state.items()}, temporary)
    write_json(folder / "model.json", facts)
    # Last: a folder with this file is whole.
    write_json(folder / SIZES, {"model_cfg": sizes})
    return folder / WEIGHTS


def load_clip_towers(clip, weights=None):
    """Makes both towers of a trained CLIP.

    Arguments
    ---------
    clip : str or dict
        The folder that `write_clip` left; or as `name` of
        ``speechbrain_clap.lobes.vision.OpenClipVision``.
    weights : str or None
        One of open_clip's tags, such as "openai", or a file with the state
        dict of a whole CLIP; None for a folder, which has its own.

    Returns
    -------
    OpenClipVision
        Frozen.
    OpenClipText
        Frozen.

    Raises
    ------
    CheckpointError
        If the weights are not to be had, or are of other sizes.

    Example
    -------
    >>> load_clip_towers("ViT-B-32-quickgelu")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: clip_weights is ...
    """
    if isinstance(clip, str) and pathlib.Path(clip, SIZES).is_file():
        folder = pathlib.Path(clip)
        text = (folder / SIZES).read_text("utf-8")
        clip, weights = json.loads(text)["model_cfg"], folder / WEIGHTS
    if weights is None:
        raise CheckpointError(
            f"clip_weights is null and {clip} is no folder that "
            "train_small_clip.py left: an untrained CLIP has nothing to "
            "teach; give openai, or a file with the weights of a CLIP"
        )
    try:
        return (
            OpenClipVision(clip, weights, frozen=True),
            OpenClipText(clip, weights, frozen=True),
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"clip_weights: {error}") from error


def keep_text_tower(folder, text_encoder):
    """Lays a text tower beside the embeddings of its image tower.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of ``speechbrain_clap.dataio.frame_embeddings``.
    text_encoder : torch.nn.Module
        The tower.

    Returns
    -------
    pathlib.Path
        Its weights.

    Example
    -------
    >>> keep_text_tower(getfixture("tmp_path"), torch.nn.Linear(1, 1)).name
    'clip_text.pt'
    """
    path = pathlib.Path(folder, TEXT)
    with atomic_write(path) as temporary:
        torch.save(text_encoder.state_dict(), temporary)
    return path


def load_text_tower(text_encoder, folder):
    """Loads what `keep_text_tower` wrote.

    Arguments
    ---------
    text_encoder : torch.nn.Module
        Gets the weights.
    folder : str or pathlib.Path
        Of the embeddings of frames.

    Raises
    ------
    CheckpointError
        If there are none, or they are of another tower.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> load_text_tower(torch.nn.Linear(1, 1), folder)
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: ...
    """
    path = pathlib.Path(folder, TEXT)
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist: recipes/VGGSound/extract_clip.py lays "
            "CLIP's text tower there, beside the embeddings of the frames"
        )
    try:
        load_weights(text_encoder, path, "text.")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"clip is not the CLIP that saw the frames: {error}"
        ) from error
