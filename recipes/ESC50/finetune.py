#!/usr/bin/env python3
"""Fine-tunes the sound tower of any model on ESC-50, with its five folds.

    python finetune.py hparams/finetune_esc50.yaml --model=msclap_2023
        --data_folder=/data/ESC-50-master --test_fold=all

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from esc50_prepare import prepare_esc50
from speechbrain.utils.distributed import run_on_main

from speechbrain_clap.brains.fine_tuning import FineTuningBrain
from speechbrain_clap.evaluation.classifier_fold import (
    class_numbers,
    evaluate_classifier,
)
from speechbrain_clap.evaluation.folds import cross_validate
from speechbrain_clap.evaluation.running import load_experiment
from speechbrain_clap.models.classifier import Classifier
from speechbrain_clap.models.sound_tower import sound_tower
from speechbrain_clap.synthesis.sounds import synthesise_esc10


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

    # Model
    begins_with = hparams["model"], hparams["weights"]
    loaded = hparams["load"](
        *begins_with,
        hparams["encoder"],
        {"padding": hparams["padding"], "long": "whole"},
        device="cpu",
    )
    tower = sound_tower(loaded.model)
    seconds = hparams["clip_seconds"] or tower.clip_seconds

    # Data
    data = hparams["fold_data"](
        reader=hparams["reader"](sample_rate=tower.sample_rate),
        clip_seconds=seconds,
    )
    classifier = Classifier(tower, len(data.class_names))
    hparams["checkpointer"].add_recoverable("classifier", classifier)

    # Brain
    brain = FineTuningBrain(
        modules={"classifier": classifier},
        opt_class=hparams["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "crop": hparams["crop"](seconds, tower.sample_rate),
            "targets": class_numbers(data),
        },
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
    )

    # Fit
    brain.fit(
        hparams["epoch_counter"],
        data.train,
        data.valid,
        train_loader_kwargs=dict(hparams["train_loader"]),
        valid_loader_kwargs=dict(hparams["test_loader"]),
    )

    # Evaluate
    brain.evaluate(data.test, test_loader_kwargs=dict(hparams["test_loader"]))
    facts = {"started from": str(begins_with[0]), "seed": hparams["seed"]}
    evaluate_classifier(brain, data, hparams["output_folder"], facts)


if __name__ == "__main__":
    cross_validate(run_fold, sys.argv[1:], lambda values: values["folds"])
