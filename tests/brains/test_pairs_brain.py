"""Pairs: ranks, chunks, kills, locked towers, losses that are not finite."""

import os
import pathlib
import subprocess
import sys

import pytest
import torch

SCRIPT = pathlib.Path(__file__).with_name("train_tiny_pairs.py")


def train(folder, *options, ranks=1, exit_code=0):
    """Runs the script as a user does; the parameters, and what it said."""
    folder.mkdir(exist_ok=True)
    start = [sys.executable]
    if ranks > 1:
        start += ["-m", "torch.distributed.run", f"--nproc_per_node={ranks}"]
        start += ["--master_port=0", "--rdzv_backend=c10d"]
        start += ["--rdzv_endpoint=localhost:0"]
        options += ("--distributed_backend=gloo",)
    done = subprocess.run(
        [*start, SCRIPT, "unused.yaml", f"--folder={folder}", *options]
        + ["--device=cpu", "--noprogressbar"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = done.stdout + done.stderr
    assert done.returncode == exit_code, said[-3000:]
    if exit_code:
        return None, said
    parameters = [
        torch.load(folder / f"parameters{rank}.pt", weights_only=True)
        for rank in range(ranks)
    ]
    return parameters[0] if ranks == 1 else parameters, said


def assert_close(first, second, tolerance):
    """Compares two state dicts."""
    assert first.keys() == second.keys()
    for key, value in first.items():
        torch.testing.assert_close(
            value, second[key], atol=tolerance, rtol=tolerance, msg=key
        )


@pytest.mark.parametrize(
    "options",
    [
        ("--multi_positive=True",),
        ("--loss=blockwise", "--chunk_size=2"),
        ("--loss=sigmoid", "--chunk_size=3"),
        ("--loss=soft",),
    ],
)
def test_two_ranks_train_as_one_process(tmp_path, options):
    """Nine steps on two halves are nine steps on the union batch."""
    whole, _ = train(tmp_path / "one", *options, "--batch_size=8")
    ranks, _ = train(tmp_path / "two", *options, "--batch_size=4", ranks=2)
    assert_close(ranks[0], ranks[1], 0)
    assert_close(whole, ranks[0], 2e-5)


def test_chunks_train_as_whole_batches(tmp_path):
    """With accumulation too; a chunk size that does not divide the batch."""
    options = ("--batch_size=6", "--accumulate=2")
    whole, _ = train(tmp_path / "whole", *options)
    cached, _ = train(tmp_path / "cached", *options, "--chunk_size=4")
    assert_close(whole, cached, 2e-5)


@pytest.mark.parametrize("valid", [True, False])
def test_killed_within_an_epoch_and_resumed(tmp_path, valid):
    """Bit for bit, and no clip is read twice or left out."""
    options = ("--batch_size=4", "--noisy=True", f"--valid={valid}")
    whole, _ = train(tmp_path / "whole", *options)
    options += ("--ckpt_interval_steps=2",)
    cut = tmp_path / "cut"
    train(cut, *options, "--kill_at=[2, 5]", exit_code=9)
    (cut / "heard0.txt").unlink()
    resumed, _ = train(cut, *options)
    assert_close(whole, resumed, 0)
    log = (cut / "train_log.txt").read_text()
    assert log == (tmp_path / "whole" / "train_log.txt").read_text()
    for name in ("temperature", "gradient_norm", "skipped_steps: 0"):
        assert name in log
    # Steps 5 and 6 of epoch 2, then epoch 3: 8 + 24 clips; validation apart.
    heard = (cut / "heard0.txt").read_text().split()
    assert len(heard) - 2 * 8 * valid == 8 + 24


def test_steps_that_are_not_finite_are_left_out(tmp_path):
    """On all ranks, though one alone met it; and not too many of them."""
    options = ("--batch_size=4", "--broken_at=[[1, 2], [3, 1]]")
    ranks, said = train(tmp_path / "two", *options, ranks=2)
    assert_close(ranks[0], ranks[1], 0)
    assert all(torch.isfinite(p).all() for p in ranks[0].values() if p.ndim)
    log = (tmp_path / "two" / "train_log.txt").read_text().splitlines()
    assert ["skipped_steps: 1" in line for line in log] == [True, False, True]
    assert "Step 2 is left out" in said
    cached, _ = train(tmp_path / "cached", *options, "--chunk_size=2", ranks=2)
    assert_close(ranks[0], cached[0], 2e-5)
    _, said = train(
        tmp_path / "many",
        "--batch_size=4",
        "--broken_at=[[1, 2], [1, 4]]",
        "--nonfinite_patience=1",
        exit_code=1,
    )
    assert "was not finite in 2 steps of epoch 1" in said


def test_a_locked_tower_hears_each_clip_once(tmp_path):
    """It does not move, and training goes on from what it heard."""
    options = ("--batch_size=4", "--locked=True", "--valid=False")
    folder = tmp_path / "locked"
    parameters, _ = train(folder, *options)
    heard = (folder / "heard0.txt").read_text().split()
    assert len(heard) == len(set(heard)) == 24
    initial = torch.load(folder / "initial.pt", weights_only=True)
    for key, value in parameters.items():
        if "audio_encoder" in key:
            assert torch.equal(value, initial[key]), key
    key = next(key for key in parameters if "audio_projection" in key)
    assert not torch.equal(parameters[key], initial[key])
    # What was heard stays: a second training reads nothing.
    (folder / "heard0.txt").unlink()
    (folder / "parameters0.pt").unlink()
    train(folder, *options)
    assert not (folder / "heard0.txt").exists()
    two, _ = train(tmp_path / "two", *options[1:], "--batch_size=2", ranks=2)
    assert_close(parameters, two[0], 2e-5)
