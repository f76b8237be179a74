"""Each key of a file is used once, and every fault is in one message."""

import pytest
import torch

from speechbrain_clap.checkpoints.building import NoInitialisation
from speechbrain_clap.checkpoints.constants import (
    dft_kernels,
    torchlibrosa_constants,
)
from speechbrain_clap.checkpoints.keys import (
    KeyMap,
    load_official,
    official_state,
)
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.lobes.cnn14 import CNN6
from speechbrain_clap.lobes.features import LogMel

KEYS = KeyMap(
    (
        ("base.", ""),
        ("base.bn0.", "norm0."),
        ("base.logmel_extractor.melW", "features.mel_matrix"),
    ),
    unused=("base.head.",),
    ignored=(r".*\.position_ids",),
)


def make():
    """A small network and its official state."""
    net = CNN6(LogMel(), channels=[4, 8], embedding_dim=6)
    constants = torchlibrosa_constants("base.", net.features)
    return net, constants, official_state(net, KEYS, constants, {})


def load(net, state, constants):
    """Loads copies, as a file would give them."""
    state = {key: value.clone() for key, value in state.items()}
    return load_official(net, state, KEYS, constants, "a.pt")


def test_there_and_back():
    """What was left over comes back too, and nothing else is added."""
    net, constants, state = make()
    state["base.head.weight"] = torch.randn(3, 3)
    state["base.text.position_ids"] = torch.arange(4)
    del state["base.bn0.num_batches_tracked"]
    other, _, _ = make()
    report, rest = load(other, state, constants)
    assert report.strict and not report.different
    assert len(report.constants) == 3
    assert set(rest) == {*report.constants, *report.unused, *report.ignored}
    back = official_state(other, KEYS, constants, rest, report.loaded)
    assert back.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(back[key], value), key
    wavs = torch.randn(2, 9000)
    assert torch.equal(other.eval()(wavs), net.eval()(wavs))


def test_layout_and_type_stay():
    """Convolutions keep their layout in memory, half precision is widened."""
    net, constants, state = make()
    layout = net.conv_block2.conv1.weight.stride()
    half = {key: value.half() for key, value in state.items()}
    load(net, half | {k: state[k] for k in constants}, constants)
    assert net.conv_block2.conv1.weight.stride() == layout
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_all_faults_in_one_message():
    """Missing, unexpected and misshapen keys, each by name."""
    net, constants, state = make()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    del state["base.fc1.bias"]
    state["base.more"] = torch.ones(1)
    state["base.fc1.weight"] = torch.ones(6, 9)
    with pytest.raises(CheckpointError) as error:
        load(net, state, constants)
    assert "missing: 1 (base.fc1.bias)" in str(error.value)
    assert "unexpected: 1 (base.more)" in str(error.value)
    assert "base.fc1.weight is [6, 9], expected [6, 8]" in str(error.value)
    for key, value in net.state_dict().items():  # and nothing was loaded
        assert torch.equal(value, before[key])


def test_a_constant_that_is_not_ours():
    """Theirs is used where there is a place for it, and it is told."""
    net, constants, state = make()
    state["base.logmel_extractor.melW"] = (
        2 * constants["base.logmel_extractor.melW"]
    )
    kernel = "base.spectrogram_extractor.stft.conv_real.weight"
    state[kernel] = torch.zeros_like(constants[kernel])
    report, _ = load(net, state, constants)
    assert sorted(report.different) == [
        "base.logmel_extractor.melW: theirs is used",
        f"{kernel}: ours is used",
    ]
    wanted = state["base.logmel_extractor.melW"]
    assert torch.equal(net.features.mel_matrix, wanted)


def test_kernels_are_the_transform():
    """Convolving with them is the windowed Fourier transform."""
    real, imaginary = dft_kernels(64, 48)
    wav = torch.randn(64, dtype=torch.float64)
    window = torch.zeros(64, dtype=torch.float64)
    window[8:56] = torch.hann_window(48, dtype=torch.float64)
    wanted = torch.fft.rfft(wav * window)
    ours = torch.complex(
        real[:, 0].double() @ wav, imaginary[:, 0].double() @ wav
    )
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)


def test_kernels_are_torchlibrosas():
    """The very tensors of the files."""
    stft = pytest.importorskip("torchlibrosa.stft")
    theirs = stft.STFT(n_fft=256, hop_length=80, win_length=256)
    real, imaginary = dft_kernels(256, 256)
    torch.testing.assert_close(
        theirs.conv_real.weight.detach(), real, atol=1e-6, rtol=0
    )
    torch.testing.assert_close(
        theirs.conv_imag.weight.detach(), imaginary, atol=1e-6, rtol=0
    )


def test_nothing_is_filled():
    """Parameters stay untouched, buffers are computed."""
    with NoInitialisation():
        torch.manual_seed(0)
        torch.nn.Linear(50, 50)
        drawn = torch.rand(1)
        buffer = LogMel().mel_matrix
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    assert torch.equal(buffer, LogMel().mel_matrix)
