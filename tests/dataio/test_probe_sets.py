"""Labelled sets: their splits, and parts of their labels."""

import json

import numpy as np
import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.dataio.probe_sets import ProbeSet


def make_set(tmp_path, parts, key="label", classes=("cat", "dog"), **options):
    """A set of clips that are all the same file."""
    (tmp_path / "a.wav").write_bytes(b"")

    def _prepare(data_folder, manifest_folder):
        for part, rows in parts.items():
            rows = {n: {"path": "{data_root}/a.wav", **r} for n, r in rows}
            write_manifest(f"{manifest_folder}/{part}.json", rows)
        report = {
            "classes": list(classes),
            "sounds": "real",
            "missing": {"train": 2},
        }
        with open(f"{manifest_folder}/prepare.json", "w") as stream:
            json.dump(report, stream)

    made = ProbeSet("set", tmp_path, _prepare, list(parts), **options)
    made.load(tmp_path / "save")
    return made


def test_folds_train_validate_and_test(tmp_path):
    rows = [
        (
            f"{label}{n}",
            {"label": label, "fold": n % 3 + 1, "source": f"{label}{n}"},
        )
        for n in range(9)
        for label in ("cat", "dog")
    ]
    rows.append(("leak", {"label": "cat", "fold": 3, "source": "cat0"}))
    probe_set = make_set(tmp_path, {"all": rows}, folds=[1, 2, 3])
    splits = probe_set.splits(seed=10)
    assert [split.name for split in splits] == ["fold 1", "fold 2", "fold 3"]
    assert [split.seed for split in splits] == [11, 12, 13]
    first = splits[0]
    assert {probe_set.rows[c]["fold"] for c in first.test} == {1}
    assert {probe_set.rows[c]["fold"] for c in first.valid} == {2}
    assert len(first.train) == 6 and "leak" not in first.train
    assert "leak" in splits[1].train or "leak" in splits[1].valid
    assert probe_set.skipped == 2
    some = make_set(tmp_path, {"all": rows}, folds=[3])
    assert some.splits(seed=10) == splits[2:]
    kept = make_set(tmp_path, {"all": rows}, folds=[1, 2, 3], drop_leaks=False)
    assert "leak" in kept.splits(1)[0].train


def test_trials_share_one_drawn_validation_part(tmp_path):
    train = [
        (f"t{n}", {"label": "cat", "source": f"s{n // 2}"}) for n in range(40)
    ]
    test = [("x", {"label": "dog", "source": "y"})]
    probe_set = make_set(
        tmp_path, {"train": train, "test": test}, trials=2, valid_fraction=0.25
    )
    one, two = probe_set.splits(seed=5)
    assert (one.seed, two.seed) == (6, 7) and one.test == ["x"]
    assert one.valid == two.valid and len(one.valid) == 10
    sources = [
        {probe_set.rows[c]["source"] for c in part}
        for part in (one.train, one.valid)
    ]
    assert not sources[0] & sources[1]


def test_fractions_lie_in_each_other_and_keep_each_class(tmp_path):
    train = [
        (f"t{n}", {"label": ("cat", "dog")[n % 10 == 0], "source": f"{n}"})
        for n in range(100)
    ]
    probe_set = make_set(
        tmp_path,
        {
            "train": train,
            "valid": [(f"v{name}", row) for name, row in train[:20]],
            "test": [("x", {"label": "cat"})],
        },
    )
    split = probe_set.splits(1)[0]
    parts = [probe_set.reduce(split, share) for share in (0.01, 0.05, 0.5, 1.0)]
    sizes = [len(part.train) for part in parts]
    assert sizes == [2, 5, 50, 100]  # one of the 10 dogs at least
    for small, large in zip(parts[:-1], parts[1:], strict=True):
        assert set(small.train) < set(large.train)
        assert set(small.valid) <= set(large.valid)
    assert all(part.test == split.test for part in parts)
    labels = {probe_set.labels(clip)[0] for clip in parts[0].train}
    assert labels == {"cat", "dog"}
    assert parts[3].train == split.train
    assert probe_set.reduce(split, 0.05) == parts[1]
    other = probe_set.reduce(probe_set.splits(1)[1], 0.5)
    assert other.train != parts[2].train
    for share in (0, 1.5):
        with pytest.raises(DataError, match="above 0, up to 1"):
            probe_set.reduce(split, share)


def test_several_labels(tmp_path):
    rows = [("a", {"labels": ["dog", "cat"]}), ("b", {"labels": ["dog"]})]
    probe_set = make_set(
        tmp_path,
        {"train": rows, "valid": [], "test": rows},
        multi_label=True,
        trials=1,
    )
    assert probe_set.targets(["b", "a"]).tolist() == [[0, 1], [1, 1]]


def test_a_clip_without_a_label(tmp_path):
    with pytest.raises(DataError, match="clip 'a' has no label"):
        make_set(tmp_path, {"test": [("a", {"labels": ["dog"]})]})


def test_a_label_that_is_no_class(tmp_path):
    with pytest.raises(DataError, match="'a' has the label 'cow'"):
        make_set(tmp_path, {"test": [("a", {"label": "cow"})]})


def test_targets_are_numbers_of_classes(tmp_path):
    rows = [("a", {"label": "dog"}), ("b", {"label": "cat"})]
    probe_set = make_set(tmp_path, {"test": rows})
    assert probe_set.targets(["a", "b"]).tolist() == [1, 0]
    assert probe_set.targets(["a"]).dtype == np.int64
