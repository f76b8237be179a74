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
SHOWN = 5  # keys named in a message


def start_from(clap, source=None, family=None):
    """Fills a CLAP with the weights of a model of the same towers.

    What the other model has beside the two towers and their projections, such
    as a tagging head, is left out and named in the log.

    Arguments
    ---------
    clap : speechbrain_clap.models.clap.CLAP
        To be filled.
    source : str, pathlib.Path, dict or None
        With a family, as for
        ``speechbrain_clap.checkpoints.load_published``; without one the
        folder `model/` of a finished training.
    family : str or None
        Of published weights, such as "msclap_2023".

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
    if family is not None:
        name = f"{family} ({source})" if source is not None else family
        state = load_published(family, source, prefer="ours").net.state_dict()
    else:
        name = pathlib.Path(source) / MODEL_FILE
        if not name.is_file():
            raise CheckpointError(
                f"start_from: {source} holds no {MODEL_FILE}; expected the "
                "folder model/ of a finished training, or with start_family "
                "a file of published weights"
            )
        state = torch.load(name, map_location="cpu", weights_only=True)
    wanted = clap.state_dict()
    unfit = [
        key
        for key, value in wanted.items()
        if key not in state
        or getattr(value, "shape", None) != getattr(state[key], "shape", None)
    ]
    if unfit:
        shown = ", ".join(unfit[:SHOWN])
        raise CheckpointError(
            f"start_from: {name} has no weights for {len(unfit)} of the "
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
    clap.load_state_dict({key: state[key] for key in wanted})
    logger.info("Training starts from the weights of %s", name)
