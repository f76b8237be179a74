"""The preparations of the report card, each on a few files in its layout.

The fixtures are made here, in the forms that the sets' own documents state.
"""

import importlib.util
import json
import pathlib

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest

RECIPE = pathlib.Path(__file__).parents[2] / "recipes" / "ZeroShot"


def load(name):
    """A preparation, as the recipe imports it."""
    path = RECIPE / f"{name}_prepare.py"
    spec = importlib.util.spec_from_file_location(f"{name}_zero_shot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, f"prepare_{name}")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def sound(data):
    """Writes a short sound below the data folder."""

    def _write(name):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        wav = 0.1 * numpy.random.default_rng(0).standard_normal(800)
        soundfile.write(path, wav, 8000)

    return _write


@pytest.fixture
def prepared(data, tmp_path):
    """Prepares; gives the rows of the parts, and the report."""

    def _prepare(name, **options):
        folder = tmp_path / "manifests"
        load(name)(str(data), str(folder), **options)
        report = json.loads((folder / "prepare.json").read_text("utf-8"))
        rows = {
            part: read_manifest(folder / f"{part}.json", data, ("path",))
            for part in report["clips"]
        }
        return rows, report

    return _prepare


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def hear(data, sound, task, labels, splits):
    """A task in HEAR's form, at two rates, of which the higher counts."""
    root = data / "hear-2021.0.6" / "tasks" / task
    for split, clips in splits.items():
        for name in clips:
            for rate in ("16000", "48000"):
                sound(root / rate / split / name)
        write(root / f"{split}.json", json.dumps(clips))
    lines = [f"{i},{label}" for i, label in enumerate(labels)]
    write(root / "labelvocabulary.csv", "\n".join(["idx,label", *lines]))
    write(root / "task_metadata.json", "{}")


def test_sesa(sound, prepared):
    for name in ("test/gunshot_001", "test/casual_002", "train/siren_003"):
        sound(f"SESA/{name}.wav")
    rows, report = prepared("sesa")
    labels = {name: row["label"] for name, row in rows["test"].items()}
    assert labels == {"gunshot_001": "gunshot", "casual_002": "casual"}
    assert list(rows["train"]) == ["siren_003"]
    assert report["classes"] == ["casual", "explosion", "gunshot", "siren"]


def test_vocalsound(data, sound, prepared):
    sound("audio_16k/f0001_0_throatclearing.wav")
    sound("audio_16k/m0002_1_sigh.wav")
    for name, stems in {
        "te": ["f0001_0_throatclearing", "m0009_0_sneeze"],
        "val": ["m0002_1_sigh"],
    }.items():
        listed = [
            {"wav": f"elsewhere/{stem}.wav", "labels": "/m/x"} for stem in stems
        ]
        write(data / f"datafiles/{name}.json", json.dumps({"data": listed}))
    rows, report = prepared("vocalsound")
    row = rows["test"]["f0001_0_throatclearing"]
    assert row["label"] == "Throat clearing"
    assert row["source"] == "vocalsound:f0001"
    assert report["missing"] == {"valid": 0, "test": 1}


def test_dcase2017_keeps_labels_that_hold_commas(data, sound, prepared):
    sound("audio/Y-5QrBL6MzLg_60.000_70.000.wav")
    sound("audio/3ACjUf9Q_AQ_30.000_40.000.flac")
    lines = [
        "-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tTrain horn",
        "-5QrBL6MzLg_60.000_70.000.wav\t60.000\t70.000\tAir horn, truck horn",
        "3ACjUf9Q_AQ_30.000_40.000.wav\t30.000\t40.000\tCar",
        "00000000000_0.000_10.000.wav\t0.000\t10.000\tBus",
    ]
    name = "groundtruth_weak_label_evaluation_set.csv"
    write(data / "groundtruth_release" / name, "\n".join(lines) + "\n")
    rows, report = prepared("dcase2017")
    row = rows["test"]["-5QrBL6MzLg_60.000_70.000"]
    assert row["labels"] == ["Train horn", "Air horn, truck horn"]
    assert row["source"] == "youtube:-5QrBL6MzLg"
    assert rows["test"]["3ACjUf9Q_AQ_30.000_40.000"]["labels"] == ["Car"]
    assert report["missing"] == {"test": 1}
    assert len(report["classes"]) == 17
    write(data / name, "a_0_1.wav\t0\t1\tDog\n")
    with pytest.raises(DataError, match="line 1: 'Dog' is none of the 17"):
        prepared("dcase2017")


def test_esc50_actions_count_votes(data, sound, prepared):
    actions = """blowing breaking calling crumpling dripping exhaling exploding
    gasping groaning pouring ringing rolling rotating scraping singing sizzling
    splashing tapping vibrating wailing""".split()
    votes = ["0.0"] * 20
    first = [*votes[:2], "7.0", *votes[3:19], "12.0"]
    second = ["6.0", *votes[1:]]
    lines = [",".join(["filename", "fold", "target", "category", *actions])]
    lines.append(",".join(["1-100-A-0.wav", "1", "0", "dog", *first]))
    lines.append(",".join(["2-200-A-1.wav", "2", "1", "rooster", *second]))
    name = "actionvector_one_per_audiofile_sum.csv"
    write(data / "action_vectors_dataset" / name, "\n".join(lines))
    sound("audio/1-100-A-0.wav")
    sound("audio/2-200-A-1.wav")
    rows, _ = prepared("esc50_actions")
    assert rows["test"]["1-100-A-0"]["labels"] == ["calling", "wailing"]
    assert rows["test"]["1-100-A-0"]["source"] == "freesound:100"
    assert rows["test"]["2-200-A-1"]["labels"] == []
    assert rows["test"]["2-200-A-1"]["fold"] == 2


@pytest.mark.parametrize("task", ["genres", "music_speech"])
def test_gtzan(sound, prepared, task):
    sound("genres/rock/rock.00000.au")
    sound("genres/blues/blues.00001.wav")
    sound("music_speech/music_wav/bagpipe.wav")
    sound("music_speech/speech_wav/acomic.wav")
    rows, report = prepared("gtzan", task=task)
    labels = {name: row["label"] for name, row in rows["test"].items()}
    wanted = {
        "genres": {"rock.00000": "rock", "blues.00001": "blues"},
        "music_speech": {"bagpipe": "music", "acomic": "speech"},
    }
    assert labels == wanted[task]
    assert len(report["classes"]) == {"genres": 10, "music_speech": 2}[task]


def test_gtzan_in_the_form_of_hear_has_folds(data, sound, prepared):
    splits = {"fold00": {"a.wav": ["rock"]}, "fold01": {"b.wav": ["pop"]}}
    hear(data, sound, "tfds_gtzan-1.0.0-full", ["pop", "rock"], splits)
    speech = {"fold00": {"c.wav": ["speech"]}}
    task = "tfds_gtzan_music_speech-1.0.0-full"
    hear(data, sound, task, ["speech", "music"], speech)
    rows, _ = prepared("gtzan")
    found = [(r["label"], r["fold"]) for r in rows["test"].values()]
    assert found == [("rock", 1), ("pop", 2)]
    assert "/48000/" in rows["test"]["fold00/a"]["path"]


def test_nsynth_has_four_kinds_of_labels(data, sound, prepared):
    notes = {
        "bass_synthetic_000-030-127": {
            "pitch": 30,
            "velocity": 127,
            "qualities_str": ["dark", "fast_decay"],
            "instrument_family_str": "bass",
        },
        "vocal_acoustic_000-060-025": {
            "pitch": 60,
            "velocity": 25,
            "qualities_str": [],
            "instrument_family_str": "vocal",
        },
    }
    write(data / "nsynth-test/examples.json", json.dumps(notes))
    for name in notes:
        sound(f"nsynth-test/audio/{name}.wav")
    rows, report = prepared("nsynth")
    row = rows["test"]["bass_synthetic_000-030-127"]
    assert (row["pitch"], row["velocity"]) == ("30", "127")
    assert row["qualities"] == ["dark", "fast_decay"]
    assert rows["test"]["vocal_acoustic_000-060-025"]["qualities"] == []
    assert report["classes"]["pitch"] == ["30", "60"]
    assert len(report["classes"]["instrument"]) == 11


def test_nsynth_with_its_training_notes(data, sound, prepared):
    def part(name, pitch):
        note = f"bass_synthetic_{pitch:03d}-{pitch:03d}-127"
        about = {"pitch": pitch, "velocity": 127, "qualities_str": []}
        about["instrument_family_str"] = "bass"
        write(data / f"nsynth-{name}/examples.json", json.dumps({note: about}))
        sound(f"nsynth-{name}/audio/{note}.wav")

    part("test", 30)
    with pytest.raises(FileNotFoundError, match=r"nsynth-train/examples\.json"):
        prepared("nsynth", train=True)
    part("train", 31)
    rows, report = prepared("nsynth")
    assert set(rows) == {"test"}
    rows, report = prepared("nsynth", train=True)
    assert [row["pitch"] for row in rows["train"].values()] == ["31"]
    assert report["classes"]["pitch"] == ["30"]


def test_beijing_opera(sound, prepared):
    sound("205972__ajaysm__daluo.wav")
    sound("sub/205973__ajaysm__bangu-12.wav")
    sound("sub/205973__somebody__drum-1.wav")
    rows, _ = prepared("beijing_opera")
    labels = {name: row["label"] for name, row in rows["test"].items()}
    assert labels == {
        "205972__ajaysm__daluo": "daluo",
        "205973__ajaysm__bangu-12": "bangu",
    }


def test_crema_d_raw_and_in_the_form_of_hear(data, sound, prepared):
    sound("AudioWAV/1001_DFA_ANG_XX.wav")
    sound("AudioWAV/1002_MTI_SAD_HI.wav")
    rows, _ = prepared("crema_d")
    assert [r["label"] for r in rows["test"].values()] == ["anger", "sad"]
    assert rows["test"]["1001_DFA_ANG_XX"]["source"] == "crema-d:1001"
    splits = {"fold00": {"a.wav": ["NEU"]}}
    hear(data, sound, "tfds_crema_d-1.0.0-full", ["NEU"], splits)
    rows, _ = prepared("crema_d")
    assert [r["label"] for r in rows["test"].values()] == ["neutral"]


def test_ravdess_takes_sound_of_speech_and_song(sound, prepared):
    sound("Actor_01/03-01-05-01-01-01-01.wav")
    sound("Actor_02/03-02-02-01-01-01-02.wav")
    sound("Actor_02/01-02-02-01-01-01-02.wav")  # of a video
    rows, _ = prepared("ravdess")
    assert [r["label"] for r in rows["test"].values()] == ["angry", "calm"]
    rows, _ = prepared("ravdess", channels=["speech"])
    assert [r["source"] for r in rows["test"].values()] == ["ravdess:01"]


def test_speech_commands(data, sound, prepared):
    sound("test/yes/0a_nohash_0.wav")
    sound("test/no/0a_nohash_0.wav")
    sound("test/_silence_/0.wav")
    sound("test/_unknown_/0b_nohash_1.wav")
    rows, _ = prepared("speech_commands")
    labels = sorted(row["label"] for row in rows["test"].values())
    assert labels == ["_silence_", "_unknown_", "no", "yes"]
    splits = {
        "test": {"a.wav": ["_silence_"]},
        "train": {"b.wav": ["yes"], "c.wav": ["no"]},
    }
    task = "speech_commands-v0.0.2-5h"
    hear(data, sound, task, ["_silence_", "no", "yes"], splits)
    rows, _ = prepared("speech_commands")
    assert list(rows) == ["test"] and len(rows["test"]) == 1


def test_libricount(sound, prepared):
    sound("test/10_009daf.wav")
    sound("test/0_005682.wav")
    rows, report = prepared("libricount")
    labels = {name: row["label"] for name, row in rows["test"].items()}
    assert labels == {"10_009daf": "10", "0_005682": "0"}
    assert report["classes"] == [str(k) for k in range(11)]


@pytest.mark.parametrize(
    "name",
    """sesa vocalsound dcase2017 esc50_actions gtzan nsynth beijing_opera
    crema_d ravdess speech_commands libricount""".split(),
)
def test_an_empty_folder_is_told(data, prepared, name):
    data.mkdir()
    with pytest.raises(FileNotFoundError, match=f"Pass --{name}_folder"):
        prepared(name)
