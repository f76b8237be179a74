#!/usr/bin/env python3
"""The report card of a model: all zero-shot tasks whose data are there.

    python evaluate.py hparams/report_card.yaml --data_folder=/data
        --model=msclap_2023
    torchrun --nproc-per-node=4 evaluate.py hparams/report_card.yaml ...

The model may also be the folder model/ that a training left, or a folder with
a CLAP in the layout of transformers. Embeddings are kept: killed at any moment,
the same command goes on where it was.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb

from speechbrain_clap.evaluation.card_embed import CardCache
from speechbrain_clap.evaluation.card_sets import CardTask
from speechbrain_clap.evaluation.report_card import write_report_card
from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.inference.opening import open_captioner, open_model
from speechbrain_clap.utils.hparams import check_same_experiment, load_hparams


def evaluate(hparams_file, run_opts, overrides):
    """Prepares the sets that are there, embeds them, writes the card.

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

    # Data
    tasks = [CardTask(**task) for task in hparams["tasks"]]
    sets = hparams["sets"]["all"]
    for name in dict.fromkeys(task.set for task in tasks):
        sets[name].load(hparams["manifest_folder"])

    # Model
    named = hparams["model"], hparams["weights"]
    device = run_opts.get("device")
    cache = CardCache(
        open_model(*named, device),
        hparams["features_folder"],
        hparams["batch_size"],
        hparams["num_workers"],
        hparams["on_bad_clip"],
    )

    # Evaluate
    write_report_card(
        cache,
        sets,
        tasks,
        folder,
        cache.facts(*named),
        hparams["sweep"],
        hparams["none_of_these"],
        hparams["training_lists"],
        open_captioner(
            hparams["captioner"], hparams["captioner_weights"], device
        ),
    )


if __name__ == "__main__":
    run_recipe(evaluate, sys.argv[1:])
