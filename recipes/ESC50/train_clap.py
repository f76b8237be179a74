#!/usr/bin/env python3
"""Trains CLAP on ESC-50 (or ESC-10, or made-up sounds), tests it by prompts.

    python train_clap.py hparams/clap.yaml                    # made-up sounds
    python train_clap.py hparams/clap.yaml --data_folder=/data/ESC-50-master
    python train_clap.py hparams/clap.yaml --data_folder=... --test_fold=all

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from esc50_prepare import prepare_esc50
from speechbrain.utils.distributed import run_on_main

from speechbrain_clap.brains.clap import CLAPBrain
from speechbrain_clap.checkpoints.start import start_audio_from
from speechbrain_clap.evaluation.folds import cross_validate
from speechbrain_clap.evaluation.running import load_experiment
from speechbrain_clap.evaluation.zero_shot import evaluate_fold
from speechbrain_clap.models.export import export_clap
from speechbrain_clap.synthesis.sounds import synthesise_esc10

FOLDS = [1, 2, 3, 4, 5]


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
    if hparams["data_folder"] == hparams["made_up_folder"]:
        run_on_main(synthesise_esc10, args=[hparams["made_up_folder"]])
    run_on_main(prepare_esc50, kwargs=hparams["prepare"])

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
