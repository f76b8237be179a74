"""VGGSound's preparation: no header, quoted labels, several excerpts.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError

ROWS = """-a_bcdefgh1,45,dog barking,train
Yabcdefgh_2,8,"child speech, kid speaking",train
twice_fgh_3,10,rapping,train
twice_fgh_3,70,rapping,train
gone_efgh_4,0,rapping,train
test1_fgh_5,177,dog barking,test
test2_fgh_6,30,"child speech, kid speaking",test
"""
STAT = 'rapping,3,music\n"child speech, kid speaking",2,people\n'
STAT += "dog barking,2,animals\nhail,0,nature\n"


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    for name in (
        "-a_bcdefgh1_000045.flac",
        "YYabcdefgh_2_8_18.wav",
        "twice_fgh_3.wav",
        "twice_fgh_3_000070.wav",
        "sub/test1_fgh_5.ogg",
        "sub/test2_fgh_6_30.wav",
    ):
        write_sound(folder / "audio" / name)
    (folder / "data").mkdir()
    (folder / "data" / "vggsound.csv").write_text(ROWS)
    (folder / "data" / "stat.csv").write_text(STAT)
    return folder


def test_a_partial_copy(data, preparation):
    before = sorted(data.rglob("*"))
    parts, report = preparation("VGGSound")
    assert parts["train"]["Yabcdefgh_2_000008"] == {
        "path": "{data_root}/audio/YYabcdefgh_2_8_18.wav",
        "captions": ["child speech, kid speaking"],
        "source": "youtube:Yabcdefgh_2",
        "label": "child speech, kid speaking",
    }
    # Which of its two excerpts a bare name holds cannot be told.
    assert list(parts["train"]) == [
        "-a_bcdefgh1_000045",
        "Yabcdefgh_2_000008",
        "twice_fgh_3_000070",
    ]
    assert list(parts["test"]) == ["test1_fgh_5_000177", "test2_fgh_6_000030"]
    assert report["missing"] == {"train": 2, "test": 0}
    assert report["classes"] == [
        "rapping",
        "child speech, kid speaking",
        "dog barking",
        "hail",
    ]
    assert sorted(data.rglob("*")) == before


def test_no_order_of_classes(data, preparation):
    (data / "data" / "stat.csv").unlink()
    parts, report = preparation("VGGSound", template="the sound of {}")
    assert report["classes"] == [
        "child speech, kid speaking",
        "dog barking",
        "rapping",
    ]
    said = parts["train"]["-a_bcdefgh1_000045"]["captions"]
    assert said == ["the sound of dog barking"]


def test_a_test_video_does_not_train(data, preparation):
    path = data / "data" / "vggsound.csv"
    path.write_text(ROWS + "test1_fgh_5,30,rapping,train\n")
    sounds = data / "audio" / "sub"
    (sounds / "test1_fgh_5.ogg").rename(sounds / "test1_fgh_5_177.ogg")
    held_out = {"AudioSet eval": {"youtube:-a_bcdefgh1"}}
    parts, report = preparation("VGGSound", held_out=held_out)
    assert list(parts["train"]) == ["Yabcdefgh_2_000008", "twice_fgh_3_000070"]
    assert report["leaks"] == {"VGGSound test": 0, "AudioSet eval": 1}
    (sounds / "test1_fgh_5_30.ogg").write_bytes(
        (sounds / "test1_fgh_5_177.ogg").read_bytes()
    )
    parts, report = preparation("VGGSound")
    assert report["leaks"] == {"VGGSound test": 1}
    assert "test1_fgh_5_000030" not in parts["train"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("test1_fgh_5", "test1_fgh", "line 6: 'test1_fgh' is no video"),
        (",177,", ",2:57,", "line 6: start is '2:57' and the label 'dog"),
        ("barking,test", "barking,val", "line 6: split is 'val', expected tr"),
        ("twice_fgh_3,70", "twice_fgh_3,10", "line 4: .*000010' stands there"),
        ('"', "", "line 2: has 5 cells, expected 4"),
        ("rapping", "wrapping", "label 'wrapping' is not in .*stat.csv"),
        ("rapping", "r\u00e1pping", "vggsound.csv, line 3: is not UTF-8"),
    ],
)
def test_faults(data, preparation, old, new, words):
    path = data / "data" / "vggsound.csv"
    path.write_text(ROWS.replace(old, new), encoding="latin-1")
    with pytest.raises(DataError, match=words):
        preparation("VGGSound")


def test_no_list(data, preparation):
    (data / "data" / "vggsound.csv").unlink()
    with pytest.raises(FileNotFoundError, match="github.com/hche11/VGGSound"):
        preparation("VGGSound")


def test_videos_and_validation(data, preparation):
    """A row gets its video; where there is no sound, it is the video."""
    videos = data / "videos"
    videos.mkdir()
    for name in ("-a_bcdefgh1_000045.mp4", "gone_efgh_4_000000.mp4"):
        (videos / name).write_bytes(b"a video" * 200)
    parts, report = preparation("VGGSound", videos=True, valid_clips=1)
    rows = {**parts["train"], **parts["valid"]}
    assert len(parts["valid"]) == 1 and len(rows) == 4
    row = rows["-a_bcdefgh1_000045"]
    assert row["video"] == "../videos/-a_bcdefgh1_000045.mp4"
    row = rows["gone_efgh_4_000000"]
    assert row["path"] == "{data_root}/videos/gone_efgh_4_000000.mp4"
    assert "video" not in rows["Yabcdefgh_2_000008"]
    assert report["missing"]["train"] + report["missing"]["valid"] == 1
    with pytest.raises(DataError, match="decode is for sounds"):
        preparation("VGGSound", videos=True, decode=True)
