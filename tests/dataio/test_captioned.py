"""Manifests of captioned sets: what is kept, left out, counted and told.

Authors
 * The speechbrain_clap team 2026
"""

import json
import logging

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.captioned import DataError, prepare_pairs
from speechbrain_clap.dataio.manifest import read_manifest

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def write_clip(path, samples=800, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = level * numpy.random.default_rng(0).standard_normal(samples)
    soundfile.write(path, wav, 8000)
    return path


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def parts(data):
    """Three clips to train, one of them missing, and one to test."""
    return {
        "train": {
            "a": {
                "file": write_clip(data / "in" / "a, 1.wav"),
                "captions": [" a dog barks ", "", "two\u00e9"],
                "source": "freesound:1",
            },
            "b": {
                "file": write_clip(data / "b.flac"),
                "captions": ["rain"],
                "source": "freesound:2",
                "start": 0.05,
                "stop": 0.1,
                "label": "rain",
            },
            "c": {"file": None, "captions": ["wind"], "source": "freesound:3"},
        },
        "test": {
            "d": {
                "file": write_clip(data / "d.ogg", 4000),
                "captions": ["a car"],
                "source": "freesound:2",
            }
        },
    }


@pytest.fixture
def prepare(data, parts, tmp_path):
    """Prepares and gives the report and the manifests that are there."""

    def _prepare(parts=parts, **options):
        folder = tmp_path / "save" / "Set"
        report = prepare_pairs("Set", data, folder, parts, **options)
        assert report == json.loads((folder / "prepare.json").read_text())
        return report, {
            path.stem: json.loads(path.read_text("utf-8"))
            for path in folder.glob("*.json")
            if path.stem != "prepare"
        }

    return _prepare


def test_manifests_and_report(prepare, data, tmp_path, caplog):
    before = sorted(data.rglob("*"))
    with caplog.at_level(logging.INFO):
        report, manifests = prepare()
    assert report == {
        "dataset": "Set",
        "clips": {"train": 2, "test": 1},
        "missing": {"train": 1, "test": 0},
        "bad": {},
        "leaks": {},
        "sounds": "real",
        "parts": {
            "train": {"listed": 3, "captions": 3},
            "test": {"listed": 1, "captions": 1},
        },
    }
    assert list(manifests["train"]) == ["a", "b"]
    assert sorted(manifests) == ["test", "train"]
    assert manifests["train"]["a"] == {
        "path": "{data_root}/in/a, 1.wav",
        "captions": ["a dog barks", "two\u00e9"],
        "source": "freesound:1",
    }
    assert manifests["train"]["b"]["start"] == 0.05
    assert "Set train: 2 clips with 3 captions; left out: 1 missing (c), 0" in (
        caplog.text
    )
    assert sorted(data.rglob("*")) == before
    rows = read_manifest(
        tmp_path / "save" / "Set" / "train.json", data, ("path", "captions")
    )
    assert rows["b"]["path"] == str(data / "b.flac")


def test_held_out_leave_training_alone(prepare, tmp_path):
    held_out = {
        "theirs": {"freesound:2", "freesound:9"},
        "listed": tmp_path / "listed.txt",
    }
    held_out["listed"].write_text("freesound:2\nfreesound:3\n")
    report, manifests = prepare(held_out=held_out)
    # c is held out too, but missing all the same.
    assert report["leaks"] == {"theirs": 1, "listed": 1}
    assert report["clips"] == {"train": 1, "test": 1}
    assert list(manifests["test"]) == ["d"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (POINTER, "is a Git LFS pointer"),
        (b"nothing", "is not a sound file"),
    ],
)
def test_bad_files(prepare, data, content, why):
    (data / "in" / "a, 1.wav").write_bytes(content)
    report, manifests = prepare()
    assert list(manifests["train"]) == ["b"]
    assert why in report["bad"]["{data_root}/in/a, 1.wav"]
    with pytest.raises(DataError, match=f"a, 1.wav {why}"):
        prepare(on_bad_clip="stop")


def test_a_clip_without_caption_is_bad(prepare, parts):
    parts["train"]["a"]["captions"] = [" ", ""]
    report, _ = prepare()
    assert report["bad"] == {"{data_root}/in/a, 1.wav": "has no caption"}


def test_decoding_finds_more(prepare, data, parts):
    write_clip(data / "in" / "a, 1.wav", 4000, level=0.0)
    parts["train"]["b"] |= {"start": 1.0, "stop": 2.0}
    report, _ = prepare()
    assert report["bad"] == {}
    report, manifests = prepare(decode=True)
    assert "is silent" in report["bad"]["{data_root}/in/a, 1.wav"]
    assert report["bad"]["{data_root}/b.flac"] == (
        "ends at 0.1 s, before its start at 1.0 s"
    )
    assert manifests["train"] == {}
    assert manifests["test"]["d"]["duration"] == 0.5


def test_files_elsewhere_have_absolute_paths(prepare, parts, tmp_path):
    parts["train"]["a"]["file"] = write_clip(tmp_path / "else" / "a.wav")
    _, manifests = prepare()
    assert manifests["train"]["a"]["path"] == str(tmp_path / "else" / "a.wav")


def test_parts_of_an_earlier_preparation_go(prepare, parts):
    prepare({**parts, "valid": parts["test"]})
    _, manifests = prepare()
    assert sorted(manifests) == ["test", "train"]


def test_nothing_is_left_half_prepared(prepare, parts, tmp_path, data):
    prepare()
    (data / "d.ogg").write_bytes(b"")
    with pytest.raises(DataError, match="d.ogg the file is empty"):
        prepare(on_bad_clip="stop")
    assert not (tmp_path / "save" / "Set" / "prepare.json").exists()


def test_no_clip_at_all(prepare, parts, data):
    lost = {p: dict.fromkeys(rows, {"file": None}) for p, rows in parts.items()}
    with pytest.raises(DataError, match=f"none of the 4 .*{data}.*for 'a'"):
        prepare(lost)
    with pytest.raises(DataError, match="lists no clip"):
        prepare({"train": {}})
    for row in parts["train"].values():
        row["captions"] = []
    with pytest.raises(DataError, match="the first one, .*a, 1.wav, has no ca"):
        prepare({"train": parts["train"]})


def test_held_out_must_be_named(prepare):
    with pytest.raises(DataError, match="held_out is 'a.txt', expected a dict"):
        prepare(held_out="a.txt")
