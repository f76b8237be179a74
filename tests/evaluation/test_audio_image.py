"""Sounds and pictures look for each other: MRR from files to metrics.json.

Authors
 * The speechbrain_clap team 2026
"""

import json

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation import audio_image
from speechbrain_clap.evaluation.audio_image import evaluate_audio_image
from speechbrain_clap.inference.frozen import FrozenEncoder
from speechbrain_clap.utils.files import write_json

PITCHES = {"dog": 200, "cat": 500, "rain": 800}
RATE = 2000


class Pitch(torch.nn.Module):
    """How much of each pitch there is."""

    sample_rate, clip_seconds, embedding_dim = RATE, 1.0, 3

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1))

    def forward(self, wavs):
        time = torch.arange(wavs.shape[1]) / RATE
        waves = [torch.sin(2 * torch.pi * p * time) for p in PITCHES.values()]
        return self.one * (wavs @ torch.stack(waves, 1)).abs()


class Frames(dict):
    """Embeddings of frames: a vector for each clip, at all times."""

    rate, encoder = 30.0, "0" * 64

    def seconds(self, clip):
        return 2.0

    def mean(self, clip, start, stop):
        # The middle second of two.
        assert (start, stop) == (0.5, 1.5)
        return self[clip]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Six clips of 2 s, two of each label, and one without frames."""
    rows, frames = {}, Frames()
    for i in range(7):
        label = list(PITCHES)[i % 3]
        time = np.arange(2 * RATE) / RATE
        wave = 0.1 * np.sin(2 * np.pi * PITCHES[label] * time)
        soundfile.write(tmp_path / f"{i}.wav", wave, RATE)
        rows[f"clip{i}"] = {
            "path": f"{{data_root}}/{i}.wav",
            "captions": [label],
            "label": label,
        }
        if i < 6:
            seen = np.eye(3, dtype=np.float32)[i % 3]
            frames[f"VGGSound/clip{i}"] = 5 * seen
    write_json(tmp_path / "test.json", rows)
    report = {"dataset": "VGGSound", "sounds": "made-up"}
    report |= {"missing": {"test": 1}, "parts": {"test": {"listed": 8}}}
    write_json(tmp_path / "prepare.json", report)
    monkeypatch.setattr(audio_image, "FrameEmbeddings", lambda folder: frames)

    def _evaluate(**options):
        return evaluate_audio_image(
            tmp_path / "output",
            lambda model, weights, device: FrozenEncoder.from_encoder(Pitch()),
            None,
            None,
            tmp_path,
            tmp_path,
            "frames",
            clip_seconds=1.0,
            batch_size=4,
            **options,
        )

    return tmp_path, frames, _evaluate


def test_both_directions(data):
    folder, frames, evaluate = data
    # A clip of cats shows a dog: its picture is asked for and asks in vain.
    frames["VGGSound/clip1"] = np.float32([1, 0, 0])
    metrics = evaluate()
    assert metrics["metric"] == "audio-to-image MRR"
    assert (metrics["clips"], metrics["skipped"]) == (6, 2)
    directions = metrics["directions"]
    assert set(directions) == {"audio_to_image", "image_to_audio"}
    assert metrics["value"] == 1.0  # the other cat is found first
    # The picture asks as a dog does: behind both, all else is equal, and the
    # first of the equal ones is its own clip.
    assert directions["image_to_audio"]["MRR"]["value"] == pytest.approx(
        (5 + 1 / 3) / 6
    )
    assert directions["audio_to_image"]["MRR"]["chance"] < 0.6
    written = json.loads((folder / "output" / "metrics.json").read_text())
    assert written == metrics
    assert "MRR" in (folder / "output" / "retrieval.csv").read_text()


def test_another_space(data):
    _, frames, evaluate = data
    for clip in frames:
        frames[clip] = np.ones(4, np.float32)
    with pytest.raises(DataError, match="in 3 dimensions, frames in 4"):
        evaluate()


def test_a_clip_that_breaks_is_counted(data):
    folder, _, evaluate = data
    (folder / "5.wav").write_bytes(b"no sound")
    assert evaluate()["skipped"] == 3
    with pytest.raises(ValueError, match=r"5.wav.*on_bad_clip: skip"):
        evaluate(on_bad_clip="stop")
