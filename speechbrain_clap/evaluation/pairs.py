"""What a training on pairs leaves: a model, retrieval, zero-shot scores.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from speechbrain.utils.distributed import if_main_process

from speechbrain_clap.dataio.clips import PADDINGS
from speechbrain_clap.evaluation.retrieval import write_retrieval
from speechbrain_clap.evaluation.zero_shot import write_zero_shot
from speechbrain_clap.utils.digest import sha256


def evaluate_pairs(brain, hparams, tests, sounds, facts, export):
    """Writes the model's folder and tests it on every test part and task.

    The output folder gets `model/`, `test_<set>/` for each set with a test
    part (see ``speechbrain_clap.evaluation.retrieval``) and
    `zero_shot_<task>/` (see ``speechbrain_clap.evaluation.zero_shot``).

    Arguments
    ---------
    brain : speechbrain_clap.brains.pairs.PairsBrain
        After its training.
    hparams : dict
        Of the experiment: `output_folder` and `training`.
    tests : dict
        Set to the source of its test part.
    sounds : dict
        Set to "real" or "made-up".
    facts : dict
        What the protocol is to say of the training: `trained_on`,
        `leaks_left_out` ...
    export : callable
        Takes a folder and facts, writes the model there and gives the folder.
    """
    output = pathlib.Path(hparams["output_folder"])
    training = hparams["training"]
    brain.on_evaluate_start()
    protocol = {
        "crop": (
            f"{training['clip_seconds']:g} s: the centre of longer clips, "
            f"{PADDINGS[training['padding']]} for shorter ones"
        ),
        "pooling": "one embedding per clip",
        **facts,
        "epoch": brain.evaluated.meta["epoch"],
        "epoch_choice": _epoch_choice(brain),
        "checkpoint": f"{output}/model/clap.ckpt",
    }
    if if_main_process():
        model = export(output / "model", protocol)
        protocol["checkpoint_sha256"] = sha256(model / "clap.ckpt")
    for name, source in tests.items():
        brain.evaluate(
            training["test_pairs"](source),
            test_loader_kwargs=dict(training["test_loader"]),
        )
        text, _ = brain.embed_captions()
        if if_main_process():
            folder = output / f"test_{name}"
            _write_test(folder, source, sounds[name], brain, text, protocol)
    for task in brain.hparams.zero_shot_tasks:
        ids, targets, audio, classes = brain.embed_task(task)
        if if_main_process():
            write_zero_shot(
                output / f"zero_shot_{task.name}",
                ids,
                targets,
                audio,
                classes,
                task.class_names,
                {
                    "dataset": task.name,
                    "split": "all clips",
                    "fold": "all",
                    "skipped": 0 if brain.debug else len(task.rows) - len(ids),
                    "sounds": task.sounds,
                },
                {"templates": task.templates, **protocol},
            )


def _write_test(folder, source, sounds, brain, text, protocol):
    place = {f"{source.name}/{key}": i for i, key in enumerate(source.ids)}
    rows = [place[key] for key in brain.ids]
    write_retrieval(
        folder,
        [source.ids[row] for row in rows],
        brain.captions,
        torch.cat(brain.audio_embeddings),
        text,
        {
            "dataset": source.name,
            "split": "test",
            # In a debugging run most were not tried.
            "skipped": 0 if brain.debug else len(source) - len(rows),
            "sounds": sounds,
        },
        protocol,
        files=[(source.file(row), *source.span(row)) for row in rows],
    )


def _epoch_choice(brain):
    name = brain.hparams.selection
    if name not in brain.evaluated.meta:
        return "the last: there is neither a validation part nor a task"
    where = "the validation clips"
    if name.startswith("zero_shot"):
        tasks = [task.name for task in brain.hparams.zero_shot_tasks]
        where = f"the test clips of {', '.join(tasks)} themselves"
    direction = brain.hparams.epoch_counter.direction
    return f"the epoch with the best {name} ({direction}) on {where}"
