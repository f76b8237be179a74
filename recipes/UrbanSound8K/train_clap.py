#!/usr/bin/env python3
"""Trains CLAP on UrbanSound8K and tests it by prompts.

    python train_clap.py hparams/clap.yaml --data_folder=/data/UrbanSound8K
    python train_clap.py hparams/clap.yaml --data_folder=... --test_fold=all

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import run_on_main
from urbansound8k_prepare import prepare_urbansound8k

from speechbrain_clap.brains.clap import CLAPBrain
from speechbrain_clap.checkpoints.start import start_audio_from
from speechbrain_clap.evaluation.folds import cross_validate
from speechbrain_clap.evaluation.running import load_experiment
from speechbrain_clap.evaluation.zero_shot import evaluate_fold
from speechbrain_clap.models.export import export_clap

FOLDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def run_fold(hparams_file, run_opts, overrides):
    """Prepares, trains and tests one fold.

    Arguments
    ---------
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )

    # Prepare
    run_on_main(prepare_urbansound8k, kwargs=hparams["prepare"])

    # Data
    data = hparams["fold_data"]()
    hparams["text_encoder"].fit_vocabulary(
        hparams["texts"].all_texts(data.class_names)
    )
    if hparams["audio_encoder_from"]:
        start_audio_from(
            hparams["clap"].audio_encoder, hparams["audio_encoder_from"]
        )

    # Brain
    brain = CLAPBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams={**hparams["brain_hparams"], "class_names": data.class_names},
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
    )

    # Fit
    brain.fit(
        hparams["epoch_counter"],
        data.train,
        data.valid,
        train_loader_kwargs=hparams["train_loader"],
        valid_loader_kwargs=hparams["test_loader"],
    )

    # Evaluate
    brain.evaluate(data.test, test_loader_kwargs=hparams["test_loader"])

    def _export(folder, facts):
        export_clap(
            folder,
            hparams_file,
            overrides,
            brain.model,
            data.class_names,
            facts,
        )

    evaluate_fold(brain, data, hparams["output_folder"], _export)


if __name__ == "__main__":
    cross_validate(run_fold, sys.argv[1:], FOLDS)
