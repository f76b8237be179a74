"""ESResNeXt-fbsp against its authors' code."""

import pytest
import torch
from torch.nn import functional

from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.fbsp import FBSP


@pytest.fixture(scope="module")
def published(golden):
    """The golden file, and our network with its weights."""
    case = golden("esresnext_fbsp")
    encoder = ESResNeXt(num_classes=527).eval()
    encoder.load_state_dict(case.weights())
    return case, encoder


def pairs(coefficients):
    """Complex as (re, im) in a last axis."""
    return torch.view_as_real(coefficients)


@torch.no_grad()
def test_published_transform(published):
    """Filters, framing, transform and image; fitted and at the start."""
    case, encoder = published
    wavs = case.waves()
    frames = encoder.fbsp.count(wavs.shape[1])
    case.check("frames_count", torch.tensor([float(frames)]))
    some = [1, 50, 341, 1000]
    filters = encoder.fbsp.filters()
    case.check("fbsp_filters", pairs(filters[some, ::4]))
    initial = FBSP()
    case.check("fbsp_filters_at_init", pairs(initial.filters()[some, ::4]))
    scaled = wavs * (65536 / 65535) + 1 / 65535
    case.check("fbsp_complex", pairs(encoder.fbsp(scaled)[:, ::64, ::12]))
    image = encoder.features(wavs)
    assert image.shape == (2, 3, 341, frames)
    case.check("spectrogram_db", image[..., ::16, ::8])
    fitted, encoder.fbsp = encoder.fbsp, initial
    image = encoder.features(wavs)
    encoder.fbsp = fitted
    case.check("spectrogram_db_fbsp_at_init", image[..., ::16, ::8])


@torch.no_grad()
def test_published_network(published):
    """Stage by stage, then embedding, tags and losses."""
    case, encoder = published
    wavs = case.waves()
    seen = {}
    hooks = [
        getattr(encoder, name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update(
                {name: output.clone()}
            )
        )
        for name in ("bn1", "layer1", "att1")
    ]
    logits = encoder.classify(wavs)
    for hook in hooks:
        hook.remove()
    case.check("stem_bn1", seen["bn1"][:, ::8, ::16, ::8])
    case.check("layer1", seen["layer1"][:, ::16, ::16, ::8])
    case.check("att1", seen["att1"][:, ::16, ::16, ::8])
    last = encoder.trunk(encoder.features(wavs))
    case.check("layer4_times_att4", last[:, ::32])
    case.check("pooled", encoder(wavs))
    case.check("logits", logits)
    norm = encoder.fbsp_norm_loss()
    case.check("loss_fbsp_norm", norm)
    places = 31 * torch.arange(527) + 17 * torch.arange(2).unsqueeze(1)
    tags = functional.binary_cross_entropy_with_logits(
        logits, (places % 53 == 0).float(), reduction="sum"
    )
    case.check("loss_multilabel", tags / 2 + norm)
    one = functional.cross_entropy(logits, torch.tensor([3, 500]))
    case.check("loss_single_label", one + norm)


@torch.no_grad()
def test_published_channels_and_range(published):
    """Two rows as a stereo clip; a wave 32768 times as quiet."""
    case, encoder = published
    wavs = case.waves()
    stereo = wavs.unsqueeze(0)
    case.check("stereo_pooled", encoder(stereo))
    case.check("stereo_logits", encoder.classify(stereo))
    # The authors' demo forgets that factor.
    quiet = encoder.classify(wavs / case.facts["input_multiplier"])
    case.check("logits_input_in_unit_range", quiet)


def test_every_output_is_checked(published):
    """None of the file's outputs is left out above."""
    case, _ = published
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    assert all(f'"{name}"' in text for name in case.facts["outputs"])
    assert not case.facts.get("more_cases")
