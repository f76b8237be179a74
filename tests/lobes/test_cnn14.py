"""CNN14 against SpeechBrain's trunk; lengths; gradients."""

import pytest
import torch
from speechbrain.lobes.models.Cnn14 import Cnn14

from speechbrain_clap.lobes.cnn14 import CNN6, CNN10, CNN14
from speechbrain_clap.lobes.features import LogMel

FEATURES = {"sample_rate": 16000, "f_max": 8000.0}


def make(kind, **kwargs):
    """A small network with the statistics of a trained one."""
    torch.manual_seed(0)
    channels = [4, 8, 8, 8, 8, 16] if kind is CNN14 else [4, 8]
    encoder = kind(
        LogMel(**FEATURES), channels=channels, embedding_dim=12, **kwargs
    )
    with torch.no_grad():
        encoder.train()(0.1 * torch.randn(4, 16000))
    return encoder.eval()


def test_trunk_is_speechbrains():
    """Its state dict fits, and the pooled features are equal."""
    theirs = Cnn14(64, 2048).eval()
    ours = CNN14(LogMel()).eval()
    own = {"features", "fc1"}
    report = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert {key.split(".")[0] for key in report.missing_keys} == own
    wavs = 0.1 * torch.randn(1, 32000)
    with torch.no_grad():
        x = ours.trunk(wavs)
        pooled = x.amax(2) + x.mean(2)
        wanted = theirs(ours.features(wavs))[:, 0]
    torch.testing.assert_close(pooled, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [CNN6, CNN10, CNN14])
def test_padded_equals_alone(kind):
    """A clip in a padded batch gives what it gives by itself."""
    encoder = make(kind)
    wavs = 0.1 * torch.randn(3, 16000)
    samples = [16000, 9000, 100]
    lens = torch.tensor(samples) / 16000
    with torch.no_grad():
        together = encoder(wavs, lens)
        frames, seconds = encoder.forward_frames(wavs, lens)
        for i, length in enumerate(samples):
            wav = wavs[i : i + 1, :length]
            torch.testing.assert_close(
                together[i], encoder(wav)[0], atol=1e-5, rtol=1e-5
            )
            own = encoder.forward_frames(wav)[0][0]
            torch.testing.assert_close(
                frames[i, : len(own)], own, atol=1e-5, rtol=1e-5
            )
    hops = {CNN6: 4, CNN10: 4, CNN14: 32}[kind]
    assert abs(seconds - hops * 320 / 16000) < 1e-9


def test_gradient_reaches_every_parameter():
    """None is unused, as DDP demands."""
    encoder = make(CNN10).train()
    encoder(0.1 * torch.randn(4, 16000)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name


def test_bf16_is_close_to_float32():
    """Cosine above 0.999."""
    encoder, wavs = make(CNN10), 0.1 * torch.randn(4, 16000)
    with torch.no_grad():
        exact = encoder(wavs)
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(wavs).float()
    assert torch.cosine_similarity(exact, rough).min() > 0.999


def test_silence_one_sample_and_long_clips_are_finite():
    """No NaN from the edges of what can come."""
    encoder = make(CNN10)
    with torch.no_grad():
        for wavs in (
            torch.zeros(1, 16000),
            torch.ones(1, 1),
            0.1 * torch.randn(1, 16000 * 30),
        ):
            assert torch.isfinite(encoder(wavs)).all()


def test_tags_only_with_a_head():
    """The head is there when asked for, and learns with all the rest."""
    wavs = 0.1 * torch.randn(3, 8000)
    with pytest.raises(ValueError, match="num_classes"):
        make(CNN10).classify(wavs)
    encoder = make(CNN10, num_classes=5, head_dropout=0.0, block_dropout=0.0)
    alone = encoder.classify(wavs[:1, :4000])
    logits = encoder.classify(wavs, torch.tensor([0.5, 1.0, 0.7]))
    torch.testing.assert_close(logits[:1], alone, atol=1e-5, rtol=1e-4)
    embedding = encoder(wavs)
    torch.testing.assert_close(
        encoder.classify(wavs), encoder.fc_audioset(embedding)
    )
    encoder.train().classify(wavs).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
