"""Tasks over sets: parts, proportions, sets that are not there."""

import collections
import json

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.dataio.pairs import ClipPairs, PairDataset
from speechbrain_clap.dataio.task_questions import IsHeard
from speechbrain_clap.dataio.task_rules import NameLabels, WriteCaption
from speechbrain_clap.dataio.task_sets import AskedPairs, TaskSets
from speechbrain_clap.utils.files import write_json

LABELS = ("dog", "rain", "siren")
SIZES = {"train": 12, "valid": 3, "test": 6}


def prepare(data_folder, manifest_folder, on_bad_clip):
    """Tiny clips; every fourth has no label."""
    for part, size in SIZES.items():
        rows = {}
        for i in range(size):
            file = data_folder / f"{part}{i}.wav"
            soundfile.write(file, numpy.full(8, 0.1), 8000)
            label = {} if i % 4 == 3 else {"label": LABELS[i % 3]}
            captions = [f"caption {part} {i}"]
            rows[f"{part}{i}"] = {"path": str(file), "captions": captions}
            rows[f"{part}{i}"] |= label
        write_manifest(f"{manifest_folder}/{part}.json", rows)
    write_json(f"{manifest_folder}/prepare.json", {"sounds": "made-up"})


@pytest.fixture
def make(tmp_path):
    """Tasks over one set that is there, and one that is not."""

    def _set(folder):
        return {
            "prepare": prepare,
            "data_folder": folder,
            "shards": None,
            "train_parts": ["train"],
            "weight": None,
        }

    def _make(**tasks):
        mixture = {"here": _set(tmp_path), "gone": _set(None)}
        sets = PairSets(mixture, tmp_path / "save")
        tasks = {
            name: {"set": home, "rule": rule, "weight": weight}
            for name, (home, rule, weight) in tasks.items()
        }
        found = TaskSets(tasks, sets, seed=5)
        sets.prepare()
        return found

    return _make


def naming(key="label"):
    """A rule."""
    return NameLabels(key, "what is this?")


def test_parts_proportions_and_what_is_missing(make, tmp_path):
    tasks = make(
        naming=("here", naming(), 3),
        presence=("here", IsHeard("label", "{}?"), 1),
        captions=("here", WriteCaption("say:"), 2),
        missing=("gone", naming(), 9),
    ).load()
    # Clips without a label are asked for captions alone.
    assert [len(source) for source in tasks.train] == [9, 9, 12]
    assert [len(source) for source in tasks.valid] == [3, 3, 3]
    assert {name: len(x) for name, x in tasks.tests.items()} == {
        "naming": 5, "presence": 5, "captions": 6,
    }  # fmt: skip
    assert tasks.left_out == {"missing": "gone"}
    assert tasks.sounds["naming"] == "made-up" and tasks.listed("naming") == 5
    tasks.write_report(tmp_path)
    report = json.loads((tmp_path / "tasks.json").read_text())
    assert report["left_out"] == {"missing": "gone"}
    assert report["clips"]["test"]["captions"] == 6
    facts = tasks.facts()
    assert facts["tasks"]["naming"] == {"set": "here", "clips": 9, "weight": 3}

    # An epoch holds the tasks in just these proportions.
    batches = MixtureBatches(
        tasks.train, 6, seed=1, weights=tasks.weights, epoch_size=60
    )
    pairs = AskedPairs(
        PairDataset(tasks.train, lambda *_, position: position, 1),
        tasks.train,
        seed=1,
    )
    batches.epoch = 2
    items = [pairs[index] for batch in batches for index in batch]
    counts = collections.Counter(item["set"] for item in items)
    assert counts == {"naming": 30, "presence": 10, "captions": 20}
    for item in items:
        assert item["answer"] == item["captions"][0]
        task, clip = item["id"].split("/")
        number = int(clip.removeprefix("train"))
        if task == "naming":
            assert item["prompt"] == "what is this?"
            assert item["captions"] == [LABELS[number % 3]]
        elif task == "presence":
            right = item["prompt"] == f"{LABELS[number % 3]}?"
            assert item["answer"] == ("yes" if right else "no")
        else:
            assert item["captions"] == [f"caption train {number}"]
    texts = list(tasks.texts())
    assert {"what is this?", "dog", "yes", "no", "say:"} <= set(texts)


def test_what_is_asked_depends_on_clip_seed_and_epoch_alone(make):
    tasks = make(presence=("here", IsHeard("label", "{}?"), 1)).load()
    [source] = tasks.train
    once = [[source.ask(i, epoch, 1) for i in range(9)] for epoch in (1, 2, 3)]
    again = [[source.ask(i, epoch, 1) for i in range(9)] for epoch in (1, 2, 3)]
    assert once == again and once[0] != once[1] != once[2]
    test = tasks.tests["presence"]
    clips = AskedPairs(ClipPairs(test, lambda *_, position: 0), [test])
    assert [clips[i]["prompt"] for i in range(5)] == [
        test.ask(i)[0] for i in range(5)
    ]


def test_mistakes_are_named(make):
    with pytest.raises(DataError, match="'a' is of the set 'nowhere'"):
        make(a=("nowhere", naming(), 1))
    with pytest.raises(DataError, match="'a': none of the 12 .* NameLabels"):
        make(a=("here", naming("labels"), 1)).load()
    with pytest.raises(DataError, match="none of a has its set; .* here"):
        make(a=("gone", naming(), 1)).load()
