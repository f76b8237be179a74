"""Weights to begin a training with: published ones, or an earlier model's.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.checkpoints.reading import CheckpointError

logger = get_logger(__name__)

MODEL_FILE = "clap.ckpt"  # as speechbrain_clap.models.export writes it
LOBE_FILE = "audio_encoder.ckpt"  # an audio encoder alone
AUDIO_FILES = (
    MODEL_FILE,
    "query_modifier.ckpt",
    "captioner.ckpt",
    LOBE_FILE,
)
SHOWN = 5  # keys named in a message


def start_from(clap, source=None, family=None, file=MODEL_FILE):
    """Fills a model with the weights of one of the same towers.

    What the other model has beside the two towers and their projections, such
    as a tagging head, is left out and named in the log.

    Arguments
    ---------
    clap : torch.nn.Module
        To be filled, such as a ``speechbrain_clap.models.clap.CLAP``.
    source : str, pathlib.Path, dict or None
        With a family, as for
        ``speechbrain_clap.checkpoints.load_published``; without one the
        folder `model/` of a finished training.
    family : str or None
        Of published weights, such as "msclap_2023".
    file : str
        The weights in the folder of a finished training.

    Raises
    ------
    CheckpointError
        If the folder holds no model, or parts of `clap` find no weights of
        their shape: the message names them.

    Example
    -------
    >>> import copy
    >>> from speechbrain_clap.inference import CLAP
    >>> folder = getfixture("tiny_clap_folder")
    >>> clap = copy.deepcopy(CLAP.from_hparams(source=folder).mods.clap)
    >>> start_from(clap, folder)
    """
    name, state = _read("start_from", source, family, (file,))
    _fill(clap, state, "start_from", name)
    logger.info("Training starts from the weights of %s", name)


def start_audio_from(encoder, source=None, family=None):
    """Fills an audio encoder with one that was trained or published.

    Arguments
    ---------
    encoder : torch.nn.Module
        To be filled; what the other one has beside it is not used.
    source : str, pathlib.Path, dict or None
        With a family, as for
        ``speechbrain_clap.checkpoints.load_published``; without one the
        folder `model/` of a finished training, whose audio encoder is taken,
        or `audio_encoder/` that recipes/HTSAT22 left.
    family : str or None
        Of published weights, such as "vggish".

    Raises
    ------
    CheckpointError
        If the folder holds no model, or parts of the encoder find no weights
        of their shape: the message names them.

    Example
    -------
    >>> import copy
    >>> from speechbrain_clap.inference import CLAP
    >>> folder = getfixture("tiny_clap_folder")
    >>> clap = CLAP.from_hparams(source=folder).model
    >>> start_audio_from(copy.deepcopy(clap.audio_encoder), folder)
    """
    name, state = _read("audio_encoder_from", source, family, AUDIO_FILES)
    prefix = "audio_encoder."
    alone = family is not None or name.name == LOBE_FILE
    state = {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix) or alone
    }
    _fill(encoder, state, "audio_encoder_from", name)
    logger.info(
        "The audio encoder has the weights of %s: all of its %d parts",
        name,
        len(encoder.state_dict()),
    )


def _read(option, source, family, files):
    """Name and state dict of published weights, or of a model's folder."""
    if family is not None:
        state = load_published(family, source, prefer="ours").net.state_dict()
        return family if source is None else f"{family} ({source})", state
    for file in files:
        path = pathlib.Path(source) / file
        if path.is_file():
            return path, torch.load(path, map_location="cpu", weights_only=True)
    raise CheckpointError(
        f"{option}: {source} holds no {' or '.join(files)}; expected the "
        "folder model/ of a finished training, or with a family a file of "
        "published weights"
    )


def _fill(module, state, option, name):
    """Gives a module its part of a state dict, or says what is missing."""
    wanted = module.state_dict()
    unfit = [
        key
        for key, value in wanted.items()
        if key not in state
        or getattr(value, "shape", None) != getattr(state[key], "shape", None)
    ]
    if unfit:
        shown = ", ".join(unfit[:SHOWN])
        raise CheckpointError(
            f"{option}: {name} has no weights for {len(unfit)} of the "
            f"{len(wanted)} parts of this model, such as {shown}: the YAML "
            "must have the same towers and sizes"
        )
    rest = sorted(set(state) - set(wanted))
    if rest:
        logger.info(
            "Starting weights: %d parts are not used, such as %s",
            len(rest),
            ", ".join(rest[:SHOWN]),
        )
    module.load_state_dict({key: state[key] for key in wanted})
