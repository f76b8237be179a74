"""Retrieval of events from files to metrics.json, with an encoder that hears.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.curation.store import EmbeddingStore
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.pairs import FileRows
from speechbrain_clap.evaluation.event_retrieval import (
    evaluate_event_retrieval,
)
from speechbrain_clap.evaluation.frames import (
    embed_frames,
    encode_frames,
    sound_tower,
)
from speechbrain_clap.lobes.resnet18 import ResNet18
from speechbrain_clap.utils.files import write_json

RATE = 2000
PITCHES = {"Dog": 200, "Cat": 500, "Speech": 800}


class Pitch(torch.nn.Module):
    """Frames of 0.1 s: how much of each band there is."""

    sample_rate, clip_seconds, embedding_dim = RATE, 1.0, 20

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward_frames(self, wavs, lens=None):
        self.calls += 1
        frames = wavs.unfold(1, RATE // 10, RATE // 10)
        spectrum = torch.fft.rfft(frames).abs()[..., :100] ** 2
        return self.one * spectrum.unflatten(-1, (20, 5)).sum(-1), 0.1


@pytest.fixture
def data(tmp_path):
    """Ten clips of 4 s, in each a tone of whole seconds for every class."""
    rng = np.random.default_rng(0)
    rows = {}
    for i in range(10):
        wave = 0.001 * rng.standard_normal(4 * RATE)
        events = []
        for label, second in zip(PITCHES, rng.permutation(4), strict=False):
            span = slice(second * RATE, (second + 1) * RATE)
            time = np.arange(RATE) / RATE
            wave[span] += 0.1 * np.sin(2 * np.pi * PITCHES[label] * time)
            events.append([float(second), float(second + 1), label])
        soundfile.write(tmp_path / f"{i}.wav", wave, RATE)
        rows[f"clip {i}"] = {"path": f"{{data_root}}/{i}.wav", "events": events}
    write_json(tmp_path / "validation.json", rows)
    report = {"dataset": "DESED", "listed": {"validation": 12}}
    report |= {"classes": ["Cat", "Dog", "Frying", "Speech"], "sounds": "real"}
    write_json(tmp_path / "prepare.json", report)
    return tmp_path


def evaluate(data, encoder, **options):
    return evaluate_event_retrieval(
        data / "output",
        lambda model, weights, device: encoder,
        None,
        None,
        data,
        data,
        "validation",
        data / "frames",
        **options,
    )


def test_an_encoder_that_hears_pitch_finds_all(data):
    encoder = Pitch()
    metrics = evaluate(data, encoder)
    assert metrics["value"] == metrics["interval"][0] == 1.0
    # Each query finds a second where there are four.
    assert metrics["chance"] == pytest.approx(2 * 0.25 / 1.25)
    assert metrics["resolutions"]["1 s"]["value"] == 1.0
    assert metrics["per_class"] == {
        "Cat": 1.0,
        "Dog": 1.0,
        "Frying": None,
        "Speech": 1.0,
    }
    facts = "queries", "lost_queries", "frames", "clips", "skipped"
    assert [metrics[name] for name in facts] == [30, 0, 40, 10, 2]
    written = json.loads((data / "output" / "metrics.json").read_text("utf-8"))
    assert written == metrics
    with open(data / "output" / "retrieval.csv", encoding="utf-8") as stream:
        assert list(csv.reader(stream))[1] == ["Cat", "10", "1.0000"]
    page = (data / "output" / "report.html").read_text("utf-8")
    assert "Best: " in page and "<audio" in page
    # A second evaluation embeds nothing.
    calls = encoder.calls
    assert evaluate(data, encoder, resolutions=[0.5])["value"] == 1.0
    assert encoder.calls == calls


def test_an_encoder_that_hears_nothing_has_no_more_than_chance(data):
    class Deaf(Pitch):
        def forward_frames(self, wavs, lens=None):
            frames, seconds = super().forward_frames(wavs)
            return torch.ones_like(frames), seconds

    metrics = evaluate(data, Deaf())
    assert metrics["value"] == pytest.approx(metrics["chance"])


def test_too_few_clips_for_the_folds(data):
    with pytest.raises(DataError, match="10 usable clips .* two for each of 6"):
        evaluate(data, Pitch(), folds=6)


def test_frames_of_a_clip_that_is_no_whole_number_of_them(tmp_path):
    wave = 0.1 * np.sin(np.arange(int(2.4 * RATE)))
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    soundfile.write(tmp_path / "b.wav", np.append(wave, wave[:800]), RATE)
    rows = {name: {"path": str(tmp_path / f"{name}.wav")} for name in "ab"}
    store = embed_frames(Pitch(), FileRows("set", rows), tmp_path / "store")
    table = store.rows().to_pylist()
    # The rest of 0.4 s is no frame, that of 0.8 s is one.
    assert [(r["id"], r["start"], r["stop"]) for r in table] == [
        ("a", 0.0, 1.0),
        ("a", 1.0, 2.4),
        ("b", 0.0, 1.0),
        ("b", 1.0, 2.0),
        ("b", 2.0, 2.8),
    ]
    norms = np.linalg.norm(np.asarray(store.embeddings, np.float32), axis=1)
    assert norms == pytest.approx(1.0, abs=1e-3)


def test_bad_clips_are_named_and_a_kill_costs_a_part(tmp_path, monkeypatch):
    for name in "abc":
        wave = 0.1 * np.sin(np.arange(2 * RATE) * (1 + ord(name) % 3))
        soundfile.write(tmp_path / f"{name}.wav", wave, RATE)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    source = FileRows(
        "set", {n: {"path": str(tmp_path / f"{n}.wav")} for n in "abc"}
    )
    monkeypatch.setattr("speechbrain_clap.evaluation.frames.PART_ROWS", 2)

    class Killed(Pitch):
        def forward_frames(self, wavs, lens=None):
            if self.calls == 2:  # the width, and the first clip
                raise KeyboardInterrupt
            return super().forward_frames(wavs)

    folder = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        embed_frames(Killed(), source, folder, batch_size=1)
    with pytest.raises(FileNotFoundError):
        EmbeddingStore.open(folder)
    encoder = Pitch()
    store = embed_frames(encoder, source, folder, batch_size=1)
    assert store.ids(range(4)) == ["a", "a", "c", "c"]
    assert encoder.calls == 2  # the width, and the last clip
    bad = json.loads((folder / "bad.json").read_text("utf-8"))
    assert bad == {"listed": 3, "bad": ["b"]}
    with pytest.raises(ValueError, match="frame_seconds"):
        embed_frames(encoder, source, folder, seconds=0.5)


def test_frames_of_the_encoders_own_and_of_ours():
    torch.manual_seed(0)
    encoder = ResNet18(widths=[4, 8, 8, 16]).eval()
    wavs = 0.1 * torch.randn(2, 48000)
    ours = encode_frames(encoder, wavs)
    assert ours.shape == (2, 3, 16)
    assert encoder.frame_hop == 8000  # as it was
    encoder.frame_hop = 16000
    theirs = encoder.forward_frames(wavs)[0]
    theirs = torch.nn.functional.normalize(theirs, dim=-1)
    assert torch.allclose(ours, theirs, atol=1e-6)
    # Shorter frames are averaged, longer ones refused.
    assert encode_frames(Pitch(), torch.randn(1, RATE), 0.5).shape == (1, 2, 20)
    with pytest.raises(DataError, match="frames of 0.10 s: .* got 0.03"):
        encode_frames(Pitch(), torch.randn(1, RATE), 0.03)


def test_a_model_without_frames():
    with pytest.raises(DataError, match="Linear has no frames"):
        sound_tower(torch.nn.Linear(1, 1))
