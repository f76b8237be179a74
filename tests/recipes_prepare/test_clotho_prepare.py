"""Clotho's preparation: odd names, Latin-1 metadata, all versions.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import importlib.util
import json
import logging
import pathlib

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError

ROOT = pathlib.Path(__file__).parents[2]
NAMES = {
    "development": [
        " Birds at Dawn.wav",
        "Market, people (far)  talk.wav",
        "A.B.03.wind.001.wav",
        "never unpacked.wav",
    ],
    "validation": ["Bus: doors.wav"],
    "evaluation": ["Rain : roof.wav", "&quot;bell&quot;, tower.wav"],
}
ON_DISK = {
    "Bus: doors.wav": "Bus_ doors.wav",
    "Rain : roof.wav": "Rain_roof.wav",
}
CAPTIONS = [f"caption_{i}" for i in range(1, 6)]
METADATA = (
    "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,"
    "license"
).split(",")


def load_script():
    path = ROOT / "recipes" / "Clotho" / "clotho_prepare.py"
    spec = importlib.util.spec_from_file_location("clotho_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def write_table(path, rows, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding=encoding) as stream:
        csv.writer(stream).writerows(rows)


def write_clip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.1 * numpy.random.default_rng(0).standard_normal(800)
    soundfile.write(path, wav, 8000)


@pytest.fixture
def data(tmp_path):
    """Clotho 2.1 with three development clips, one of four missing."""
    folder = tmp_path / "data"
    number = 100
    for split, names in NAMES.items():
        captions, metadata = [["file_name", *CAPTIONS]], [METADATA]
        for name in names:
            number += 1
            said = [f"{split} {number}, take {i}" for i in range(5)]
            said[1] = " Outer  blanks "
            captions.append([name, *said])
            link = f"https://freesound.org/people/x/sounds/{number}"
            found = "Not found" if "bell" in name else number
            metadata.append(
                [name, "caf\u00e9;street", found, link, "[0, 9]", "Jos\u00e9"]
                + ["by-nc"]
            )
            if name != "never unpacked.wav":
                write_clip(folder / split / ON_DISK.get(name, name))
        write_table(folder / f"clotho_captions_{split}.csv", captions)
        write_table(
            folder / f"clotho_metadata_{split}.csv", metadata, "iso-8859-1"
        )
    return folder


@pytest.fixture
def prepare(data, tmp_path):
    def _prepare(**options):
        folder = tmp_path / "save"
        script.prepare_clotho(str(data), str(folder), **options)
        parts = {
            part: json.loads((folder / f"{part}.json").read_text("utf-8"))
            for part in ("train", "valid", "test")
            if (folder / f"{part}.json").is_file()
        }
        return parts, json.loads((folder / "prepare.json").read_text())

    return _prepare


def test_the_whole_set(prepare, data, caplog):
    before = sorted(data.rglob("*"))
    with caplog.at_level(logging.WARNING):
        parts, report = prepare()
    assert list(parts["train"]) == NAMES["development"][:3]
    assert parts["train"][" Birds at Dawn.wav"] == {
        "path": "{data_root}/development/ Birds at Dawn.wav",
        "captions": [
            "development 101, take 0",
            "Outer  blanks",
            *(f"development 101, take {i}" for i in (2, 3, 4)),
        ],
        "source": "freesound:101",
    }
    assert parts["valid"]["Bus: doors.wav"]["path"] == (
        "{data_root}/validation/Bus_ doors.wav"
    )
    assert parts["test"]["Rain : roof.wav"]["path"] == (
        "{data_root}/evaluation/Rain_roof.wav"
    )
    assert "source" not in parts["test"]["&quot;bell&quot;, tower.wav"]
    assert "recording of 1 of 2 clips is unknown" in caplog.text
    assert report["clips"] == {"train": 3, "valid": 1, "test": 2}
    assert report["missing"] == {"train": 1, "valid": 0, "test": 0}
    assert sorted(data.rglob("*")) == before


def test_version_1_has_no_validation(prepare, data):
    (data / "clotho_captions_validation.csv").unlink()
    parts, _ = prepare()
    assert sorted(parts) == ["test", "train"]


def test_files_in_other_folders(prepare, data):
    for split in NAMES:
        target = data / "clotho_audio_files" / split
        target.parent.mkdir(exist_ok=True)
        (data / split).rename(target)
        for kind in ("captions", "metadata"):
            path = data / f"clotho_{kind}_{split}.csv"
            (data / "clotho_csv_files").mkdir(exist_ok=True)
            path.rename(data / "clotho_csv_files" / path.name)
    assert prepare()[1]["clips"] == {"train": 3, "valid": 1, "test": 2}


def test_a_clip_of_another_split_is_not_taken(prepare, data):
    write_clip(data / "evaluation" / "never unpacked.wav")
    assert "never unpacked.wav" not in prepare()[0]["train"]


def test_all_audio_in_one_folder(prepare, data):
    (data / "wavs").mkdir()
    for split in NAMES:
        for path in (data / split).iterdir():
            path.rename(data / "wavs" / path.name)
        (data / split).rmdir()
    assert prepare()[1]["clips"] == {"train": 3, "valid": 1, "test": 2}


def test_metadata_that_differs(prepare, data):
    # Names spelled otherwise, a row cut short, another delimiter.
    (data / "clotho_metadata_development.csv").write_text(
        ";".join(METADATA) + "\nBirds at Dawn.wav;k;7;l\nA.B.03.wind.001.wav\n"
    )
    (data / "clotho_metadata_validation.csv").write_text(
        ",".join(METADATA) + "\nBus_doors.wav,k,8,l,s,m,c\n"
    )
    parts, _ = prepare()
    assert parts["train"][" Birds at Dawn.wav"]["source"] == "freesound:7"
    assert "source" not in parts["train"]["A.B.03.wind.001.wav"]
    assert parts["valid"]["Bus: doors.wav"]["source"] == "freesound:8"


def test_no_metadata(prepare, data, caplog):
    (data / "clotho_metadata_development.csv").unlink()
    with caplog.at_level(logging.WARNING):
        parts, _ = prepare(held_out={"list": {"freesound:101"}})
    assert "no clotho_metadata_development.csv" in caplog.text
    assert "recording of 4 of 4 clips is unknown" in caplog.text
    assert len(parts["train"]) == 3


def test_held_out(prepare):
    parts, report = prepare(held_out={"list": {"freesound:101"}})
    assert len(parts["train"]) == 2
    assert report["leaks"] == {"list": 1}


def test_faults(prepare, data):
    path = data / "clotho_captions_development.csv"
    rows = path.read_text("utf-8")
    path.write_text(rows + rows.splitlines()[2] + "\r\n", newline="")
    with pytest.raises(DataError, match="line 6: .*'Market, .*stands there tw"):
        prepare()
    path.write_text(rows + "short.wav,one,two\n")
    with pytest.raises(DataError, match="line 6: has 3 cells, expected 6"):
        prepare()
    path.write_text(rows.replace("caption_5", "caption_V"))
    with pytest.raises(DataError, match="no column caption_5; its columns"):
        prepare()
    for path in data.glob("clotho_captions*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="zenodo.org/records/4783391"):
        prepare()
