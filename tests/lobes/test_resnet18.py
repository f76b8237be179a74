"""ResNet-18 against torchvision; lengths, frames, odd inputs.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.features import LogSpectrogram
from speechbrain_clap.lobes.resnet18 import ResNet18

SIZES = {"widths": [4, 8, 8, 16], "frame_length": 4000, "frame_hop": 2000}


def make(**kwargs):
    """A small network with the statistics of a trained one."""
    torch.manual_seed(0)
    encoder = ResNet18(**SIZES, **kwargs)
    with torch.no_grad():
        for _ in range(3):
            encoder.train()(0.1 * torch.randn(4, 16000))
    return encoder.eval()


@torch.no_grad()
def test_equals_torchvision():
    """Its state dict, but for the last layer, and the pooled features."""
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet18()
    theirs.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    theirs.fc = torch.nn.Identity()
    theirs.train()(torch.randn(2, 1, 64, 64))
    theirs.eval()
    ours = ResNet18().eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 50, 257)
    wanted = theirs(x.transpose(1, 2).unsqueeze(1))
    torch.testing.assert_close(ours.trunk(x), wanted, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_padded_equals_alone():
    """A clip in a padded batch gives what it gives by itself."""
    encoder = make()
    wavs = 0.1 * torch.randn(5, 16000)
    samples = [16000, 9000, 4000, 1600, 1]
    lens = torch.tensor(samples) / 16000
    together = encoder(wavs, lens)
    frames, seconds = encoder.forward_frames(wavs, lens)
    assert frames.shape == (5, 7, 16) and seconds == 0.125
    for index, length in enumerate(samples):
        wav = wavs[index : index + 1, :length]
        torch.testing.assert_close(
            together[index], encoder(wav)[0], atol=1e-5, rtol=1e-5
        )
        own = encoder.forward_frames(wav)[0][0]
        assert len(own) == 1 + max(0, length - 4000) // 2000
        torch.testing.assert_close(
            frames[index, : len(own)], own, atol=1e-5, rtol=1e-5
        )
        assert not frames[index, len(own) :].any()


@torch.no_grad()
def test_batched_equals_single_unless_published():
    """The published rule makes a clip depend on its neighbours."""
    wavs = torch.randn(3, 8000) * torch.tensor([[0.3], [0.03], [0.003]])
    for normalise, same in (("clip", True), ("batch", False)):
        encoder = make(normalise=normalise)
        single = torch.cat([encoder(wav) for wav in wavs.split(1)])
        close = torch.allclose(encoder(wavs), single, atol=1e-5, rtol=1e-5)
        assert close == same


@torch.no_grad()
def test_short_and_whole_frames():
    """A clip up to one frame long has one, which is its embedding."""
    encoder = make()
    for samples in (1, 100, 3999, 4000):
        wavs = 0.1 * torch.randn(2, samples)
        frames, _ = encoder.forward_frames(wavs)
        torch.testing.assert_close(
            frames[:, 0], encoder(wavs), atol=1e-5, rtol=1e-5
        )
        assert frames.shape[1] == 1
    # An incomplete last frame is dropped.
    wavs = 0.1 * torch.randn(2, 7999)
    assert encoder.forward_frames(wavs)[0].shape[1] == 2
    torch.testing.assert_close(
        encoder.forward_frames(wavs)[0],
        encoder.forward_frames(wavs[:, :6000])[0],
        atol=1e-5,
        rtol=1e-5,
    )


def test_gradient_reaches_every_parameter():
    """None is unused, as DDP demands; nor in frames."""
    for method in ("forward", "forward_frames"):
        encoder = make().train()
        x = getattr(encoder, method)(0.1 * torch.randn(4, 16000))
        x = x[0] if isinstance(x, tuple) else x
        (x * torch.randn(x.shape)).sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


def test_state_dict_round_trip():
    """Official names alone; no front end is saved."""
    encoder = make()
    state = encoder.state_dict()
    assert not any(key.startswith("features") for key in state)
    assert "layer2.0.downsample.1.running_var" in state
    other = ResNet18(**SIZES).eval()
    other.load_state_dict(state)
    wavs = 0.1 * torch.randn(2, 8000)
    assert torch.equal(other(wavs), encoder(wavs))


@torch.no_grad()
def test_bf16_is_close_to_float32():
    """Cosine above 0.999; the embedding itself is float32."""
    encoder, wavs = make(), 0.1 * torch.randn(4, 16000)
    exact = encoder(wavs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(wavs)
    assert rough.dtype == torch.float32
    assert torch.cosine_similarity(exact, rough).min() > 0.999


@torch.no_grad()
def test_silence_one_sample_and_long_clips_are_finite():
    """No NaN from the edges of what can come."""
    encoder = make()
    for wavs in (
        torch.zeros(1, 16000),
        torch.ones(1, 1),
        0.1 * torch.randn(1, 1600),
        0.1 * torch.randn(1, 16000 * 180),
    ):
        assert encoder(wavs).isfinite().all()
        assert encoder.forward_frames(wavs)[0].isfinite().all()
    with pytest.raises(ValueError, match="mono waves"):
        encoder(torch.zeros(2, 2, 16000))


@torch.no_grad()
def test_compiles_as_one_graph():
    """From the wave to the embedding."""
    encoder, wavs = make(), 0.1 * torch.randn(2, 8000)
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(wavs), encoder(wavs))


def test_sizes():
    """Other front ends and depths; what does not fit is named."""
    features = LogSpectrogram(sample_rate=8000, n_fft=128, hop_length=100)
    encoder = ResNet18(features, widths=[4, 6], depths=[1, 3]).eval()
    assert encoder(torch.randn(2, 3000)).shape == (2, 6)
    assert encoder.sample_rate == 8000 and len(encoder.layer2) == 3
    assert "embedding_dim=6, frame_length=16000" in repr(encoder)
    with pytest.raises(ValueError, match=r"widths=\[4\], depths=\[2, 2"):
        ResNet18(widths=[4])
