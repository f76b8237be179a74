"""The query modifier's tables on pairs of the samples, with made-up models.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json
import pathlib
import sys
import types

import numpy as np
import pytest
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import ManifestError
from speechbrain_clap.evaluation.difference_map import difference_map, project
from speechbrain_clap.evaluation.modifier_runs import read_pairs
from speechbrain_clap.evaluation.query_modifier import (
    evaluate_query_modifier,
    modifier_tables,
)

PAIRS = pathlib.Path(__file__).parents[1] / "samples" / "APwD"
METHODS = ["baseline", "rho1"]


class FakeModel:
    """A(b) is A(a) + T(t) but for some noise; the baseline reads no text."""

    loaded = []

    def __init__(self, source, run_opts):
        assert run_opts["device"]
        self.folder = pathlib.Path(source)
        FakeModel.loaded.append(self.folder.parent.name)
        self.text = "baseline" not in self.folder.parent.name
        self.noise = float((self.folder / "noise.txt").read_text())
        rows = json.loads((PAIRS / "rain_esc10_eval.json").read_text())
        rng = np.random.default_rng(0)
        self.sounds, self.texts = {}, {}
        for row in rows.values():
            sound = rng.standard_normal(64)
            text = self.texts.setdefault(row["text"], rng.standard_normal(64))
            for key, value in (
                ("path", sound),
                (
                    "target_path",
                    sound + text + self.noise * rng.standard_normal(64),
                ),
            ):
                self.sounds[pathlib.Path(row[key]).name] = value

    def embed_audio_files(self, paths, batch_size):
        """[N, 64]."""
        assert batch_size == 3
        names = [pathlib.Path(path).name for path in paths]
        return torch.tensor(np.stack([self.sounds[name] for name in names]))

    def embed_text(self, texts):
        """[N, 64]."""
        assert len(texts) <= 3
        found = torch.tensor(np.stack([self.texts[text] for text in texts]))
        return found if self.text else 0 * found


@pytest.fixture
def models(tmp_path):
    FakeModel.loaded = []
    for method in METHODS:
        for seed, noise in ((1, 0.0), (2, 3.0)):
            folder = tmp_path / f"{method}_{seed}" / "model"
            folder.mkdir(parents=True)
            (folder / "noise.txt").write_text(str(noise))
    return tmp_path


def evaluate(models, out="out", **options):
    return evaluate_query_modifier(
        models / out,
        FakeModel,
        str(models / "{method}_{seed}" / "model"),
        options.pop("methods", METHODS),
        options.pop("seeds", [1, 2]),
        options.pop("data_folder", PAIRS),
        "rain_esc10",
        batch_size=3,
        **options,
    )


def test_tables_page_and_pictures(models):
    metrics = evaluate(models)
    folder = models / "out"
    assert metrics == json.loads((folder / "metrics.json").read_text())
    assert metrics["clips"] == 8 and metrics["skipped"] == 0
    assert metrics["sounds"] == "made-up" and metrics["split"] == "eval"
    assert metrics["chance"] == {"R@1": 1 / 8, "R@5": 5 / 8, "R@10": 1.0}
    first = metrics["methods"]["rho1"]["R@1"]
    assert first["values"][0] == 1.0
    assert metrics["value"] == first["mean"] == np.mean(first["values"])
    assert first["std"] == pytest.approx(np.std(first["values"], ddof=1))
    low, high = metrics["interval"]
    assert 0 < low <= metrics["value"] <= high <= 1
    assert metrics["agreement"]["baseline"] == [None, None]
    assert metrics["agreement"]["rho1"][0]["own"] == pytest.approx(1.0)
    # Table 3 from the ranks of the CSV.
    rows = json.loads((PAIRS / "rain_esc10_eval.json").read_text())
    with open(folder / "retrieval.csv", newline="") as stream:
        lines = {line["id"]: line for line in csv.DictReader(stream)}
    assert list(lines) == list(rows)
    for method in METHODS:
        for label, scores in metrics["per_class"][method].items():
            chosen = [
                name
                for name, row in rows.items()
                if label in [x for _, x in row["differences"]]
            ]
            assert scores["pairs"] == len(chosen)
            for seed, value in zip((1, 2), scores["values"], strict=True):
                ranks = [lines[name][f"{method} {seed}"] for name in chosen]
                assert value == pytest.approx(ranks.count("1") / len(ranks))
    assert list(metrics["per_class"]["rho1"])[0] == "rain"
    page = (folder / "report.html").read_text("utf-8")
    assert "R@1, rho1" in page and page.count("<audio") >= 8
    assert "made-up sounds" in page
    assert (folder / "differences_rho1.png").read_bytes()[1:4] == b"PNG"
    assert not (folder / "differences_baseline.png").exists()
    digests = metrics["protocol"]["checkpoint_sha256"]
    assert len(digests) == 4 and len(set(digests.values())) == 2


def test_what_is_embedded_is_not_embedded_again(models):
    evaluate(models)
    assert FakeModel.loaded == [
        "baseline_1",
        "baseline_2",
        "rho1_1",
        "rho1_2",
    ]
    before = (models / "out" / "metrics.json").read_bytes()
    evaluate(models)
    assert len(FakeModel.loaded) == 4
    assert (models / "out" / "metrics.json").read_bytes() == before
    (models / "rho1_2" / "model" / "noise.txt").write_text("50")
    metrics = evaluate(models)
    assert FakeModel.loaded[4:] == ["rho1_2"]
    assert metrics["methods"]["rho1"]["R@1"]["values"][1] < 1


def test_all_sounds_as_candidates(models):
    metrics = evaluate(models, "all", candidates="all", seeds=[1])
    assert metrics["candidates"] == "all"
    assert metrics["chance"]["R@1"] == 1 / 15
    assert metrics["protocol"]["candidates"].startswith("15: the targets of")
    assert metrics["methods"]["rho1"]["R@1"]["std"] is None
    assert metrics["value"] == 1.0 and metrics["interval"][1] == 1.0


def test_what_is_missing_is_named_before_anything_is_embedded(models, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rho1_3.model: expected"):
        evaluate(models, seeds=[1, 3])
    with pytest.raises(DataError, match="a folder of its own for each"):
        evaluate_query_modifier(
            tmp_path, FakeModel, str(models), METHODS, [1], PAIRS, "rain_esc10"
        )
    with pytest.raises(DataError, match="candidates is 'some'"):
        evaluate(models, candidates="some")
    with pytest.raises(FileNotFoundError, match="prepare_rain_esc10.json"):
        evaluate(models, data_folder=tmp_path)
    for name in ("prepare_rain_esc10.json", "rain_esc10_eval.json"):
        (tmp_path / name).write_bytes((PAIRS / name).read_bytes())
    with pytest.raises((DataError, ManifestError), match="does not exist"):
        evaluate(models, data_folder=tmp_path)
    assert FakeModel.loaded == [] and not (models / "out").exists()


def test_a_pair_with_two_differences_counts_twice():
    rows = [
        {
            "differences": [["add", "dog"], ["decrease", "rain"]],
            "background": "rain",
        },
        {"differences": [["remove", "dog"]], "background": "rain"},
    ]
    ranks = {"a": np.array([[1, 2]]), "b": np.array([[4, 1]])}
    tables = modifier_tables(ranks, rows, ["rain", "dog", "cat"])
    found = tables["per_class"]
    assert list(found["a"]) == ["rain", "dog"]  # no pair differs in a cat
    assert [found[m]["dog"]["mean"] for m in "ab"] == [0.5, 0.5]
    assert [found[m]["rain"]["mean"] for m in "ab"] == [1.0, 0.0]
    assert found["a"]["dog"]["pairs"] == 2 and found["a"]["rain"]["pairs"] == 1
    kinds = tables["per_difference"]["a"]
    assert {name: x["mean"] for name, x in kinds.items()} == {
        "add event": 1.0,
        "decrease background": 1.0,
        "remove event": 0.0,
    }
    scores = tables["methods"]["b"]
    assert scores["R@1"]["mean"] == 0.5 and scores["R@5"]["mean"] == 1.0
    assert scores["R@5"]["interval"][1] == 1.0


def test_pairs_of_the_samples_are_read():
    rows, told = read_pairs(PAIRS, "rain_esc10", "dev")
    assert len(rows) == told["pairs"]["dev"] == 12
    assert all(
        pathlib.Path(row["target_path"]).is_file() for row in rows.values()
    )


def test_the_map_takes_umap_where_it_is(monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((30, 5))
    monkeypatch.setitem(sys.modules, "umap", None)  # as if not installed
    places, how = project(points)
    assert places.shape == (30, 2)
    assert how == "PCA, for umap-learn is not installed"
    asked = {}

    class _Fake:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, points):
            return points[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=_Fake))
    kinds, names = np.arange(30) % 3, ["add dog", "remove dog", "none"]
    png, how = difference_map(points, points, kinds, names)
    assert how == "UMAP" and png[1:4] == b"PNG"
    assert asked["metric"] == "cosine" and asked["random_state"] == 0
    # The same picture each time.
    assert difference_map(points, points, kinds, names)[0] == png
