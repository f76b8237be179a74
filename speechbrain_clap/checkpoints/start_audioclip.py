"""Weights with which a training of AudioCLIP begins.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.checkpoints.audio_head import AUDIOCLIP
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.checkpoints.start import start_from


def start_audioclip(model, source=None, family=None):
    """Fills an AudioCLIP with what an earlier stage, or the authors, trained.

    Arguments
    ---------
    model : speechbrain_clap.models.audioclip.AudioCLIP
        To be filled; with neither of the others it keeps its weights.
    source : str, pathlib.Path or None
        The folder `model/` of a finished training of AudioCLIP, or the file
        of published weights.
    family : str or None
        Of published weights; with no `source` they are fetched. A folder has
        none.

    Raises
    ------
    CheckpointError
        If there are no such weights, or they are of other sizes.

    Example
    -------
    >>> start_audioclip(None, "/no/such/folder")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: start_from: ...
    """
    if source is not None and pathlib.Path(source).is_dir():
        start_from(model, source, file=AUDIOCLIP)
    elif family is not None:
        start_from(model, source, family)
    elif source is not None:
        raise CheckpointError(
            f"start_from: {source} is no folder; expected the folder model/ "
            "of a finished training, or with start_family a file of "
            "published weights"
        )
