"""The composition: normalised, deterministic, prompts averaged, bounded."""

import pytest
import torch

from speechbrain_clap.inference import CLAP


@pytest.fixture
def clap(tiny_clap_folder):
    """A tiny CLAP in eval mode."""
    return CLAP.from_hparams(source=tiny_clap_folder).mods.clap


def test_embeddings_have_unit_length(clap):
    """In float32, also under bf16."""
    wavs = 0.1 * torch.randn(3, 16000)
    with torch.autocast("cpu", torch.bfloat16):
        audio, text, scale = clap(wavs, ["a dog", "rain", "a dog"])
    for x in (audio, text):
        assert x.dtype == torch.float32
        torch.testing.assert_close(x.norm(dim=1), torch.ones(3))
    assert torch.equal(text[0], text[2])
    assert abs(scale.item() - 1 / 0.07) < 1e-4


def test_several_templates_are_averaged(clap):
    """The mean of unit vectors, again of unit length; underscores go."""
    one, two = "the sound of {}", "{} outside"
    each = [
        clap.encode_text([one.format("sea waves")]),
        clap.encode_text([two.format("sea waves")]),
    ]
    mean = torch.nn.functional.normalize(sum(each), dim=-1)
    found = clap.encode_classes(["sea_waves"], [one, two])
    torch.testing.assert_close(found, mean)


def test_the_temperature_is_bounded(clap):
    """At 100, and its gradient still flows."""
    with torch.no_grad():
        clap.logit_scale.fill_(9.0)
    clap.clamp_scale()
    assert abs(clap.logit_scale.exp().item() - 100) < 1e-3
    clap.logit_scale.requires_grad_(True)
    clap.logit_scale.exp().backward()
    assert clap.logit_scale.grad > 0


@pytest.mark.parametrize("tower", ["audio", "text"])
def test_a_locked_tower_stays_as_it_is(clap, tower):
    """No gradient, eval mode whatever train says; its projection learns."""
    clap.requires_grad_(True)
    clap.lock(tower)
    clap.train()
    locked = getattr(clap, f"{tower}_encoder")
    free = getattr(clap, f"{'text' if tower == 'audio' else 'audio'}_encoder")
    assert not locked.training and free.training
    audio, text, _ = clap(0.1 * torch.randn(2, 16000), ["a dog", "rain"])
    (audio * text).sum().backward()
    assert all(p.grad is None for p in locked.parameters())
    projection = getattr(clap, f"{tower}_projection")
    for module in (projection, free):
        assert any(p.grad is not None for p in module.parameters())
    with pytest.raises(ValueError, match="tower is 'image'"):
        clap.lock("image")


def test_features_of_a_locked_tower_replace_the_waves(clap):
    """The projection takes what the encoder made."""
    wavs = 0.1 * torch.randn(2, 16000)
    whole, _, _ = clap(wavs, ["a dog", "rain"])
    features = clap.audio_encoder(wavs)
    again, _, _ = clap(features=features, texts=["a dog", "rain"])
    torch.testing.assert_close(whole, again)
