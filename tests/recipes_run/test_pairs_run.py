"""Training on pairs as a user meets it: a table, shards, ranks, mistakes."""

import json
import os
import pathlib
import runpy
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
SMALL = (
    f"--data_folder={SAMPLES / 'Custom' / 'captions.csv'}",
    "--batch_size=6",
    "--clip_seconds=0.5",
    "--number_of_epochs=2",
    "--device=cpu",
    "--noprogressbar",
)


def run(output, *options, start=(sys.executable,), script="Custom", code=0):
    """Runs the recipe to its end; what it said."""
    done = subprocess.run(
        [
            *start,
            f"recipes/{script}/train_clap.py",
            "hparams/clap_custom.yaml",
            f"--output_folder={output}",
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said[-3000:]
    return said


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training on the table of the samples."""
    output = tmp_path_factory.mktemp("trained") / "csv"
    run(output, *SMALL)
    return output


def scores(output):
    """What a test of retrieval found."""
    metrics = json.loads((output / "test_Custom/metrics.json").read_text())
    return metrics["text_to_audio"], metrics["audio_to_text"]


def test_shards_train_as_the_files_do(trained, tmp_path):
    """The same order, crops, captions: the same log to the last digit."""
    shards = tmp_path / "shards"
    subprocess.run(
        [sys.executable, "-m", "speechbrain_clap.cli.main", "pack"]
        + [trained / "save/Custom/train.json", shards]
        + ["--data_root", SAMPLES / "Custom", "--shard_megabytes", "0.1"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert len(list(shards.glob("*.tar"))) > 1
    packed = tmp_path / "packed"
    run(packed, *SMALL, f"--shards={shards}", "--num_workers=2")
    logs = [(f / "train_log.txt").read_text() for f in (trained, packed)]
    assert logs[0] == logs[1]
    assert scores(trained) == scores(packed)


def test_ranks_chunks_and_an_earlier_model(trained, tmp_path):
    """Two ranks on CPUs, gradient caching, a locked tower, a start."""
    output = tmp_path / "ranks"
    said = run(
        output,
        *SMALL[:1],
        "--batch_size=4",
        *SMALL[2:],
        "--chunk_size=2",
        "--locked=[audio]",
        f"--start_from={trained / 'model'}",
        "--distributed_backend=gloo",
        start=(sys.executable, "-m", "torch.distributed.run")
        + ("--nproc_per_node=2", "--master_port=0", "--rdzv_backend=c10d")
        + ("--rdzv_endpoint=localhost:0",),
        script="CLAP",
    )
    assert "Training starts from the weights of" in said
    assert "the locked tower hears" in said
    assert (output / "test_Custom/report.html").is_file()
    assert (output / "train_log.txt").read_text().count("epoch:") == 2


@pytest.mark.parametrize(
    "option, words",
    [
        ("--data_folder=null", "or the folder of one of Custom"),
        ("--data_folder=/no/such.csv", "Pass --data_folder=<a CSV"),
        ("--batch_sise=4", "did you mean --batch_size?"),
        ("--batch_size=64", "fewer than the 64 of one batch"),
        ("--start_from=/no/such/model", "holds no clap.ckpt"),
        ("--selection=zero_shot", "expected one of loss, R@1, R@10, mAP@10"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, monkeypatch, option, words):
    """No traceback. In this process: importing takes longer than failing."""
    name = option.split("=")[0]
    kept = [other for other in SMALL if not other.startswith(f"{name}=")]
    script = ROOT / "recipes" / "CLAP" / "train_clap.py"
    monkeypatch.syspath_prepend(str(script.parent))
    monkeypatch.setattr(
        sys,
        "argv",
        [str(script), str(ROOT / "hparams" / "clap_custom.yaml")]
        + [f"--output_folder={tmp_path / 'out'}", *kept, option],
    )
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert words in str(end.value)
    assert "\n" not in str(end.value)
