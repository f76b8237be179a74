"""FSD50K's preparation: titles with HTML, labels with parents, three parts.

Authors
 * The speechbrain_clap team 2026
"""

import json

import pytest

from speechbrain_clap.dataio.folds import DataError

VOCABULARY = "0,Bark,/m/1\n1,Chirp_and_tweet,/m/2\n2,Coin_(dropping),/t/dd3\n"
DEV = """fname,labels,mids,split
11,"Bark,Chirp_and_tweet","/m/1,/m/2",train
12,Coin_(dropping),/t/dd3,train
13,Bark,/m/1,val
14,Bark,/m/1,train
"""
EVAL = 'fname,labels,mids\n21,"Chirp_and_tweet,Bark","/m/2,/m/1"\n'
INFO = {
    "11": (
        "Dogs, far.wav",
        'In a <a href="http://x.y/z">yard</a><br />&amp; a',
    ),
    "12": ("Coin", "coin on wood: see https://a.b/c?d=1 \n caf\u00e9, 3 < 4"),
    "13": ("&lt;b&gt;Rex&lt;/b&gt;.AIFF", ""),
    "14": ("gone", "gone"),
}


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    for name in ("11", "12", "13"):
        write_sound(folder / "FSD50K.dev_audio" / f"{name}.wav")
    write_sound(folder / "FSD50K.eval_audio" / "21.wav")
    truth = folder / "FSD50K.ground_truth"
    truth.mkdir()
    (truth / "vocabulary.csv").write_text(VOCABULARY)
    (truth / "dev.csv").write_text(DEV)
    (truth / "eval.csv").write_text(EVAL)
    write_info(folder, "dev", INFO)
    write_info(folder, "eval", {"21": ("Birds", "A dog and birds")})
    return folder


def write_info(folder, half, info):
    entries = {
        name: {"title": title, "description": text, "tags": ["a"]}
        for name, (title, text) in info.items()
    }
    path = folder / "FSD50K.metadata" / f"{half}_clips_info_FSD50K.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def test_titles_and_descriptions(data, preparation):
    before = sorted(data.rglob("*"))
    parts, report = preparation("FSD50K", on_bad_clip="stop")
    assert parts["train"]["11"] == {
        "path": "{data_root}/FSD50K.dev_audio/11.wav",
        "captions": ["Dogs, far. In a yard & a"],
        "source": "freesound:11",
        "labels": ["Bark", "Chirp_and_tweet"],
    }
    # The description begins with the title.
    assert parts["train"]["12"]["captions"] == [
        "coin on wood: see caf\u00e9, 3 < 4"
    ]
    assert parts["valid"]["13"]["captions"] == ["Rex"]
    assert parts["test"]["21"]["captions"] == ["Birds. A dog and birds"]
    assert report["clips"] == {"train": 2, "valid": 1, "test": 1}
    assert report["missing"] == {"train": 1, "valid": 0, "test": 0}
    assert report["classes"] == ["Bark", "Chirp_and_tweet", "Coin_(dropping)"]
    assert report["leaks"] == {"FSD50K eval": 0}
    assert sorted(data.rglob("*")) == before


def test_labels(data, preparation):
    for path in (data / "FSD50K.metadata").iterdir():
        path.unlink()  # not needed
    parts, _ = preparation("FSD50K", captions="labels", template="sound of {}")
    said = [row["captions"] for row in parts["train"].values()]
    assert said == [
        ["sound of Bark, Chirp and tweet"],
        ["sound of Coin (dropping)"],
    ]
    with pytest.raises(FileNotFoundError, match="set captions: labels"):
        preparation("FSD50K")


def test_both(data, preparation):
    write_info(data, "dev", {**INFO, "11": (" ", None)})
    parts, _ = preparation("FSD50K", captions="both")
    assert parts["train"]["11"]["captions"] == ["Bark, Chirp and tweet"]
    assert len(parts["train"]["12"]["captions"]) == 2
    parts, report = preparation("FSD50K")
    assert list(parts["train"]) == ["12"]
    assert report["bad"] == {
        "{data_root}/FSD50K.dev_audio/11.wav": "has no caption"
    }


def test_held_out_and_tested(data, preparation):
    held_out = {"esc50": {"freesound:12", "freesound:13", "freesound:21"}}
    parts, report = preparation("FSD50K", held_out=held_out)
    assert list(parts["train"]) == ["11"]
    assert list(parts["valid"]) == ["13"] and list(parts["test"]) == ["21"]
    assert report["leaks"] == {"FSD50K eval": 0, "esc50": 1}
    # The same recording in both halves, as no official copy has it.
    path = data / "FSD50K.ground_truth" / "eval.csv"
    path.write_text(EVAL.replace("21,", "11,"))
    parts, report = preparation("FSD50K")
    assert list(parts["train"]) == ["12"]
    assert report["leaks"] == {"FSD50K eval": 1}


def test_development_alone_one_level_below(data, preparation, tmp_path):
    (data / "FSD50K.ground_truth" / "eval.csv").unlink()
    outer = tmp_path / "outer"
    outer.mkdir()
    data.rename(outer / "FSD50K")
    parts, _ = preparation("FSD50K", data=outer)
    assert sorted(parts) == ["train", "valid"]
    assert parts["valid"]["13"]["path"] == (
        "{data_root}/FSD50K/FSD50K.dev_audio/13.wav"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("dev", "13,Bark", "13,Barks", "line 4: label 'Barks' is not in vocab"),
        ("dev", "1,val", "1,dev", "line 4: split is 'dev', expected train or"),
        ("dev", "14,Bark", "11,Bark", "line 5: fname '11' stands there twice"),
        ("dev", "fname,", "name,", "no column fname; its columns are name"),
        ("eval", '1"\n', '1",x\n', "eval.csv, line 2: has 4 cells, expected 3"),
        ("eval", "21", "\u00e9", "eval.csv, line 2: is not UTF-8"),
    ],
)
def test_faults_of_tables(data, preparation, name, old, new, words):
    path = data / "FSD50K.ground_truth" / f"{name}.csv"
    path.write_text(path.read_text().replace(old, new), encoding="latin-1")
    with pytest.raises(DataError, match=words):
        preparation("FSD50K")


def test_faults_of_options_and_folders(data, preparation):
    with pytest.raises(DataError, match="captions is 'tags', expected one of"):
        preparation("FSD50K", captions="tags")
    with pytest.raises(DataError, match="template is 'a sound', expected"):
        preparation("FSD50K", captions="labels", template="a sound")
    path = data / "FSD50K.metadata" / "dev_clips_info_FSD50K.json"
    path.write_text('{"11": {"title": "a"}}')
    with pytest.raises(DataError, match="clip '11' has no title and descripti"):
        preparation("FSD50K")
    (data / "FSD50K.ground_truth" / "vocabulary.csv").unlink()
    with pytest.raises(FileNotFoundError, match="zenodo.org/records/4060432"):
        preparation("FSD50K")
    assert preparation("FSD50K", data="/no/such", skip_prep=True) == ({}, None)
