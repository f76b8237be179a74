#!/usr/bin/env python3
"""Trains a sound tower by answering in words: a mixture of tasks.

    python train.py hparams/htsat22_small.yaml  # made-up sounds
    python train.py hparams/htsat22_small.yaml --data_folder=/data/ESC-10
    torchrun --nproc_per_node=8 train.py hparams/htsat22.yaml ...

Tasks whose set is not there are listed and left out. What it leaves in
`audio_encoder/` begins a training of CLAP: --audio_encoder_from=<that folder>.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier, run_on_main
from torch.utils.data import ConcatDataset, DataLoader

from speechbrain_clap.brains.captioning import CaptioningBrain
from speechbrain_clap.checkpoints.start_captioner import start_captioner
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.dataio.task_sets import AskedPairs, TaskSets
from speechbrain_clap.evaluation.answers import write_answers
from speechbrain_clap.evaluation.parts import evaluate_parts
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.models.export import export_model, write_weights


def train(hparams_file, run_opts, overrides):
    """Prepares, trains, exports and tests.

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
    training, folder = hparams["training"], hparams["manifest_folder"]

    # Data
    sets = PairSets(
        hparams["mixture"],
        folder,
        hparams["on_bad_clip"],
        hparams["valid_clips"],
        data_folder=hparams["data_folder"],
    )
    tasks = TaskSets(hparams["tasks"], sets, hparams["seed"])
    run_on_main(sets.prepare)
    tasks.load()
    run_on_main(sets.write_report)
    run_on_main(tasks.write_report, args=[folder])

    # Model
    captioner = hparams["modules"]["captioner"]
    captioner.decoder.fit_vocabulary(tasks.texts())
    start_captioner(captioner, **hparams["start"])
    training["checkpointer"].add_recoverable("captioner", captioner)

    # Brain
    brain = CaptioningBrain(
        modules=hparams["modules"],
        opt_class=training["opt_class"],
        hparams={
            **hparams["brain_hparams"],
            "locked_audio": False,
            "answer_length": hparams["answer_length"],
            "generation": hparams["generation"],
        },
        run_opts=run_opts,
        checkpointer=training["checkpointer"],
    )

    def _clips(source):
        return AskedPairs(training["test_pairs"](source), [source])

    # Fit
    valid = [_clips(source) for source in tasks.valid]
    brain.fit(
        training["epoch_counter"],
        DataLoader(
            AskedPairs(
                training["train_pairs"](tasks.train),
                tasks.train,
                hparams["seed"],
            ),
            batch_sampler=training["train_batches"](
                tasks.train, weights=tasks.weights
            ),
            **training["train_loader"],
        ),
        ConcatDataset(valid) if valid else None,
        valid_loader_kwargs=dict(training["test_loader"]),
    )

    # Export and evaluate
    def _export(folder, facts):
        model = export_model(
            folder,
            hparams_file,
            overrides,
            {"captioner": captioner},
            facts,
            kept=("clip_policy", "prompt", "generation"),
            more={},
            loaded_by="Captioner",
        )
        lobe = pathlib.Path(folder).with_name("audio_encoder")
        lobe.mkdir(exist_ok=True)
        write_weights(lobe, "audio_encoder", captioner.audio_encoder, facts)
        return model / "captioner.ckpt"

    def _write(folder, description, protocol):
        task = description["dataset"]
        write_answers(
            folder,
            *brain.results(),
            {**description, "dataset": hparams["tasks"][task]["set"]},
            protocol,
            tasks.tests[task],
            hparams["name_sources"],
        )

    evaluate_parts(
        brain,
        hparams,
        {name: _clips(source) for name, source in tasks.tests.items()},
        tasks,
        {key: hparams[key] for key in ("start", "generation")},
        _export,
        _write,
    )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
