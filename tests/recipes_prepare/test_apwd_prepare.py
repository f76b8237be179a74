"""APwD's preparation: the authors' layout and JAMS, texts of our own.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.synthesis.pair_texts import JOINTS, TEMPLATES

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "recipes" / "APwD" / "apwd_prepare.py"

GROUND = ("rain", "background", 0)
PAIRS = [  # the foregrounds of s1 and s2, and what they say
    ([("dog", 8.0)], [("dog", -1.0)], [["decrease", "dog"]]),
    ([], [("thunder", 7.0)], [["add", "thunder"]]),
    ([("footsteps", 9.0)], [], [["remove", "footsteps"]]),
    ([], [("rain", 7.5)], [["increase", "rain"]]),
    (
        [("rain", 6.0), ("birds", 0.0)],
        [("birds", 9.0)],
        [["decrease", "rain"], ["increase", "birds"]],
    ),
]


@pytest.fixture(scope="module")
def prepare():
    """The recipe's function."""
    spec = importlib.util.spec_from_file_location("apwd_tested", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prepare_apwd


def jams(foreground):
    """What Scaper writes of such a soundscape, as far as it is read."""
    layers = [GROUND, GROUND]
    layers += [(label, "foreground", snr) for label, snr in foreground]
    data = [
        {
            "time": 0.0,
            "duration": 10.0,
            "value": {
                "label": label,
                "source_file": f"source/eval/{role}/{label}/1.wav",
                "source_time": 0.5,
                "event_time": 0,
                "event_duration": 10,
                "snr": snr,
                "role": role,
                "pitch_shift": None,
                "time_stretch": None,
            },
        }
        for label, role, snr in layers
    ]
    general = {"duration": 10, "sr": 44100, "ref_db": -30.0, "reverb": None}
    general |= {"fade_in_len": 0.01, "fade_out_len": 0.01}
    sandbox = {"scaper": general}
    return json.dumps({"annotations": [{"data": data, "sandbox": sandbox}]})


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data" / "datasets" / "apwd_rain_sc"
    for split, digits in (("dev", 5), ("eval", 3)):
        (folder / split / "jams").mkdir(parents=True)
        for number, (alpha, beta, _) in enumerate(PAIRS):
            for half, foreground in (("s1", alpha), ("s2", beta)):
                name = f"apwd_rain_sc_{split}_{number:0{digits}d}_{half}"
                path = folder / split / "jams" / f"{name}.jams"
                path.write_text(jams(foreground))
                write_sound(folder / split / "audio" / f"{name}.wav")
    return tmp_path / "data"


def read(folder, name):
    return json.loads((folder / name).read_text("utf-8"))


def test_pairs_with_texts(data, prepare, tmp_path):
    before = sorted(data.rglob("*"))
    save = tmp_path / "save"
    prepare(str(data), str(save), on_bad_clip="stop")
    assert sorted(data.rglob("*")) == before
    rows = read(save, "rain_eval.json")
    assert len(rows) == 5
    audio = data / "datasets" / "apwd_rain_sc" / "eval" / "audio"
    for number, (alpha, beta, expected) in enumerate(PAIRS):
        name = f"apwd_rain_sc_eval_{number:03d}"
        row = rows[name]
        assert row["path"] == str(audio / f"{name}_s1.wav")
        assert row["target_path"] == str(audio / f"{name}_s2.wav")
        assert sorted(row["differences"]) == sorted(expected)
        assert row["background"] == "rain"
        for key, layers in (("events", alpha), ("target_events", beta)):
            assert row[key] == [x for x, _ in layers if x != "rain"]
        assert row["text"] and row["text"] == row["text"].lower()
    report = read(save, "prepare_rain.json")
    assert report["pairs"] == {"dev": 5, "eval": 5}
    assert report["skipped"] == {"dev": 0, "eval": 0}
    assert report["events"] == ["dog", "birds", "thunder", "footsteps"]
    assert report["sounds"] == "real"
    assert not (save / "prepare_traffic.json").exists()


def test_texts_say_the_differences_and_depend_on_the_seed(
    data, prepare, tmp_path
):
    texts = {}
    for seed in (1, 1, 2):
        prepare(str(data), str(tmp_path / "save"), seed=seed)
        rows = read(tmp_path / "save", "rain_dev.json")
        found = [row["text"] for row in rows.values()]
        assert texts.setdefault(seed, found) == found
    assert texts[1] != texts[2]
    names = {"dog": ["dog bark", "dog barking", "dog"]}
    wordings = {
        template.format(name)
        for template in TEMPLATES["decrease"]
        for name in names["dog"]
    }
    assert texts[1][0] in wordings
    joints = [joint.strip("{}") for joint in JOINTS]
    assert any(joint in texts[1][4] for joint in joints)


def test_bad_pairs_are_counted_or_refused(data, prepare, tmp_path):
    folder = data / "datasets" / "apwd_rain_sc" / "dev"
    (folder / "audio" / "apwd_rain_sc_dev_00000_s2.wav").unlink()
    (folder / "jams" / "apwd_rain_sc_dev_00001_s1.jams").write_text("{}")
    (folder / "jams" / "apwd_rain_sc_dev_00002_s2.jams").unlink()
    path = folder / "jams" / "apwd_rain_sc_dev_00003_s2.jams"
    path.write_text(jams([]))
    save = tmp_path / "save"
    prepare(str(data), str(save))
    assert list(read(save, "rain_dev.json")) == ["apwd_rain_sc_dev_00004"]
    assert read(save, "prepare_rain.json")["skipped"] == {"dev": 4, "eval": 0}
    with pytest.raises(DataError, match="lacks the sound of .*00000_s2"):
        prepare(str(data), str(save), on_bad_clip="stop")
    assert not (save / "prepare_rain.json").exists()
    path.with_name("apwd_rain_sc_dev_00004_s2.jams").write_text(
        jams([("cat", 3.0), ("birds", 9.0)])
    )
    with pytest.raises(DataError, match="none of the 5 pairs can be used"):
        prepare(str(data), str(save))


def test_what_is_not_there(data, prepare, tmp_path):
    place = data / "datasets" / "apwd_rain_sc"
    (place / "dev").rename(place / "other")
    prepare(str(data / "datasets"), str(tmp_path / "save"))
    report = read(tmp_path / "save", "prepare_rain.json")
    assert report["pairs"] == {"eval": 5}
    (place / "eval").rename(place / "more")
    with pytest.raises(DataError, match="neither dev/jams/ nor eval/jams/"):
        prepare(str(data), str(tmp_path / "save"))
    with pytest.raises(FileNotFoundError, match="holds no apwd_<scene>_sc/"):
        prepare(str(tmp_path), str(tmp_path / "save"))
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "no"), "save"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "FileNotFoundError: data_folder"
    )
