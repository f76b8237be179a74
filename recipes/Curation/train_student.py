#!/usr/bin/env python3
"""Trains a student CLAP from its teacher, on curated pairs and replay.

    python train_student.py hparams/curation_student_ads_sl.yaml
        --teacher=<model/> --data_folder=<save/> --curated=<ADS> --replayed=<DS>

Authors
 * The speechbrain_clap team 2026
"""

import copy
import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, run_on_main
from torch.utils.data import DataLoader

from speechbrain_clap.brains.student import StudentBrain
from speechbrain_clap.dataio.curated import CuratedPairs
from speechbrain_clap.dataio.pair_sets import kept_pairs
from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.dataio.replay import ReplayBatches
from speechbrain_clap.evaluation.pairs import evaluate_pairs
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.inference.loading import load_clap
from speechbrain_clap.models.export import export_like
from speechbrain_clap.utils.hparams import HparamsError


def train(hparams_file, run_opts, overrides):
    """Trains and tests one student.

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
    hparams = hparams.get("experiment", hparams)  # a row of a table
    for key in ("teacher", "data_folder"):
        if hparams[key] is None:
            raise HparamsError(
                f"--{key} is not given: see recipes/Curation/README.md"
            )
    training, folder = hparams["training"], hparams["manifest_folder"]

    # Teacher, and a student that starts as its copy
    teacher = load_clap(hparams["teacher"], device="cpu").mods.clap
    for name in ("sample_rate", "clip_seconds"):
        if getattr(teacher, name) != hparams[name]:
            raise HparamsError(
                f"--{name} is {hparams[name]}, and {getattr(teacher, name)} in "
                f"{hparams['teacher']}: give the teacher's"
            )
    student = copy.deepcopy(teacher).requires_grad_(True)
    if student.text_encoder.frozen:
        student.text_encoder.requires_grad_(False)

    # Data
    tasks = hparams["zero_shot"]["tasks"]
    for task in tasks:
        run_on_main(task.write_manifests, args=[folder])
    tasks = [task for task in tasks if task.load(folder)]
    if hparams["replayed"] is None:
        rows = kept_pairs(hparams["data_folder"], "train")
        sources = [ManifestPairs("replayed", rows)]
    else:
        sources = [CuratedPairs("replayed", hparams["replayed"])]
    make = training["train_batches"]
    if hparams["curated"] is None:
        batches = make(sources)
    else:
        sources.insert(0, CuratedPairs("curated", hparams["curated"]))
        batches = ReplayBatches(
            make(sources[:1]),
            make(sources[1:]),
            hparams["curated_probability"],
        )
    valid = kept_pairs(hparams["data_folder"], "valid")

    # Brain
    training["checkpointer"].add_recoverable("clap", student)
    brain = StudentBrain(
        modules={"clap": student},
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "teacher": teacher if hparams["beta"] else None,
            "max_captions": None,
            "locked_audio": False,
            "zero_shot_tasks": tasks,
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            training["train_pairs"](sources),
            batch_sampler=batches,
            **training["train_loader"],
        ),
        training["test_pairs"](ManifestPairs("valid", valid))
        if valid
        else None,
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Evaluate
    evaluate_pairs(
        brain,
        hparams,
        {},
        {},
        {
            "teacher": hparams["teacher"],
            "trained_on": {source.name: len(source) for source in sources},
            "beta": hparams["beta"],
            "curated_probability": hparams["curated_probability"],
        },
        lambda folder, facts: export_like(
            folder, hparams["teacher"], student, facts
        ),
    )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
