#!/usr/bin/env python3
"""Retrieval on a captioned set: captions look for sounds, sounds for captions.

    python evaluate_retrieval.py hparams/retrieval_clotho.yaml
        --data_folder=/data/clotho --model=msclap_2023

The model may also be the folder model/ that a training left. The YAML says
which set it is.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb

from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.utils.hparams import check_same_experiment, load_hparams


def evaluate(hparams_file, run_opts, overrides):
    """Prepares the set, embeds one part of it, writes scores and report.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_hparams(hparams_file, overrides)
    folder = hparams["output_folder"]
    check_same_experiment(folder, hparams_file, overrides)
    sb.create_experiment_directory(folder, hparams_file, overrides)
    hparams["retrieval"]["prepare_set"](**hparams["retrieval"]["prepare"])
    hparams["retrieval"]["evaluate"](device=run_opts.get("device"))


if __name__ == "__main__":
    run_recipe(evaluate, sys.argv[1:])
