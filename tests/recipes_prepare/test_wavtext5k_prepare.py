"""WavText5K's preparation: fields of several lines, titles, two sites.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError

HEADER = "view_link,download_link,title,description,fname,tags\n"
BANK, BIBLE = "https://bigsoundbank.com", "https://soundbible.com"
GRAB = f"{BIBLE}/grab.php"
ROWS = f"""{BANK}/detail-0100-wood.html,{BANK}/UPLOAD/wav/0100.wav,Wood,"Birds,
far away.  Caf\u00e9",0100.wav,
{BANK}/detail-0477-cry.html,dead,"Cry, loud",,0477.wav,
{BIBLE}/2219-A.html,{GRAB}?id=2219&type=wav,A," A plane",a  b_0.wav,"['x']"
{BIBLE}/2218-B.html,{GRAB}?type=wav&id=2218,Bell," ""Ding"", dong", bell_1.wav,
elsewhere,elsewhere,Wind,,"wind, far_2.wav",
{BANK}/detail-0812-x.html,{BANK}/UPLOAD/wav/0812.wav,,,0812.wav,
{BANK}/detail-0813-x.html,{BANK}/UPLOAD/wav/0813.wav,Gone,,0813.wav,
"""


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    for name in (
        "0100.wav",
        "0477.flac",
        "a  b_0.wav",
        " bell_1.wav",
        "wind, far_2.wav",
        "0812.wav",
    ):
        write_sound(folder / "Webcrawl" / "44100" / "audios" / name)
    (folder / "WavText5K").mkdir()
    path = folder / "WavText5K" / "WavText5K.csv"
    path.write_bytes((HEADER + ROWS).replace("\n", "\r\n").encode())
    return folder


def test_the_set(data, preparation, caplog):
    before = sorted(data.rglob("*"))
    with caplog.at_level("INFO"):
        parts, report = preparation("WavText5K")
    rows = parts["train"]
    assert {name: row["captions"] for name, row in rows.items()} == {
        "0100.wav": ["Birds, far away. Caf\u00e9"],
        "0477.wav": ["Cry, loud"],
        "a  b_0.wav": ["A plane"],
        " bell_1.wav": ['"Ding", dong'],
        "wind, far_2.wav": ["Wind"],
    }
    assert [row.get("source") for row in rows.values()] == [
        "bigsoundbank:0100",
        "bigsoundbank:0477",
        "soundbible:2219",
        "soundbible:2218",
        None,
    ]
    assert rows["0477.wav"]["path"].endswith("/audios/0477.flac")
    assert report["missing"] == {"train": 1}
    assert list(report["bad"].values()) == ["has no caption"]
    assert "4 of 7 clips have no description" in caplog.text
    assert "of 1 the recording is unknown" in caplog.text
    assert sorted(data.rglob("*")) == before


def test_held_out(data, preparation):
    held_out = {"WavCaps": {"soundbible:2219", "soundbible:0100"}}
    parts, report = preparation("WavText5K", held_out=held_out)
    assert "a  b_0.wav" not in parts["train"]
    assert report["leaks"] == {"WavCaps": 1}


def test_faults(data, preparation):
    path = data / "WavText5K" / "WavText5K.csv"
    text = HEADER + ROWS
    for old, new, words in (
        ("0477.wav,", "0100.wav,", "line 4: fname '0100.wav' stands there twi"),
        ("0477.wav,", " ,", "line 4: fname is empty"),
        ("fname", "file", "no column fname; its columns are view_link"),
        ('"wind, far_2.wav"', "wind, far_2.wav", "line 7: has 7 cells, expe"),
        (" dong", ' dong"', "a double quote not closed"),
    ):
        path.write_text(text.replace(f",{old}", f",{new}", 1), "utf-8")
        with pytest.raises(DataError, match=words):
            preparation("WavText5K")
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="WavText5K.csv, line 3: is not UTF-8"):
        preparation("WavText5K")
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match="github.com/microsoft/WavText5"
    ):
        preparation("WavText5K")
