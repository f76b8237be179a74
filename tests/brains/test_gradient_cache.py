"""Cached gradients against ordinary ones, on one process and on two ranks.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import importlib.util
import pathlib
import subprocess
import sys
import weakref

import pytest
import torch

from speechbrain_clap.brains.gradient_cache import cached_step
from speechbrain_clap.losses.contrastive import ContrastiveLoss

SCRIPT = pathlib.Path(__file__).with_name("cache_two_ranks.py")
spec = importlib.util.spec_from_file_location("cache_two_ranks", SCRIPT)
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)


def gradients_of(clap):
    """Name to gradient, or None."""
    return {name: p.grad for name, p in clap.named_parameters()}


def ordinary(clap, loss, chunks, context=None):
    """Loss and gradients, all chunks held at once."""
    torch.manual_seed(7)
    with context or contextlib.nullcontext():
        value = tiny.ordinary_loss(lambda chunk: clap(*chunk), loss, chunks)
    value.backward()
    return value.detach(), gradients_of(clap)


def cached(clap, loss, chunks, **options):
    """The same, a chunk at a time."""
    torch.manual_seed(7)
    value, finite = cached_step(
        lambda chunk: clap(*chunk), loss, chunks, clap, **options
    )
    assert finite
    return value, gradients_of(clap)


def assert_same(found, wanted, tolerance=1e-5):
    """Compares values and gradients, of which none may be empty."""
    for name, gradient in wanted[1].items():
        if gradient is not None and gradient.ndim > 1:
            assert gradient.abs().max() > 1e-3, name
    torch.testing.assert_close(found, wanted, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("size", [2, 5, 12])
@pytest.mark.parametrize("name", list(tiny.LOSSES))
def test_equals_the_ordinary_gradient(name, size):
    """With dropout in both towers, and whether or not chunks are equal."""
    loss, chunks = tiny.LOSSES[name], tiny.make_chunks(size)
    wanted = ordinary(tiny.make_clap(name), loss, chunks)
    assert_same(cached(tiny.make_clap(name), loss, chunks), wanted)


def test_random_numbers_go_on_as_after_the_ordinary():
    """What follows a step does not depend on how it was done."""
    chunks, loss = tiny.make_chunks(4), ContrastiveLoss()
    ordinary(tiny.make_clap(), loss, chunks)
    wanted = torch.rand(3)
    cached(tiny.make_clap(), loss, chunks)
    torch.testing.assert_close(torch.rand(3), wanted, atol=0, rtol=0)


def test_equals_the_whole_batch_without_dropout():
    """Chunks are no matter of the result."""
    loss = ContrastiveLoss()
    whole = ordinary(tiny.make_clap(dropout=0), loss, tiny.make_chunks(12))
    assert_same(
        cached(tiny.make_clap(dropout=0), loss, tiny.make_chunks(5)), whole
    )


def test_batch_norm_counts_each_chunk_once():
    """Running statistics are those of the ordinary forward of the chunks."""
    chunks, loss = tiny.make_chunks(4), ContrastiveLoss()
    theirs, ours = tiny.make_clap(norm=True), tiny.make_clap(norm=True)
    assert_same(cached(ours, loss, chunks), ordinary(theirs, loss, chunks))
    norm = ours.audio_encoder.net[1]
    assert norm.num_batches_tracked == 3 and norm.track_running_stats
    assert norm.running_mean.abs().sum() > 0
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_batch_norm_in_eval_mode_stays():
    """Its statistics are used in both passes and not changed."""
    chunks, loss = tiny.make_chunks(4), ContrastiveLoss()
    ours, theirs = tiny.make_clap(norm=True), tiny.make_clap(norm=True)
    for clap in ours, theirs:
        clap.audio_encoder.eval().net[1].running_mean.fill_(0.5)
    assert_same(cached(ours, loss, chunks), ordinary(theirs, loss, chunks))
    assert (ours.audio_encoder.net[1].running_mean == 0.5).all()


def test_batch_norm_is_restored_after_an_error():
    """An error in a forward leaves no norm behind that does not learn."""
    clap = tiny.make_clap(norm=True)
    with pytest.raises(ZeroDivisionError):
        cached_step(lambda chunk: 1 / 0, None, [None], clap)
    assert clap.audio_encoder.net[1].track_running_stats


@pytest.mark.parametrize("around", [False, True])
def test_bf16_with_a_scaler(around):
    """Also within an autocast that keeps cast weights between the passes."""
    chunks, loss = tiny.make_chunks(4), tiny.LOSSES["blockwise"]
    bf16 = torch.autocast("cpu", torch.bfloat16)
    theirs, ours = tiny.make_clap(), tiny.make_clap()
    # A kept cast weight would sum up the chunks' gradients in bf16.
    once = torch.autocast("cpu", torch.bfloat16, cache_enabled=False)
    wanted = ordinary(theirs, loss, chunks, once)
    options = {
        "scaler": torch.amp.GradScaler("cpu", init_scale=512.0),
        "factor": 2,
    }
    if around:
        with torch.autocast("cpu", torch.bfloat16):
            found = cached(ours, loss, chunks, **options)
    else:
        found = cached(ours, loss, chunks, context=bf16, **options)
    exact = {name: 2 * x / 512 for name, x in found[1].items()}
    if around:  # the backward too, which rounds
        torch.testing.assert_close(found[0], wanted[0])
        for name, gradient in wanted[1].items():
            error = (exact[name] - gradient).norm() / gradient.norm()
            assert error < 0.02, name
    else:
        assert_same((found[0], exact), wanted)


def test_gradients_are_accumulated():
    """Two batches, each divided by two."""
    batches = [tiny.make_chunks(4, batch) for batch in range(2)]
    clap, loss = tiny.make_clap(dropout=0), ContrastiveLoss()
    for chunks in batches:
        _, found = cached(clap, loss, chunks, factor=2)
    other = tiny.make_clap(dropout=0)
    for chunks in batches:
        _, wanted = ordinary(other, lambda *x: loss(*x) / 2, chunks)
    assert_same((0, found), (0, wanted))


def test_a_locked_tower_and_what_the_loss_leaves_out():
    """What has no gradient gets none; the other tower learns."""
    chunks, loss = tiny.make_chunks(4), ContrastiveLoss()
    ours, theirs = tiny.make_clap("sigmoid"), tiny.make_clap("sigmoid")
    for clap in ours, theirs:
        clap.audio_encoder.requires_grad_(False)
        clap.audio_projection.requires_grad_(False)

    def without_bias(audio, text, scale, bias):
        return loss(audio, text, scale)

    wanted = ordinary(theirs, without_bias, chunks)
    assert_same(cached(ours, without_bias, chunks), wanted)
    assert ours.logit_bias.grad is None


def test_a_loss_that_is_not_finite_adds_nothing():
    """The caller is told, and decides."""
    clap = tiny.make_clap()
    value, finite = cached_step(
        lambda chunk: clap(*chunk),
        lambda *outputs: ContrastiveLoss()(*outputs) * torch.inf,
        tiny.make_chunks(4),
        clap,
    )
    assert not finite and value.isinf() and not value.requires_grad
    assert all(p.grad is None for p in clap.parameters())


def test_one_chunk_of_activations_is_held():
    """The most that is kept for a backward at any time."""

    class Kept:
        """Keeps a tensor and counts."""

        def __init__(self, tensor):
            self.tensor = tensor
            held[0] += tensor.numel()
            held[1] = max(held)
            weakref.finalize(self, release, tensor.numel())

    def release(numbers):
        held[0] -= numbers

    peaks = []
    for step in (
        lambda clap, loss: ordinary(clap, loss, tiny.make_chunks(12)),
        lambda clap, loss: cached(clap, loss, tiny.make_chunks(2)),
    ):
        held, clap = [0, 0], tiny.make_clap(dropout=0)
        own = {p.data_ptr() for p in clap.parameters()}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, own=own: x if x.data_ptr() in own else Kept(x),
            lambda x: x.tensor if isinstance(x, Kept) else x,
        ):
            step(clap, ContrastiveLoss())
        peaks.append(held[1])
    assert peaks[1] < peaks[0] / 3  # a sixth, and the embeddings


def test_ranks_exchange_once_at_the_end():
    """Only the last chunk of the batch before a step is outside no_sync."""
    asked, clap = [], tiny.make_clap()

    def no_sync(use):
        asked.append(use)
        return contextlib.nullcontext()

    for sync in (False, True):
        cached(
            clap,
            ContrastiveLoss(),
            tiny.make_chunks(4),
            no_sync=no_sync,
            sync=sync,
        )
    assert asked == [True, True, True, True, True, False]


def test_no_chunks():
    """One clear error."""
    with pytest.raises(ValueError, match="no chunks"):
        cached_step(None, None, [], torch.nn.Identity())


def test_two_ranks_are_one_process(tmp_path):
    """Under DDP, dropout on, two batches accumulated, for each loss."""
    ranks = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), "2", str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in ranks]
    assert not any(p.returncode for p in ranks), b"".join(said).decode()
    wanted = tiny.gradients(0, 1)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name, gradients in wanted.items():
        losses = [each[name].pop("loss") for each in found]
        torch.testing.assert_close(sum(losses) / 2, gradients.pop("loss"))
        assert gradients["logit_scale"].abs() > 0
        for each in found:  # DDP has averaged
            torch.testing.assert_close(
                each[name], gradients, atol=1e-5, rtol=1e-5
            )
