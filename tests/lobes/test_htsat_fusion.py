"""Feature fusion against transformers' port; lengths, crops, training."""

import numpy
import pytest
import torch

from speechbrain_clap.augment.spectrogram import SpecAugment
from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.fused_patches import AttentionalFusion
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion

SIZES = {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4]}
SIZES |= {"spec_size": 64}


def log_mel():
    """100 frames a second, 16 bins."""
    return LogMel(
        16000, 512, 512, 160, n_mels=16, f_max=8000.0, mel_scale="htk"
    )


def make(**kwargs):
    """A small network: 201 frames to a clip, 256 in the image."""
    torch.manual_seed(0)
    encoder = HTSATFusion(log_mel(), 2.0, **{**SIZES, **kwargs})
    stir(encoder)
    return encoder.eval()


def stir(network):
    """Weights large enough for masks and biases to matter."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            scale = 1 if "bias_table" in name else parameter[0].numel() ** -0.5
            if parameter.ndim > 1:
                parameter.normal_(0, scale)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in network.named_buffers():
            if name.endswith("bn0.running_mean"):
                buffer.fill_(-30.0)
            if name.endswith("bn0.running_var"):
                buffer.fill_(100.0)


def to_transformers(state):
    """Our keys to theirs; the query, key and value matrices apart."""
    names = {
        "bn0.": "batch_norm.",
        "norm1.": "layernorm_before.",
        "norm2.": "layernorm_after.",
        "attn.proj.": "attention.output.dense.",
        "attn.": "attention.self.",
        "mlp.fc1.": "intermediate.dense.",
        "mlp.fc2.": "output.dense.",
    }
    theirs = {}
    for key, value in state.items():
        for own, their in names.items():
            key = key.replace(own, their)
        parts = {key: value}
        if ".qkv." in key:
            parts = {
                key.replace("qkv", name): part
                for name, part in zip(
                    ("query", "key", "value"), value.chunk(3), strict=True
                )
            }
        for name, part in parts.items():
            theirs[f"audio_encoder.{name}"] = part
    del theirs["audio_encoder.features.mel_matrix"]
    return theirs


@pytest.fixture(scope="module")
def port():
    """Theirs, with the weights of `make`."""
    clap = pytest.importorskip("transformers")
    config = clap.ClapAudioConfig(
        spec_size=64,
        num_mel_bins=16,
        patch_embeds_hidden_size=8,
        hidden_size=16,
        depths=[2, 2],
        num_attention_heads=[2, 4],
        num_hidden_layers=2,
        enable_fusion=True,
    )
    theirs = clap.ClapAudioModel(config).eval()
    report = theirs.load_state_dict(
        to_transformers(make().state_dict()), strict=False
    )
    assert not report.unexpected_keys
    assert all("position_index" in key for key in report.missing_keys)
    return theirs


@pytest.mark.parametrize("samples", [48000, 33000, 32320])
@torch.no_grad()
def test_equals_transformers_long(port, samples):
    """Explicit crops of 301, 207 and 203 frames."""
    ours = make()
    wavs = 0.1 * torch.randn(3, samples)
    last = samples // 160 + 1 - 201
    starts = torch.stack([torch.randperm(last + 1)[:3] for _ in range(3)])
    views = ours.views(ours.features(wavs), starts)
    wanted = port(views, is_longer=torch.ones(3, 1, dtype=torch.bool))
    tokens = ours.fuse(wavs, crop_starts=starts.tolist())
    torch.testing.assert_close(
        tokens.permute(0, 3, 1, 2),
        wanted.last_hidden_state,
        atol=1e-5,
        rtol=1e-5,
    )


@torch.no_grad()
def test_equals_transformers_mixed(port):
    """Lengths in one batch; the crops where we choose them."""
    ours = make()
    samples = torch.tensor([32000, 64000, 32159, 48000, 32160])
    wavs = 0.1 * torch.randn(5, 64000)
    views, longer = [], []
    for wav, length in zip(wavs, samples.tolist(), strict=True):
        mel = ours.features(wav[None, :length])
        longer.append([mel.shape[1] > 201])
        views.append(
            ours.views(mel)
            if longer[-1][0]
            else mel[:, None].repeat(1, 4, 1, 1)
        )
    assert longer == [[False], [True], [False], [True], [True]]
    wanted = port(torch.cat(views), is_longer=torch.tensor(longer))
    torch.testing.assert_close(
        ours(wavs, samples / 64000),
        wanted.pooler_output,
        atol=1e-5,
        rtol=1e-5,
    )


def test_views_are_those_of_transformers():
    """Our log-mel, shrinking and crops against their feature extractor's."""
    clap = pytest.importorskip("transformers")
    extractor = clap.ClapFeatureExtractor(
        feature_size=64,  # a constant of theirs
        sampling_rate=16000,
        hop_length=160,
        max_length_s=2,
        fft_window_size=512,
        frequency_min=50,
        frequency_max=8000,
    )
    features = LogMel(16000, 512, 512, 160, f_max=8000.0, mel_scale="htk")
    sizes = {**SIZES, "spec_size": 128}
    ours = HTSATFusion(features, 2.0, **sizes).eval()
    wav = 0.1 * torch.randn(1, 50000)
    numpy.random.seed(0)
    theirs = extractor(
        wav[0].numpy(), sampling_rate=16000, return_tensors="pt"
    )["input_features"]
    numpy.random.seed(0)
    thirds = numpy.array_split(range(313 - 201 + 1), 3)
    starts = [[int(numpy.random.choice(third)) for third in thirds]]
    own = ours.views(ours.features(wav), torch.tensor(starts))
    torch.testing.assert_close(own, theirs.float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("frames", [202, 203, 204, 205, 301, 5000])
def test_crop_starts(frames):
    """The middle of each third; in training anywhere in it."""
    encoder = make()
    thirds = numpy.array_split(range(frames - 201 + 1), 3)
    middles = [int(x[(len(x) - 1) // 2]) if len(x) else 0 for x in thirds]
    assert encoder.crop_starts(frames, 2).tolist() == [middles] * 2
    drawn = encoder.train().crop_starts(frames, 3000)
    for column, third in zip(drawn.T.tolist(), thirds, strict=True):
        third = third.tolist() or [0]
        assert set(column) <= set(third)
        if len(third) < 40:
            assert set(column) == set(third)


def test_bad_crop_starts_are_refused():
    """Outside the clip, or too few: one message with the bounds."""
    encoder = make()
    wavs = torch.randn(2, 48000)
    for starts in ([[0, 1, 101], [0, 0, 0]], [[0, 0, -1]] * 2, [[0, 0]] * 2):
        with pytest.raises(ValueError, match=r"0 \.\. 100 for a clip of 301"):
            encoder.fuse(wavs, crop_starts=starts)


def test_too_long_a_clip_is_refused():
    """More frames than the image holds."""
    with pytest.raises(ValueError, match="301 frames, the image holds 256"):
        HTSATFusion(log_mel(), 3.0, **SIZES)


@torch.no_grad()
def test_padded_equals_alone():
    """Embeddings, scores, frames: the same in any batch, at every call."""
    encoder = make(num_classes=5)
    samples = [96000, 32000, 48000, 9000, 1600, 1]
    wavs = 0.1 * torch.randn(len(samples), samples[0])
    lens = torch.tensor(samples) / samples[0]
    together, scores = encoder(wavs, lens), encoder.classify(wavs, lens)
    frames, seconds = encoder.forward_frames(wavs, lens)
    assert frames.shape == (6, 75, 16) and seconds == 0.08
    torch.testing.assert_close(together, encoder(wavs, lens), atol=0, rtol=0)
    for row, length in enumerate(samples):
        wav = wavs[row : row + 1, :length]
        for ours, alone in (
            (together, encoder(wav)),
            (scores, encoder.classify(wav)),
        ):
            torch.testing.assert_close(
                ours[row], alone[0], atol=1e-5, rtol=1e-5
            )
        own = encoder.forward_frames(wav)[0]
        torch.testing.assert_close(
            frames[row, : own.shape[1]], own[0], atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
def test_short_clips_and_frames_equal_the_base():
    """Nothing is fused in a short clip, nor over time in a long one."""
    ours = make(num_classes=5)
    base = HTSAT(log_mel(), 2.0, num_classes=5, **SIZES).eval()
    state = {
        k: v for k, v in ours.state_dict().items() if k in base.state_dict()
    }
    base.load_state_dict(state)
    short, long = 0.1 * torch.randn(2, 32000), 0.1 * torch.randn(2, 80000)
    for wavs, methods in (
        (short, ("forward", "classify")),
        (long, ("forward_frames", "classify_frames")),
    ):
        for name in methods:
            mine, theirs = getattr(ours, name)(wavs), getattr(base, name)(wavs)
            mine = mine[0] if isinstance(mine, tuple) else mine
            theirs = theirs[0] if isinstance(theirs, tuple) else theirs
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    assert (ours(long) - base(long)).abs().max() > 1e-3


@torch.no_grad()
def test_extremes():
    """Silence, one sample, three minutes: finite."""
    encoder = make()
    for wavs in (
        torch.zeros(1, 32000),
        torch.zeros(2, 70000),
        torch.ones(1, 1),
        0.1 * torch.randn(1, 180 * 16000),
        0.1 * torch.randn(1, 40000, dtype=torch.float64),
    ):
        embedding = encoder(wavs)
        assert embedding.shape == (len(wavs), 16)
        assert embedding.dtype == torch.float32
        assert torch.isfinite(embedding).all()


@pytest.mark.parametrize("samples", [32000, 48000])
@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_reach_every_parameter(samples, batch):
    """Also without a longer clip, and with a batch of one."""
    encoder = make(num_classes=3, spec_augment=SpecAugment()).train()
    wavs = 0.1 * torch.randn(batch, samples)
    encoder.classify(wavs).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_training_on_mixed_lengths():
    """One set of batch statistics, each frame counted once."""
    encoder = make().train()
    wavs = 0.1 * torch.randn(3, 64000)
    lens = torch.tensor([0.5, 1.0, 0.25])
    before = encoder.bn0.running_mean.clone()
    encoder(wavs, lens).sum().backward()
    mels = [
        encoder.features(wav[None, : round(64000 * part)])[0]
        for wav, part in zip(wavs, lens.tolist(), strict=True)
    ]
    wanted = 0.9 * before + 0.1 * torch.cat(mels).mean(0)
    torch.testing.assert_close(encoder.bn0.running_mean, wanted)
    assert encoder.bn0.num_batches_tracked == 1


def test_one_fused_clip_in_training():
    """The pooled branch keeps its statistics, the other learns its own."""
    torch.manual_seed(0)
    fusion = AttentionalFusion(8)
    stir(fusion)
    local = fusion.local_att[1].running_var.clone()
    pooled = fusion.global_att[2].running_var.clone()
    x, y = torch.randn(1, 8, 4, 4), torch.randn(1, 8, 4, 4)
    fusion(x, y)
    assert torch.equal(fusion.global_att[2].running_var, pooled)
    assert not torch.equal(fusion.local_att[1].running_var, local)
    fusion(x.repeat(2, 1, 1, 1), torch.randn(2, 8, 4, 4))
    assert not torch.equal(fusion.global_att[2].running_var, pooled)


def test_bf16_autocast():
    """Close to float32, and the embedding stays float32."""
    encoder = make()
    wavs = 0.1 * torch.randn(2, 48000)
    with torch.no_grad():
        wanted = encoder(wavs)
        with torch.autocast("cpu", torch.bfloat16):
            ours = encoder(wavs)
    assert ours.dtype == torch.float32
    assert torch.cosine_similarity(ours, wanted).min() > 0.999
    with torch.autocast("cpu", torch.bfloat16):
        encoder.train()(wavs).sum().backward()


def test_compiles_without_a_graph_break():
    """Long clips, in evaluation."""
    encoder = make()
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    wavs = 0.1 * torch.randn(2, 48000)
    with torch.no_grad():
        torch.testing.assert_close(
            compiled(wavs), encoder(wavs), atol=1e-5, rtol=1e-5
        )


def test_tells_its_sizes():
    """And that classifying needs a head."""
    encoder = make()
    assert "clip_frames=201" in repr(encoder)
    with pytest.raises(ValueError, match="num_classes"):
        encoder.classify(torch.randn(1, 100))
