"""Probes of a set: what is written, resumed, compared, and zero-shot."""

import json
import types

import numpy as np
import pytest
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.dataio.probe_sets import ProbeSet
from speechbrain_clap.evaluation.probe_comparison import compare_probes
from speechbrain_clap.evaluation.probe_figures import row_shares
from speechbrain_clap.evaluation.probe_training import ProbeTrainer
from speechbrain_clap.evaluation.probes import run_probes, zero_shot_part

CLASSES = ["cat", "dog", "rain"]


def make(tmp_path, multi_label=False):
    """A set with three folds, or parts, and vectors that show the classes."""
    (tmp_path / "a.wav").write_bytes(b"")
    rows, vectors = {}, []
    draw = np.random.default_rng(0)
    for n in range(60):
        row = {"path": "{data_root}/a.wav", "source": str(n)}
        row["fold"] = n % 4 + 1
        vectors.append(np.eye(3)[n % 3] + 0.25 * draw.normal(size=3))
        row["label"], row["labels"] = CLASSES[n % 3], [CLASSES[n % 3]]
        rows[f"clip{n}"] = row
    rows["lost"] = {**rows["clip0"], "source": "lost"}  # has no vector

    def _prepare(data_folder, manifest_folder):
        names = list(rows)
        parts = {"all": names}
        if multi_label:
            parts = {"train": names[:30], "valid": names[30:40]}
            parts["test"] = names[40:]
        for part, names in parts.items():
            some = {name: rows[name] for name in names}
            write_manifest(f"{manifest_folder}/{part}.json", some)
        with open(f"{manifest_folder}/prepare.json", "w") as stream:
            json.dump({"classes": CLASSES, "sounds": "made-up"}, stream)

    probe_set = ProbeSet(
        "set",
        tmp_path,
        _prepare,
        ["train", "valid", "test"] if multi_label else ["all"],
        folds=None if multi_label else [1, 2, 3, 4],
        trials=2,
        multi_label=multi_label,
    )
    probe_set.load(tmp_path / "save")
    features = types.SimpleNamespace(
        vectors=np.array(vectors, np.float32),
        index={f"clip{n}": n for n in range(60)},
        skipped=1,
    )
    features.kept = lambda ids: [i for i in ids if i in features.index]
    features.rows = lambda ids: np.array(
        [features.index[i] for i in features.kept(ids)], np.int64
    )
    return probe_set, features


def trainer(**options):
    return ProbeTrainer(lr=0.02, epochs=15, hidden=[8], **options)


def test_folds(tmp_path):
    probe_set, features = make(tmp_path)
    out = tmp_path / "out"
    metrics = run_probes(
        out, probe_set, features, trainer(), [0.2, 1.0], 1, {"model": "m"}
    )
    assert metrics == json.loads((out / "metrics.json").read_text())
    assert metrics["clips"] == 60 and metrics["skipped"] == 1
    assert metrics["value"] == np.mean([s["value"] for s in metrics["splits"]])
    assert metrics["value"] > 0.9
    confusion = np.array(metrics["confusion"])
    assert confusion.sum() == 60 and confusion.sum(1).tolist() == [20] * 3
    assert metrics["pooled"] == confusion.trace() / 60
    low, high = metrics["interval"]
    assert low < metrics["pooled"] <= high
    assert [p["fraction"] for p in metrics["fractions"]] == [0.2, 1.0]
    # 30 train, 6 of them at a fifth: 2 of each class.
    assert metrics["fractions"][0]["train_clips"] == [6] * 4
    assert metrics["fractions"][1]["train_clips"] == [30] * 4
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        "confusion.png", "fractions", "fractions.csv", "fractions.png",
        "metrics.json", "per_class.png", "predictions.csv", "report.html",
    ]  # fmt: skip
    lines = (out / "predictions.csv").read_text().splitlines()
    assert lines[0] == "split,ID,labels,best,second,third"
    assert len(lines) == 61
    assert len((out / "fractions.csv").read_text().splitlines()) == 1 + 8


def test_goes_on_behind_the_last_fraction(tmp_path):
    probe_set, features = make(tmp_path)
    arguments = (probe_set, features, trainer(), [0.2, 1.0], 1, {})
    first = run_probes(tmp_path / "a", *arguments)
    (tmp_path / "a" / "fractions" / "20.json").unlink()
    fits = []
    again = trainer()
    fit = again.fit
    again.fit = lambda *a: fits.append(1) or fit(*a)
    arguments = (probe_set, features, again, [0.2, 1.0], 1, {})
    assert run_probes(tmp_path / "a", *arguments) == first
    assert fits == [1]
    with pytest.raises(DataError, match="expected 1 among them"):
        run_probes(tmp_path / "b", probe_set, features, again, [0.1], 1, {})


def test_several_labels_in_trials(tmp_path):
    probe_set, features = make(tmp_path, multi_label=True)
    metrics = run_probes(
        tmp_path / "out",
        probe_set,
        features,
        trainer(metric="macro mAP"),
        [1.0],
        1,
        {},
    )
    assert metrics["metric"] == "macro mAP" and metrics["clips"] == 20
    assert len(metrics["splits"]) == 2 and metrics["classes"] == 3
    assert "confusion" not in metrics and metrics["value"] > 0.9
    assert metrics["interval"][0] <= metrics["pooled"]
    assert not (tmp_path / "out" / "confusion.png").exists()


class Texts:
    """Embeds a text as the class that it names."""

    def encode_text(self, texts):
        number = [
            next(i for i, c in enumerate(CLASSES) if c in t) for t in texts
        ]
        return torch.eye(3)[torch.tensor(number)]


def test_zero_shot(tmp_path):
    probe_set, features = make(tmp_path)
    found = zero_shot_part(
        Texts(), probe_set, features, ["{}", "a {}"], "accuracy"
    )
    nearest = features.vectors.argmax(1) == np.arange(60) % 3
    assert found["value"] == pytest.approx(nearest.mean())
    assert found["clips"] == 60

    class Silent:
        def encode_text(self, texts):
            raise NotImplementedError

    with pytest.raises(DataError, match="embeds no texts"):
        zero_shot_part(Silent(), probe_set, features, ["{}"], "accuracy")


def test_comparison(tmp_path):
    probe_set, features = make(tmp_path)
    folders = {}
    for name, fractions in (("one", [0.2, 1.0]), ("two", [1.0])):
        folders[name] = tmp_path / name
        run_probes(
            folders[name], probe_set, features, trainer(), fractions, 1, {}
        )
    out = tmp_path / "out"
    found = compare_probes(out, folders, [["one", "two"]])
    assert set(found["models"]) == {"one", "two"}
    assert (out / "difference_one_two.png").is_file()
    page = (out / "report.html").read_text()
    assert "–" in page and "one minus two" in page
    with pytest.raises(DataError, match="expected two of one, two"):
        compare_probes(out, folders, [["one", "three"]])
    with pytest.raises(FileNotFoundError, match="results of x: .*not there"):
        compare_probes(out, {"x": tmp_path / "x"})
    other = json.loads((folders["two"] / "metrics.json").read_text())
    other["metric"] = "macro mAP"
    (folders["two"] / "metrics.json").write_text(json.dumps(other))
    with pytest.raises(DataError, match="two: its metric is macro mAP"):
        compare_probes(out, folders)


def test_row_shares():
    shares = row_shares([[1, 3], [0, 0]])
    assert shares[0].tolist() == [0.25, 0.75] and np.isnan(shares[1]).all()
