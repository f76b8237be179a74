"""SigLIP's loss against the paper's algorithm written out.

Over two ranks it is tried in `test_blockwise.py`.

Authors
 * The speechbrain_clap team 2026
"""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid, normalize

from speechbrain_clap.losses.sigmoid import SigmoidLoss, softplus


def inputs(rows=11, dim=6, scale=10.0, bias=-4.0):
    """Unit vectors, scale and bias, leaves with gradient."""
    generator = torch.Generator().manual_seed(rows)
    audio, text = (
        normalize(torch.randn(rows, dim, generator=generator), dim=-1)
        for _ in range(2)
    )
    given = audio, text, torch.tensor(scale), torch.tensor(bias)
    return [x.requires_grad_() for x in given]


def algorithm_1(audio, text, scale, bias):
    """As in the paper."""
    rows = len(audio)
    logits = audio @ text.T * scale + bias
    labels = 2 * torch.eye(rows) - torch.ones(rows, rows)
    return -logsigmoid(labels * logits).sum() / rows


def value_and_gradients(loss, given, wanted=(0, 1, 2, 3)):
    """Of a loss that is part of a larger sum."""
    value = loss(*given)
    return value, torch.autograd.grad(3.0 * value, [given[k] for k in wanted])


@pytest.mark.parametrize("size", [1, 4, 11, 64])
def test_equals_the_paper(size):
    """Value and all gradients, whether or not blocks divide the batch."""
    given = inputs()
    wanted = value_and_gradients(algorithm_1, given)
    torch.testing.assert_close(
        value_and_gradients(SigmoidLoss(size), given), wanted
    )


def test_equals_open_clip():
    """The published one of another library."""
    peer = pytest.importorskip("open_clip.loss")
    given = inputs(bias=-10.0)
    wanted = value_and_gradients(peer.SigLipLoss(), given)
    torch.testing.assert_close(
        value_and_gradients(SigmoidLoss(4), given), wanted
    )


def test_by_hand():
    """Every logit 0: each of the B x B pairs costs ln 2."""
    zero = torch.zeros(5, 3)
    loss = SigmoidLoss(2)(zero, zero, torch.tensor(10.0), torch.tensor(0.0))
    assert abs(loss.item() - 5 * math.log(2)) < 1e-5


def test_right_pairs_are_exact():
    """A pair that is surely right costs exp(-logit), not a rounding error."""
    eye = torch.eye(2)
    loss = SigmoidLoss(2)(eye, eye, torch.tensor(60.0), torch.tensor(-30.0))
    assert abs(loss.item() / (2 * math.exp(-30)) - 1) < 1e-5


def test_a_locked_tower_has_no_gradient():
    """What wants none costs no product."""
    given = inputs()
    given[1] = given[1].detach()
    wanted = value_and_gradients(algorithm_1, given, (0, 2, 3))
    found = value_and_gradients(SigmoidLoss(4), given, (0, 2, 3))
    torch.testing.assert_close(found, wanted)
    with torch.no_grad():
        alone = SigmoidLoss(4)(*given)
    torch.testing.assert_close(alone, wanted[0].detach())


def test_float32_under_bf16():
    """The loss is exact whatever the autocast."""
    given = inputs()
    exact = value_and_gradients(SigmoidLoss(4), given)
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradients(SigmoidLoss(4), given)
    torch.testing.assert_close(found, exact, atol=0, rtol=0)


def test_no_size_of_a_block():
    """One clear error."""
    with pytest.raises(ValueError, match="block_size is 0.*1 or more"):
        SigmoidLoss(0)


def test_softplus_to_the_last_digits():
    """Of the same in float64, where float32 can hold it."""
    x = torch.linspace(-80, 110, 10001)
    wanted = torch.logaddexp(x.double(), torch.zeros(1, dtype=torch.float64))
    assert ((softplus(x) - wanted) / wanted).abs().max() < 3e-7
    ends = softplus(torch.tensor([-torch.inf, torch.inf, torch.nan]))
    assert ends[:2].tolist() == [0, torch.inf] and ends[2].isnan()
