"""Curation by its recipe, from folders to the page."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import soundfile

from speechbrain_clap.dataio.curated import CuratedPairs

ROOT = pathlib.Path(__file__).parents[2]


def run(method, *options, exit_code=0):
    done = subprocess.run(
        [
            sys.executable,
            "recipes/Curation/curate.py",
            f"recipes/Curation/hparams/curation_{method}.yaml",
            "--device=cpu",
            "--num_workers=0",
            *options,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == exit_code, done.stdout[-3000:]
    return done.stdout


def test_du_ds_and_ads(tmp_path, tiny_clap_folder):
    random = np.random.default_rng(0)
    rows = {}
    for folder in ("train", "wild"):
        (tmp_path / folder).mkdir()
        for number in range(4):
            path = tmp_path / folder / f"{number}-x.wav"
            soundfile.write(path, 0.1 * random.standard_normal(9000), 16000)
    for number, words in enumerate(["dog", "sea waves", "door", "<b>"]):
        rows[f"{number}"] = {
            "path": f"{{data_root}}/{number}-x.wav",
            "captions": [f"the sound of {words}"],
            "source": f"freesound:{number + 3}",  # 3 is wild too
        }
    (tmp_path / "train.json").write_text(json.dumps(rows))
    (tmp_path / "task.txt").write_text("dog\nsea_waves\n")
    output = tmp_path / "out"
    options = [
        f"--teacher={tiny_clap_folder}",
        f"--captions={tmp_path / 'train.json'}",
        f"--captions_root={tmp_path / 'train'}",
        f"--wild={tmp_path / 'wild'}",
        "--wild_names=freesound",
        f"--output_folder={output}",
        "--text_threshold=0.5",
        f"--task={tmp_path / 'task.txt'}",
        "--template=the sound of {}",
    ]
    run("du", *options, "--threshold=-1.0")
    about = json.loads((output / "DU" / "curation.json").read_text())
    assert about["pairs"] == 12
    assert about["held_out"] == {"of the captions": 1}
    page = (output / "DU" / "report.html").read_text("utf-8")
    assert page.count("<audio") >= 3 and "<b></" not in page
    assert "Near-duplicates" in page and "&lt;b&gt;" in page
    assert len(CuratedPairs("du", output / "DU")) == 12

    run("ds", *options)
    about = json.loads((output / "DS_task" / "curation.json").read_text())
    labels = about["counts"]["pairs_per_label"]
    assert labels["dog"] >= 1 and labels["sea_waves"] >= 1
    assert "Pairs per label" in (output / "DS_task/report.html").read_text()

    # The embeddings are taken as they are: no sound is read any more.
    said = run("ads", *options, "--threshold=-1.0", "--dry_run=True")
    pairs = 4 * about["counts"]["captions_chosen"]
    assert f'"pairs": {pairs}.0' in said
    assert '"standard_error": 0.0' in said and "sounds:" not in said
    assert not (output / "ADS_task" / "pairs.parquet").exists()


def test_mistakes_are_told_in_one_line(tmp_path, tiny_clap_folder):
    said = run(
        "ds",
        f"--output_folder={tmp_path}",
        f"--teacher={tiny_clap_folder}",
        "--captions=nowhere.json",
        "--task=esc51",
        exit_code=1,
    )
    assert "task is esc51: expected one of esc50" in said.splitlines()[-1]
    assert "Traceback" not in said
