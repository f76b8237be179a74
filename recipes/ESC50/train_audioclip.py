#!/usr/bin/env python3
"""AudioCLIP's third stage on ESC-50 or UrbanSound8K, or zero-shot there.

    python train_audioclip.py hparams/audioclip_esc50.yaml --data_folder=...
    python train_audioclip.py hparams/audioclip_small_esc10.yaml --test_fold=all

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import run_on_main

from speechbrain_clap.brains.audioclip import freeze_unused
from speechbrain_clap.brains.audioclip_classes import AudioCLIPClassesBrain
from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.checkpoints.audio_head import load_audio_head
from speechbrain_clap.checkpoints.start_audioclip import start_audioclip
from speechbrain_clap.evaluation.folds import cross_validate
from speechbrain_clap.evaluation.running import load_experiment
from speechbrain_clap.evaluation.zero_shot import evaluate_fold
from speechbrain_clap.models.export import export_model
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
    while "experiment" in hparams:  # a row of a table
        hparams = hparams["experiment"]

    # Prepare
    if hparams["data_folder"] == hparams["made_up_folder"]:
        run_on_main(synthesise_esc10, args=[hparams["made_up_folder"]])
    run_on_main(hparams["prepare_with"], kwargs=hparams["prepare"])

    # Data
    data = hparams["fold_data"]()

    # Model
    model = hparams["modules"]["audioclip"]
    start_audioclip(model, hparams["start_from"], hparams["start_family"])
    head = hparams["audio_head_from"], hparams["audio_head_family"]
    if any(head):
        load_audio_head(model.audio_encoder, *head)
    freeze_unused(model, ["audio", "text"], hparams["locked"])

    # Brain
    hparams["checkpointer"].add_recoverable("audioclip", UnlockedParts(model))
    brain = AudioCLIPClassesBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "class_names": data.class_names,
            "test_set": data.test if hparams["test_each_epoch"] else None,
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

    def _export(folder, facts):
        export_model(
            folder,
            hparams_file,
            overrides,
            {"audioclip": model},
            facts,
            kept=("clip_policy", "templates"),
            more={"class_names": data.class_names},
            loaded_by="AudioCLIP",
        )

    evaluate_fold(
        brain,
        data,
        hparams["output_folder"],
        _export,
        facts={
            key: hparams[key]
            for key in ("start_from", "start_family", "channels", "stretch")
        },
        optimistic=brain.papers_rule(),
    )


if __name__ == "__main__":
    cross_validate(run_fold, sys.argv[1:], lambda values: values["folds"])
