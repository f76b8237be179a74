"""VGGish: pooling, lengths, odd inputs.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.vggish import VGGish
from speechbrain_clap.lobes.vggish_features import VGGishLogMel

SIZES = {
    "channels": [[4], [4], [6, 6], [8, 8]],
    "hidden_dim": 16,
    "embedding_dim": 12,
}
KINDS = {
    "embedding": {"last_relu": False},
    "max_mean": {"pooling": "max_mean"},
    "before_last_pool": {"pooling": "max_mean", "last_pool": False},
}


def make(kind="embedding"):
    """A small network."""
    torch.manual_seed(0)
    return VGGish(**SIZES, **KINDS[kind]).eval()


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_padded_equals_alone(kind):
    """A clip in a padded batch gives what it gives by itself."""
    encoder = make(kind)
    wavs = 0.1 * torch.randn(4, 48000)
    samples = [48000, 32000, 1600, 1]
    lens = torch.tensor(samples) / 48000
    together = encoder(wavs, lens)
    frames, seconds = encoder.forward_frames(wavs, lens)
    columns = {"embedding": 1, "max_mean": 6, "before_last_pool": 12}[kind]
    assert seconds == pytest.approx(0.96 / columns)
    assert frames.shape[1:] == (3 * columns, encoder.embedding_dim)
    for index, length in enumerate(samples):
        wav = wavs[index : index + 1, :length]
        torch.testing.assert_close(
            together[index], encoder(wav)[0], atol=1e-5, rtol=1e-5
        )
        own = encoder.forward_frames(wav)[0][0]
        assert len(own) == max(1, (length - 240) // 15360) * columns
        torch.testing.assert_close(
            frames[index, : len(own)], own, atol=1e-5, rtol=1e-5
        )
        assert not frames[index, len(own) :].any()


@torch.no_grad()
def test_frames_are_examples():
    """Each as if it were a clip; a clip is their mean."""
    encoder, wavs = make(), 0.1 * torch.randn(2, 48000)
    frames, _ = encoder.forward_frames(wavs)
    torch.testing.assert_close(encoder(wavs), frames.mean(1))
    second = wavs[:, 15360 : 15360 + 15600]
    torch.testing.assert_close(frames[:, 1], encoder(second))


@torch.no_grad()
def test_channels_are_flattened_before_pooling():
    """Entry channel * bands + band; maximum + mean over all columns."""
    for kind, bands in (("max_mean", 4), ("before_last_pool", 8)):
        encoder, wavs = make(kind), 0.1 * torch.randn(2, 40000)
        maps = encoder.maps(wavs)  # [2, 2, 8, columns, bands]
        assert maps.shape == (2, 2, 8, 24 // (8 // bands) // 2, bands)
        embedding = encoder(wavs)
        assert embedding.shape == (2, encoder.embedding_dim) == (2, 8 * bands)
        line = maps[1, :, 3, :, 2]
        wanted = line.max() + line.mean()
        torch.testing.assert_close(embedding[1, 3 * bands + 2], wanted)
        column = encoder.forward_frames(wavs)[0][1, 1]
        torch.testing.assert_close(column, 2 * maps[1, 0, :, 1].flatten())


@torch.no_grad()
def test_last_relu():
    """torchvggish has one, Google does not."""
    google = make()
    ours = VGGish(**SIZES).eval()
    ours.load_state_dict(google.state_dict())
    wavs = 0.1 * torch.randn(2, 16000)
    assert google(wavs).min() < 0
    torch.testing.assert_close(ours(wavs), google(wavs).relu())


@torch.no_grad()
def test_many_examples_at_once():
    """Their number is no matter; three minutes are finite."""
    encoder, wavs = make(), 0.1 * torch.randn(1, 180 * 16000)
    frames, _ = encoder.forward_frames(wavs)
    assert frames.shape == (1, 187, 12) and frames.isfinite().all()
    start = 150 * 15360
    alone = encoder(wavs[:, start : start + 15600])
    torch.testing.assert_close(frames[:, 150], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_reaches_every_parameter(kind):
    """None is unused, as DDP demands."""
    encoder = make(kind).train()
    x = encoder(0.1 * torch.randn(4, 32000))
    (x * torch.randn(x.shape)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
    assert encoder.features[0].weight.grad.any()


def test_official_names():
    """And a round trip; without the fully connected part it is not saved."""
    state = make().state_dict()
    convolutions = {key for key in state if key.startswith("features.")}
    layers = {int(key.split(".")[1]) for key in convolutions}
    assert layers == {0, 3, 6, 8, 11, 13}
    rest = {key for key in state if key not in convolutions}
    assert rest == {
        f"embeddings.{index}.{name}"
        for index in (0, 2, 4)
        for name in ("weight", "bias")
    }
    other = VGGish(**SIZES, **KINDS["embedding"])
    other.load_state_dict(state)
    wavs = 0.1 * torch.randn(1, 16000)
    assert torch.equal(other(wavs), make()(wavs))
    assert set(make("max_mean").state_dict()) == convolutions


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_bf16_is_close_to_float32(kind):
    """Cosine above 0.999; the embedding itself is float32."""
    encoder, wavs = make(kind), 0.1 * torch.randn(4, 32000)
    exact = encoder(wavs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(wavs)
    assert rough.dtype == torch.float32
    assert torch.cosine_similarity(exact, rough).min() > 0.999


@torch.no_grad()
def test_silence_and_refusals():
    """Finite at the edges of what can come; stereo is named."""
    encoder = make()
    for wavs in (torch.zeros(1, 16000), torch.ones(1, 1), torch.ones(1, 1600)):
        assert encoder(wavs).isfinite().all()
    with pytest.raises(ValueError, match="mono waves"):
        encoder(torch.zeros(2, 2, 16000))
    with pytest.raises(ValueError, match="got 'mean'"):
        VGGish(pooling="mean")
    with pytest.raises(ValueError, match="last_pool=False is for"):
        VGGish(last_pool=False)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_compiles_as_one_graph(kind):
    """From the wave to the embedding."""
    encoder, wavs = make(kind), 0.1 * torch.randn(2, 32000)
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(wavs), encoder(wavs))


def test_sizes():
    """Other front ends and depths; they are told."""
    front_end = VGGishLogMel(
        sample_rate=8000, n_mels=32, f_max=4000.0, example_frames=48
    )
    encoder = VGGish(front_end, channels=[[4], [6]], hidden_dim=8)
    assert encoder(torch.randn(2, 8000)).shape == (2, 128)
    assert encoder.embeddings[0].in_features == 6 * 12 * 8
    assert encoder.sample_rate == 8000 and encoder.clip_seconds == 0.96
    assert "clip_seconds=0.96, embedding_dim=128" in repr(encoder)
