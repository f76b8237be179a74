"""TUT2017's preparation: both parts, faults, and the zero-shot task."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import soundfile

from speechbrain_clap.dataio.audio import AudioReader
from speechbrain_clap.dataio.tasks import ZeroShotTask

ROOT = pathlib.Path(__file__).parents[2]


def load_script():
    path = ROOT / "recipes" / "TUT2017" / "tut2017_prepare.py"
    spec = importlib.util.spec_from_file_location("tut2017_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
META = {
    "development": [
        "audio/b020_90_100.wav\tbeach\tb020",
        "audio/b000_0_10.wav\tcafe/restaurant\tb000",
        "audio/b001_10_20.wav\tresidential_area\tb001",
        "audio/b001_20_30.wav\tresidential_area\tb001",
    ],
    # Two columns, and line ends of another system.
    "evaluation": ["audio/1.wav\tbeach\r", "audio/2.wav\ttram\r"],
}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for part, lines in META.items():
        root = folder / f"TUT-acoustic-scenes-2017-{part}"
        (root / "audio").mkdir(parents=True)
        (root / "meta.txt").write_bytes("\n".join(lines).encode() + b"\n")
        (root / "error.txt").write_text("audio/b000_0_10.wav\t1.0\t2.0\n")
        for line in lines:
            wav = 0.1 * np.random.default_rng(0).standard_normal((4410, 2))
            name = line.split("\t")[0]
            soundfile.write(root / name, wav, 44100, subtype="PCM_24")
    return folder


def prepare(data, folder, **options):
    script.prepare_tut2017(str(data), str(folder), **options)
    names = ("prepare", "development", "evaluation")
    return [json.loads((folder / f"{name}.json").read_text()) for name in names]


def test_both_parts(data, tmp_path):
    before = sorted(data.rglob("*"))
    report, development, evaluation = prepare(data, tmp_path / "save")
    assert sorted(data.rglob("*")) == before
    assert report["clips"] == {"development": 4, "evaluation": 2}
    assert report["skipped"] == {} and report["sounds"] == "real"
    assert len(report["classes"]) == 15
    assert report["classes"] == sorted(report["classes"])
    assert development["development/b000_0_10"] == {
        "label": "cafe/restaurant",
        "source": "tut2017:b000",
        "path": "{data_root}/TUT-acoustic-scenes-2017-development/"
        "audio/b000_0_10.wav",
        "duration": 0.1,
    }
    row = evaluation["evaluation/2"]
    assert row["label"] == "tram"
    assert row["source"] == "tut2017:evaluation-2"


def test_one_part_given_by_itself(data, tmp_path):
    root = data / "TUT-acoustic-scenes-2017-evaluation"
    report, development, evaluation = prepare(root, tmp_path / "save")
    assert report["clips"] == {"development": 0, "evaluation": 2}
    assert development == {}
    path = evaluation["evaluation/1"]["path"]
    assert path == "{data_root}/audio/1.wav"


def test_missing_and_broken_clips(data, tmp_path):
    root = data / "TUT-acoustic-scenes-2017-development" / "audio"
    (root / "b020_90_100.wav").unlink()
    (root / "b000_0_10.wav").write_bytes(b"RIFF")
    report, *_ = prepare(data, tmp_path / "save")
    assert report["clips"]["development"] == 2 and len(report["skipped"]) == 2
    with pytest.raises(ValueError, match="b020_90_100.wav there is no such f"):
        prepare(data, tmp_path / "save", on_bad_clip="stop")


@pytest.mark.parametrize(
    "line, words",
    [
        ("audio/x.wav beach", "line 5: 'audio/x.wav beach', expected a file"),
        ("audio/x.wav\tmoon\tx", "line 5: .*one of the scenes beach"),
        ("audio/b001_20_30.wav\tbeach", "line 5: .* stands there twice"),
    ],
)
def test_a_bad_table(data, tmp_path, line, words):
    path = data / "TUT-acoustic-scenes-2017-development" / "meta.txt"
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=words):
        prepare(data, tmp_path / "save")


def test_wrong_encoding(data, tmp_path):
    path = data / "TUT-acoustic-scenes-2017-development" / "meta.txt"
    path.write_bytes(b"audio/caf\xe9.wav\tbeach\tx\n")
    with pytest.raises(ValueError, match="meta.txt: is not UTF-8"):
        prepare(data, tmp_path / "save")


def test_no_data(tmp_path):
    with pytest.raises(FileNotFoundError, match="Pass --tut2017_folder"):
        prepare(tmp_path, tmp_path / "save")


def test_a_zero_shot_task(data, tmp_path):
    task = ZeroShotTask(
        "TUT2017",
        str(data),
        script.prepare_tut2017,
        ["this is a sound of {}"],
        AudioReader(44100),
        {"samples": 2000},
        ["development", "evaluation"],
    )
    assert task.load(tmp_path / "save")
    assert len(task.rows) == 6 and len(task.class_names) == 15
    assert "tut2017:b001" in task.sources()
