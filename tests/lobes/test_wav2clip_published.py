"""Wav2CLIP against its authors' code: tower, projections, loss.

Authors
 * The speechbrain_clap team 2026
"""

import math

import pytest
import torch

from speechbrain_clap.lobes.projection import MLPProjection
from speechbrain_clap.lobes.resnet18 import ResNet18
from speechbrain_clap.losses.cross_projection import CrossProjectionLoss


@pytest.fixture(scope="module")
def wav2clip(golden):
    """The golden file."""
    return golden("wav2clip")


def tower(wav2clip, **options):
    """The encoder with the published names, every one used."""
    mode = wav2clip.facts["frame_mode"]
    encoder = ResNet18(
        frame_length=mode["frame_length"],
        frame_hop=mode["hop_length"],
        **options,
    ).eval()
    state = wav2clip.weights("audio_encoder.")
    report = encoder.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    assert all("num_batches" in key for key in report.missing_keys)
    return encoder


def projection(wav2clip, name):
    """f ("audio") or g ("image")."""
    layer = MLPProjection(512, 512, hidden_dim=512, dropout=0.1).eval()
    names = {"0": "linear1", "3": "linear2"}
    state = wav2clip.weights(f"{name}_transform.sequential.")
    layer.load_state_dict({names[k[0]] + k[1:]: x for k, x in state.items()})
    return layer


@torch.no_grad()
def test_the_batch_together(wav2clip):
    """The published rule, stage by stage."""
    encoder, f = (
        tower(wav2clip, normalise="batch"),
        projection(wav2clip, "audio"),
    )
    wavs = wav2clip.waves()
    power = encoder.features.log_power(wavs).exp() - 1e-7
    power = power.transpose(1, 2)[:, ::8, ::8]
    wav2clip.check("power_spectrogram", power)
    x = encoder.features(wavs).transpose(1, 2)
    name = "log_spectrogram_normalised_over_batch"
    wav2clip.check(name, x[:, ::8, ::8])
    seen = {}
    for layer in ("bn1", "layer1", "layer4"):
        getattr(encoder, layer).register_forward_hook(
            lambda module, x, y, layer=layer: seen.update({layer: y.clone()})
        )
    embedding = encoder(wavs)
    # A ReLU in place came after: what was kept has no negative numbers.
    assert wav2clip.wanted("stem_bn1").min() == 0
    wav2clip.check("stem_bn1", seen["bn1"][:, ::8, ::16, ::16].relu())
    wav2clip.check("layer1", seen["layer1"][:, ::8, ::16, ::8])
    wav2clip.check("layer4", seen["layer4"][:, ::16])
    wav2clip.check("encoder_output", embedding)
    wav2clip.check("embedding", f(embedding))
    frames, seconds = encoder.forward_frames(wavs)
    assert seconds == 0.5
    wav2clip.check("frame_embeddings", f(frames).transpose(1, 2))


@torch.no_grad()
def test_each_clip_alone(wav2clip):
    """The default, and the published rule on one file, are the same."""
    f = projection(wav2clip, "audio")
    wavs = wav2clip.waves()
    ours, theirs = tower(wav2clip), tower(wav2clip, normalise="batch")
    wav2clip.check("embedding_each_clip_alone", f(ours(wavs)))
    alone = torch.cat([theirs(wav) for wav in wavs.split(1)])
    wav2clip.check("embedding_each_clip_alone", f(alone))
    name = "frame_embeddings_first_clip_alone"
    frames = ours.forward_frames(wavs)[0][:1]
    wav2clip.check(name, f(frames).transpose(1, 2))
    frames = theirs.forward_frames(wavs[:1])[0]
    wav2clip.check(name, f(frames).transpose(1, 2))


@torch.no_grad()
def test_losses(wav2clip):
    """In both spaces with their own scales, together, and unprojected."""
    f, g = (projection(wav2clip, name) for name in ("audio", "image"))
    audio = tower(wav2clip, normalise="batch")(wav2clip.waves())
    video = wav2clip.facts["video_input"]
    video = wav2clip.fill.fill(video["fill_name"], video["shape"])
    image = torch.from_numpy(video).mean(1)
    wav2clip.check("transformed_image", g(image))
    scales = wav2clip.weights("loss_fn_")
    audio_scale = scales["a.logit_scale"].exp()
    image_scale = scales["i.logit_scale"].exp()
    loss = CrossProjectionLoss()
    together = loss(audio, f(audio), image, g(image), audio_scale, image_scale)
    wav2clip.check("loss_cross_projection", together)
    alone = loss.space(audio, g(image), audio_scale)
    wav2clip.check("loss_audio_space", alone)
    alone = loss.space(f(audio), image, image_scale)
    wav2clip.check("loss_image_space", alone)
    plain = torch.tensor(math.log(1 / 0.07)).exp()
    wav2clip.check("loss_plain", loss.space(audio, image, plain))
