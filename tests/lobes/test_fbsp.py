"""The B-spline transform against its formula; its gradients; its cache."""

import copy
import io
import pickle

import numpy
import pytest
import scipy.signal
import torch

from speechbrain_clap.lobes.fbsp import FBSP, unit_maximum

SIZES = {"n_fft": 64, "hop_length": 17, "win_length": 50}


def make(trained=True):
    """A small transform, with parameters as training might leave them."""
    transform = FBSP(**SIZES)
    if trained:
        torch.manual_seed(0)
        with torch.no_grad():
            # A third stay at m = 0; some of the others are negative.
            transform.m.normal_(0, 0.4)[::3] = 0
            transform.fb.uniform_(0.7, 1.3)
            transform.fc.add_(torch.randn(33))
    return transform


def by_the_formula(transform):
    """Filters [bins, n_fft] in float64, with a true complex power."""
    m, fb, fc = (
        parameter.detach().double().numpy()[:, None]
        for parameter in (transform.m, transform.fb, transform.fc)
    )
    t = numpy.pi * numpy.linspace(-1, 1, transform.n_fft) + 1e-8
    x = fb * t / (m + 1e-8)
    base = (numpy.sin(x) / x).astype(complex)
    wave = numpy.cos(fc * t) - 1j * numpy.sin(fc * t)
    return numpy.sqrt(fb / transform.n_fft) * base**m * wave


