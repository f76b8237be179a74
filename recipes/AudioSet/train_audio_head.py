#!/usr/bin/env python3
"""Stage 1 of AudioCLIP: its sound head alone, on the labels of AudioSet.

    python train_audio_head.py hparams/audioclip_stage1.yaml --data_folder=...
    python train_audio_head.py hparams/audioclip_stage1_small.yaml  # made-up

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier
from torch.utils.data import DataLoader

from speechbrain_clap.brains.tagging import TaggingBrain
from speechbrain_clap.checkpoints.audio_head import start_audio_head
from speechbrain_clap.dataio.video_pairs import ClipPictures, TrainingPictures
from speechbrain_clap.evaluation.parts import evaluate_parts
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.evaluation.tagging import write_tagging
from speechbrain_clap.models.export import write_weights


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
    hparams = hparams.get("experiment", hparams)  # a row of a table
    training, tagger = hparams["training"], hparams["tagger"]

    # Data
    sets = hparams["sets"]()
    class_names = sets.class_names()
    tagger.check_classes(class_names)
    pairs = training["train_pairs"](sets.train)
    batches = training["train_batches"](sets.train, weights=sets.weights)

    def _clips(source):
        return source and ClipPictures(training["test_pairs"](source))

    # Model
    start_audio_head(tagger.audio_encoder, **hparams["start"])

    # Brain
    training["checkpointer"].add_recoverable("tagger", tagger)
    brain = TaggingBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "norm_loss": hparams["norm_loss"],
            "class_names": class_names,
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            TrainingPictures(pairs),
            batch_sampler=batches,
            **training["train_loader"],
        ),
        _clips(sets.valid),
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Evaluate
    def _export(folder, facts):
        facts = {**facts, "class_names": class_names}
        return write_weights(folder, "tagger", tagger, facts)

    def _write(folder, description, protocol):
        write_tagging(
            folder, *brain.results(), class_names, description, protocol
        )

    evaluate_parts(
        brain,
        hparams,
        {name: _clips(source) for name, source in sets.tests.items()},
        sets,
        {"started_from": hparams["start"]},
        _export,
        _write,
    )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
