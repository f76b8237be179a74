"""AudioCaps' preparation: names of all downloaders, partial copies.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError

ROOT = pathlib.Path(__file__).parents[2]
HEADER = "audiocap_id,youtube_id,start_time,caption"
TRAIN = [
    "1,-a_bcdefgh1,30,A dog barks",
    '2,Yabcdefgh_2,0,"Wind, then rain"',
    "3,gone_efgh_3,10,A train passes",
]
VALID = [f"1{i},valid_fgh_4,20,Caption {i}" for i in range(5)]
TEST = [
    *(f"2{i},test1_fgh_5,0,Caf\u00e9 {i}" for i in range(5)),
    *(f"3{i},test2_fgh_6,100,Bells {i}" for i in range(5)),
]


def load_script():
    path = ROOT / "recipes" / "AudioCaps" / "audiocaps_prepare.py"
    spec = importlib.util.spec_from_file_location("audiocaps_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def write_table(path, rows, end="\r\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([HEADER, *rows, ""]).encode())


def write_clip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.1 * numpy.random.default_rng(0).standard_normal(800)
    soundfile.write(path, wav, 8000)


@pytest.fixture
def data(tmp_path):
    """The lists of version 1, and sounds as several downloaders name them."""
    folder = tmp_path / "data"
    for name, rows in (("train", TRAIN), ("val", VALID), ("test", TEST)):
        write_table(folder / "dataset" / f"{name}.csv", rows)
    for name in (
        "train/-a_bcdefgh1_30.flac",
        "train/YYabcdefgh_2.wav",
        "val/valid_fgh_4.ogg",
        "test/Ytest1_fgh_5_0_10.wav",
        "test/32.wav",
    ):
        write_clip(folder / "audio" / name)
    return folder


@pytest.fixture
def prepare(data, tmp_path):
    def _prepare(**options):
        folder = tmp_path / "save"
        script.prepare_audiocaps(str(data), str(folder), **options)
        parts = {
            part: json.loads((folder / f"{part}.json").read_text("utf-8"))
            for part in ("train", "valid", "test")
            if (folder / f"{part}.json").is_file()
        }
        return parts, json.loads((folder / "prepare.json").read_text())

    return _prepare


def test_a_partial_copy(prepare, data):
    before = sorted(data.rglob("*"))
    parts, report = prepare()
    assert parts["train"] == {
        "-a_bcdefgh1": {
            "path": "{data_root}/audio/train/-a_bcdefgh1_30.flac",
            "captions": ["A dog barks"],
            "source": "youtube:-a_bcdefgh1",
        },
        "Yabcdefgh_2": {
            "path": "{data_root}/audio/train/YYabcdefgh_2.wav",
            "captions": ["Wind, then rain"],
            "source": "youtube:Yabcdefgh_2",
        },
    }
    assert parts["valid"]["valid_fgh_4"]["captions"] == [
        f"Caption {i}" for i in range(5)
    ]
    assert parts["test"]["test1_fgh_5"]["captions"][4] == "Caf\u00e9 4"
    assert parts["test"]["test2_fgh_6"]["path"].endswith("/32.wav")
    assert report["clips"] == {"train": 2, "valid": 1, "test": 2}
    assert report["missing"] == {"train": 1, "valid": 0, "test": 0}
    assert report["parts"]["test"] == {"listed": 2, "captions": 10}
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    [
        "gone_efgh_3",
        "Ygone_efgh_3",
        "gone_efgh_3_10",
        "Ygone_efgh_3_10",
        "gone_efgh_3_10_20",
        "Ygone_efgh_3_10.000_20.000",
        "gone_efgh_3_10000_20000",
        "3",
    ],
)
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_names_by_downloader(prepare, data, name, suffix):
    write_clip(data / "more" / (name + suffix))
    parts, _ = prepare()
    assert parts["train"]["gone_efgh_3"]["path"].endswith(f"/{name}{suffix}")


def test_another_excerpt_is_not_taken(prepare, data):
    write_clip(data / "more" / "gone_efgh_3_40.wav")
    assert "gone_efgh_3" not in prepare()[0]["train"]


def test_version_2(prepare, data):
    rows = ["7,-a_bcdefgh1,30,a dog", "8,-a_bcdefgh1,30,a hound"]
    rows += ["9,-a_bcdefgh1,50,a cat"]
    write_table(data / "dataset2.0" / "train.csv", rows, "\n")
    write_table(data / "dataset2.0" / "test.csv", TEST, "\n")
    for version in ("2.0", 2.0, 2):
        parts, report = prepare(version=version)
        assert sorted(parts) == ["test", "train"]
        assert list(parts["train"]) == ["-a_bcdefgh1"]
        assert parts["train"]["-a_bcdefgh1"]["captions"] == ["a dog", "a hound"]
        assert report["missing"]["train"] == 1
    # Two excerpts of one video: each takes the file of its own start.
    write_clip(data / "audio" / "-a_bcdefgh1_50.wav")
    assert prepare(version="2.0")[0]["train"]["-a_bcdefgh1_50"] == {
        "path": "{data_root}/audio/-a_bcdefgh1_50.wav",
        "captions": ["a cat"],
        "source": "youtube:-a_bcdefgh1",
    }
    with pytest.raises(DataError, match="version is '3', expected 1 or 2.0"):
        prepare(version="3")


def test_tables_beside_the_audio(prepare, data):
    for path in (data / "dataset").iterdir():
        path.rename(data / path.name)
    assert prepare()[1]["clips"]["train"] == 2


def test_held_out(prepare):
    parts, report = prepare(held_out={"other": {"youtube:-a_bcdefgh1"}})
    assert list(parts["train"]) == ["Yabcdefgh_2"]
    assert report["leaks"] == {"other": 1}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("4,#NAME?,30,A dog", "line 5: youtube_id is '#NAME.'.*spreadsheet"),
        ("4,abc_efgh_12,soon,A dog", "line 5: start_time is 'soon'"),
        ("4,abc_efgh_12,30,A dog, far", "line 5: has 5 cells, expected 4"),
    ],
)
def test_faults_of_a_table(prepare, data, row, words):
    write_table(data / "dataset" / "train.csv", [*TRAIN, row])
    with pytest.raises(DataError, match=f"train.csv, {words}"):
        prepare()


def test_another_encoding(prepare, data):
    path = data / "dataset" / "test.csv"
    path.write_bytes(path.read_text("utf-8").encode("cp1252"))
    with pytest.raises(DataError, match="test.csv, line 2: is not UTF-8"):
        prepare()


def test_no_tables(prepare, data):
    for path in (data / "dataset").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="train.csv.*cdjkim/audiocaps"):
        prepare()


def test_no_audio(prepare, data):
    for path in data.rglob("audio/*/*"):
        path.unlink()
    with pytest.raises(DataError, match="none of the 6 clips.*'-a_bcdefgh1'"):
        prepare()
