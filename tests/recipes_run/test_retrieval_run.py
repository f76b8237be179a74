"""Retrieval by its recipes, from a set's own layout to the report.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

ROOT = pathlib.Path(__file__).parents[2]
NAMES = ["Santa Motor", " Ambience, Birds", "rain [2]", "door", "gone"]
VIDEOS = "7fmOlUlwoNg -BJ455B1aAs GOD8Bt5LfDE abcdefghijk gone4567890".split()
SOUNDS = ("a motor", "birds", "rain", "a door", "nothing")


def run(dataset, *options):
    """Runs a recipe from the root; returns the exit code and what it said."""
    name = dataset.lower()
    command = [
        sys.executable,
        f"recipes/{dataset}/evaluate_retrieval.py",
        f"recipes/{dataset}/hparams/retrieval_{name}.yaml",
        "--device=cpu",
        "--num_workers=0",
        *options,
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout


def write_sound(path, number):
    """A made sound of its own pitch and length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    length = 8000 + 6000 * number
    wave = np.sin(np.arange(length) * 0.05 * (number + 1))
    noise = np.random.default_rng(number).normal(size=length)
    soundfile.write(path, 0.1 * wave + 0.02 * noise, 16000)


def write_rows(path, rows, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **options).writerows(rows)


def make_clotho(folder):
    """Clotho v2.1's layout: five test clips, one file missing, one broken."""
    header = ["file_name", *(f"caption_{n}" for n in range(1, 6))]
    about = ["file_name", "keywords", "sound_id", "sound_link"]
    about += ["start_end_samples", "manufacturer", "license"]
    for part in ("development", "validation", "evaluation"):
        names = NAMES if part == "evaluation" else [f"{part} 1"]
        captions, metadata = [header], [about]
        for number, (name, what) in enumerate(zip(names, SOUNDS, strict=False)):
            told = [f"{what} is heard, {n} times" for n in range(5)]
            captions.append([f"{name}.wav", *told])
            metadata.append(
                [f"{name}.wav", what, 100 + number, "https://x", "", "x", "x"]
            )
            if name != "gone":
                write_sound(folder / part / f"{name}.wav", number)
        write_rows(folder / f"clotho_captions_{part}.csv", captions)
        write_rows(folder / f"clotho_metadata_{part}.csv", metadata)
    (folder / "evaluation" / "door.wav").write_bytes(b"RIFF" + bytes(5000))
    return [folder / "evaluation" / f"{name}.wav" for name in NAMES[:3]]


def make_audiocaps(folder):
    """AudioCaps' layout: files named as downloaders name them."""
    header = ["audiocap_id", "youtube_id", "start_time", "caption"]
    for part in ("train", "val", "test"):
        videos = VIDEOS if part == "test" else [part.rjust(11, "x")]
        rows = [header]
        for video, what in zip(videos, SOUNDS, strict=False):
            for n in range(1 if part == "train" else 5):
                rows.append([n, video, 30, f"{what} is heard, {n} times"])
        write_rows(folder / "dataset" / f"{part}.csv", rows)
    forms = ["{}_30.flac", "Y{}.wav", "{}.wav", "Y{}_30.wav"]
    files = [
        folder / "audio" / form.format(video)
        for form, video in zip(forms, VIDEOS, strict=False)
    ]
    for number, file in enumerate(files):
        write_sound(file, number)
    files[3].write_bytes(b"RIFF" + bytes(5000))
    return files[:3]


@pytest.mark.parametrize(
    "dataset, make", [("Clotho", make_clotho), ("AudioCaps", make_audiocaps)]
)
def test_from_layout_to_report(dataset, make, tmp_path, tiny_clap_folder):
    from speechbrain_clap.inference import CLAP
    from speechbrain_clap.metrics.retrieval import retrieval_scores

    files = make(tmp_path / "data")
    before = sorted((tmp_path / "data").rglob("*"))
    output = tmp_path / "out"
    code, said = run(
        dataset,
        f"--data_folder={tmp_path / 'data'}",
        f"--model={tiny_clap_folder}",
        f"--output_folder={output}",
    )
    assert code == 0, said[-3000:]
    assert sorted((tmp_path / "data").rglob("*")) == before
    metrics = json.loads((output / "metrics.json").read_text("utf-8"))
    assert metrics["dataset"] == dataset and metrics["split"] == "test"
    # Of five clips one has no file, and one that cannot be decoded.
    assert (metrics["clips"], metrics["skipped"]) == (3, 2)
    assert metrics["captions"] == 15 and metrics["sounds"] == "real"
    protocol = metrics["protocol"]
    assert protocol["crop"].startswith("1 s: the centre of longer clips")
    assert len(protocol["checkpoint_sha256"]) == 64
    clap = CLAP.from_hparams(source=tiny_clap_folder)
    texts = [f"{w} is heard, {n} times" for w in SOUNDS[:3] for n in range(5)]
    embeddings = (
        clap.encode_audio_files([str(file) for file in files]).numpy(),
        clap.encode_text(texts).numpy(),
    )
    # The preparation may order the clips in its own way.
    with (output / "retrieval.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = list(dict.fromkeys(row["query"] for row in rows[:15]))
    places = [texts.index(text) for text in order]
    clips = [place // 5 for place in places[::5]]
    wanted = retrieval_scores(
        (embeddings[0][clips], embeddings[1][places]),
        np.repeat(np.arange(3), 5),
    )
    for direction, scores in wanted.items():
        for name, value in scores.items():
            found = metrics[direction][name]["value"]
            assert found == pytest.approx(value), (direction, name)
    page = (output / "report.html").read_text("utf-8")
    assert page.count("<audio") >= 6 and "(2 skipped)" in page


def test_a_model_that_is_none_is_told_in_one_line(tmp_path):
    make_clotho(tmp_path / "data")
    code, said = run(
        "Clotho",
        f"--data_folder={tmp_path / 'data'}",
        "--model=msclap",
        f"--output_folder={tmp_path / 'out'}",
    )
    assert code == 1, said[-3000:]
    assert "or a name of published weights" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "metrics.json").exists()
