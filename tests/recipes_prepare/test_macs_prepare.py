"""MACS' preparation: its YAML, its competence, TAU's locations.

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

ROOT = pathlib.Path(__file__).parents[2]
TAU = "TAU-urban-acoustic-scenes-2019-development"
YAML = """\
files:
- annotations:
  - annotator_id: 1
    sentence: "adults talk, and footsteps_on gravel"
    tags:
    - adults_talking
  - annotator_id: 2
    sentence: caf\u00e9 noise
    tags: []
  filename: airport-vienna-3-70-a.wav
- annotations:
  - annotator_id: 3
    sentence: 2019-01-01
    tags:
    - birds_singing
  filename: park-lyon-4-80-a.wav
- annotations:
  - annotator_id: 2
    sentence: birds
  filename: public_square-lyon-5-90-a.wav
"""


def load_script():
    path = ROOT / "recipes" / "MACS" / "macs_prepare.py"
    spec = importlib.util.spec_from_file_location("macs_loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


@pytest.fixture
def data(tmp_path):
    """MACS beside TAU, of which one clip was not unpacked."""
    folder = tmp_path / "data"
    audio = folder / TAU / "audio"
    audio.mkdir(parents=True)
    (folder / "MACS.yaml").write_text(YAML, "utf-8")
    (folder / "MACS_competence.csv").write_text(
        "annotator_id\tcompetence\n1\t0.9\n2\t0.4\n3\t0.6\n"
    )
    (folder / TAU / "meta.csv").write_text(
        "filename\tscene_label\tidentifier\tsource_label\n"
        "audio/airport-vienna-3-70-a.wav\tairport\tvienna-33\ta\n"
    )
    for name in ("airport-vienna-3-70-a", "park-lyon-4-80-a"):
        wav = 0.1 * numpy.random.default_rng(0).standard_normal((480, 2))
        soundfile.write(audio / f"{name}.wav", wav, 48000, "PCM_24")
    return folder


@pytest.fixture
def prepare(data, tmp_path):
    def _prepare(**options):
        folder = tmp_path / "save"
        script.prepare_macs(str(data), str(folder), **options)
        assert not (folder / "valid.json").exists()
        assert not (folder / "test.json").exists()
        rows = json.loads((folder / "train.json").read_text("utf-8"))
        return rows, json.loads((folder / "prepare.json").read_text())

    return _prepare


def test_all_is_training(prepare, data):
    before = sorted(data.rglob("*"))
    rows, report = prepare()
    assert rows == {
        "airport-vienna-3-70-a": {
            "path": "{data_root}/" + f"{TAU}/audio/airport-vienna-3-70-a.wav",
            "captions": [
                "adults talk, and footsteps_on gravel",
                "caf\u00e9 noise",
            ],
            "source": "tau:vienna-33",  # as meta.csv says
        },
        "park-lyon-4-80-a": {
            "path": "{data_root}/" + f"{TAU}/audio/park-lyon-4-80-a.wav",
            "captions": ["2019-01-01"],  # no date
            "source": "tau:lyon-4",  # from the name
        },
    }
    assert report["clips"] == {"train": 2}
    assert report["missing"] == {"train": 1}
    assert sorted(data.rglob("*")) == before


def test_captions_cleaned_as_by_the_curation(prepare):
    rows, _ = prepare(clean_captions=True)
    assert rows["airport-vienna-3-70-a"]["captions"][0] == (
        "adults talk and footsteps on gravel"
    )


def test_competence(prepare, caplog):
    with caplog.at_level(logging.INFO):
        rows, report = prepare(min_competence=0.6)
    assert rows["airport-vienna-3-70-a"]["captions"] == [
        "adults talk, and footsteps_on gravel"
    ]
    # The clip whose captions are all below is not counted as missing.
    assert report["missing"] == {"train": 0}
    assert "2 of 4 captions, and 1 of 3 clips altogether" in caplog.text
    with pytest.raises(DataError, match="no annotator reaches it.*0.9"):
        prepare(min_competence=0.95)


def test_faults_of_the_competence(prepare, data):
    path = data / "MACS_competence.csv"
    path.write_text("annotator_id\tcompetence\n1\thigh\n")
    with pytest.raises(DataError, match="line 2: competence is 'high', expect"):
        prepare(min_competence=0.5)
    path.write_text("annotator_id\tcompetence\n1\t0.5\n")
    with pytest.raises(DataError, match="no competence of annotator 2, 3"):
        prepare(min_competence=0.5)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no MACS_competence.csv"):
        prepare(min_competence=0.5)
    assert prepare()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"files: [", "is not YAML"),
        (b"clips: []", "holds no list named `files`"),
        (b"[]", "holds no list named `files`"),
        (b"files:\n- filename: a.wav\n", "entry 1 of `files` is {'filename"),
        (
            b"files:\n- filename: a.wav\n  annotations:\n"
            b"  - annotator_id: 1\n    sentence: x\n",
            "filename 'a.wav' is not as expected, <scene>-<city>",
        ),
        (b"files:\n# caf\xe9\n", "line 2: is not UTF-8"),
    ],
)
def test_faults_of_the_yaml(prepare, data, content, words):
    (data / "MACS.yaml").write_bytes(content)
    with pytest.raises(DataError, match=f"MACS.yaml.*{words}"):
        prepare()


def test_held_out(prepare):
    rows, report = prepare(held_out={"tau_test": {"tau:lyon-4"}})
    assert list(rows) == ["airport-vienna-3-70-a"]
    assert report["leaks"] == {"tau_test": 1}


def test_what_is_not_there(prepare, data):
    for path in data.rglob("*.wav"):
        path.unlink()
    with pytest.raises(DataError, match="none of the 3 clips.*'airport-vienna"):
        prepare()
    (data / "MACS.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="zenodo.org/records/5114771"):
        prepare()
