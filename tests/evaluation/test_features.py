"""Features of a set's clips: once, resumed, by the encoder's own policy."""

import json

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.features import extract_features
from speechbrain_clap.inference.frozen import FrozenEncoder, load_frozen


class Loudness(torch.nn.Module):
    """Hears how loud a clip is, how long it is, and how often it was asked."""

    sample_rate, clip_seconds = 8000, 0.1

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))
        self.clips = 0

    def forward(self, wavs):
        self.clips += len(wavs)
        length = torch.full((len(wavs),), wavs.shape[1] / 8000)
        return torch.stack([self.factor * wavs.abs().amax(1), length], 1)


def frozen(long="whole", factor=1.0):
    return FrozenEncoder.from_encoder(Loudness(factor), "zero", long)


@pytest.fixture
def rows(tmp_path):
    """Five clips as loud as their number, of different lengths."""
    rows = {}
    for number in range(1, 6):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.full(500 * number, number / 10), 8000)
        rows[f"clip{number}"] = {"path": str(path)}
    return rows


def test_as_the_encoder_embeds_files(rows, tmp_path):
    for long in ("whole", "center", "windows"):
        embedder = frozen(long)
        features = extract_features(
            embedder, "set", rows, tmp_path / "f", batch_size=2
        )
        theirs = embedder.embed_audio_files([r["path"] for r in rows.values()])
        np.testing.assert_allclose(features.vectors, theirs, atol=1e-3)
        assert list(features.index) == list(rows)
    assert len(list((tmp_path / "f").iterdir())) == 3


def test_once_and_with_workers(rows, tmp_path):
    embedder = frozen()
    first = extract_features(embedder, "set", rows, tmp_path / "f")
    asked = embedder.model.net.clips
    again = extract_features(embedder, "set", rows, tmp_path / "f")
    assert embedder.model.net.clips == asked
    assert (again.vectors == first.vectors).all()
    assert again.speed == first.speed
    assert first.speed["clips"] == 5 and first.speed["workers"] == 0
    assert 0 < first.speed["decoding_share"] < 1
    other = extract_features(
        embedder, "set", rows, tmp_path / "g", batch_size=2, num_workers=1
    )
    np.testing.assert_array_equal(other.vectors, first.vectors)


def test_goes_on_after_a_kill(rows, tmp_path, monkeypatch):
    embedder = frozen()
    embed, calls = embedder.embed_audio, []

    def _killed(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(embedder, "embed_audio", _killed)
    options = {"batch_size": 1, "rows_per_part": 2}
    with pytest.raises(KeyboardInterrupt):
        extract_features(embedder, "set", rows, tmp_path / "f", **options)
    features = extract_features(
        embedder, "set", rows, tmp_path / "f", **options
    )
    assert len(calls) == 3 + 3  # the first two clips were on the disk
    assert features.vectors[:, 0].round(2).tolist() == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.5]
    )


def test_other_weights_have_their_own_folder(rows, tmp_path):
    one = extract_features(frozen(), "set", rows, tmp_path / "f")
    two = extract_features(frozen(factor=2.0), "set", rows, tmp_path / "f")
    assert one.folder != two.folder
    np.testing.assert_allclose(two.vectors[:, 0], 2 * one.vectors[:, 0], 1e-3)


def test_bad_clips_are_counted_or_refused(rows, tmp_path):
    rows["bad"] = {"path": str(tmp_path / "no.wav")}
    features = extract_features(frozen(), "set", rows, tmp_path / "f")
    assert features.skipped == 1 and "bad" not in features.index
    assert features.kept(["bad", "clip2"]) == ["clip2"]
    assert features.rows(["clip2", "bad", "clip1"]).tolist() == [1, 0]
    named = json.loads((features.folder / "bad.json").read_text())
    assert "no.wav" in named["problems"]["bad"]
    with pytest.raises(BadClipError, match="no.wav.*on_bad_clip: skip"):
        extract_features(frozen(), "set", rows, tmp_path / "g", "stop")


def test_a_part_of_a_file(rows, tmp_path):
    part = {"a": {"path": rows["clip5"]["path"], "start": 0.1, "stop": 0.2}}
    features = extract_features(frozen(), "set", part, tmp_path / "f")
    assert features.vectors[0, 1] == pytest.approx(0.1, abs=1e-3)


def test_what_float16_cannot_hold(rows, tmp_path):
    with pytest.raises(DataError, match="embedding of clip 'clip1'"):
        extract_features(frozen(factor=1e7), "set", rows, tmp_path / "f")


def test_load_frozen_takes_an_encoder_a_folder_or_says_what():
    policy = {"padding": "repeat", "long": "center"}
    untrained = load_frozen(None, None, Loudness, policy, device="cpu")
    assert untrained.padding == "repeat" and untrained.long == "center"
    with pytest.raises(FileNotFoundError, match="no/such"):
        load_frozen("no/such", None, None, policy, device="cpu")
