"""LAION's feature fusion against its authors' code."""

import pytest
import torch
from torch.nn import functional

from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion
from speechbrain_clap.lobes.projection import MLPProjection

NAME = "laion_clap_htsat_tiny_fused"


@pytest.fixture(scope="module")
def published(golden):
    """The golden file, our network and projection with its weights."""
    case = golden(NAME)
    encoder = HTSATFusion(
        LogMel(48000, hop_length=480, mel_scale="htk"), num_classes=527
    )
    state = case.weights("audio_branch.")
    del state["head.weight"], state["head.bias"]  # never used
    report = encoder.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    for key in report.missing_keys:
        assert key == "features.mel_matrix" or "num_batches" in key
    projection = MLPProjection(768, 512)
    names = {"0": "linear1", "2": "linear2"}
    projection.load_state_dict(
        {
            names[key[0]] + key[1:]: value
            for key, value in case.weights("audio_projection.").items()
        }
    )
    return case, encoder.eval(), projection.eval()


def check(published, name, wavs, lens=None, starts=None):
    """The latent, and the embedding behind it."""
    case, encoder, projection = published
    latent = encoder.fuse(wavs, lens, starts).mean((1, 2))
    case.check(f"{name}_latent", latent)
    embedding = functional.normalize(projection(latent), dim=-1)
    case.check(f"{name}_audio_embedding", embedding)


@torch.no_grad()
def test_published_short(published):
    """No longer than a clip: no fusion."""
    case, encoder, _ = published
    wavs = case.waves(case.facts["inputs"]["short"])
    log_mel = encoder.features(wavs)
    case.check("mel_item0_first64frames", log_mel[0, :64])
    image = encoder.image(encoder.spectrogram(wavs))
    tokens = encoder.patch_embed(image).flatten(1, 2)
    case.check("short_patch_tokens_item0_first8", tokens[0, :8])
    check(published, "short", wavs)
    case.check("short_latent", encoder(wavs))


@torch.no_grad()
def test_published_long(published):
    """Shrunk, cropped where the file says, fused."""
    case, encoder, _ = published
    inputs = case.facts["inputs"]["long"]
    wavs = case.waves(inputs)
    starts = torch.tensor(inputs["crop_starts_in_frames"])
    shrunk = encoder.views(encoder.features(wavs), starts)[0, 0, :32]
    case.check("long_shrunk_mel_item0_first32frames", shrunk)
    views = encoder.views(encoder.spectrogram(wavs), starts)
    images = encoder.image(views.flatten(0, 1)).view(2, 4, 256, 256)
    tokens = encoder.patch_embed(
        images[:, :1], images[:, 1:], torch.arange(2)
    ).flatten(1, 2)
    case.check("long_patch_tokens_item0_first8", tokens[0, :8])
    check(published, "long", wavs, starts=starts)


@torch.no_grad()
def test_published_mixed(published):
    """A short and a long clip in one batch, through their lengths."""
    case = published[0]
    inputs = case.facts["inputs"]
    wavs = case.waves(inputs["long"])
    wavs[0] = 0.0
    wavs[0, :480000] = case.waves(inputs["short"])[0]
    starts = torch.tensor(inputs["long"]["crop_starts_in_frames"])
    lens = torch.tensor([480000 / 720000, 1.0])
    check(published, "mixed", wavs, lens, starts)
