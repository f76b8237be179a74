#!/usr/bin/env python3
"""Trains a text query-modifier on pairs of soundscapes.

    python train.py hparams/apwd.yaml --data_folder=data/apwd_rain
    python train.py hparams/apwd_small.yaml --data_folder=data/apwd_rain_esc10
        --audio_encoder_from=<model/ of recipes/ESC50>

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, if_main_process

from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.brains.query_modifier import (
    QueryModifierBrain,
    modifier_loaders,
)
from speechbrain_clap.checkpoints.start import start_audio_from
from speechbrain_clap.dataio.modifier_pairs import (
    ModifierPairs,
    read_modifier_pairs,
)
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.models.export import export_model
from speechbrain_clap.utils.hparams import HparamsError


def train(hparams_file, run_opts, overrides):
    """Trains, and writes the best epoch's model into `model/`.

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
    if hparams["data_folder"] is None:
        raise HparamsError(
            "--data_folder is not given: the pairs that synthesise.py or "
            "apwd_prepare.py left, see recipes/APwD/README.md"
        )
    output_folder = pathlib.Path(hparams["output_folder"])

    # Data
    manifest, labels = hparams["train_manifest"], hparams["labels"]
    rows = read_modifier_pairs(
        manifest, hparams["data_folder"], labels, hparams["on_bad_clip"]
    )
    pairs = ModifierPairs(pathlib.Path(manifest).stem, rows, labels)

    # Model
    training = hparams["training"]
    model = hparams["modules"]["query_modifier"]
    start = hparams["audio_encoder_from"], hparams["audio_encoder_family"]
    if start != (None, None):
        start_audio_from(model.audio_encoder, *start)
    model.text_encoder.fit_vocabulary(pairs.texts)
    for tower in hparams["locked"]:
        model.lock(tower)
    training["checkpointer"].add_recoverable("model", UnlockedParts(model))
    brain = QueryModifierBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams=hparams["brain_hparams"],
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    facts = {
        "audio_encoder": " ".join(map(str, filter(None, start))) or "untrained"
    }
    if not brain.test_only:
        train_set, valid_set, counts = modifier_loaders(
            brain,
            pairs,
            training,
            hparams["features_folder"],
            hparams["valid_fraction"],
            hparams["seed"],
        )
        brain.fit(training["epoch_counter"], train_set, valid_set)
        facts |= counts

    # The model
    brain.on_evaluate_start()
    if if_main_process():
        export_model(
            output_folder / "model",
            hparams_file,
            overrides,
            {"query_modifier": model},
            {
                "trained_on": str(manifest),
                "use_text": hparams["use_text"],
                "rho": hparams["rho"],
                "seed": hparams["seed"],
                "locked": sorted(model.locked),
                **facts,
                "epoch": brain.evaluated.meta["epoch"],
                "epoch_choice": brain.epoch_choice(),
            },
            kept=("clip_policy",),
            more={},
            loaded_by="QueryModifierRetrieval",
        )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
