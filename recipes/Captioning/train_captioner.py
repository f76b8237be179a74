#!/usr/bin/env python3
"""Trains a model that writes captions of sounds, and tests what it writes.

    python train_captioner.py hparams/captioner_small.yaml  # made-up sounds
    python train_captioner.py hparams/clapcap.yaml --data_folder=/data

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, run_on_main
from torch.utils.data import DataLoader

from speechbrain_clap.brains.captioning import CaptioningBrain, training_pairs
from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.checkpoints.start_captioner import start_captioner
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.dataio.prompted import PromptedPairs
from speechbrain_clap.evaluation.captions import write_captions
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
    training, prompt = hparams["training"], hparams["prompt"]

    # Data
    sets = PairSets(
        hparams["mixture"],
        hparams["manifest_folder"],
        hparams["on_bad_clip"],
        hparams["valid_clips"],
        data_folder=hparams["data_folder"],
    )
    run_on_main(sets.prepare)
    sets.load()
    run_on_main(sets.write_report)
    batches = training["train_batches"](sets.train, weights=sets.weights)

    # Model
    captioner = hparams["modules"]["captioner"]
    captioner.decoder.fit_vocabulary([prompt, *sets.captions()])
    start_captioner(captioner, **hparams["start"])
    if hparams["locked_audio"]:
        captioner.lock("audio")
    training["checkpointer"].add_recoverable(
        "captioner", UnlockedParts(captioner)
    )

    # Brain
    brain = CaptioningBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "locked_audio": hparams["locked_audio"],
            "answer_length": hparams["answer_length"],
            "generation": hparams["generation"],
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )
    pairs = training_pairs(
        brain, sets.train, training, f"{hparams['manifest_folder']}/heard"
    )

    def _clips(source):
        return source and PromptedPairs(training["test_pairs"](source), prompt)

    # Fit
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            PromptedPairs(pairs, prompt),
            batch_sampler=batches,
            **training["train_loader"],
        ),
        _clips(sets.valid),
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Evaluate
    def _export(folder, facts):
        folder = export_model(
            folder,
            hparams_file,
            overrides,
            {"captioner": captioner},
            facts,
            kept=("clip_policy", "prompt", "generation"),
            more={},
            loaded_by="Captioner",
        )
        return folder / "captioner.ckpt"

    def _write(folder, description, protocol):
        write_captions(
            folder,
            *brain.results(),
            description,
            protocol,
            sets.tests[description["dataset"]],
            hparams["name_sources"],
            hparams["java"],
        )

    facts = {
        key: hparams[key]
        for key in ("start", "locked_audio", "prompt", "generation")
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
