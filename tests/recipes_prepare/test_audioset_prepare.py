"""AudioSet's preparation: lists with blanks, names of all downloaders.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError

CLASSES = """index,mid,display_name
1,/m/b,"Male speech, man speaking"
0,/m/a,"Speech"
2,/t/c,"Rain"
"""
HEAD = (
    "# Segments csv\n# num_ytids=3\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
BALANCED = """--a_bcdefg1, 30.000, 40.000, "/m/a,/m/b"
Yabcdefgh_2, 0.000, 9.500, "/t/c"
gone_efgh_3, 20.000, 30.000, "/m/a"
"""
UNBALANCED = """unbal_fgh_4, 5.000, 15.000, "/t/c"
ms_cdefgh_5, 100.000, 110.000, "/t/c"
"""
EVAL = 'evalu_fgh_6, 7.000, 17.000, "/m/a,/t/c"\n'


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    for name in (
        "train/--a_bcdefg1_30_40.flac",
        "train/YYabcdefgh_2.wav",
        "train/unbal_fgh_4.wav",
        "train/Yms_cdefgh_5_100000_110000.ogg",
        "eval/Yevalu_fgh_6_7.000_17.000.wav",
    ):
        write_sound(folder / name)
    # libsndfile writes no M4A.
    path = folder / "train" / "unbal_fgh_4.wav"
    path.rename(path.with_suffix(".m4a"))
    write_lists(folder, BALANCED, UNBALANCED, EVAL)
    (folder / "class_labels_indices.csv").write_text(CLASSES)
    return folder


def write_lists(folder, balanced, unbalanced, tested):
    for name, rows in (
        ("balanced_train", balanced),
        ("unbalanced_train", unbalanced),
        ("eval", tested),
    ):
        (folder / f"{name}_segments.csv").write_text(HEAD + rows, "utf-8")


def test_a_partial_copy(data, preparation):
    before = sorted(data.rglob("*"))
    parts, report = preparation("AudioSet")
    assert parts["train"]["--a_bcdefg1"] == {
        "path": "{data_root}/train/--a_bcdefg1_30_40.flac",
        "captions": ["Speech, Male speech, man speaking"],
        "source": "youtube:--a_bcdefg1",
        "labels": ["Speech", "Male speech, man speaking"],
    }
    paths = [row["path"] for row in parts["train"].values()]
    assert paths[1:] == [
        "{data_root}/train/YYabcdefgh_2.wav",
        "{data_root}/train/unbal_fgh_4.m4a",
        "{data_root}/train/Yms_cdefgh_5_100000_110000.ogg",
    ]
    assert parts["test"]["evalu_fgh_6"]["captions"] == ["Speech, Rain"]
    assert report["clips"] == {"train": 4, "test": 1}
    assert report["missing"] == {"train": 1, "test": 0}
    assert report["leaks"] == {"AudioSet eval": 0}
    assert report["classes"] == ["Speech", "Male speech, man speaking", "Rain"]
    assert sorted(data.rglob("*")) == before


def test_lists_and_template(data, preparation):
    parts, _ = preparation(
        "AudioSet", train_lists=["balanced_train"], template="the sound of {}"
    )
    assert list(parts["train"]) == ["--a_bcdefg1", "Yabcdefgh_2"]
    said = parts["train"]["Yabcdefgh_2"]["captions"]
    assert said == ["the sound of Rain"]


def test_lists_that_are_not_there(data, preparation):
    (data / "csv").mkdir()
    for path in data.glob("*.csv"):
        path.rename(data / "csv" / path.name)
    for name in ("unbalanced_train", "eval"):
        (data / "csv" / f"{name}_segments.csv").unlink()
    parts, report = preparation("AudioSet")
    assert sorted(parts) == ["train"] and report["clips"] == {"train": 2}
    (data / "csv" / "balanced_train_segments.csv").unlink()
    with pytest.raises(FileNotFoundError, match="no list of segments, neither"):
        preparation("AudioSet")
    (data / "csv" / "class_labels_indices.csv").unlink()
    with pytest.raises(FileNotFoundError, match="no class_labels_indices.csv"):
        preparation("AudioSet")


def test_held_out(data, preparation, tmp_path):
    path = tmp_path / "audiocaps.txt"
    path.write_text("youtube:unbal_fgh_4\nyoutube:evalu_fgh_6\n")
    parts, report = preparation("AudioSet", held_out={"AudioCaps": str(path)})
    assert "unbal_fgh_4" not in parts["train"]
    assert list(parts["test"]) == ["evalu_fgh_6"]
    assert report["leaks"] == {"AudioSet eval": 0, "AudioCaps": 1}


def test_what_is_tested_does_not_train(data, preparation):
    tested = EVAL + UNBALANCED.splitlines()[0] + "\n"
    write_lists(data, BALANCED, UNBALANCED, tested)
    parts, report = preparation("AudioSet")
    assert report["leaks"] == {"AudioSet eval": 1}
    assert "unbal_fgh_4" in parts["test"]
    assert "unbal_fgh_4" not in parts["train"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/t/c", "/t/x", "line 5: the class '/t/x' is not in class_labels_in"),
        ("Yabcdefgh_2", "#NAME?", "line 5: '#NAME.' is no video of YouTube"),
        ("9.500", "end", "line 5: no seconds .*'end'"),
        ("gone_efgh_3", "Yabcdefgh_2", "line 6: 'Yabcdefgh_2' stands there tw"),
        ('/m/b"', '/m/b", x', "line 4: has 5 cells, expected 4"),
        ("gone", "g\u00e9ne", "line 6: 'g\u00e9ne_efgh_3' is no video"),
    ],
)
def test_faults(data, preparation, old, new, words):
    write_lists(data, BALANCED.replace(old, new), UNBALANCED, EVAL)
    with pytest.raises(DataError, match=words):
        preparation("AudioSet")


def test_wrong_options_and_encoding(data, preparation):
    for given in ([], ["train"], "eval"):
        with pytest.raises(DataError, match="expected a list of balanced_trai"):
            preparation("AudioSet", train_lists=given)
    (data / "class_labels_indices.csv").write_text(
        CLASSES.replace("Rain", "Pluie \u00e9"), encoding="latin-1"
    )
    with pytest.raises(DataError, match="indices.csv, line 4: is not UTF-8"):
        preparation("AudioSet")


def test_videos(data, preparation):
    """A row knows its video; without a sound file it is heard from there."""
    (data / "films").mkdir()
    for name in ("--a_bcdefg1_30_40.mp4", "gone_efgh_3.webm"):
        (data / "films" / name).write_bytes(bytes(2000))
    parts, report = preparation("AudioSet", videos=True)
    row = parts["train"]["--a_bcdefg1"]
    assert row["path"] == "{data_root}/train/--a_bcdefg1_30_40.flac"
    assert row["video"] == "../films/--a_bcdefg1_30_40.mp4"
    assert "video" not in parts["train"]["unbal_fgh_4"]
    row = parts["train"]["gone_efgh_3"]
    assert row["path"] == "{data_root}/films/gone_efgh_3.webm"
    assert row["video"] == "gone_efgh_3.webm"
    assert report["missing"] == {"train": 0, "test": 0}
    with pytest.raises(DataError, match="with videos set decode: False"):
        preparation("AudioSet", videos=True, decode=True)


def test_validation_clips(data, preparation):
    """Of the training lists, by identifier, of those that are there."""
    parts, report = preparation("AudioSet", valid_clips=1)
    assert report["clips"] == {"train": 3, "valid": 1, "test": 1}
    chosen = set(parts["valid"])
    assert not chosen & set(parts["train"])
    again, _ = preparation("AudioSet", valid_clips=1)
    assert set(again["valid"]) == chosen
    parts, report = preparation("AudioSet", valid_clips=50)
    assert report["clips"] == {"train": 2, "valid": 2, "test": 1}
    assert chosen < set(parts["valid"])
