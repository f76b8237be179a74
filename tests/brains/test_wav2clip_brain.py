"""Wav2CLIP's Brain: CLIP stays as it is, losses, ranks, kills.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest
import torch
from train_tiny_wav2clip import make_model, train

from speechbrain_clap.schedulers import ReduceOnPlateau
from speechbrain_clap.utils.distributed import unwrap

SCRIPT = pathlib.Path(__file__).with_name("train_tiny_wav2clip.py")
CPU = {"device": "cpu", "noprogressbar": True}


def weights(brain):
    """A copy of the tensors of a brain's model."""
    state = unwrap(brain.modules.wav2clip).state_dict()
    return {k: x.clone() for k, x in state.items() if torch.is_tensor(x)}


def moved(brain):
    """The parts of the model that training has changed."""
    before = make_model().state_dict()
    return {
        key.split(".")[0]
        for key, x in weights(brain).items()
        if not torch.equal(x, before[key])
    }


def test_it_learns_and_clip_stays_frozen(tmp_path):
    """All but CLIP's text tower moves, which no checkpoint holds either."""
    brain = train(tmp_path, CPU, {"batch_size": 8, "epochs": 8})
    assert moved(brain) == {
        "audio_encoder",
        "audio_projection",
        "image_projection",
        "logit_scale_audio",
        "logit_scale_image",
    }
    log = (tmp_path / "train_log.txt").read_text()
    assert "scale_audio: " in log and "scale_image: " in log
    losses = [float(x) for x in re.findall(r"valid loss: (\S+?),", log)]
    assert len(losses) == 8 and losses[-1] < 0.8 * losses[0]
    scores = brain.validation_scores()
    assert -1 <= scores["cosine"] <= 1
    assert scores["audio_to_image_MRR"] > 0.5  # chance: 0.34
    for path in (tmp_path / "save").rglob("wav2clip.ckpt"):
        state = torch.load(path, weights_only=True)["state"]
        assert state and not any(key.startswith("text_") for key in state)


def test_results_are_three_modalities(tmp_path):
    """Sounds and what was seen, and each label once as a text."""
    brain = train(tmp_path, CPU, {"batch_size": 8, "epochs": 1})
    names, embeddings, labels = brain.results()
    assert (
        names["audio"]
        == names["image"]
        == [f"valid/{i}" for i in range(40, 48)]
    )
    assert names["text"] == ["clock", "dog", "rain", "waves"]
    assert labels["text"] == [["clock"], ["dog"], ["rain"], ["waves"]]
    assert labels["audio"][:2] == [["dog"], ["rain"]]
    for side, count in (("audio", 8), ("image", 8), ("text", 4)):
        assert embeddings[side].shape == (count, 8)
        norms = embeddings[side].norm(dim=1)
        torch.testing.assert_close(norms, torch.ones(count))


def test_plain_losses_train_what_they_use(tmp_path):
    """A scale that the loss does not use is not learnt."""
    brain = train(
        tmp_path / "mse",
        CPU,
        {"batch_size": 8, "loss": "mse", "identity": True},
    )
    assert moved(brain) == {"audio_encoder"}
    assert "scale_" not in (tmp_path / "mse" / "train_log.txt").read_text()
    brain = train(
        tmp_path / "contrastive", CPU, {"batch_size": 8, "loss": "contrastive"}
    )
    assert moved(brain) == {
        "audio_encoder",
        "audio_projection",
        "logit_scale_image",
    }


def test_killed_within_an_epoch_and_resumed(tmp_path):
    """Equals what was not killed, with noise and drawn parts."""
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
    """The cross-projection loss sees the batches of both, validation none."""
    whole = weights(train(tmp_path / "one", CPU, {"batch_size": 4}))
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
        torch.testing.assert_close(first[key], x, atol=1e-5, rtol=1e-4)

    def _losses(folder):
        log = (tmp_path / folder / "train_log.txt").read_text()
        return [float(x) for x in re.findall(r"valid loss: (\S+?),", log)]

    assert _losses("two") == pytest.approx(_losses("one"), rel=1e-3)


def test_the_rate_falls_and_has_a_floor():
    """A tenth each time the loss stays, from 1e-3 to 1e-6 and no lower."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=1e-3)
    schedule = ReduceOnPlateau(factor=0.1, patience=0, final=0.001)
    rates = []
    for _ in range(6):
        schedule(optimizer)
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.end_epoch(loss=1.0)
    wanted = [1e-3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-6]
    assert rates == pytest.approx(wanted)
