"""AudioCLIP's Brain: missing pictures, locked heads, ranks, kills.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
import subprocess
import sys

import pytest
import torch
from train_tiny_audioclip import Frames, make_model, train

from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.hparams import HparamsError

SCRIPT = pathlib.Path(__file__).with_name("train_tiny_audioclip.py")
CPU = {"device": "cpu", "noprogressbar": True}


def weights(brain):
    """A copy of the state of a brain's model."""
    state = unwrap(brain.modules.audioclip).state_dict()
    return {
        key: x.clone()
        for key, x in state.items()
        if isinstance(x, torch.Tensor)
    }


def moved(brain):
    """The parts of the model that training has changed."""
    before = make_model().state_dict()
    return {
        key.split(".")[0]
        for key, x in weights(brain).items()
        if not torch.equal(x, before[key])
    }


def test_it_learns_and_tells(tmp_path):
    """All three heads move; scores of six directions, the three scales."""
    brain = train(tmp_path, CPU, {"batch_size": 8})
    assert {"audio_encoder", "image_encoder", "text_encoder"} <= moved(brain)
    log = (tmp_path / "train_log.txt").read_text()
    for pair in ("audio_image", "audio_text", "image_text"):
        assert f"scale_{pair}: " in log
        one, other = pair.split("_")
        assert f"valid {one}_to_{other}_mAP" in log
        assert f"valid {other}_to_{one}_P@1" in log
    scores = brain.validation_scores()
    assert 0.4 < scores["mAP"] <= 1  # chance is about 0.4
    names, embeddings, labels = brain.results()
    # Clips of even number have pictures; a text is listed once.
    assert len(names["audio"]) == 8 and len(names["image"]) == 4
    assert sorted(names["text"]) == ["clock", "dog", "rain", "waves"]
    assert embeddings["image"].shape == (4, 8) and len(labels["image"]) == 4


def test_locked_heads_do_not_move(tmp_path):
    """Nor does the scale between two of them."""
    options = {"batch_size": 8, "locked": ["image", "text"]}
    brain = train(tmp_path, CPU, options)
    assert moved(brain) == {
        "audio_encoder",
        "logit_scale_ai",
        "logit_scale_at",
    }
    assert brain.optimizer.param_groups
    kept = {id(p) for g in brain.optimizer.param_groups for p in g["params"]}
    model = unwrap(brain.modules.audioclip)
    assert not kept & {id(p) for p in model.image_encoder.parameters()}


def test_without_pictures_it_trains_sounds_and_texts_alone(tmp_path):
    """As a training that does not know of pictures does, but for rounding."""
    none = train(tmp_path / "a", CPU, {"batch_size": 8}, Frames(none=True))
    options = {"batch_size": 8, "modalities": ["audio", "text"]}
    two = train(tmp_path / "b", CPU, options)
    assert moved(none) == {"audio_encoder", "text_encoder", "logit_scale_at"}
    found = weights(none)
    for key, x in weights(two).items():
        torch.testing.assert_close(found[key], x, atol=1e-6, rtol=1e-5)
    assert "image_to_text_mAP" not in none.validation_scores()


def test_the_frame_follows_from_seed_epoch_and_clip(tmp_path):
    """Other frames in each epoch; the central one in evaluation."""
    reads = []
    for name in ("a", "b"):
        frames = Frames()
        train(tmp_path / name, CPU, {"batch_size": 4}, frames)
        reads.append(frames.read_of)
    assert reads[0] == reads[1]
    drawn = [k for clip, k in reads[0] if clip == "train/6"]
    assert len(drawn) == 3 and len(set(drawn)) > 1
    assert {k for clip, k in reads[0] if clip.startswith("valid")} == {5}


def test_killed_within_an_epoch_and_resumed(tmp_path):
    """Equals what was not killed, with noise and drawn frames."""
    options = {"batch_size": 4, "noisy": True}
    whole = train(tmp_path / "whole", CPU, options)
    run_opts = {**CPU, "ckpt_interval_steps": 2}
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", run_opts, {**options, "kill_at": [2, 4]})
    resumed = train(tmp_path / "cut", run_opts, options)
    found = weights(resumed)
    for key, x in weights(whole).items():
        torch.testing.assert_close(found[key], x, atol=0, rtol=0, msg=key)
    logs = [
        (tmp_path / name / "train_log.txt").read_text()
        for name in ("whole", "cut")
    ]
    assert logs[0] == logs[1]


def test_two_ranks_train_as_one_process(tmp_path):
    """Also where a rank's batch happens to hold no picture."""
    whole = weights(train(tmp_path, CPU, {"batch_size": 4}))
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
        + ["--master_port=0", "--rdzv_backend=c10d"]
        + ["--rdzv_endpoint=localhost:0", SCRIPT, "unused.yaml"]
        + [f"--folder={tmp_path / 'two'}", "--batch_size=2", "--device=cpu"]
        + ["--noprogressbar", "--distributed_backend=gloo"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (
        torch.load(tmp_path / "two" / f"parameters{rank}.pt")
        for rank in range(2)
    )
    for key, x in whole.items():
        torch.testing.assert_close(first[key], second[key], atol=0, rtol=0)
        torch.testing.assert_close(first[key], x, atol=2e-5, rtol=2e-5)


def test_nothing_to_train():
    """One clear error."""
    with pytest.raises(HparamsError, match="modalities is .'sound'"):
        train("unused", CPU, {"modalities": ["sound", "text"]})
    with pytest.raises(HparamsError, match="nothing would learn"):
        train(
            "unused",
            CPU,
            {"modalities": ["image", "text"], "locked": ["image", "text"]},
        )
