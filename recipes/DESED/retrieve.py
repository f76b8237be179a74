#!/usr/bin/env python3
"""Retrieval of sound events: labelled segments look for frames like them.

    python retrieve.py hparams/event_retrieval.yaml --data_folder=/data/desed
        --model=wav2clip

The model may also be the folder model/ that a training left.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from desed_prepare import prepare_desed

from speechbrain_clap.evaluation.running import load_experiment, run_recipe


def evaluate(hparams_file, run_opts, overrides):
    """Prepares the set, embeds frames, writes scores and report.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    prepare_desed(
        hparams["data_folder"],
        hparams["manifest_folder"],
        hparams["on_bad_clip"],
    )
    hparams["evaluate"](device=run_opts.get("device"))


if __name__ == "__main__":
    run_recipe(evaluate, sys.argv[1:])
