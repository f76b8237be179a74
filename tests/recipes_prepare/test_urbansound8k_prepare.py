"""UrbanSound8K's preparation: its folders, flat audio, shared recordings.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import hashlib
import importlib.util
import json
import pathlib
import shutil
import tarfile

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.audio import AudioReader
from speechbrain_clap.dataio.download import DownloadError
from speechbrain_clap.dataio.fold_data import FoldData

ROOT = pathlib.Path(__file__).parents[2]
RATES = [8000, 11025, 44100, 48000, 96000, 192000]


def load_script():
    path = ROOT / "recipes" / "UrbanSound8K" / "urbansound8k_prepare.py"
    spec = importlib.util.spec_from_file_location("us8k_prepare_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
CLASSES = {3: "dog_bark", 0: "air_conditioner"}


def write_table(root, rows):
    path = root / "metadata" / "UrbanSound8K.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def rows():
    """Ten folds, two classes, two slices of one recording each."""
    return [
        {
            "slice_file_name": f"{fold}{number}00-{number}-0-{take}.wav",
            "fsID": f"{fold}{number}00",
            "start": 0.0,
            "end": 0.1,
            "salience": 1,
            "fold": fold,
            "classID": number,
            "class": name,
        }
        for fold in range(1, 11)
        for number, name in CLASSES.items()
        for take in (0, 1)
    ]


@pytest.fixture
def root(tmp_path, rows):
    """UrbanSound8K in `data`; rates, widths and channels of all kinds."""
    root = tmp_path / "data" / "UrbanSound8K"
    write_table(root, rows)
    generator = numpy.random.default_rng(0)
    for number, row in enumerate(rows):
        folder = root / "audio" / f"fold{row['fold']}"
        folder.mkdir(parents=True, exist_ok=True)
        rate = RATES[number % len(RATES)]
        shape = (rate // 10, 1 + number % 2)
        soundfile.write(
            folder / row["slice_file_name"],
            0.1 * generator.standard_normal(shape),
            rate,
            subtype=["PCM_U8", "PCM_16", "PCM_24", "FLOAT"][number % 4],
        )
    (root / "audio" / ".DS_Store").write_bytes(b"x")
    return root


@pytest.fixture
def prepare(root, tmp_path):
    """Prepares and gives the report and the parts."""

    def _prepare(data_folder=root, test_fold=1, **kwargs):
        folder = tmp_path / "manifests"
        script.prepare_urbansound8k(data_folder, folder, test_fold, **kwargs)
        names = ["prepare", "train", "valid", "test"]
        return [
            json.loads((folder / f"{name}_fold{test_fold}.json").read_text())
            for name in names
        ]

    return _prepare


def test_the_whole_set(prepare):
    report, _, valid, test = prepare(test_fold=10)
    assert report["clips"] == {"train": 32, "valid": 4, "test": 4}
    assert report["dataset"] == "UrbanSound8K"
    assert report["classes"] == ["air_conditioner", "dog_bark"]
    assert report["valid_fold"] == 1 and report["skipped"] == {}
    assert {row["fold"] for row in valid.values()} == {1}
    row = test["10300-3-0-1"]
    assert row["path"] == "{data_root}/audio/fold10/10300-3-0-1.wav"
    assert (row["label"], row["source"]) == ("dog_bark", "freesound:10300")
    assert row["duration"] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("parent", [False, True])
def test_what_is_prepared_can_be_read(prepare, root, tmp_path, flat, parent):
    if flat:
        for path in list((root / "audio").glob("fold*/*.wav")):
            path.rename(root / "audio" / path.name)
    data_folder = root.parent if parent else root
    report, *_ = prepare(data_folder)
    assert report["skipped"] == {}
    data = FoldData(
        data_folder,
        tmp_path / "manifests",
        1,
        AudioReader(16000, on_bad_clip="stop"),
        clip_seconds=0.2,
        clip_policy={"padding": "repeat", "long": "center"},
    )
    assert {len(data.test[i]["sig"]) for i in range(4)} == {3200}
    assert abs(len(data.train[5]["sig"]) - 1600) <= 1


def test_the_folder_of_the_fold_comes_first(prepare, root, rows):
    name = rows[0]["slice_file_name"]
    (root / "audio" / name).write_text("a stray file")
    _, _, _, test = prepare()
    path = test[pathlib.Path(name).stem]["path"]
    assert path == "{data_root}/audio/fold1/" + name


def test_found_under_another_extension(prepare, root, rows):
    old = root / "audio" / "fold1" / rows[0]["slice_file_name"]
    old.unlink()
    wav = 0.1 * numpy.random.default_rng(0).standard_normal(4410)
    soundfile.write(old.with_suffix(".ogg"), wav, 44100)
    report, _, _, test = prepare()
    assert report["skipped"] == {}
    assert test[old.stem]["path"].endswith(f"fold1/{old.stem}.ogg")


def test_recordings_that_sit_in_two_folds(prepare, root, rows):
    for row in rows:
        if row["fold"] in (1, 8) and row["classID"] == 3:
            row["fsID"] = "106905"
        if row["fold"] in (2, 9) and row["classID"] == 0:
            row["fsID"] = "77751"
    write_table(root, rows)
    report, train, valid, test = prepare()
    assert report["leaks"] == 4  # of fold 8, tested; of fold 9, validated
    assert report["clips"] == {"train": 28, "valid": 4, "test": 4}
    sources = {row["source"] for row in train.values()}
    assert not sources & {"106905", "77751"}
    report, *_ = prepare(drop_leaks=False)
    assert report["leaks"] == 0 and report["clips"]["train"] == 32


def test_a_fold_that_was_not_copied(prepare, root):
    shutil.rmtree(root / "audio" / "fold7")
    report, *_ = prepare(test_fold=1)
    assert len(report["skipped"]) == 4 and report["skipped_test"] == 0
    with pytest.raises(ValueError, match="fold 7 has no usable clip to test"):
        prepare(test_fold=7)
    with pytest.raises(ValueError, match="fold 7 has no usable clip to vali"):
        prepare(test_fold=6)
    with pytest.raises(ValueError, match="fold7.*wav there is no such file"):
        prepare(on_bad_clip="stop")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"fold": "a"}, "line 2: fold is 'a', expected a whole number"),
        ({"fold": 0}, "is in fold 0, expected one of 1, 2, 3, 4, 5, 6, 7"),
        ({"classID": "3.5"}, "line 2: classID is '3.5', expected a whole"),
        ({"classID": 0}, "classID 0 stands for air_conditioner and"),
        ({"fsID": ""}, "line 2: fsID is empty"),
        (
            {"slice_file_name": "1300-3-0-1.wav"},
            "line 3: slice_file_name '1300-3-0-1.wav' stands already in line 2",
        ),
    ],
)
def test_a_bad_table(prepare, root, rows, change, words):
    write_table(root, [{**rows[0], **change}, *rows[1:]])
    with pytest.raises(ValueError) as error:
        prepare()
    assert words in str(error.value)


def test_a_table_without_a_column(prepare, root, rows):
    for row in rows:
        del row["fsID"]
    write_table(root, rows)
    with pytest.raises(ValueError, match="no column fsID; its columns are sl"):
        prepare()


def test_no_data(prepare, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, words in [("none", "does not exist"), ("empty", "but nothing")]:
        with pytest.raises(FileNotFoundError) as error:
            prepare(tmp_path / name)
        assert words in str(error.value) and "6 GB" in str(error.value)


def test_downloaded_where_it_is_not(prepare, root, tmp_path, monkeypatch):
    archive = tmp_path / "UrbanSound8K.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(root, "UrbanSound8K")
    monkeypatch.setattr(script, "URL", archive.as_uri())
    with pytest.raises(DownloadError, match="bytes, expected 6023741708"):
        prepare(tmp_path / "new", download=True)
    monkeypatch.setattr(script, "SIZE", archive.stat().st_size)
    with pytest.raises(DownloadError, match="md5 .* expected 9aa69802"):
        prepare(tmp_path / "new", download=True)
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(script, "MD5", digest)
    report, *_ = prepare(tmp_path / "new", download=True)
    assert report["clips"] == {"train": 32, "valid": 4, "test": 4}
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == [
        "UrbanSound8K",
        "UrbanSound8K-UrbanSound8K.tar.gz.json",
    ]
