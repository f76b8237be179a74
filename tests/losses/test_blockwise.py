"""The blockwise loss against the plain one: on one process and on two ranks.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import pathlib
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import normalize

from speechbrain_clap.losses.blockwise import (
    BlockwiseContrastiveLoss,
    _LogSumExp,
)
from speechbrain_clap.losses.contrastive import ContrastiveLoss

SCRIPT = pathlib.Path(__file__).with_name("blocks_two_ranks.py")


def inputs(rows=11, dim=6, scale=20.0):
    """Unit vectors and a scale, leaves with gradient."""
    generator = torch.Generator().manual_seed(rows)
    audio, text = (
        normalize(torch.randn(rows, dim, generator=generator), dim=-1)
        for _ in range(2)
    )
    given = audio, text, torch.tensor(scale)
    return [x.requires_grad_() for x in given]


def value_and_gradients(loss, given, wanted=(0, 1, 2)):
    """Of a loss that is part of a larger sum."""
    value = loss(*given)
    return value, torch.autograd.grad(3.0 * value, [given[k] for k in wanted])


@pytest.mark.parametrize("size", [1, 4, 11, 64])
def test_equals_the_plain_loss(size):
    """Value and all gradients, whether or not blocks divide the batch."""
    given = inputs()
    wanted = value_and_gradients(ContrastiveLoss(), given)
    found = value_and_gradients(BlockwiseContrastiveLoss(size), given)
    torch.testing.assert_close(found, wanted)


def test_gradient_by_differences():
    """In float64 the function inside passes torch's own check."""
    generator = torch.Generator().manual_seed(0)
    queries, keys = (
        torch.randn(n, 3, generator=generator, dtype=torch.float64)
        for n in (4, 5)
    )
    assert torch.autograd.gradcheck(
        lambda q, k: _LogSumExp.apply(q, k, 2),
        (queries.requires_grad_(), keys.requires_grad_()),
    )


def test_backward_twice():
    """What the forward kept is left as it is."""
    given = inputs()
    value = BlockwiseContrastiveLoss(64)(*given)
    first = torch.autograd.grad(value, given, retain_graph=True)
    second = torch.autograd.grad(value, given)
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_largest_scale():
    """At a scale of 100 exponentials of logits would overflow."""
    given = inputs(scale=100.0)
    with torch.no_grad():
        given[1].neg_()
    wanted = value_and_gradients(ContrastiveLoss(), given)
    found = value_and_gradients(BlockwiseContrastiveLoss(3), given)
    assert found[0].isfinite() and found[0] > 10
    # One unit in the last place of a logit of 100 is 8e-6.
    torch.testing.assert_close(found, wanted, atol=3e-5, rtol=3e-5)


def test_a_locked_tower_has_no_gradient():
    """And costs no product."""
    given = inputs()
    given[0] = given[0].detach()
    wanted = value_and_gradients(ContrastiveLoss(), given, (1, 2))
    found = value_and_gradients(BlockwiseContrastiveLoss(4), given, (1, 2))
    torch.testing.assert_close(found, wanted)
    with torch.no_grad():
        alone = BlockwiseContrastiveLoss(4)(*given)
    torch.testing.assert_close(alone, wanted[0].detach())


def test_float32_under_bf16():
    """Forward and backward are exact whatever the autocast."""
    given = inputs()
    exact = value_and_gradients(BlockwiseContrastiveLoss(4), given)
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradients(BlockwiseContrastiveLoss(4), given)
    torch.testing.assert_close(found, exact, atol=0, rtol=0)


def test_memory_is_linear():
    """What is kept for the backward has no B x B matrix."""
    given, kept = inputs(rows=512, dim=4), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    ):
        BlockwiseContrastiveLoss(64)(*given)
    assert max(kept) <= 512 * 4


def test_not_finite_is_told():
    """A broken embedding is not hidden."""
    given = inputs()
    with torch.no_grad():
        given[0][3] = torch.nan
    assert BlockwiseContrastiveLoss(4)(*given).isnan()


@pytest.mark.parametrize("size", [0, -2, 0.5, None])
def test_no_size_of_a_block(size):
    """One clear error."""
    with pytest.raises(ValueError, match="block_size is .*1 or more"):
        BlockwiseContrastiveLoss(size)


def test_two_ranks_are_one_process(tmp_path):
    """Plain, blockwise and sigmoid: values and gradients under DDP."""
    ranks = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), "2", str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in ranks]
    assert not any(p.returncode for p in ranks), b"".join(said).decode()
    spec = importlib.util.spec_from_file_location("blocks_two_ranks", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    wanted = script.gradients(0, 1)
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name, gradients in wanted.items():
        losses = [each[name].pop("loss") for each in found]
        torch.testing.assert_close(sum(losses) / 2, gradients.pop("loss"))
        for parameter, gradient in gradients.items():
            assert gradient.abs().sum() > 0, (name, parameter)
            for each in found:  # DDP has averaged
                torch.testing.assert_close(each[name][parameter], gradient)
    for rank, each in enumerate(found):  # each rank's own share, too
        for key, value in each["plain"].items():
            torch.testing.assert_close(
                each["blockwise"][key], value, msg=f"{rank} {key}"
            )
    torch.testing.assert_close(*(w["blockwise"] for w in found))
