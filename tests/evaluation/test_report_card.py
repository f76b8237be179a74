"""The report card: right numbers, what is absent, leaks, the same bytes."""

import csv
import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.card_embed import CardCache
from speechbrain_clap.evaluation.card_sets import CardTask
from speechbrain_clap.evaluation.report_card import write_report_card
from speechbrain_clap.inference.opening import open_model
from speechbrain_clap.utils.hparams import HparamsError

SCRIPT = pathlib.Path(__file__).with_name("card_ranks.py")
FILES = ("metrics.json", "tasks.csv", "report.html", "tasks.png")


@pytest.fixture(scope="module")
def card():
    """The script's functions."""
    spec = importlib.util.spec_from_file_location("card_ranks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """Ten sounds, one of them broken."""
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(0)
    for number in range(10):
        wav = 0.1 * random.standard_normal(3000 + 2500 * number)
        soundfile.write(tmp_path / "data" / f"{number}.wav", wav, 8000)
    (tmp_path / "data" / "4.wav").write_bytes(b"RIFF nothing")
    return tmp_path


class Known:
    """A cache whose embeddings are known: axes of classes and captions."""

    axes = {"dog": 0, "cat": 1, "loud": 2}

    def sounds(self, name, rows):
        labels = [row["label"] for row in rows.values()]
        return list(rows), np.eye(3, dtype=np.float32)[
            [self.axes[label] for label in labels]
        ]

    def texts(self, texts):
        found = [
            next((i for x, i in self.axes.items() if x in text), 2)
            for text in texts
        ]
        # The sweep's template takes dogs for cats.
        turned = [1 - i if "sound of" in t and i < 2 else i
                  for i, t in zip(found, texts, strict=True)]  # fmt: skip
        return np.eye(3, dtype=np.float32)[turned]


@pytest.fixture
def known(card, folder):
    """The metrics of a card with known embeddings."""

    def _known(**options):
        sets = card.open_sets(folder / "data")
        for each in sets.values():
            each.load(folder / "save")
        return write_report_card(
            Known(), sets, card.TASKS, folder / "known", {"model": "known"},
            sweep=["the sound of {}"], **options,
        )  # fmt: skip

    return _known


def test_values_means_and_absent_tasks(known):
    metrics = known()
    tasks = {task["id"]: task for task in metrics["tasks"]}
    assert tasks["pets"]["value"] == 1.0
    assert tasks["pets"]["folds"]["mean"] == 1.0
    assert tasks["pets"]["skipped"] == 1 and tasks["pets"]["clips"] == 8
    # dog and cat are ranked right; all clips share one score for "loud":
    # 3 of 8 have it.
    assert tasks["tags"]["per_class"] == {"dog": 1.0, "cat": 1.0, "loud": 0.375}
    # At a cosine of 0 all is said: 2 * 11 / (24 + 11). The validation clips
    # choose 1: right are 8 of 8 said and 11 true.
    assert tasks["events"]["at_half"] == pytest.approx(22 / 35)
    assert tasks["events"]["value"] == pytest.approx(16 / 19)
    assert tasks["events"]["threshold_from"] == "the 2 validation clips"
    # Captions look for one of four equal clips, of which the first wins.
    assert tasks["find"]["value"] == 2 / 8
    assert tasks["find"]["mAP@10"] == pytest.approx(
        (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    )
    values = [task["value"] for task in tasks.values()]
    assert metrics["value"] == pytest.approx(np.mean(values))
    assert metrics["mean_of"] == ["pets", "tags", "events", "find"]
    means = metrics["published_means"]
    assert means["CLAP 2023"] == {"value": 0.9, "ours": 1.0, "tasks": ["pets"]}
    assert {a["id"]: a["where"] for a in metrics["absent"]} == {
        "write": "a shop", "lost": "a forest",
    }  # fmt: skip
    assert "--captioner" in metrics["absent"][0]["reason"]
    assert metrics["sounds"] == "made-up" and metrics["leaks"] is None


def test_the_best_template_is_told_as_what_it_is(known, folder):
    metrics = known()
    sweep = metrics["tasks"][0]["sweep"]
    assert sweep["others"] == {"the sound of {}": 0.0}
    assert sweep["default"] == {"templates": ["a {}"], "value": 1.0}
    assert sweep["best"]["value"] == 1.0
    assert "optimistic" in sweep["best"]["chosen_on"]
    text = (folder / "known" / "report.html").read_text()
    assert "best (optimistic)" in text and "a forest" in text
    with open(folder / "known" / "tasks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["CLAP 2023"] == "0.9" and rows[0]["value"] == "1.000000"


def test_captions_leaks_and_none_of_these(known, folder):
    trained = folder / "trained.txt"
    trained.write_text("freesound:0\nfreesound:5\nfreesound:99\n")
    metrics = known(
        none_of_these=True,
        training_lists={"mine": trained},
        caption=lambda paths: ["a dog"] * len(paths),
    )
    found = metrics["leaks"]["pets"]["mine"]
    assert found == {"in_training": 2, "first": ["0", "5"]}
    none = metrics["tasks"][0]["none_of_these"]
    # Without its own class the best cosine of a clip is 0.
    assert none["fitted_part"] == "the validation part"
    assert (none["kept"], none["rejected"]) == (1.0, 1.0)
    written = {task["id"]: task for task in metrics["tasks"]}["write"]
    assert written["scores"]["CIDEr"] > 0
    if written["value"] is None:
        assert "SPIDEr" in written["missing"]
        assert "write" not in metrics["mean_of"]


def test_a_part_of_the_classes_has_no_published_scores(
    card, known, monkeypatch
):
    monkeypatch.setattr(card.TASKS[0], "classes", 50)
    first = known()["tasks"][0]
    assert first["published"] == {} and "50" in first["published_note"]
    assert first["name"] == "Pets: 2 of its 50 classes"


def test_same_bytes_whatever_ranks_and_kills(card, folder, tiny_clap_folder):
    command = [sys.executable, SCRIPT]
    ranks = [
        subprocess.Popen([*command, str(rank), "2", folder, tiny_clap_folder])
        for rank in range(2)
    ]
    wanted = card.run(folder, "one", tiny_clap_folder, none_of_these=True)
    # A kill loses the parts that were not done.
    [model] = (folder / "cache").iterdir()
    [store] = [p for p in model.glob("pets-*") if "valid" not in p.name]
    before = (store / "embeddings.f16").read_bytes()
    for path in store.iterdir():
        path.unlink()
    card.run(folder, "again", tiny_clap_folder, none_of_these=True)
    assert (store / "embeddings.f16").read_bytes() == before
    assert [rank.wait(120) for rank in ranks] == [0, 0]
    for name in FILES:
        first = (folder / "one" / name).read_bytes()
        assert (folder / "again" / name).read_bytes() == first
        assert (folder / "two" / name).read_bytes() == first
    # The broken clip, and the one that only the list has.
    assert wanted["tasks"][0]["clips"] == 7
    assert wanted["tasks"][0]["skipped"] == 2
    bad = json.loads((store / "bad.json").read_text())
    assert list(bad["problems"]) == ["4"]


def test_the_cache_equals_the_model(card, folder, make_clap_folder):
    for long in ("center", "windows"):
        clap = open_model(str(make_clap_folder(long)), device="cpu")
        cache = CardCache(clap, folder / "c", batch_size=4)
        paths = [str(folder / "data" / f"{n}.wav") for n in (0, 9, 3)]
        ids, found = cache.sounds("x", {p: {"path": p} for p in paths})
        assert ids == paths
        wanted = clap.encode_audio_files(paths).numpy()
        assert np.abs(found - wanted).max() < 5e-4  # kept as float16


def test_mistakes_are_told(card, known):
    with pytest.raises(HparamsError, match="kind 'multiclass' with metric 'mA"):
        CardTask("a", "A", "x", "pets", "multiclass", "mAP", "label", "all")
    with pytest.raises(HparamsError, match="has no templates"):
        CardTask("a", "A", "x", "pets", "multilabel", "mAP", "label", "all")
    only = [task for task in card.TASKS if task.set == "lost"]
    sets = card.open_sets(pathlib.Path("nowhere"))
    sets["lost"].absent = "it is not there"
    with pytest.raises(DataError, match="none of the report card's tasks"):
        write_report_card(Known(), sets, only, "out", {})
