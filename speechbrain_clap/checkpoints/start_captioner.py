"""Weights to begin a captioner with: what hears, or all of it.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch

from speechbrain_clap.checkpoints.start import MODEL_FILE, start_from

WHOLE = "captioner.ckpt"
WHOLE_FAMILY = "msclap_clapcap"
HEARING = (MODEL_FILE, "wav2clip.ckpt")


def start_captioner(captioner, source=None, family=None):
    """Fills a captioner's audio side, or all of it, with trained weights.

    Arguments
    ---------
    captioner : speechbrain_clap.models.captioner.Captioner
        To be filled; it stays as it is where nothing is given.
    source : str, pathlib.Path, dict or None
        The folder `model/` of a trained captioner, whose weights are all
        taken, or of a CLAP or Wav2CLIP, of which the audio encoder and its
        projection are. With a family as for
        ``speechbrain_clap.checkpoints.load_published``.
    family : str or None
        Of published weights: "msclap_clapcap" gives all of them, others such
        as "msclap_2023" or "wav2clip" what hears.

    Raises
    ------
    CheckpointError
        If the folder holds no such model, or parts find no weights of their
        shape: the message names them.

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder")).model
    >>> start_captioner(clap, getfixture("tiny_clap_folder"))
    """
    if source is None and family is None:
        return
    whole = family == WHOLE_FAMILY
    file = WHOLE
    if family is None and not whole:
        files = (WHOLE, *HEARING)
        found = [x for x in files if pathlib.Path(source, x).is_file()]
        file = (found or [MODEL_FILE])[0]
        whole = file == WHOLE
    filled = captioner
    if not whole:
        parts = ("audio_encoder", "audio_projection")
        filled = torch.nn.ModuleDict(
            {name: captioner.get_submodule(name) for name in parts}
        )
    start_from(filled, source, family, file)
