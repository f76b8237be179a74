"""Spectrograms against torchlibrosa, torchaudio and formulas; odd inputs."""

import math

import pytest
import torch
import torchaudio

from speechbrain_clap.lobes.features import (
    PUBLISHED,
    LogMel,
    LogSpectrogram,
    published_log_mel,
)
from speechbrain_clap.lobes.mel import slaney_mel_matrix, vggish_mel_matrix
from speechbrain_clap.lobes.vggish_features import VGGishLogMel

FRONT_ENDS = {
    "LogMel": LogMel(sample_rate=16000, f_max=8000.0),
    "LogSpectrogram": LogSpectrogram(),
    "VGGishLogMel": VGGishLogMel(),
}

SETTINGS = [
    {},  # Microsoft CLAP
    {"sample_rate": 32000, "f_max": 14000.0},  # PANNs, HTS-AT
    {
        "sample_rate": 48000,
        "n_fft": 1024,
        "win_length": 1024,
        "hop_length": 480,
    },
    {"sample_rate": 22050, "hop_length": 512, "f_max": 11025.0},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_torchlibrosa(settings):
    """On noise under a chirp, where no bin is near the float's floor."""
    stft = pytest.importorskip("torchlibrosa.stft")
    ours = LogMel(**settings)
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(2 * ours.sample_rate) / ours.sample_rate
    chirp = 0.3 * torch.sin(2 * torch.pi * (200 + 900 * time) * time)
    noise = 0.1 * torch.randn(2, len(time), generator=generator)
    wavs = chirp + noise
    keys = {"n_fft": 1024, "hop_length": ours.hop_length, "win_length": 1024}
    spectrogram = stft.Spectrogram(pad_mode="reflect", **keys)
    mel = stft.LogmelFilterBank(
        sr=ours.sample_rate,
        n_fft=1024,
        n_mels=64,
        fmin=50,
        fmax=settings.get("f_max", 14000.0),
        amin=1e-10,
        top_db=None,
    )
    theirs = mel(spectrogram(wavs))[:, 0]
    assert (ours(wavs) - theirs).abs().max() < 2e-4


def test_matrix_is_the_one_of_torchaudio():
    """To the precision that theirs is computed in."""
    ours = slaney_mel_matrix(44100, 1024, 64, 50.0, 14000.0)
    theirs = torchaudio.functional.melscale_fbanks(
        513, 50.0, 14000.0, 64, 44100, norm="slaney", mel_scale="slaney"
    )
    torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=0)


def test_silence_is_the_floor_and_short_waves_are_padded():
    """-100 dB; one sample gives two frames, as half a window does."""
    assert (LogMel()(torch.zeros(1, 4410)) == -100).all()
    assert LogMel()(torch.ones(1, 1)).shape == (1, 2, 64)


def test_float32_under_autocast():
    """bf16 would lose the decibels."""
    wavs = torch.randn(1, 4410)
    features = LogMel()
    with torch.autocast("cpu", torch.bfloat16):
        under = features(wavs.bfloat16().float())
    assert under.dtype == torch.float32
    assert torch.equal(under, features(wavs.bfloat16().float()))


def test_impossible_edges():
    """Names the values."""
    with pytest.raises(ValueError, match="f_max=14000.0, sample_rate=16000"):
        LogMel(sample_rate=16000)


def test_htk_is_torchaudios():
    """Triangles of height one, at another rate than LAION's too."""
    settings = {"n_fft": 512, "hop_length": 200, "n_mels": 40, "f_max": 7600.0}
    ours = LogMel(
        sample_rate=16000, win_length=400, mel_scale="htk", **settings
    )
    theirs = torch.nn.Sequential(
        torchaudio.transforms.MelSpectrogram(
            16000, win_length=400, f_min=50.0, **settings
        ),
        torchaudio.transforms.AmplitudeToDB("power"),
    )
    wavs = 0.1 * torch.randn(2, 16000)
    wanted = theirs(wavs).transpose(1, 2)
    torch.testing.assert_close(ours(wavs), wanted, atol=2e-4, rtol=0)
    with pytest.raises(ValueError, match="slaney, htk, got 'mel'"):
        LogMel(mel_scale="mel")


def test_filters_for_another_rate():
    """Only the matrix is another; its own rate bounds the edges."""
    ours = LogMel(sample_rate=44100, mel_sample_rate=32000)
    assert ours.sample_rate == 44100 and ours.stft.sample_rate == 44100
    wanted = slaney_mel_matrix(32000, 1024, 64, 50.0, 14000.0)
    assert torch.equal(ours.mel_matrix, wanted)
    with pytest.raises(ValueError, match="mel_sample_rate=16000"):
        LogMel(sample_rate=44100, mel_sample_rate=16000)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_settings(golden, name):
    """What the authors' code computes for each family."""
    case, ours = golden(name), published_log_mel(name)
    if name == "panns_cnn14":
        case.check("mel_matrix", ours.mel_matrix[::9])
        case.check("log_mel", ours(case.waves())[:, ::6, ::3])
    elif name == "laion_clap_htsat_tiny_fused":
        wavs = case.waves(case.facts["inputs"]["short"])
        case.check("mel_item0_first64frames", ours(wavs)[0, :64])
    elif name == "msclap_clapcap":  # shares the 2023 encoder
        assert PUBLISHED[name] == PUBLISHED["msclap_2023"]
    else:
        logmel = ours(case.waves())[0, :64]
        case.check("logmel_item0_first64frames", logmel)


