"""Equations 4 to 6 of the text query-modifier, by hand; two ranks as one."""

import math
import pathlib
import runpy
import subprocess
import sys

import pytest
import torch

from speechbrain_clap.losses.query_modifier import QueryModifierLoss

SCRIPT = pathlib.Path(__file__).with_name("modifier_two_ranks.py")
ONE = torch.tensor(1.0)
# Three events that are not there, each with the probability 1 / 2.
SILENT = torch.zeros(2, 3)


def test_equation_4_by_hand():
    """Cosines of the sum, times exp(tau), over the batch, in both ways."""
    # A(alpha) + T(t) is (3, 4) and (0, 2): unit vectors (0.6, 0.8), (0, 1).
    query = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[0.0, 4.0], [0.0, 1.0]])
    target = torch.tensor([[5.0, 0.0], [0.0, 7.0]])  # (1, 0), (0, 1)
    outputs = (query, text, target, SILENT, SILENT, torch.tensor(2.0))

    def entropy(right, other):
        return math.log(1 + math.exp(2 * (other - right)))

    there = (entropy(0.6, 0.8) + entropy(1.0, 0.0)) / 2
    back = (entropy(0.6, 0.0) + entropy(1.0, 0.8)) / 2
    one_way = QueryModifierLoss(rho=0, symmetric=False)
    assert one_way(outputs, SILENT, SILENT).item() == pytest.approx(there)
    both = QueryModifierLoss(rho=0)(outputs, SILENT, SILENT)
    assert both.item() == pytest.approx((there + back) / 2)


def test_equations_5_and_6_by_hand():
    """Binary cross-entropy of sigmoids, the mean over sounds and labels."""
    unit = torch.eye(2)
    before = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])  # 3/4, 1/2 ...
    after = torch.tensor([[0.0, -math.log(4)], [0.0, 0.0]])  # 1/2, 1/5 ...
    v = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    w = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    outputs = (unit, torch.zeros(2, 2), unit, before, after, ONE)
    of_alpha = (-math.log(3 / 4) + 3 * math.log(2)) / 4
    of_beta = (-math.log(1 / 5) + 3 * math.log(2)) / 4
    retrieval = QueryModifierLoss(rho=0)(outputs, v, w).item()
    for rho in (1.0, 0.25):
        total = QueryModifierLoss(rho)(outputs, v, w).item()
        wanted = retrieval + rho * (of_alpha + of_beta) / 2
        assert total == pytest.approx(wanted)


def test_float32_under_bf16_and_gradient_to_all():
    """The loss is exact whatever the autocast; even rho 0 has a gradient."""
    generator = torch.Generator().manual_seed(1)
    tensors = [
        torch.randn(3, 4, generator=generator).bfloat16().requires_grad_()
        for _ in range(5)
    ]
    tau = torch.tensor(0.5, requires_grad=True)
    events = torch.ones(3, 4)
    loss = QueryModifierLoss(rho=0)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss((*tensors, tau.exp()), events, events)
    exact = loss((*(x.float() for x in tensors), tau.exp()), events, events)
    torch.testing.assert_close(found, exact, atol=0, rtol=0)
    found.backward()
    assert all(x.grad.abs().sum() > 0 for x in (*tensors[:3], tau))
    assert all(x.grad.abs().sum() == 0 for x in tensors[3:])


def test_a_negative_rho_is_refused():
    """It would reward mistakes."""
    with pytest.raises(ValueError, match="rho is -1"):
        QueryModifierLoss(rho=-1)


def test_two_ranks_are_one_process(tmp_path):
    """Loss and gradients of the union of the batches, through DDP."""
    runs = [
        subprocess.Popen([sys.executable, SCRIPT, str(rank), "2", tmp_path])
        for rank in (0, 1)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    wanted = runpy.run_path(str(SCRIPT))["gradients"](0, 1)
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    mean = (ranks[0]["loss"] + ranks[1]["loss"]) / 2
    torch.testing.assert_close(mean, wanted["loss"])
    for name in wanted.keys() - {"loss"}:
        for found in ranks:
            torch.testing.assert_close(found[name], wanted[name], msg=name)
