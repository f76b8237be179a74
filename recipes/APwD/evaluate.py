#!/usr/bin/env python3
"""Lets trained query modifiers look for sounds; writes the paper's tables.

    python evaluate.py hparams/apwd_evaluate.yaml --scene=rain
        --seeds=[1,2,3]

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb

from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.utils.hparams import load_hparams


def evaluate(hparams_file, run_opts, overrides):
    """Embeds the pairs with every model, writes scores and report.

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
    sb.create_experiment_directory(folder, hparams_file, overrides)
    hparams["evaluate"](device=run_opts.get("device"))


if __name__ == "__main__":
    run_recipe(evaluate, sys.argv[1:])
