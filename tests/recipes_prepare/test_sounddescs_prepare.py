"""SoundDescs' preparation: lists of ids, descriptions in three forms.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import json
import os
import pickle

import pytest

from speechbrain_clap.dataio.folds import DataError

LISTS = {
    "train": ["07001001", "nhu05002", "07001003", "07001004"],
    "val": ["07001005"],
    "test": ["07001006", "nhu05007"],
}
SAID = collections.defaultdict(
    list,
    {
        "07001001": ["A door, wood. "],
        "nhu05002": ["Birds", "Caf\u00e9 birds"],
        "07001003": ["Missing"],
        "07001005": ["Wind"],
        "07001006": ["Rain"],
        "nhu05007": ["A fox"],
    },
)


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    (folder / "data" / "SoundDescs").mkdir(parents=True)
    for split, names in LISTS.items():
        path = folder / "data" / "SoundDescs" / f"{split}_list.txt"
        path.write_text("\r\n".join(names))  # no line end after the last
        for name in names:
            if name != "07001003":
                write_sound(folder / "audios" / name / f"{name}.wav")
    upper = folder / "audios" / "nhu05002" / "nhu05002.wav"
    upper.rename(upper.with_name("NHU05002.wav"))
    (folder / "sounddescs_data").mkdir()
    path = folder / "sounddescs_data" / "descriptions.pkl"
    path.write_bytes(pickle.dumps(SAID, protocol=3))
    return folder


def test_as_a_clone_has_it(data, preparation, caplog):
    before = sorted(data.rglob("*"))
    with caplog.at_level("WARNING"):
        parts, report = preparation("SoundDescs")
    assert parts["train"] == {
        "07001001": {
            "path": "{data_root}/audios/07001001/07001001.wav",
            "captions": ["A door, wood."],
            "source": "bbc:07001001",
        },
        "nhu05002": {
            "path": "{data_root}/audios/nhu05002/NHU05002.wav",
            "captions": ["Birds", "Caf\u00e9 birds"],
            "source": "bbc:nhu05002",
        },
    }
    assert list(parts["valid"]) == ["07001005"]
    assert list(parts["test"]) == ["07001006", "nhu05007"]
    assert report["missing"] == {"train": 1, "valid": 0, "test": 0}
    assert list(report["bad"].values()) == ["has no caption"]
    assert report["leaks"] == {"SoundDescs valid, test": 0}
    assert "train: 1 of 4 clips have no description" in caplog.text
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize("form", ["json", "csv", "bbc", "words"])
def test_other_forms(data, preparation, form):
    pickled = data / "sounddescs_data" / "descriptions.pkl"
    pickled.unlink()
    if form == "json":
        said = {name.upper() + ".wav": texts for name, texts in SAID.items()}
        said["07001006.wav"] = "Rain"
        text = json.dumps(said, ensure_ascii=False)
        (data / "descriptions.json").write_text(text, "utf-8")
    elif form == "words":
        said = {name: [t.split() for t in SAID[name]] for name in SAID}
        pickled.write_bytes(pickle.dumps(said))
    else:
        column = "id" if form == "csv" else "location"
        rows = [f"{column},description,secs"] + [
            f'{name}.wav,"{text}",9'
            for name, texts in SAID.items()
            for text in texts
        ]
        path = data / "descriptions.csv"
        encoding = "utf-8" if form == "csv" else "latin-1"
        path.write_text("\n".join(rows), encoding=encoding)
    parts, report = preparation("SoundDescs")
    assert parts["train"]["07001001"]["captions"] == ["A door, wood."]
    assert parts["train"]["nhu05002"]["captions"] == [
        "Birds",
        "Caf\u00e9 birds",
    ]
    assert report["clips"] == {"train": 2, "valid": 1, "test": 2}


def test_held_out(data, preparation):
    path = data / "data" / "SoundDescs" / "train_list.txt"
    path.write_text("\n".join([*LISTS["train"], "07001006"]))
    held_out = {"mine": {"bbc:nhu05002"}}
    parts, report = preparation("SoundDescs", held_out=held_out)
    assert list(parts["train"]) == ["07001001"]
    assert "07001006" in parts["test"]
    assert report["leaks"] == {"SoundDescs valid, test": 1, "mine": 1}


class Harm:
    """Would write a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        """What a pickle may do."""
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_runs_code(data, preparation, tmp_path):
    path = data / "sounddescs_data" / "descriptions.pkl"
    path.write_bytes(pickle.dumps({"07001001": Harm(tmp_path / "harm")}))
    with pytest.raises(DataError, match="asks for posix.mkdir|asks for nt.mkd"):
        preparation("SoundDescs")
    assert not (tmp_path / "harm").exists()


def test_faults(data, preparation):
    lists = data / "data" / "SoundDescs"
    descriptions = data / "sounddescs_data" / "descriptions.pkl"
    for content, words in (
        ([1], "expected a dict, id to descriptions"),
        ({"07001001": [3]}, "'07001001' has .3., expected descriptions"),
        ({"07": ["x"]}, "describes none of the clips of .*such as '07001001'"),
    ):
        descriptions.write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match=words):
            preparation("SoundDescs")
    (data / "descriptions.csv").write_text("name,description\nx,y\n")
    with pytest.raises(DataError, match="csv, line 2: has no id, in a column"):
        preparation("SoundDescs")
    (data / "descriptions.csv").write_text("id,description\n07001001,y\n")
    (lists / "train_list.txt").write_text("07001001\n\n07001001.wav\n")
    with pytest.raises(DataError, match="line 3: '07001001' stands already in"):
        preparation("SoundDescs")
    (lists / "train_list.txt").write_text("\n")
    with pytest.raises(DataError, match="train_list.txt: holds no id"):
        preparation("SoundDescs")
    for path in (data / "descriptions.csv", descriptions):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no descriptions.pkl, "):
        preparation("SoundDescs")
    for path in lists.iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no train_list.txt"):
        preparation("SoundDescs")
