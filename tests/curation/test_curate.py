"""The three curations against brute force, on ranks, and after a kill."""

import csv
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

SCRIPT = pathlib.Path(__file__).with_name("curate_tiny.py")
CAPTIONS = ["a dog barks", "the sound of dog", "sea waves", "a choir sings"]
RESULTS = (
    "DU/pairs.parquet",
    "DS/pairs.parquet",
    "ADS/pairs.parquet",
    "DU/curation.json",
    "ADS/curation.json",
    "DU/duplicates.csv",
    "embeddings/wild/embeddings.f16",
    "embeddings/wild/rows.parquet",
    "embeddings/wild/bad.json",
    "embeddings/captions/embeddings.f16",
)


def make_data(folder):
    """Eight wild files, a copy and two bad ones among them; four to train."""
    random = np.random.default_rng(0)
    (folder / "wild" / "deep, er").mkdir(parents=True)
    for number, letter in enumerate("abcdefgh"):
        path = folder / "wild" / f"Y{letter * 11}_30.wav"
        if letter == "h":
            path = folder / "wild" / "deep, er" / f"{letter * 11}.flac"
        length = 5000 + 3000 * number
        wav = 0.1 * random.standard_normal(length) * np.linspace(0, 1, length)
        soundfile.write(path, wav, 16000)
    first = folder / "wild" / f"Y{'a' * 11}_30.wav"
    (folder / "wild" / f"Y{'f' * 11}_30.wav").write_bytes(first.read_bytes())
    (folder / "wild" / f"Y{'d' * 11}_30.wav").write_bytes(b"RIFF" + bytes(500))
    soundfile.write(
        folder / "wild" / f"Y{'e' * 11}_30.wav", np.zeros(9000), 16000
    )
    (folder / "wild" / "notes.txt").write_text("no sound")
    rows = {}
    for number, caption in enumerate(CAPTIONS):
        soundfile.write(folder / f"{number}.wav", 0.1 * random.random(99), 8000)
        rows[f"clip {number}"] = {
            "path": f"{{data_root}}/{number}.wav",
            # Everybody says the first one too.
            "captions": [caption, CAPTIONS[0]],
            "source": f"freesound:{number}",
        }
    (folder / "train.json").write_text(json.dumps(rows))


