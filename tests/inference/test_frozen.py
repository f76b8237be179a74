"""Frozen towers for sounds alone, used as all models are."""

import pytest
import torch

from speechbrain_clap.checkpoints.networks import build
from speechbrain_clap.checkpoints.published import save_published
from speechbrain_clap.inference.clap import CLAP
from speechbrain_clap.inference.frozen import FrozenEncoder, load_frozen
from speechbrain_clap.lobes.resnet18 import ResNet18

POLICY = {"padding": "zero", "long": "whole"}


def test_an_untrained_encoder_is_itself():
    encoder = ResNet18(widths=[4, 8, 8, 16], clip_seconds=0.5).eval()
    frozen = load_frozen(None, None, lambda: encoder, POLICY, device="cpu")
    wavs = 0.1 * torch.randn(2, 8000)
    made = frozen.embed_audio(wavs)
    with torch.no_grad():
        torch.testing.assert_close(made, encoder(wavs))
    assert not any(p.requires_grad for p in frozen.model.parameters())
    # Shorter sounds are filled, and a padded batch gives what each one gives.
    short = frozen.embed_audio(wavs[:, :4000])
    filled = torch.nn.functional.pad(wavs[:, :4000], (0, 4000))
    torch.testing.assert_close(short, frozen.embed_audio(filled))
    with pytest.raises(NotImplementedError):
        frozen.encode_text(["a dog"])


def test_published_weights(tmp_path):
    torch.manual_seed(0)
    published = build("wav2clip", "ours", None, set()).eval()
    path = save_published(published, "wav2clip", tmp_path / "a.pt")
    frozen = FrozenEncoder.from_published("wav2clip", path)
    wavs = 0.1 * torch.randn(1, 5 * 16000)
    with torch.no_grad():
        expected = published.encode_audio(wavs)
    torch.testing.assert_close(frozen.embed_audio(wavs), expected)
    assert (frozen.sample_rate, frozen.long) == (16000, "whole")
    same = load_frozen("wav2clip", path, None, POLICY, device="cpu")
    torch.testing.assert_close(same.embed_audio(wavs), expected)


def test_a_training_of_this_project(tiny_clap_folder):
    frozen = load_frozen(tiny_clap_folder, None, None, POLICY, device="cpu")
    assert isinstance(frozen, CLAP)
