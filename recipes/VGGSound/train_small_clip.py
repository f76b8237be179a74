#!/usr/bin/env python3
"""Trains a small CLIP on drawn pictures, to teach the small Wav2CLIP offline.

    python train_small_clip.py hparams/small_clip.yaml

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, if_main_process
from torch.utils.data import DataLoader

from speechbrain_clap.brains.clip import ClipBrain
from speechbrain_clap.checkpoints.clip_towers import write_clip
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.synthesis.drawn_pictures import (
    CLASS_NAMES,
    DrawnPictures,
    write_examples,
)


def train(hparams_file, run_opts, overrides):
    """Trains and writes the towers.

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
    output = pathlib.Path(hparams["output_folder"])
    sb.create_experiment_directory(output, hparams_file, overrides)
    training, clip = hparams["training"], hparams["clip"]

    # Data
    def _pictures(count, seed):
        return DrawnPictures(
            count,
            clip.image_encoder.preprocess,
            seed,
            hparams["picture_size"],
            hparams["templates"],
        )

    pictures = _pictures(hparams["train_pictures"], 2 * hparams["seed"])
    others = _pictures(hparams["valid_pictures"], 2 * hparams["seed"] + 1)

    if if_main_process():
        write_examples(
            pathlib.Path(hparams["data_folder"], "examples.png"),
            others.seed,
            others.size,
        )

    # Brain
    training["checkpointer"].add_recoverable("clip", clip)
    brain = ClipBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "class_names": CLASS_NAMES,
            "template": hparams["template"],
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            pictures,
            batch_sampler=training["train_batches"]([pictures]),
            **training["train_loader"],
        ),
        others,
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # What extract_clip.py takes
    brain.on_evaluate_start()
    if if_main_process():
        facts = {
            "trained_on": "drawn pictures, new ones in each epoch",
            "class_names": CLASS_NAMES,
            **brain.evaluated.meta,
        }
        facts.pop("unixtime", None)
        write_clip(output / "model", clip, hparams["sizes"], facts)
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
