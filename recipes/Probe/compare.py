#!/usr/bin/env python3
"""Puts probes and supervised trainings on one set side by side.

    python compare.py hparams/probe_compare.yaml
        --results="{Wav2CLIP: <folder>, supervised: <folder>}"

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb

from speechbrain_clap.evaluation.probe_comparison import compare_probes
from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.utils.hparams import load_hparams


def compare(hparams_file, run_opts, overrides):
    """Writes the table, the curve and the differences.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        Not used: nothing is computed on a device.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_hparams(hparams_file, overrides)
    folder = hparams["output_folder"]
    sb.create_experiment_directory(folder, hparams_file, overrides)
    results = {
        name: path.replace("{data_folder}", hparams["data_folder"])
        for name, path in hparams["results"].items()
    }
    compare_probes(folder, results, hparams["pairs"])


if __name__ == "__main__":
    run_recipe(compare, sys.argv[1:])
