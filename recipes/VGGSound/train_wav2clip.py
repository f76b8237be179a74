#!/usr/bin/env python3
"""Teaches a sound tower what CLIP sees in the videos of VGGSound.

    python extract_clip.py hparams/extract_clip.yaml --data_folder=...
    python train_wav2clip.py hparams/wav2clip.yaml --data_folder=...

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier
from torch.utils.data import DataLoader

from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.brains.wav2clip import Wav2CLIPBrain
from speechbrain_clap.checkpoints.clip_towers import load_text_tower
from speechbrain_clap.dataio.distillation import SeenSounds
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
    training, model = hparams["training"], hparams["wav2clip"]

    # Data
    embeddings = hparams["embeddings"]()
    load_text_tower(model.text_encoder, hparams["frames_folder"])
    sets = hparams["data"]["sets"]()

    def _seen(source):
        return SeenSounds(source, embeddings, hparams["clip_seconds"])

    def _clips(source):
        return source and hparams["test_clips"](_seen(source))

    sources = [_seen(source) for source in sets.train]
    clips = hparams["train_clips"](sources)

    # Brain
    parts = UnlockedParts(model)  # CLIP's texts do not change
    training["checkpointer"].add_recoverable("wav2clip", parts)
    brain = Wav2CLIPBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "templates": hparams["templates"],
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            clips,
            batch_sampler=training["train_batches"](sources),
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
            {"wav2clip": model},
            facts,
            kept=("clip_policy", "templates"),
            more={"class_names": sets.class_names()},
            loaded_by="Wav2CLIP",
        )
        return folder / "wav2clip.ckpt"

    def _write(folder, description, protocol):
        write_cross_modal(folder, *brain.results(), description, protocol)

    facts = {
        "frames": (
            f"the mean of CLIP's embeddings, {embeddings.rate:g} per second, "
            "over the seconds that are heard"
        ),
        "clip": hparams["clip"],
        "clip_sha256": embeddings.encoder,
        "unseen": {source.name: source.unseen for source in sources},
        "templates": hparams["templates"],
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
