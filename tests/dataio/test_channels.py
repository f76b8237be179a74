"""Channels, edges and the stretch: what AudioCLIP's sets were made with.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_clap.dataio.audio import AudioReader, BadClipError, read_audio
from speechbrain_clap.dataio.clips import PADDINGS, fit_clip, stretch_clip
from speechbrain_clap.dataio.datasets import ClipCollate, clip_dataset


@pytest.fixture
def write(tmp_path):
    """Writes a wave [C, T] and gives its path."""

    def _write(name, wave, rate=8000):
        path = tmp_path / f"{name}.wav"
        audio_io.save(str(path), wave, rate)
        return path

    return _write


def test_channels_are_kept_or_averaged(write):
    """Mono is made stereo, stereo stays, five channels are refused."""
    stereo = 0.1 * torch.randn(2, 4000)
    path = write("stereo", stereo)
    both = read_audio(path, 8000, channels=2)
    assert both.shape == (4000, 2)
    torch.testing.assert_close(both.T, stereo, atol=1e-4, rtol=0)
    torch.testing.assert_close(both.mean(1), read_audio(path, 8000))
    # Resampled and cut as mono is.
    part = read_audio(path, 16000, 0.1, 0.3, channels=2)
    mono = read_audio(path, 16000, 0.1, 0.3)
    torch.testing.assert_close(part.mean(1), mono)
    doubled = read_audio(write("mono", stereo[:1]), 8000, channels=2)
    assert torch.equal(doubled[:, 0], doubled[:, 1])
    path = write("five", stereo[:1].repeat(5, 1))
    with pytest.raises(BadClipError, match="five.wav: has 5 channels, exp"):
        read_audio(path, 8000, channels=2)
    assert AudioReader(8000, channels=2)(path) is None


def test_opposite_channels_are_silent_in_mono_alone(write):
    """They cancel on the average, not apart."""
    wave = torch.randint(-9000, 9000, (1, 4000)) / 32768
    path = write("opposite", torch.cat([wave, -wave]))
    with pytest.raises(BadClipError, match="silent"):
        read_audio(path, 8000)
    assert read_audio(path, 8000, channels=2).abs().max() > 0.1


def test_stretch_reaches_the_ends_of_int16(write):
    """-32768 and 32767; nothing is divided by zero."""
    path = write("quiet", 0.01 * torch.randn(2, 4000) + 0.005)
    wav = AudioReader(8000, channels=2, stretch=True)(path)
    assert wav.min() == -1
    assert abs(wav.max() * 32768 - 32767) < 0.01
    assert torch.equal(stretch_clip(torch.ones(3)), torch.zeros(3))


def test_every_padding_fills_clips_of_channels():
    """As it fills each channel alone."""
    wav = torch.randn(3, 2)
    for padding in PADDINGS:
        for samples in (2, 3, 4, 8):
            both = fit_clip(wav, samples, padding)
            assert both.shape == (samples, 2)
            for channel in range(2):
                alone = fit_clip(wav[:, channel], samples, padding)
                assert torch.equal(both[:, channel], alone)


def test_batches_of_channels(write):
    """[B, T, C], padded behind, lengths told."""
    rows = {
        name: {"path": write(name, 0.1 * torch.randn(2, length)), "label": "x"}
        for name, length in (("a", 400), ("b", 200))
    }
    reader = AudioReader(8000, channels=2)
    batch = ClipCollate(fill=True)(list(clip_dataset(rows, reader)))
    assert batch.sig.data.shape == (2, 400, 2)
    assert batch.sig.lengths.tolist() == [1.0, 0.5]
    policy = {"samples": 300, "padding": "edge"}
    clip = clip_dataset(rows, reader, policy)[1]["sig"]
    assert clip.shape == (300, 2)
    assert torch.equal(clip[:50], clip[:1].expand(50, -1))
