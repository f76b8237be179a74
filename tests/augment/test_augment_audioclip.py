"""AudioCLIP's augmentations in numbers, mono and with channels.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.augment.scaled_crop import ScaledCrop
from speechbrain_clap.augment.waveform import (
    GaussianNoise,
    RandomCropOrPad,
    RandomShift,
    TimeReversal,
    TimeScaling,
)


@pytest.fixture(autouse=True)
def seeded():
    """All draws are from the global generator."""
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "augment",
    [
        TimeScaling(),
        TimeReversal(),
        RandomShift(),
        RandomCropOrPad(0.5, 1000),
        RandomCropOrPad(2, 1000, "edge"),
        ScaledCrop(0.8, 1000, fall_back=True),
    ],
)
def test_channels_share_what_is_drawn(augment):
    """Two equal channels stay equal, and are what mono gives."""
    mono = torch.randn(6, 1000)
    torch.manual_seed(1)
    alone = augment(mono)
    torch.manual_seed(1)
    both = augment(mono.unsqueeze(1).repeat(1, 2, 1))
    assert torch.equal(both[:, 0], alone) and torch.equal(both[:, 1], alone)


def test_noise_differs_between_channels_but_its_ratio_is_the_clips():
    """20 dB below both channels together."""
    clean = torch.stack([torch.ones(20000), 3 * torch.ones(20000)])[None]
    noise = GaussianNoise(20, 20, 1.0)(clean) - clean
    assert not torch.equal(noise[:, 0], noise[:, 1])
    ratio = clean.square().mean() / noise.square().mean()
    assert abs(10 * ratio.log10() - 20) < 0.2


def test_inversion_swaps_channels_where_the_published_code_is_wanted():
    """Time stays; mono stays as it is."""
    stereo = torch.arange(6.0).reshape(1, 2, 3)
    out = TimeReversal(1.0, swap_channels=True)(stereo)
    assert torch.equal(out, stereo.flip(1))
    mono = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(TimeReversal(1.0, swap_channels=True)(mono), mono)


def test_without_scaling_a_clip_of_the_length_passes():
    """Bit for bit."""
    wavs = torch.randn(4, 1000)
    assert torch.equal(ScaledCrop(1, 1000, base=1.0)(wavs), wavs)


def test_short_clips_come_to_a_random_place_between_their_edges():
    """The first and the last sample are repeated."""
    wavs = torch.arange(1.0, 9.0).repeat(200, 1)
    out = ScaledCrop(6, 1, base=1.0)(wavs, torch.full((200,), 0.5))
    assert {tuple(row) for row in out.tolist()} == {
        (1, 2, 3, 4, 4, 4),
        (1, 1, 2, 3, 4, 4),
        (1, 1, 1, 2, 3, 4),
    }


def test_scaling_changes_length_and_pitch_together():
    """A ramp's slope is one over the factor, in 1 / 1.5 to 1.5."""
    ramp = torch.arange(4000.0).repeat(300, 1)
    # Long enough to hold a clip that is slowed to the utmost.
    out = ScaledCrop(6000, 1)(ramp)
    slope = (out[:, 1:] - out[:, :-1]).amax(1)
    assert 0.66 < slope.min() < 0.69 and 1.45 < slope.max() < 1.501
    assert abs(slope.log().mean()) < 0.06
    # Padding is the edge's, and nothing of the clip is lost.
    assert (out.amin(1) == 0).all() and (out.amax(1) > 3996).all()
    # Slowed, it is cropped out of all of its length.
    short = ScaledCrop(4000, 1)(ramp)
    slowed = (short[:, 1:] - short[:, :-1]).amax(1) < 0.9
    assert short[slowed, 0].std() > 300


def test_crop_in_which_nothing_happens_falls_back():
    """To the beginning; to the end where the beginning is hardly better."""
    wav = torch.zeros(1, 1000)
    wav[0, :100] = torch.randn(100)
    crop = ScaledCrop(100, 1, base=1.0, fall_back=True)
    outs = torch.cat([crop(wav) for _ in range(50)])
    # Every crop in silence has become the first 100 samples.
    assert (outs.std(1) > 0.05).all()
    assert (outs == wav[:, :100]).all(1).float().mean() > 0.7
    plain = ScaledCrop(100, 1, base=1.0)
    silent = torch.cat([plain(wav) for _ in range(50)]).std(1) == 0
    assert silent.float().mean() > 0.7
    # As published: the beginning, if it is worse than the crop, stays.
    wav = torch.zeros(1, 1000)
    wav[0, :100] = 0.1 * torch.randn(100)
    wav[0, 900:] = torch.randn(100)
    outs = torch.cat([crop(wav) for _ in range(50)])
    assert (outs == wav[:, 900:]).all(1).float().mean() > 0.5


def test_what_lies_behind_a_clip_is_not_heard():
    """Padding of the batch does not tell the fall-back anything either."""
    wavs = torch.randn(8, 1000)
    wavs[:, 500:] = 1000.0
    out = ScaledCrop(0.4, 1000, fall_back=True)(wavs, torch.full((8,), 0.5))
    assert out.shape == (8, 400)
    assert out.abs().max() < 100
