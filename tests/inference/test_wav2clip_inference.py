"""Wav2CLIP in use: clips, frames, texts, both ways of standardising.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import soundfile
import torch

from speechbrain_clap.checkpoints.families import FAMILIES
from speechbrain_clap.inference import Wav2CLIP, wav2clip
from speechbrain_clap.lobes.projection import MLPProjection
from speechbrain_clap.lobes.resnet18 import ResNet18
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.models.wav2clip import Wav2CLIP as Model

RATE = 16000


def make_model(normalise="clip"):
    """Untrained, narrow."""
    torch.manual_seed(0)
    encoder = ResNet18(
        widths=[4, 8, 8, 16], normalise=normalise, frame_hop=RATE
    )
    return Model(encoder, MLPProjection(16, 16)).eval()


def ready(model, long="whole"):
    """For use."""
    return Wav2CLIP(
        modules={"wav2clip": model},
        hparams={
            "clip_policy": {"padding": "zero", "long": long},
            "templates": ["the sound of {}"],
            "class_names": ["dog", "rain"],
        },
    )


def noise(seconds, rows=1):
    """Waves [rows, T]."""
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(rows, round(seconds * RATE), generator=generator)


def test_one_sound_one_embedding():
    """Alone, in a batch, behind padding; not so by the published rule."""
    wavs = noise(6.0, rows=3)
    wavs[1] *= 0.01
    clip = ready(make_model())
    every = clip.embed_audio(wavs)
    assert not torch.allclose(every.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(
        clip.encode_audio(wavs).norm(dim=1), torch.ones(3)
    )
    torch.testing.assert_close(clip.embed_audio(wavs[1]), every[1:2])
    padded = torch.nn.functional.pad(wavs[:2], (0, RATE))
    lens = torch.tensor([6 / 7, 6 / 7])
    torch.testing.assert_close(clip.embed_audio(padded, lens), every[:2])
    published = ready(make_model("batch"))
    together = published.embed_audio(wavs)[1]
    assert (together - published.embed_audio(wavs[1])[0]).abs().max() > 1e-3
    # One file is a batch of its own.
    torch.testing.assert_close(published.embed_audio(wavs[1])[0], every[1])


def test_frames(tmp_path):
    """One second each, one after the other; those behind the end are zero."""
    clip = ready(make_model())
    wavs = noise(3.5, rows=2)
    frames, seconds = clip.embed_frames(wavs, torch.tensor([1.0, 0.5]))
    assert frames.shape == (2, 3, 16) and seconds == 1.0
    # 1.75 s hold one whole frame.
    assert (frames[1, 1:] == 0).all() and (frames[1, 0] != 0).any()
    alone, _ = clip.embed_frames(wavs[1, :28000])
    torch.testing.assert_close(frames[1, :1], alone[0])
    unit, _ = clip.encode_frames(wavs)
    torch.testing.assert_close(unit.norm(dim=2), torch.ones(2, 3))
    path = tmp_path / "a.wav"
    soundfile.write(path, wavs[0].numpy(), RATE, "FLOAT")
    of_file, seconds = clip.encode_frames_file(path)
    torch.testing.assert_close(of_file, unit[0], atol=1e-5, rtol=1e-5)
    # Frames of a second in which nothing changes are the clip's own kind.
    short, _ = clip.embed_frames(noise(0.5))
    torch.testing.assert_close(short[0], clip.model.embed_audio(noise(0.5)))


def test_texts_need_clips_text_tower(tmp_path):
    """Then classes are told by texts; the tower is frozen."""
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1.0)[0].numpy(), RATE)
    clip = ready(make_model())
    with pytest.raises(ValueError, match="has no text tower: give it that"):
        clip.encode_text(["a dog"])
    text = SubwordTransformer(embedding_dim=16, nhead=2, d_ffn=16)
    text.fit_vocabulary(["the sound of dog", "the sound of rain"])
    clip.model.add_text(text)
    assert clip.model.locked == {"text"}
    assert not any(p.requires_grad for p in text.parameters())
    scores = clip.classify_file(path)
    assert sorted(scores) == ["dog", "rain"]
    assert sum(scores.values()) == pytest.approx(1)
    cosines = (
        clip.encode_audio_file(path)
        @ clip.encode_text([f"the sound of {label}" for label in scores]).T
    )
    wanted = (100 * cosines).softmax(0)
    found = torch.tensor(list(scores.values()))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_of_published_weights(monkeypatch):
    """The authors' way of standardising behind a key, frames by seconds."""
    asked = []

    class Published:
        family = FAMILIES["wav2clip"]
        net = make_model()

    def _load(family, source, prefer, **options):
        asked.append((family, source, prefer))
        return Published

    monkeypatch.setattr(wav2clip, "load_published", _load)
    clip = Wav2CLIP.from_published("a.pt", frame_seconds=0.5)
    frames, seconds = clip.embed_frames(noise(2.0))
    assert frames.shape[1] == 4 and seconds == 0.5
    clip = Wav2CLIP.from_published("a.pt", normalise="batch", frame_hop=0.25)
    frames, seconds = clip.embed_frames(noise(2.0))
    assert frames.shape[1] == 5 and seconds == 0.25
    assert [prefer for *_, prefer in asked] == ["ours", "published"]
    with pytest.raises(ValueError, match="expected 'clip' or 'batch'"):
        Wav2CLIP.from_published("a.pt", normalise="none")
