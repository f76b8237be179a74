#!/usr/bin/env python3
"""Trains CLAP on pairs of sound and caption, from one set or a mixture.

    python train_clap.py hparams/clap_2022.yaml --clotho_folder=/data/clotho
    torchrun --nproc_per_node=8 train_clap.py hparams/clap_2023.yaml ...

Every set whose folder is given takes part. Your own sounds and captions:
recipes/Custom, the same script.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, run_on_main
from torch.utils.data import DataLoader

from speechbrain_clap.brains.locked import cache_locked_audio
from speechbrain_clap.brains.pairs import PairsBrain
from speechbrain_clap.checkpoints.start import start_audio_from, start_from
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.evaluation.pairs import evaluate_pairs
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.models.export import export_clap


def train(hparams_file, run_opts, overrides):
    """Prepares, trains and tests.

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
    folder = hparams["manifest_folder"]
    tasks = hparams["zero_shot"]["tasks"]
    sets = PairSets(
        hparams["mixture"],
        folder,
        hparams["on_bad_clip"],
        hparams["valid_clips"],
        hparams["subset_percent"],
        hparams["seed"],
        hparams["data_folder"],
    )
    run_on_main(sets.prepare)
    for task in tasks:
        run_on_main(task.write_manifests, args=[folder])

    # Data
    tasks = [task for task in tasks if task.load(folder)]
    sets.load(held_out={task.name: task.sources() for task in tasks})
    run_on_main(sets.write_report, args=[hparams["keep_pairs"]])
    training = hparams["training"]
    pairs = training["train_pairs"](sets.train)
    batches = training["train_batches"](sets.train, weights=sets.weights)

    # Model
    clap = hparams["modules"]["clap"]
    clap.text_encoder.fit_vocabulary(sets.captions())
    if hparams["start_from"] or hparams["start_family"]:
        start_from(clap, hparams["start_from"], hparams["start_family"])
    if hparams["audio_encoder_from"]:
        start_audio_from(clap.audio_encoder, hparams["audio_encoder_from"])
    for tower in hparams["locked"]:
        clap.lock(tower)

    # Brain
    training["checkpointer"].add_recoverable("clap", clap)
    brain = PairsBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "max_captions": sets.max_captions()
            if training["multi_positive"]
            else None,
            "locked_audio": "audio" in hparams["locked"],
            "zero_shot_tasks": tasks,
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )
    if "audio" in hparams["locked"] and not brain.test_only:
        pairs = cache_locked_audio(
            brain,
            sets.train,
            training["test_pairs"],
            training["test_loader"],
            f"{folder}/locked_audio",
            hparams["seed"],
        )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(pairs, batch_sampler=batches, **training["train_loader"]),
        training["test_pairs"](sets.valid) if sets.valid else None,
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Evaluate
    def _export(folder, facts):
        return export_clap(folder, hparams_file, overrides, clap, [], facts)

    facts = {**sets.facts(), "clip_policy": hparams["clip_policy"]}
    evaluate_pairs(brain, hparams, sets.tests, sets.sounds, facts, _export)
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