def transform_slowly(transform, wav):
    """Frame by frame, as published: [bins, frames]."""
    count = max(1, 1 + int(numpy.ceil((len(wav) - 50) / 17)))
    missing = (count - 1) * 17 + 50 - len(wav)
    wav = numpy.pad(wav, (missing // 2, missing - missing // 2))
    window = scipy.signal.get_window("blackmanharris", 50)
    frames = [
        numpy.pad(wav[i * 17 : i * 17 + 50] * window, (7, 7))
        for i in range(count)
    ]
    return by_the_formula(transform) @ numpy.stack(frames, 1)


@pytest.mark.parametrize("samples", [1, 30, 50, 51, 67, 68, 300])
@pytest.mark.parametrize("trained", [False, True])
def test_equals_the_formula(samples, trained):
    """Framing, window, taps and complex power; with and without gradient."""
    transform = make(trained)
    wavs = torch.randn(2, samples)
    wanted = [transform_slowly(transform, wav.double().numpy()) for wav in wavs]
    wanted = torch.from_numpy(numpy.stack(wanted)).to(torch.complex64)
    with torch.no_grad():
        once = transform(wavs)
    assert once.shape == (2, 33, transform.count(samples))
    for ours in (once, transform(wavs)):
        torch.testing.assert_close(ours, wanted, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(transform.power(wavs), once.abs().square())


def test_filters_and_their_norm():
    """All taps by the formula, and the loss that keeps them near norm 1."""
    transform = make()
    wanted = by_the_formula(transform)
    torch.testing.assert_close(
        transform.filters(),
        torch.from_numpy(wanted).to(torch.complex64),
        atol=1e-5,
        rtol=1e-4,
    )
    norm = numpy.linalg.norm(wanted, axis=1)
    assert transform.norm_loss().item() == pytest.approx(
        numpy.mean((norm - 1) ** 2), rel=1e-4
    )
    assert FBSP(**SIZES).norm_loss() < 1e-10


def test_gradient_is_the_formulas_over_its_maximum():
    """Also where loss and norm loss meet in one backward pass."""
    transform = make()
    wavs = torch.randn(2, 300)

    def loss(coefficients, size):
        return coefficients.abs().square().mean() + 0.1 * size

    # The filters themselves, applied to the frames by other means.
    padded = torch.nn.functional.pad(wavs, (2, 3))
    frames = padded.unfold(1, 50, 17) * transform.window
    filters = transform.filters()
    slow = frames.to(filters.dtype) @ filters[:, 7:57].T
    norm = torch.linalg.vector_norm(filters, dim=1)
    loss(slow, (norm - 1).square().mean()).backward()
    wanted = [parameter.grad for parameter in transform.parameters()]
    transform.zero_grad()
    loss(transform(wavs), transform.norm_loss()).backward()
    for parameter, gradient in zip(transform.parameters(), wanted, strict=True):
        assert parameter.grad.abs().max() == 1
        torch.testing.assert_close(
            parameter.grad, gradient, atol=1e-4, rtol=1e-3
        )


def test_gradient_of_zero_stays_zero():
    """Nothing is divided by zero, and at m = 0 nothing is NaN."""
    transform = make(trained=False)
    (0 * transform.power(torch.randn(1, 99)).sum()).backward()
    assert all(not p.grad.any() for p in transform.parameters())
    transform.zero_grad()
    transform.power(torch.randn(1, 99)).sum().backward()
    assert all(p.grad.isfinite().all() for p in transform.parameters())
    assert not unit_maximum(torch.zeros(3)).any()


def pickled(transform):
    """There and back."""
    return pickle.loads(pickle.dumps(transform))


def saved(transform):
    """Through a file of the whole module."""
    file = io.BytesIO()
    torch.save(transform, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


def assigned(transform):
    """Built without memory, filled with ``assign=True``."""
    with torch.device("meta"):
        empty = FBSP(**SIZES)
    empty.load_state_dict(transform.state_dict(), assign=True)
    return empty


def emptied(transform):
    """Built without memory, then given some."""
    with torch.device("meta"):
        empty = FBSP(**SIZES)
    window = empty.window  # not in the state dict
    empty.to_empty(device="cpu").load_state_dict(transform.state_dict())
    empty.window.copy_(window)
    return empty


def thawed(transform):
    """Copied while frozen, trained later."""
    transform.requires_grad_(False)
    copied = copy.deepcopy(transform)
    assert not any(p.requires_grad for p in copied.parameters())
    return copied.requires_grad_(True)


def moved(transform):
    """Cast to and fro."""
    return transform.double().float()


@pytest.mark.parametrize(
    "way", [copy.deepcopy, pickled, saved, assigned, emptied, thawed, moved]
)
def test_gradient_is_normalised_whatever_happened_before(way):
    """Copies lose the hooks of their tensors; ours come back."""
    transform = make()
    wavs = torch.randn(1, 200)
    with torch.no_grad():
        wanted = transform(wavs)
    other = way(transform)
    assert other._cache is None or other is transform
    torch.testing.assert_close(other(wavs), wanted)
    other.power(wavs).sum().backward()
    for parameter in other.parameters():
        assert parameter.grad.abs().max() == 1
        assert len(parameter._backward_hooks) == 1


def test_filters_are_computed_once_per_change(monkeypatch):
    """Counted: batches share them, every kind of change is seen."""
    calls = []
    compute = FBSP._compute_kernels
    monkeypatch.setattr(
        FBSP, "_compute_kernels", lambda self: calls.append(1) or compute(self)
    )
    transform = make()
    wavs = torch.randn(2, 200)
    optimizer = torch.optim.Adam(transform.parameters(), 0.01)
    transform.power(wavs).sum().backward()

    def set_fc():
        transform.fc = torch.nn.Parameter(transform.fc.detach() + 1)

    def set_data():
        transform.fc.data = transform.fc.data + 1

    changes = [
        lambda: None,
        optimizer.step,
        lambda: transform.load_state_dict(make(False).state_dict()),
        lambda: transform.load_state_dict(make().state_dict(), assign=True),
        set_fc,
        set_data,
        lambda: transform.half().float(),
    ]
    for change in changes:
        change()
        del calls[:]
        wanted = transform(wavs).detach()  # with gradient: never shared
        for context in (torch.no_grad(), torch.inference_mode()):
            with context:
                for _ in range(2):
                    torch.testing.assert_close(transform(wavs), wanted)
        assert len(calls) == 2
    assert set(transform.state_dict()) == {"m", "fb", "fc", "bias"}


def test_frozen_transform_passes_gradient_on():
    """Filters made in inference mode serve training too."""
    transform = make().requires_grad_(False)
    wavs = torch.randn(1, 200)
    with torch.inference_mode():
        transform(wavs)
    wavs.requires_grad_(True)
    transform.power(wavs).sum().backward()
    assert wavs.grad.abs().max() > 0


def test_made_in_inference_mode():
    """Its parameters have no version; changes are seen all the same."""
    with torch.inference_mode():
        transform = FBSP(**SIZES)
        wavs = torch.randn(1, 200)
        before = transform(wavs)
        transform.fc.add_(0.5)
        assert not torch.allclose(transform(wavs), before)


def test_float32_under_autocast_and_for_any_float():
    """Neither bf16 nor float64 waves change the arithmetic."""
    transform = make()
    wavs = torch.randn(1, 200)
    wanted = transform(wavs)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(transform(wavs), wanted)
    assert torch.equal(transform(wavs.double()), wanted)


def test_official_state_dict_fits():
    """Strictly, with the bias of size 0, both ways."""
    official = {
        "m": torch.rand(33),
        "fb": torch.rand(33),
        "fc": torch.rand(33),
        "bias": torch.empty(0),
    }
    transform = make()
    transform.load_state_dict(official)
    for key, value in transform.state_dict().items():
        assert torch.equal(value, official[key])
    assert "bias" not in dict(transform.named_parameters())


@pytest.mark.parametrize("n_fft, win_length", [(64, 66), (63, 50), (64, 49)])
def test_sizes_that_do_not_fit(n_fft, win_length):
    with pytest.raises(ValueError, match="win_length"):
        FBSP(n_fft=n_fft, win_length=win_length)
