"""The captioning brain: it learns to say what it hears; ranks, kills, locks.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import pytest
import torch
from test_pairs_brain import assert_close
from test_pairs_brain import train as run_tiny

import speechbrain_clap.brains.captioning as captioning

pytest.importorskip("transformers")

SCRIPT = pathlib.Path(__file__).with_name("train_tiny_captioning.py")
DEFAULTS = {
    "dropout": 0.0,
    "locked": False,
    "epochs": 2,
    "adam": False,
    "selection": "loss",
    "batch_size": 4,
}


def train(folder, monkeypatch, ranks=1, exit_code=0, **options):
    """Runs the script as a user does; its parameters."""
    monkeypatch.setattr("test_pairs_brain.SCRIPT", SCRIPT)
    words = [f"--{key}={x}" for key, x in {**DEFAULTS, **options}.items()]
    return run_tiny(folder, *words, ranks=ranks, exit_code=exit_code)[0]


def test_two_ranks_train_as_one_process(tmp_path, monkeypatch):
    """Though their captions have unlike many tokens."""
    whole = train(tmp_path / "one", monkeypatch, batch_size=8)
    ranks = train(tmp_path / "two", monkeypatch, ranks=2)
    assert_close(ranks[0], ranks[1], 0)
    assert_close(whole, ranks[0], 2e-5)


def test_killed_and_resumed(tmp_path, monkeypatch):
    """With dropout and a locked encoder: bit for bit."""
    options = {"dropout": 0.2, "locked": True}
    whole = train(tmp_path / "whole", monkeypatch, **options)
    cut = tmp_path / "cut"
    train(cut, monkeypatch, exit_code=9, kill_at=[2, 1], **options)
    assert_close(whole, train(cut, monkeypatch, **options), 0)
    saved = torch.load(next(cut.glob("save/CKPT*/captioner.ckpt")))
    assert not any("audio_encoder" in key for key in saved["state"])
    log = (cut / "train_log.txt").read_text()
    assert log == (tmp_path / "whole" / "train_log.txt").read_text()


def test_it_learns_to_say_what_it_hears(tmp_path, monkeypatch):
    train(tmp_path, monkeypatch, epochs=25, adam=True, selection="ROUGE-L")
    ids, captions, references = torch.load(tmp_path / "results.pt")
    assert ids == [f"valid/{i}" for i in range(16, 24)]
    said = [text.lower() for text in captions]
    assert said == [text for [text] in references]
    log = (tmp_path / "train_log.txt").read_text()
    assert "CIDEr" in log and "ROUGE-L: 1.00" in log.splitlines()[-1]


def test_frames_as_one_row():
    """What is kept of frames comes back as they were."""
    from speechbrain_clap.lobes.resnet18 import ResNet18

    captioner = torch.nn.Module()
    captioner.frames = True
    captioner.audio_encoder = ResNet18(widths=[4, 8], depths=[1, 1]).eval()
    captioner.features = lambda wavs: captioner.audio_encoder.forward_frames(
        wavs
    )[0]
    flat = captioning.FlatFrames(captioner, 40000)
    wavs = torch.randn(2, 40000)
    brain = captioning.CaptioningBrain(modules={"captioner": captioner})
    with torch.no_grad():
        kept = flat(wavs)
        torch.testing.assert_close(
            brain._unflatten(kept), captioner.features(wavs)
        )
    assert kept.shape == (2, flat.embedding_dim)
