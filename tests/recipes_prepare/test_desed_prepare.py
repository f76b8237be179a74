"""DESED's preparation: times of events, clips without any, partial copies.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import pytest

from speechbrain_clap.dataio.folds import DataError

ROOT = pathlib.Path(__file__).parents[2]
HEAD = "filename\tonset\toffset\tevent_label\n"
VALIDATION = f"""{HEAD}Yabcdefgh_01_30.000_40.000.wav\t0.010\t0.050\tDog
Yabcdefgh_01_30.000_40.000.wav\t0.020\t11.000\tFrying
Yabcdefgh_01_30.000_40.000.wav\t0.500\t0.700\tCat
Yquiet_gh_02_0.000_10.000.wav\t\t\t
Ygone_fgh_03_0.000_10.000.wav\t0.000\t1.000\tSpeech
"""
PUBLIC = f"{HEAD}1Ro0FgMWTUE_120_130.wav\t0.000\t0.081\tSpeech\n"


@pytest.fixture
def data(tmp_path, write_sound):
    """A folder as the set has it; sounds of 0.1 s."""
    folder = tmp_path / "data" / "dataset"
    for name in (
        "validation/Yabcdefgh_01_30.000_40.000.wav",
        "validation/quiet_gh_02_0.000_10.000.flac",
        "eval/public/Y1Ro0FgMWTUE_120_130.wav",
        "validation/synthetic21_validation/soundscapes/1.wav",
    ):
        write_sound(folder / "audio" / name)
    for name, text in (
        ("validation/validation.tsv", VALIDATION),
        ("eval/public.tsv", PUBLIC),
        (
            "validation/synthetic21_validation/soundscapes.tsv",
            f"{HEAD}1.wav\t0.0\t0.1\tBlender\n",
        ),
    ):
        path = folder / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def prepare(data):
    """Runs it; gives a part's rows, and the report."""
    path = ROOT / "recipes" / "DESED" / "desed_prepare.py"
    spec = importlib.util.spec_from_file_location("desed_prepare_tested", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def _prepare(part="validation", **options):
        module.prepare_desed(data / "data", data / "save", **options)
        rows = json.loads((data / "save" / f"{part}.json").read_text("utf-8"))
        report = (data / "save" / "prepare.json").read_text("utf-8")
        return rows, json.loads(report)

    return _prepare


def test_a_partial_copy(data, prepare):
    before = sorted((data / "data").rglob("*"))
    rows, report = prepare()
    assert rows["Yabcdefgh_01_30.000_40.000"] == {
        "path": "{data_root}/dataset/audio/validation/"
        "Yabcdefgh_01_30.000_40.000.wav",
        # Cut at the clip's end; what begins behind it is left out.
        "events": [[0.01, 0.05, "Dog"], [0.02, 0.1, "Frying"]],
        "duration": 0.1,
    }
    assert rows["Yquiet_gh_02_0.000_10.000"]["events"] == []
    assert len(rows) == 2
    assert report["listed"]["validation"] == 3
    assert report["missing"]["validation"] == 1
    assert report["cut"]["validation"] == 2
    assert report["without_length"]["validation"] == 1
    assert report["events"]["validation"] == 2
    assert len(report["classes"]) == 10
    assert report["sounds"] == "real"
    assert sorted((data / "data").rglob("*")) == before


def test_the_other_parts(prepare):
    rows, _ = prepare("public")
    [row] = rows.values()
    assert row["path"].endswith("eval/public/Y1Ro0FgMWTUE_120_130.wav")
    # A number is the name of a file in several parts: only its own is taken.
    rows, _ = prepare("synthetic")
    assert rows["1"]["path"].endswith("validation/soundscapes/1.wav")


def test_bad_clips(data, prepare):
    audio = data / "data" / "dataset" / "audio" / "validation"
    (audio / "quiet_gh_02_0.000_10.000.flac").write_bytes(b"")
    rows, report = prepare()
    assert len(rows) == 1 and len(report["bad"]) == 1
    with pytest.raises(ValueError, match="quiet_gh_02.* set on_bad_clip: skip"):
        prepare(on_bad_clip="stop")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\tDog", "\tCow", "line 2: 'Cow' from 0.01 to 0.05 s, expected one"),
        ("0.010", "0.090", "line 2: 'Dog' from 0.09 to 0.05 s"),
        ("0.010", "x", "line 2: no seconds"),
        ("onset", "begin", "validation.tsv"),
    ],
)
def test_faults(data, prepare, old, new, words):
    path = data / "data" / "dataset" / "metadata" / "validation"
    path = path / "validation.tsv"
    path.write_text(VALIDATION.replace(old, new))
    with pytest.raises(DataError, match=words):
        prepare()


def test_no_list(data, prepare):
    for path in (data / "data").rglob("*.tsv"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="github.com/turpaultn/DESED"):
        prepare()
