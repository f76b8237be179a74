"""TAU Urban Audio-Visual Scenes 2021, a made-up folder in its layout."""

import numpy as np
import pytest
import soundfile

HEAD = "filename_audio\tfilename_video\tscene_label\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "TAU-urban-audio-visual-scenes-2021-development"
    names = {
        "train": ["tram-lisbon-1-1", "tram-lisbon-1-2", "bus-milan-4-9"],
        "evaluate": ["bus-lyon-7-1", "metro_station-lyon-8-3"],
    }
    (root / "audio").mkdir(parents=True)
    (root / "evaluation_setup").mkdir()
    for part, stems in names.items():
        lines = [
            f"audio/{s}.wav\tvideo/{s}.mp4\t{s.split('-')[0]}\n" for s in stems
        ]
        path = root / "evaluation_setup" / f"fold1_{part}.csv"
        path.write_text(HEAD + "".join(lines))
        for stem in stems[:2]:  # of the last one there is no file
            wav = 0.1 * np.ones((4000, 2))
            soundfile.write(root / "audio" / f"{stem}.wav", wav, 8000)
    return root


def test_official_fold(preparation, folder):
    parts, report = preparation("TAU2021", folder.parent)
    assert list(parts["train"]) == ["tram-lisbon-1-1", "tram-lisbon-1-2"]
    row = parts["test"]["metro_station-lyon-8-3"]
    assert row["label"] == "metro_station"
    assert row["source"] == "tau2021:metro_station-lyon-8"
    assert row["captions"] == ["metro station"]
    assert report["missing"] == {"train": 1, "test": 0}
    assert len(report["classes"]) == 10 and report["sounds"] == "real"


def test_pieces(preparation, folder):
    parts, _ = preparation("TAU2021", folder, piece_seconds=2.5)
    assert len(parts["train"]) == 8
    row = parts["train"]["tram-lisbon-1-2_03"]
    assert (row["start"], row["stop"]) == (7.5, 10.0)
    with pytest.raises(ValueError, match="at most 10"):
        preparation("TAU2021", folder, piece_seconds=11)


def test_a_tested_location_never_trains(preparation, folder):
    path = folder / "evaluation_setup" / "fold1_evaluate.csv"
    path.write_text(
        HEAD + "audio/tram-lisbon-1-2.wav\tvideo/x.mp4\ttram\n"
        "audio/bus-lyon-7-1.wav\tvideo/y.mp4\tbus\n"
    )
    path = folder / "evaluation_setup" / "fold1_train.csv"
    path.write_text(
        HEAD + "audio/tram-lisbon-1-1.wav\tvideo/x.mp4\ttram\n"
        "audio/metro_station-lyon-8-3.wav\tvideo/y.mp4\tmetro_station\n"
    )
    parts, report = preparation("TAU2021", folder)
    assert list(parts["train"]) == ["metro_station-lyon-8-3"]
    assert report["leaks"] == {"TAU2021 test": 1}


def test_faults_are_named(preparation, folder):
    path = folder / "evaluation_setup" / "fold1_train.csv"
    for line, words in (
        ("audio/tram-lisbon-1-1.wav\tv.mp4\tboat\n", "the scene 'boat'"),
        ("audio/tram-1.wav\tv.mp4\ttram\n", "expected <scene>-<city>"),
        (2 * "audio/tram-lisbon-1-1.wav\tv.mp4\ttram\n", "there twice"),
    ):
        path.write_text(HEAD + line)
        with pytest.raises(ValueError, match=words):
            preparation("TAU2021", folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="fold1_train.csv.*zenodo"):
        preparation("TAU2021", folder)