def load_script():
    spec = importlib.util.spec_from_file_location("curate_tiny", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(model, data, folder, *options, ranks=1, exit_code=0):
    start = [sys.executable]
    if ranks > 1:
        start += ["-m", "torch.distributed.run", f"--nproc_per_node={ranks}"]
        start += ["--master_port=0", "--rdzv_backend=c10d"]
        start += ["--rdzv_endpoint=localhost:0"]
    done = subprocess.run(
        [*start, SCRIPT, model, data, folder, *options],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = done.stdout + done.stderr
    assert done.returncode == exit_code, said[-3000:]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    make_data(folder)
    return folder


def read(folder):
    return pq.read_table(folder / "pairs.parquet").to_pylist()


def test_against_brute_force(data, tmp_path, tiny_clap_folder):
    from speechbrain_clap.inference import CLAP

    load_script().curate(tiny_clap_folder, data, tmp_path / "out")
    clap = CLAP.from_hparams(source=tiny_clap_folder)
    out = tmp_path / "out"
    bad = json.loads((out / "embeddings/wild/bad.json").read_text())
    assert (bad["listed"], bad["bad"]) == (8, 2)
    assert "silent" in bad["problems"]["Yeeeeeeeeeee_30.wav"]

    letters = "abcfgh"  # d and e are bad; c is held out
    paths = [
        str(data / "wild" / (f"Y{x * 11}_30.wav"))
        if x != "h"
        else str(data / "wild" / "deep, er" / f"{x * 11}.flac")
        for x in letters
    ]
    cosines = clap.encode_audio_files(paths) @ clap.encode_text(CAPTIONS).T
    du = read(out / "DU")
    assert len(du) == 5 * len(CAPTIONS)
    found = {(row["audio_path"], row["caption"]): row for row in du}
    for i, path in enumerate(paths):
        for j, caption in enumerate(CAPTIONS):
            if letters[i] == "c":
                assert (path, caption) not in found
                continue
            row, cosine = found[path, caption], float(cosines[i, j])
            assert row["similarity"] == pytest.approx(cosine, abs=2e-3)
            assert row["audio_source"] == "youtube:" + letters[i] * 11
            assert row["label"] is None and row["start"] is None
    about = json.loads((out / "DU/curation.json").read_text())
    assert about["pairs"] == 20 and about["held_out"] == {"a list": 1}
    assert about["counts"]["wild_paired"] == 5
    assert about["counts"]["captions_paired"] == 4

    labels = ["dog", "sea waves", "cow"]
    prompts = clap.encode_text([f"the sound of {name}" for name in labels])
    near = clap.encode_text(CAPTIONS) @ prompts.T
    chosen = {
        CAPTIONS[j]: (labels[int(near[j].argmax())], float(near[j].max()))
        for j in range(4)
        if near[j].max() >= 0.3
    }
    assert 0 < len(chosen) and chosen["the sound of dog"][0] == "dog"
    ds = read(out / "DS")
    expected = []
    for number, caption in enumerate(CAPTIONS):
        for text in dict.fromkeys([CAPTIONS[0], caption]):
            if text in chosen:
                expected.append((f"clip {number}", text))
    assert sorted((row["audio_id"], row["caption"]) for row in ds) == sorted(
        expected
    )
    for row in ds:
        label, value = chosen[row["caption"]]
        assert row["label"].replace("_", " ") == label
        assert row["label_similarity"] == pytest.approx(value, abs=2e-3)
        assert row["similarity"] is None
    ads = read(out / "ADS")
    expected = {
        (path, caption)
        for i, path in enumerate(paths)
        for j, caption in enumerate(CAPTIONS)
        if letters[i] != "c" and caption in chosen and cosines[i, j] >= 0
    }
    assert {(row["audio_path"], row["caption"]) for row in ads} == expected
    per_label = json.loads((out / "ADS/curation.json").read_text())["counts"]
    assert sum(per_label["pairs_per_label"].values()) == len(ads)
    assert set(per_label["pairs_per_label"]) == {"dog", "sea_waves", "cow"}

    with open(out / "DU/duplicates.csv", newline="") as file:
        copies = [row for row in csv.DictReader(file) if row["kind"] == "wild"]
    pairs = {(row["sound"], row["other"]) for row in copies}
    assert ("Yaaaaaaaaaaa_30.wav", "Yfffffffffff_30.wav") in pairs


def test_ranks_and_a_kill_change_nothing(data, tmp_path, tiny_clap_folder):
    one, two = tmp_path / "one", tmp_path / "two"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the other processes
    load_script().curate(tiny_clap_folder, data, one)
    torch.set_num_threads(threads)
    run(tiny_clap_folder, data, two, "kill", exit_code=9)
    parts = two / "embeddings" / "wild" / "parts"
    assert [p.name for p in parts.glob("[!.]*.npz")] == ["part-000000.npz"]
    assert not (parts.parent / "store.json").exists()
    run(tiny_clap_folder, data, two, ranks=2)
    for name in RESULTS:
        assert (two / name).read_bytes() == (one / name).read_bytes(), name


def test_another_curation_is_refused(tmp_path):
    from speechbrain_clap.curation.curate import curate_du
    from speechbrain_clap.curation.store import EmbeddingStore, EmbeddingWriter

    stores = []
    for name, rows in {
        "captions": {"id": ["x/0"], "text": ["rain"], "rows": [["x"]]},
        "wild": {"id": ["a"], "path": ["a.wav"]},
    }.items():
        with EmbeddingWriter(tmp_path / name, 2, {"weights": name}) as writer:
            writer.append([[1, 0]], rows)
        stores.append(EmbeddingStore.open(tmp_path / name))
    folder, join = tmp_path / "DU", {"progress": False}
    first = curate_du(*stores, folder, 0.7, join=join)
    assert curate_du(*stores, folder, 0.7, join=join) == first
    with pytest.raises(ValueError, match="stale: its threshold is 0.7"):
        curate_du(*stores, folder, 0.75, join=join)
    with pytest.raises(ValueError, match="stale: its held out: esc50"):
        curate_du(*stores, folder, 0.7, {"esc50": {"freesound:1"}}, join=join)
    dry = curate_du(*stores, tmp_path / "dry", 0.7, dry_run=True, join=join)
    assert dry["pairs"] == 1.0 and not (tmp_path / "dry").exists()
    # No pair at all is a result too.
    none = curate_du(*stores, tmp_path / "none", 1.0, {"x": set()}, join=join)
    assert none["pairs"] == 1 and none["held_out"] == {"x": 0}
