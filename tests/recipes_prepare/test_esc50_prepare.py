"""ESC-50's preparation: what a user's folder may look like, and what not.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import importlib.util
import json
import pathlib
import shutil

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio import fold_dataset
from speechbrain_clap.dataio.audio import AudioReader
from speechbrain_clap.dataio.fold_data import FoldData

ROOT = pathlib.Path(__file__).parents[2]


def load_script():
    path = ROOT / "recipes" / "ESC50" / "esc50_prepare.py"
    spec = importlib.util.spec_from_file_location("esc50_prepare_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
CLASSES = {0: "dog", 10: "rain", 3: "cow"}  # the targets give the order


def write_clip(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.1 * numpy.random.default_rng(seed).standard_normal(800)
    soundfile.write(path, wav, 8000)


def write_table(root, rows):
    path = root / "meta" / "esc50.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def make_rows():
    """Five folds, three classes, two clips of each, sources as in ESC-50."""
    rows = []
    for fold in range(1, 6):
        for target, category in CLASSES.items():
            for take in "AB":
                source = f"{fold}{target:02}"
                rows.append(
                    {
                        "filename": f"{fold}-{source}-{take}-{target}.wav",
                        "fold": fold,
                        "target": target,
                        "category": category,
                        "esc10": target != 3,
                        "src_file": source,
                        "take": take,
                    }
                )
    return rows


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def root(tmp_path, rows):
    """ESC-50-master in a folder `data`."""
    root = tmp_path / "data" / "ESC-50-master"
    write_table(root, rows)
    for seed, row in enumerate(rows):
        write_clip(root / "audio" / row["filename"], seed)
    return root


@pytest.fixture
def prepare(root, tmp_path):
    """Prepares and gives the parts and the report."""

    def _prepare(data_folder=root, test_fold=1, **kwargs):
        folder = tmp_path / "manifests"
        script.prepare_esc50(data_folder, folder, test_fold, **kwargs)
        return (
            *(
                json.loads((folder / f"{p}_fold{test_fold}.json").read_text())
                for p in ("train", "valid", "test")
            ),
            json.loads((folder / f"prepare_fold{test_fold}.json").read_text()),
        )

    return _prepare


def contents(folder):
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.name != "clips_checked.jsonl"
    }


def test_the_whole_set(prepare, root):
    before = sorted(root.rglob("*"))
    train, valid, test, report = prepare(test_fold=4)
    assert (len(train), len(valid), len(test)) == (18, 6, 6)
    assert test["4-410-A-10"] == {
        "path": "{data_root}/audio/4-410-A-10.wav",
        "label": "rain",
        "fold": 4,
        "source": "freesound:410",
        "duration": 0.1,
    }
    assert report == {
        "dataset": "ESC-3",
        "clips": {"train": 18, "valid": 6, "test": 6},
        "valid_fold": 5,
        "leaks": 0,
        "skipped": {},
        "skipped_test": 0,
        "classes": ["dog", "cow", "rain"],
        "sounds": "real",
    }
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("given", ["the root", "its parent", "with a slash"])
def test_what_is_prepared_can_be_read(prepare, root, tmp_path, given):
    data_folder = {
        "the root": str(root),
        "its parent": str(root.parent),
        "with a slash": f"{root.parent}/",
    }[given]
    prepare(data_folder)
    reader = AudioReader(8000, on_bad_clip="stop")
    data = FoldData(
        data_folder,
        tmp_path / "manifests",
        1,
        reader,
        clip_seconds=0.05,
        clip_policy={"padding": "zero", "long": "center"},
    )
    assert [len(data.train), len(data.valid), len(data.test)] == [18, 6, 6]
    assert len(data.train[0]["sig"]) == 800
    assert len(data.test[0]["sig"]) == 400
    assert data.class_names == ["dog", "cow", "rain"]
    assert data.file_names["1-100-A-0"] == "1-100-A-0.wav"


def test_a_relative_folder(prepare, root, monkeypatch):
    monkeypatch.chdir(root)
    _, _, test, _ = prepare(".")
    assert test["1-100-A-0"]["path"] == "{data_root}/audio/1-100-A-0.wav"


def test_no_validation(prepare):
    train, valid, _, report = prepare(valid_fold="none")
    assert len(train) == 24 and valid == {} and report["valid_fold"] is None


def test_four_sources_sit_in_two_folds(prepare, root, rows):
    for first, second, source in [
        (2, 3, "131943"), (2, 3, "134049"), (4, 5, "209698"), (4, 5, "234879")
    ]:  # fmt: skip
        take = "A" if source in ("131943", "209698") else "B"
        for row in rows:
            if row["fold"] in (first, second) and row["target"] == 0:
                if row["take"] == take:
                    row["src_file"] = source
    write_table(root, rows)
    sizes = {}
    for fold in range(1, 6):
        train, valid, test, report = prepare(test_fold=fold)
        sources = [
            {row["source"] for row in part.values()}
            for part in (train, valid, test)
        ]
        assert not sources[2] & (sources[0] | sources[1])
        assert not sources[1] & sources[0]
        assert len(test) == 6
        sizes[fold] = (len(train), len(valid), report["leaks"])
    assert sizes == {
        1: (16, 6, 2),  # 2 validates, and 3 trains
        2: (18, 4, 2),
        3: (14, 6, 4),  # 2 and 5 train
        4: (18, 4, 2),
        5: (16, 6, 2),
    }
    _, _, _, report = prepare(test_fold=3, drop_leaks=False)
    assert report["clips"]["train"] == 18 and report["leaks"] == 0


def test_the_column_decides_the_extension(prepare, root, rows):
    for row in rows:
        old = root / "audio" / row["filename"]
        wav, rate = soundfile.read(old)
        row["filename"] = row["filename"].replace(".wav", ".ogg")
        soundfile.write(root / "audio" / row["filename"], wav, rate)
        old.write_text("an old download that is none")
    write_table(root, rows)
    _, _, test, report = prepare()
    assert report["skipped"] == {}
    assert all(row["path"].endswith(".ogg") for row in test.values())
    assert "1-100-A-0" in test


@pytest.mark.parametrize("suffix", [".ogg", ".flac"])
def test_found_under_another_extension(prepare, root, rows, suffix):
    old = root / "audio" / rows[0]["filename"]
    wav, rate = soundfile.read(old)
    soundfile.write(old.with_suffix(suffix), wav, rate)
    old.unlink()
    _, _, test, report = prepare()
    assert test["1-100-A-0"]["path"].endswith(f"1-100-A-0{suffix}")
    assert report["skipped"] == {}


def test_bad_clips_are_counted(prepare, root):
    (root / "audio" / "1-100-A-0.wav").write_bytes(b"")
    (root / "audio" / "3-300-B-0.wav").unlink()
    train, _, test, report = prepare()
    assert len(train) == 17 and len(test) == 5
    assert report["skipped_test"] == 1
    assert report["skipped"] == {
        "{data_root}/audio/1-100-A-0.wav": "the file is empty (0 bytes)",
        "{data_root}/audio/3-300-B-0.wav": "there is no such file",
    }
    # Mended, they come back.
    write_clip(root / "audio" / "1-100-A-0.wav")
    write_clip(root / "audio" / "3-300-B-0.wav")
    assert prepare()[3]["skipped"] == {}


def test_stop_names_the_file(prepare, root, tmp_path):
    path = root / "audio" / "3-300-B-0.wav"
    path.write_text("no sound")
    with pytest.raises(ValueError) as error:
        prepare(on_bad_clip="stop")
    assert str(path) in str(error.value)
    assert contents(tmp_path / "manifests") == {}


def test_no_clip_at_all(prepare, root):
    shutil.rmtree(root / "audio")
    with pytest.raises(ValueError, match="none of the 30 clips in .*no such"):
        prepare()


def test_a_class_missing_from_a_fold(prepare, root, rows, caplog):
    write_table(root, [r for r in rows if (r["fold"], r["target"]) != (1, 10)])
    _, _, test, report = prepare()
    assert {row["label"] for row in test.values()} == {"dog", "cow"}
    assert report["classes"] == ["dog", "cow", "rain"]
    assert "Fold 1 has no clip of rain" in caplog.messages
    write_table(root, [r for r in rows if r["fold"] == 1 or r["target"] != 10])
    with pytest.raises(ValueError, match="no training clip of rain"):
        prepare()


def test_a_class_without_a_usable_clip_is_said(prepare, root, rows, caplog):
    for row in rows:
        if row["category"] == "cow":
            (root / "audio" / row["filename"]).write_bytes(b"")
    report = prepare()[3]
    assert report["classes"] == ["dog", "rain"]
    words = "ESC-3: no usable clip of cow: left out of the classes"
    assert words in caplog.messages


def without_column(rows):
    return [{k: v for k, v in row.items() if k != "src_file"} for row in rows]


@pytest.mark.parametrize(
    "change, words",
    [
        (without_column, "no column src_file; its columns are filename, fold"),
        (lambda rows: [{**rows[0], "fold": "one"}, *rows[1:]],
         "line 2: fold is 'one', expected a whole number"),
        (lambda rows: [*rows[:4], {**rows[4], "fold": ""}, *rows[5:]],
         "line 6: fold is empty"),
        (lambda rows: [{**rows[0], "filename": ""}, *rows[1:]],
         "line 2: filename is empty"),
        (lambda rows: [{**rows[0], "fold": 6}, *rows[1:]],
         "clip '1-100-A-0' is in fold 6, expected one of 1, 2, 3, 4, 5"),
        (lambda rows: [*rows, rows[3]],
         "line 32: filename '1-110-B-10.wav' stands already in line 5"),
        (lambda rows: [*rows, {**rows[3], "filename": "1-110-B-10.ogg"}],
         "line 32: filename '1-110-B-10.ogg' stands already in line 5"),
        (lambda rows: [{**rows[0], "category": "wolf"}, *rows[1:]],
         "target 0 stands for dog and for wolf"),
        (lambda rows: [{**rows[0], "target": 7}, *rows[1:]],
         "category dog stands for 0 and for 7"),
    ],
)  # fmt: skip
def test_a_bad_table(prepare, root, rows, change, words):
    write_table(root, change(rows))
    with pytest.raises(ValueError) as error:
        prepare()
    assert words in str(error.value)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "esc50.csv: no column filename, fold"),
        (b"filename,fold,target,category,src_file\n", "a header but no row"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no column filename"),
        ("filename,Gr\xfc\xdfe\n".encode("latin-1"), "csv: is not UTF-8"),
    ],
)
def test_no_table_at_all(prepare, root, content, words):
    (root / "meta" / "esc50.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        prepare()


def test_a_table_that_a_spreadsheet_wrote(prepare, root):
    path = root / "meta" / "esc50.csv"
    text = path.read_text().replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert prepare()[3]["clips"] == {"train": 18, "valid": 6, "test": 6}


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda path: None, "does not exist. Pass --data_folder"),
        (lambda path: path.mkdir(), "but nothing. Pass --data_folder"),
        (lambda path: path.write_text(""), "it is a file. Pass --data_folder"),
        (lambda path: (path / "b").mkdir(parents=True), "but b. Pass --data"),
    ],
)
def test_no_data(prepare, tmp_path, make, words):
    make(tmp_path / "else")
    with pytest.raises(FileNotFoundError) as error:
        prepare(tmp_path / "else")
    assert words in str(error.value) and "--download=True" in str(error.value)


def test_made_up_sounds_are_called_so(prepare, root):
    (root / "synthesis.json").write_text("{}")
    assert prepare()[3]["sounds"] == "made-up"
    assert prepare(root.parent)[3]["sounds"] == "made-up"


@pytest.mark.parametrize("survivors", range(4))
def test_killed_then_run_again(root, tmp_path, monkeypatch, survivors):
    def run(name):
        script.prepare_esc50(root, tmp_path / name, 2)

    run("whole")
    written = []

    def killing(write):
        def _write(path, value):
            if len(written) == survivors:
                path.with_name(".half").write_text("half")
                raise KeyboardInterrupt
            written.append(path.name)
            write(path, value)

        return _write

    # An earlier preparation, otherwise, must not pass for this one.
    script.prepare_esc50(root, tmp_path / "cut", 2, valid_fold="none")
    with monkeypatch.context() as patch:
        for name in ("write_manifest", "write_json"):
            write = getattr(fold_dataset, name)
            patch.setattr(fold_dataset, name, killing(write))
        with pytest.raises(KeyboardInterrupt):
            run("cut")
    assert len(written) == survivors
    assert "prepare_fold2.json" not in contents(tmp_path / "cut")
    (tmp_path / "cut" / ".half").unlink()
    run("cut")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_folds_stand_beside_one_another(root, tmp_path):
    for fold in (1, 2):
        script.prepare_esc50(root, tmp_path / "m", fold)
    assert len(contents(tmp_path / "m")) == 8
    lines = (tmp_path / "m" / "clips_checked.jsonl").read_text().split()
    assert sum('"key"' in line for line in lines) == 30  # once each