def test_unknown_family():
    """Names those that there are."""
    with pytest.raises(ValueError, match="'wav2clip'.*panns_cnn14"):
        published_log_mel("wav2clip")


def test_log_spectrogram_is_the_formula():
    """By torch.stft; standardised over the clip or over the batch."""
    wavs = torch.randn(3, 5000) * torch.tensor([[0.5], [0.1], [1e-4]])
    bins = torch.stft(
        wavs, 512, 353, window=torch.hann_window(512), return_complex=True
    )
    x = (bins.abs().double() ** 2 + 1e-7).log().transpose(1, 2)
    wanted = (x - x.mean()) / (x.std() + 1e-9)
    ours = LogSpectrogram(normalise="batch")(wavs)
    torch.testing.assert_close(ours.double(), wanted, atol=1e-5, rtol=0)
    mean, std = x.mean((1, 2), keepdim=True), x.std((1, 2), keepdim=True)
    ours = LogSpectrogram()(wavs)
    wanted = (x - mean) / (std + 1e-9)
    torch.testing.assert_close(ours.double(), wanted, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="got 'none'"):
        LogSpectrogram(normalise="none")


def test_standardised_silence_is_zero():
    """Rounding must not be blown up by a deviation of zero."""
    for normalise in ("clip", "batch"):
        features = LogSpectrogram(normalise=normalise)
        assert not features(torch.zeros(2, 16000)).any()
        assert not features(torch.zeros(2, 1)).any()


def test_vggish_matrix_by_hand():
    """Straight in mel, nothing at 0 Hz."""
    ours = vggish_mel_matrix(8000, 256, 10, 0.0, 3000.0)
    bins = 1127 * torch.log1p(torch.arange(129.0).double() * 8000 / 256 / 700)
    edges = torch.linspace(0, 1, 12).double() * 1127 * math.log1p(3000 / 700)
    for band in range(10):
        low, peak, high = edges[band : band + 3]
        rise, fall = (bins - low) / (peak - low), (high - bins) / (high - peak)
        wanted = torch.minimum(rise, fall).clamp(min=0)
        wanted[0] = 0
        found = ours[:, band].double()
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_vggish_examples():
    """Framed from the first sample; the rest is dropped, the short padded."""
    features = VGGishLogMel()
    one = 400 + 95 * 160  # samples of an example
    two = one + 96 * 160
    wavs = 0.1 * torch.randn(1, two)
    x = features(wavs)
    assert x.shape == (1, 2, 96, 64)
    torch.testing.assert_close(features(wavs[:, 96 * 160 :])[:, 0], x[:, 1])
    assert torch.equal(features(wavs[:, :-1]), features(wavs[:, :one]))
    for samples in (1, 399, 1600, one - 1):
        short = wavs[:, :samples]
        padded = torch.nn.functional.pad(short, (0, one - samples))
        assert torch.equal(features(short), features(padded))
    silence = torch.full((1, 1, 96, 64), math.log(0.01))
    torch.testing.assert_close(features(torch.zeros(1, 16000)), silence)
    with pytest.raises(ValueError, match="f_max=7500.0, sample_rate=8000"):
        VGGishLogMel(sample_rate=8000)


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_batched_equals_single_and_gradient(kind):
    """Also of short clips; the wave gets a finite gradient."""
    features = FRONT_ENDS[kind]
    for samples in (1, 1600, 20000):
        wavs = (0.1 * torch.randn(3, samples)).requires_grad_(True)
        x = features(wavs)
        assert x.dtype == torch.float32 and x.isfinite().all()
        alone = torch.cat([features(wav) for wav in wavs.split(1)])
        torch.testing.assert_close(x, alone, atol=1e-5, rtol=0)
        weights = torch.randn(x.shape)
        (x * weights).sum().backward()
        assert wavs.grad.isfinite().all()
        # VGGish's first frame starts with the wave, its window with a zero.
        assert wavs.grad.any() or samples == 1


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_float64_and_autocast(kind):
    """Computed in float32, whatever comes and whatever the autocast."""
    features, wavs = FRONT_ENDS[kind], 0.1 * torch.randn(1, 16000)
    wanted = features(wavs)
    assert torch.equal(features(wavs.double()), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(features(wavs), wanted)


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_stereo_and_integers_are_refused(kind):
    """Rather than misread."""
    features = FRONT_ENDS[kind]
    for shape in ((2, 16000, 2), (2, 2, 16000), (16000,)):
        with pytest.raises(ValueError, match="mono waves"):
            features(torch.zeros(shape))
    with pytest.raises(TypeError, match="int16; divide"):
        features(torch.zeros(1, 16000, dtype=torch.int16))


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_compiles_as_one_graph(kind):
    """No Python stands in the way of torch.compile."""
    features, wavs = FRONT_ENDS[kind], 0.1 * torch.randn(2, 16000)
    compiled = torch.compile(features, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(wavs), features(wavs))


def test_only_the_mel_matrix_is_saved():
    """What published state dicts of the networks have to bring or not."""
    saved = {kind: list(x.state_dict()) for kind, x in FRONT_ENDS.items()}
    assert saved.pop("LogMel") == ["mel_matrix"]
    assert not any(saved.values())
