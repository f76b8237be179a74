"""The values of torchaudio's resampler, at any pair of rates.

Authors
 * The speechbrain_clap team 2026
"""

import math

import pytest
import torch
import torchaudio

from speechbrain_clap.dataio.resampling import context_frames, resample

RATES = [
    (44100, 32000),
    (44100, 16000),
    (48000, 16000),
    (16000, 48000),
    (44100, 48000),
    (44100, 22050),
    (22050, 32000),
    (8000, 44100),
    (192000, 16000),
]


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("frames", [1, 7, 441, 30011])
def test_equals_torchaudio(rates, frames):
    wavs = torch.rand(2, 3, frames) * 2 - 1
    expected = torchaudio.transforms.Resample(*rates)(wavs)
    ours = resample(wavs, *rates)
    assert ours.shape == expected.shape
    assert float((ours - expected).abs().max()) < 1e-6


def test_rates_without_a_common_divisor_cost_no_memory():
    tone = torch.sin(2 * math.pi * 440 * torch.arange(44099.0) / 44099)
    other = torch.sin(2 * math.pi * 440 * torch.arange(44101.0) / 44101)
    difference = (resample(tone, 44099, 44101) - other)[50:-50]
    assert float(difference.abs().max()) < 2e-3


@pytest.mark.parametrize("rates", RATES)
def test_no_sample_looks_further_than_its_context(rates):
    original, wanted = rates
    wav = torch.zeros(4000)
    wav[2000] = 1.0
    seen = resample(wav, *rates).nonzero()[:, 0] * original / wanted
    reach = context_frames(*rates)
    assert 2000 - reach <= float(seen.min())
    assert float(seen.max()) <= 2000 + reach


def test_the_same_rate_is_left_alone():
    wav = torch.rand(5)
    assert resample(wav, 8000, 8000) is wav
