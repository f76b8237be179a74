"""One's own data: tables and folders as people make them, faults named.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import logging
import pathlib

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest

ROOT = pathlib.Path(__file__).parents[2]


def load_script():
    path = ROOT / "recipes" / "Custom" / "custom_prepare.py"
    spec = importlib.util.spec_from_file_location("custom_prepare_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
WHOLE = {"valid_fraction": 0, "test_fraction": 0}


def write_clips(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wav = 0.1 * numpy.random.default_rng(0).standard_normal(800)
        soundfile.write(path, wav, 8000)


@pytest.fixture
def data(tmp_path):
    """A folder with five sounds, one in a folder below."""
    folder = tmp_path / "data"
    names = ["a.wav", "b, c.wav", " d.flac", "e.ogg", "below/a.wav"]
    write_clips(folder, *names)
    return folder


@pytest.fixture
def prepare(data, tmp_path):
    """Writes a table, prepares, and gives the parts and the report."""

    def _prepare(content=None, data_folder=data, encoding="utf-8", **options):
        if content is not None:
            (data / "captions.csv").write_bytes(content.encode(encoding))
        folder = tmp_path / "save"
        script.prepare_custom(str(data_folder), str(folder), **options)
        parts = {
            part: json.loads((folder / f"{part}.json").read_text("utf-8"))
            for part in ("train", "valid", "test")
            if (folder / f"{part}.json").is_file()
        }
        return parts, json.loads((folder / "prepare.json").read_text())

    return _prepare


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_everything(prepare, data, delimiter):
    before = sorted(data.rglob("*"))
    cells = [
        "path caption_1 caption_2 id source split start stop label".split(),
        ["a.wav", " a dog ", "barking", "dog", "freesound:7", "train"]
        + ["0.01", "0.05", "dog"],
        ["a.wav", "a hound", "", "dog", "", "", "0.010", "0.05", ""],
        ["a.wav", "silence", "", "", "", "Train", "0.05", "", ""],
        [f'"b{delimiter} c.wav"', '"a cat, far off"', "", "", "99", "val"]
        + ["", "", "cat"],
        ["below/a.wav", "caf\u00e9", "", "", "rec 1", "test", "", "", ""],
        ["gone.wav", "wind", "", "", "", "test", "", "", ""],
    ]
    write_clips(data, f"b{delimiter} c.wav")
    table = "\r\n".join(
        delimiter.join(
            f'"{cell}"' if delimiter in cell and '"' not in cell else cell
            for cell in row
        )
        for row in cells
    )
    parts, report = prepare("\ufeff" + table + "\r\n")
    assert parts["train"] == {
        "dog": {
            "path": "{data_root}/a.wav",
            "captions": ["a dog", "barking", "a hound"],
            "source": "freesound:7",
            "start": 0.01,
            "stop": 0.05,
            "label": "dog",
        },
        "a.wav_0.05": {
            "path": "{data_root}/a.wav",
            "captions": ["silence"],
            "source": "freesound:7",
            "start": 0.05,
        },
    }
    [(name, cat)] = parts["valid"].items()
    assert name == f"b{delimiter} c.wav"
    assert cat["captions"] == ["a cat, far off"]
    assert cat["source"] == "custom:99"
    assert parts["test"]["below/a.wav"]["source"] == "custom:rec 1"
    assert report["clips"] == {"train": 2, "valid": 1, "test": 1}
    assert report["missing"] == {"train": 0, "valid": 0, "test": 1}
    (data / "captions.csv").unlink()
    (data / f"b{delimiter} c.wav").unlink(missing_ok=True)
    before = [path for path in before if path.exists()]
    assert sorted(data.rglob("*")) == before


def test_drawn_parts_keep_recordings_together(prepare, data):
    names = [f"{i}-{k}.wav" for i in range(10) for k in "xy"]
    write_clips(data, *names)
    table = "path,caption,source\n" + "".join(
        f"{name},number {name[0]},rec{name[0]}\n" for name in names
    )
    options = {"valid_fraction": 0.2, "test_fraction": 0.1}
    parts, _ = prepare(table, seed=1, **options)
    assert [len(parts[p]) for p in ("train", "valid", "test")] == [14, 4, 2]
    sources = {
        part: {row["source"] for row in rows.values()}
        for part, rows in parts.items()
    }
    assert sum(map(len, sources.values())) == 10
    assert prepare(table, seed=1, **options)[0] == parts
    assert prepare(table, seed=2, **options)[0] != parts


def test_what_cannot_be_used_fills_no_part(prepare, data):
    gone = "".join(f"gone{i}.wav,wind\n" for i in range(50))
    table = f"path,caption\na.wav,a\ne.ogg,e\nbelow/a.wav,b\n{gone}"
    parts, report = prepare(table)
    assert report["clips"] == {"train": 1, "valid": 1, "test": 1}
    assert report["missing"] == {"train": 50, "valid": 0, "test": 0}


def test_a_table_as_data_folder(prepare, data, tmp_path):
    table = data / "lists" / "mine.csv"
    table.parent.mkdir()
    table.write_text(f"path,caption\n../a.wav,a dog\n{data / 'e.ogg'},an e\n")
    parts, _ = prepare(data_folder=table, **WHOLE)
    # Whatever {data_root} stands for: it cannot be the table.
    rows = read_manifest(tmp_path / "save" / "train.json", table, ("captions",))
    assert [row["path"] for row in rows.values()] == [
        str(data / "a.wav"),
        str(data / "e.ogg"),
    ]
    parts, _ = prepare(table="lists/mine.csv", data_folder=data, **WHOLE)
    assert len(parts["train"]) == 2


def test_paths_relative_to_the_data_folder(prepare, data):
    (data / "lists").mkdir()
    (data / "lists" / "x.tsv").write_text("path\tcaption\nbelow/a.wav\tb\n")
    with pytest.raises(DataError, match="no column path; its columns are"):
        prepare("file,caption\na.wav,x\n")
    (data / "captions.csv").unlink()
    script.prepare_custom(data, data / "m", table="lists/x.tsv", **WHOLE)
    rows = json.loads((data / "m" / "train.json").read_text())
    assert rows["below/a.wav"]["path"] == "{data_root}/below/a.wav"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "no column path; its columns are none"),
        ("path,caption\n", "has a header but no row"),
        ("path,text\na.wav,x\n", "no column caption, .*are path, text"),
        ("path,caption\na.wav\n", "line 2: has 1 cells, expected 2"),
        ("path,caption\na.wav,x,y\n", "line 2: has 3 cells.*double quotes"),
        ("path,caption\n ,x\n", "line 2: path is empty"),
        ("path,caption,split\na.wav,x,holdout\n", "line 2: split is 'holdout'"),
        (
            "path,caption,split\na.wav,x,test\ne.ogg,y,\n",
            "line 3: split is empty, but other rows have one",
        ),
        (
            "path,caption,split\na.wav,x,test\na.wav,y,train\n",
            "line 3: split is 'train', but 'test' in line 2",
        ),
        (
            "path,caption,label\na.wav,x,dog\n./a.wav,y,cat\n",
            "line 3: label is 'cat', but 'dog' in line 2",
        ),
        (
            "path,caption,id\na.wav,x,one\na.wav,y,two\n",
            "line 3: id is 'two', but 'one' in line 2",
        ),
        (
            "path,caption,id\na.wav,x,one\ne.ogg,y,one\n",
            "line 3: id 'one' is that of another clip, in line 2",
        ),
        (
            "path,caption,start,source\na.wav,x,0,s1\na.wav,x,1,s2\n",
            "line 3: source is 's2', but 's1' for another clip",
        ),
        ("path,caption,start\na.wav,x,1.5s\n", "line 2: start is '1.5s', exp"),
        ("path,caption,stop\na.wav,x,-1\n", "line 2: stop is '-1', expected"),
        ("path,caption,start,stop\na.wav,x,2,1\n", "line 2: stop is 1.0, exp"),
        ("path,caption\nx.wav,x\ny.wav,y\n", "none of its 2 sounds exists"),
        ('path,caption\n"a.wav,x\ne.ogg,y\n', "double quote not closed"),
    ],
)
def test_faults_of_a_table(prepare, table, words):
    with pytest.raises(DataError, match=f"captions.csv.*{words}"):
        prepare(table)


def test_a_table_in_another_encoding_names_the_row(prepare):
    with pytest.raises(DataError, match="captions.csv, line 3: is not UTF-8"):
        prepare("path,caption\na.wav,x\ne.ogg,caf\u00e9\n", encoding="cp1252")


def test_several_tables(prepare, data):
    (data / "more.csv").write_text("x\n")
    table = "path,caption\na.wav,x\n"
    with pytest.raises(DataError, match="2 tables, captions.csv, more.csv"):
        prepare(table)
    assert prepare(table, table="captions.csv", **WHOLE)
    with pytest.raises(
        FileNotFoundError, match="table .*no.csv does not exist"
    ):
        prepare(table="no.csv")


def test_a_folder_of_sounds_and_texts(prepare, data, caplog):
    (data / "a.txt").write_text("a dog barks\r\n\r\n a hound \r\n", "utf-8")
    (data / "b, c.txt").write_text("caf\u00e9\n", "utf-8-sig")
    (data / "below" / "a.TXT").write_text("a bell")
    (data / "lost.txt").write_text("wind")
    (data / "._a.txt").write_bytes(b"\x00\xff")
    write_clips(data, "a.flac")
    with caplog.at_level(logging.WARNING):
        parts, report = prepare(**WHOLE)
    assert parts["train"] == {
        "a.wav": {
            "path": "{data_root}/a.wav",
            "captions": ["a dog barks", "a hound"],
            "source": "file:a.wav",
        },
        "b, c.wav": {
            "path": "{data_root}/b, c.wav",
            "captions": ["caf\u00e9"],
            "source": "file:b, c.wav",
        },
        "below/a.wav": {
            "path": "{data_root}/below/a.wav",
            "captions": ["a bell"],
            "source": "file:below/a.wav",
        },
    }
    assert report["missing"] == {"train": 1}
    assert report["bad"] == dict.fromkeys(
        ["{data_root}/ d.flac", "{data_root}/e.ogg"], "has no caption"
    )
    assert "1 text files without a sound are left out: lost" in caplog.text
    assert "2 sounds without a text file are left out:  d, e" in caplog.text


def test_folders_named_after_parts(prepare, tmp_path):
    data = tmp_path / "sorted"
    for name in ("train/x/a", "val/b", "test/c"):
        write_clips(data, f"{name}.wav")
        (data / f"{name}.txt").write_text(f"this is {name}")
    (data / "README.txt").write_text("no sound of this name")
    parts, report = prepare(data_folder=data)
    assert {part: list(rows) for part, rows in parts.items()} == {
        "train": ["train/x/a.wav"],
        "valid": ["val/b.wav"],
        "test": ["test/c.wav"],
    }
    assert report["missing"]["train"] == 1


def test_faults_of_a_folder(prepare, data):
    with pytest.raises(DataError, match="no table, and of its 5 sounds and 0"):
        prepare()
    (data / "a.txt").write_bytes(b"ok\ncaf\xe9")
    with pytest.raises(DataError, match="a.txt, line 2: is not UTF-8"):
        prepare()
    (data / "a.txt").write_text("a dog")
    with pytest.raises(DataError, match="1 recordings are too few"):
        prepare()
    with pytest.raises(DataError, match="has no caption"):
        prepare(on_bad_clip="stop", **WHOLE)
    with pytest.raises(FileNotFoundError, match="Pass --data_folder=<a CSV"):
        prepare(data_folder="/no/such/folder")


def test_skip_prep(tmp_path):
    script.prepare_custom("/no/such/folder", tmp_path / "m", skip_prep=True)
    assert not (tmp_path / "m").exists()
