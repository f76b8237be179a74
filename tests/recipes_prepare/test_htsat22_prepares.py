"""HTSAT-22's own preparations: Clotho-AQA, mixes with events, single sounds.

Authors
 * The speechbrain_clap team 2026
"""

import importlib
import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples" / "ESC50"
TRAIN = """file_name,QuestionText,answer,confidence
a b.wav,Is it raining?,yes,yes
a b.wav,Is it raining?,Yes,maybe
a b.wav,Is it raining?,no,yes
a b.wav,"What, then?",rain,yes
gone.wav,Is it wet?,yes,yes
"""
TEST = "file_name,QuestionText,answer,confidence\nt.wav,How many?,two,yes\n"
METADATA = """file_name,keywords,sound_id,sound_link
a b.wav,rain,1234,https://freesound.org
t.wav,dogs,,-
"""


@pytest.fixture
def prepare(monkeypatch):
    """A preparation of the recipe, by name."""
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "HTSAT22"))

    def _of(name):
        module = importlib.import_module(f"{name}_prepare")
        return getattr(module, f"prepare_{name}")

    return _of


def written(folder, *names):
    """Manifests and reports, by name."""
    return {
        name: json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in names
    }


def test_clotho_aqa(prepare, tmp_path, write_sound):
    data = tmp_path / "data"
    for name in ("a b.wav", "t.wav"):
        write_sound(data / "audio_files" / name)
    (data / "clotho_aqa_train.csv").write_text(TRAIN)
    (data / "clotho_aqa_test.csv").write_text(TEST)
    (data / "clotho_aqa_metadata.csv").write_text(METADATA)
    prepare("clotho_aqa")(str(data), str(tmp_path / "save"))
    found = written(tmp_path / "save", "train", "test", "prepare")
    assert found["train"] == {
        "a b.wav": {
            "path": "{data_root}/audio_files/a b.wav",
            "questions": [
                ["Is it raining?", ["yes", "no"]],
                ["What, then?", ["rain"]],
            ],
            "captions": ["Is it raining?", "What, then?"],
            "source": "freesound:1234",
        }
    }
    assert "source" not in found["test"]["t.wav"]
    assert found["prepare"]["missing"] == {"train": 1, "test": 0}
    (data / "clotho_aqa_train.csv").unlink()
    (data / "clotho_aqa_test.csv").unlink()
    with pytest.raises(FileNotFoundError, match="no clotho_aqa_<split>.csv"):
        prepare("clotho_aqa")(str(data), str(tmp_path / "save"))


def test_mixes_tell_the_times_of_their_events(prepare, tmp_path):
    options = {"sounds_folder": str(SAMPLES), "seconds": 0.5}
    options |= {"counts": {"train": 6, "valid": 1, "test": 1}, "seed": 3}
    mixes = str(tmp_path / "mixes")
    prepare("compositions")(mixes, str(tmp_path / "save"), **options)
    rows = written(tmp_path / "save", "train")["train"].values()
    assert len(rows) == 6 and any(len(row["events"]) > 1 for row in rows)
    words = {2: "twice", 3: "three times"}
    for row in rows:
        onsets = [onset for onset, _, _ in row["events"]]
        assert onsets == sorted(onsets)
        assert all(0 <= a < b <= 0.51 for a, b, _ in row["events"])
        labels = [label for _, _, label in row["events"]]
        assert set(labels) <= set(row["labels"])
        if len(set(labels)) == 1 and len(labels) > 1:
            assert words[len(labels)] in row["captions"][0]


def test_single_sounds_of_one_fold(prepare, tmp_path):
    save = tmp_path / "save"
    prepare("sounds")(str(SAMPLES), str(save), test_fold=1, valid_fold=2)
    rows = written(save, "train", "valid", "test", "prepare")
    assert {row["fold"] for row in rows["test"].values()} == {1}
    assert {row["fold"] for row in rows["valid"].values()} == {2}
    assert {row["fold"] for row in rows["train"].values()} == {3, 4, 5}
    row = next(r for r in rows["test"].values() if r["label"] == "sea_waves")
    assert row["captions"] == ["sea waves"]
    assert rows["prepare"]["sounds"] == "made-up"
    assert rows["prepare"]["clips"]["test"] == len(rows["test"])
