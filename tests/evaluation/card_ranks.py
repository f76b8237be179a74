"""One rank of a report card.

Not a test: `test_report_card.py` runs it, and takes its `run`.

    python card_ranks.py RANK RANKS FOLDER MODEL
"""

import json
import os
import pathlib
import sys

import torch

from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.evaluation import card_embed
from speechbrain_clap.evaluation.card_sets import CardSet, CardTask
from speechbrain_clap.evaluation.report_card import write_report_card
from speechbrain_clap.inference.opening import open_model

ABOUT = {"name": "Pets", "domain": "pets", "set": "pets", "split": "all"}
TASKS = [
    CardTask(
        "pets", kind="multiclass", metric="accuracy", labels="label",
        templates=["a {}"], classes=2, published={"CLAP 2023": 0.9}, **ABOUT,
    ),
    CardTask(
        "tags", kind="multilabel", metric="mAP", labels="labels",
        templates=["a {}", "hear a {}"], classes=3, published={"X": 0.1},
        **ABOUT,
    ),
    CardTask(
        "events", kind="multilabel", metric="F1", labels="labels",
        templates=["{}"], **ABOUT,
    ),
    CardTask(
        "find", kind="retrieval", metric="R@1", labels="captions",
        direction="text_to_audio", published_map={"CLAP 2023": 0.5}, **ABOUT,
    ),
    CardTask(
        "write", kind="captioning", metric="SPIDEr", labels="captions", **ABOUT
    ),
    CardTask(
        "lost", kind="multiclass", metric="accuracy", labels="label",
        templates=["{}"], **{**ABOUT, "set": "lost"},
    ),
]  # fmt: skip


def prepare_pets(data_folder, manifest_folder):
    """All sounds of a folder: dog, cat, dog, cat ..., the last two valid."""
    paths = sorted(pathlib.Path(data_folder).glob("*.wav"))
    rows = {}
    for number, path in enumerate(paths):
        label = ["dog", "cat"][number % 2]
        rows[path.stem] = {
            "path": "{data_root}/" + path.name,
            "label": label,
            "labels": [label, "loud"] if number % 3 == 0 else [label],
            "captions": [f"a {label}", f"{label} {number}"],
            "fold": 1 + number % 3,
            "source": f"freesound:{number}",
        }
    names = list(rows)
    parts = {"test": names[:-2], "valid": names[-2:]}
    for part, names in parts.items():
        write_manifest(
            f"{manifest_folder}/{part}.json", {n: rows[n] for n in names}
        )
    report = {
        "dataset": "Pets",
        "sounds": "made-up",
        "classes": {"label": ["dog", "cat"], "labels": ["dog", "cat", "loud"]},
        "parts": {"test": {"listed": len(parts["test"]) + 1}},
    }
    pathlib.Path(manifest_folder, "prepare.json").write_text(json.dumps(report))


def open_sets(data):
    """A set that is there, and one that is not."""
    pets = CardSet("pets", data, prepare_pets, ["test"], "a shop", ["valid"])
    lost = CardSet("lost", data / "no", prepare_pets, ["test"], "a forest")
    return {"pets": pets, "lost": lost}


def run(folder, out, model, cache="cache", tasks=TASKS, **options):
    """Writes the card of a model; gives what its metrics.json holds."""
    card_embed.SOUNDS_PER_PART, card_embed.TEXTS_PER_PART = 3, 4
    sets = open_sets(folder / "data")
    for each in sets.values():
        each.load(folder / out / "save")
    embedder = open_model(str(model), device="cpu")
    made = card_embed.CardCache(embedder, folder / cache, batch_size=2)
    return write_report_card(
        made, sets, tasks, folder / out, made.facts("tiny", model),
        sweep=["the sound of {}"], **options,
    )  # fmt: skip


if __name__ == "__main__":
    rank, ranks, folder, model = sys.argv[1:]
    os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=ranks)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=int(rank),
        world_size=int(ranks),
    )
    run(pathlib.Path(folder), "two", model, "cache-two", none_of_these=True)
    torch.distributed.destroy_process_group()
