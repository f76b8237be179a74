"""Compositions: mixes of other folds for each part, made once.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import pytest

from speechbrain_clap.synthesis.compositions import sources_named

ROOT = pathlib.Path(__file__).parents[2]
SOUNDS = ROOT / "tests" / "samples" / "ESC50"


@pytest.fixture
def prepare(monkeypatch):
    """The preparation, which imports another one beside it."""
    folder = ROOT / "recipes" / "Captioning"
    monkeypatch.syspath_prepend(str(folder))
    path = folder / "compositions_prepare.py"
    spec = importlib.util.spec_from_file_location("compositions_tested", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prepare_compositions


def test_parts(prepare, tmp_path):
    data, folder = tmp_path / "mixes", tmp_path / "save"
    options = {
        "sounds_folder": str(SOUNDS),
        "counts": {"train": 6, "valid": 2, "test": 4},
        "seconds": 0.5,
        "sample_rate": 8000,
    }
    prepare(str(data), str(folder), **options)
    report = json.loads((folder / "prepare.json").read_text())
    assert report["sounds"] == "made-up" and report["dataset"] == "Compositions"
    assert report["clips"] == {"train": 6, "valid": 2, "test": 4}
    folds = {}
    for part in ("train", "valid", "test"):
        rows = json.loads((folder / f"{part}.json").read_text())
        for name, row in rows.items():
            assert row["path"] == f"{{data_root}}/{part}/{name}.flac"
            for caption in row["captions"]:
                assert sources_named(caption) == set(row["labels"])
        folds[part] = {
            pathlib.Path(layer["value"]["source_file"]).name[0]
            for path in (data / part).glob("*.jams")
            for annotation in json.loads(path.read_text())["annotations"]
            for layer in annotation["data"]
        }
    assert folds["test"] == {"5"} and folds["valid"] == {"4"}
    assert folds["train"] <= {"1", "2", "3"}
    times = {p: p.stat().st_mtime_ns for p in data.rglob("*.flac")}
    prepare(str(data), str(folder), **options)
    assert times == {p: p.stat().st_mtime_ns for p in data.rglob("*.flac")}
    # Nothing is written beside the user's sounds.
    assert not list(SOUNDS.rglob("*.flac"))
