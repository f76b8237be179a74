#!/usr/bin/env python3
"""Stage 2 of AudioCLIP: sounds, frames and labels of AudioSet's videos.

    python train_audioclip.py hparams/audioclip_stage2.yaml --data_folder=...
        --audio_head_from=<model/ of stage 1>
    python train_audioclip.py hparams/audioclip_small.yaml  # made-up videos

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier
from torch.utils.data import DataLoader

from speechbrain_clap.brains.audioclip import AudioCLIPBrain, freeze_unused
from speechbrain_clap.checkpoints.audio_head import start_audio_head
from speechbrain_clap.checkpoints.clip_heads import load_clip_heads
from speechbrain_clap.dataio.video_pairs import (
    ClipPictures,
    Pictures,
    TrainingPictures,
)
from speechbrain_clap.evaluation.cross_modal import write_cross_modal
from speechbrain_clap.evaluation.parts import evaluate_parts
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.models.export import export_model


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
    training, model = hparams["training"], hparams["audioclip"]
    modalities = hparams["modalities"]

    # Model
    if hparams["clip_weights"]:
        load_clip_heads(model, hparams["clip"], hparams["clip_weights"])
    start_audio_head(model.audio_encoder, **hparams["start"])
    freeze_unused(model, modalities, hparams["locked"])

    # Data
    sets = hparams["sets"]()
    pairs = training["train_pairs"](sets.train)
    batches = training["train_batches"](sets.train, weights=sets.weights)
    pictures = None
    if "image" in modalities:
        images = model.image_encoder
        frames = hparams["frames"](sets.videos())
        pictures = Pictures(frames, images.preprocess, images.image_size)

    def _clips(source):
        clips = source and training["test_pairs"](source)
        return clips and ClipPictures(clips, pictures)

    # Brain
    training["checkpointer"].add_recoverable("audioclip", model)
    brain = AudioCLIPBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "norm_loss": hparams["norm_loss"],
            "modalities": modalities,
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            TrainingPictures(pairs, pictures),
            batch_sampler=batches,
            **training["train_loader"],
        ),
        _clips(sets.valid),
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Evaluate
    def _export(folder, facts):
        export_model(
            folder,
            hparams_file,
            overrides,
            {"audioclip": model},
            facts,
            kept=("clip_policy", "templates"),
            more={"class_names": sets.class_names()},
            loaded_by="AudioCLIP",
        )
        return folder / "audioclip.ckpt"

    def _write(folder, description, protocol):
        source = sets.tests[description["dataset"]]
        write_cross_modal(
            folder,
            *brain.results(),
            description,
            protocol,
            files={
                f"{source.name}/{id_}": (source.file(i), *source.span(i))
                for i, id_ in enumerate(source.ids)
            },
            images=pictures and pictures.frame,
        )

    facts = {
        "modalities": modalities,
        "locked": sorted(model.locked),
        "frame": "the central one of those equally spaced",
        "started_from": hparams["start"],
    }
    evaluate_parts(
        brain,
        hparams,
        {name: _clips(source) for name, source in sets.tests.items()},
        sets,
        facts,
        _export,
        _write,
    )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
