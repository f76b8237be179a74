"""The hand-written gradients of Swin's blocks, and the order of tokens."""

import copy

import pytest
import torch
from torch.nn import functional

from speechbrain_clap.lobes.mlp import MLP
from speechbrain_clap.lobes.swin import Reorder, SwinStage
from speechbrain_clap.lobes.window_attention import (
    BiasedAttention,
    shift_mask,
    split_windows,
    window_order,
)


def plain_attention(qkv, bias):
    """The same by autograd, in single steps."""
    query, key, value = qkv.unbind(0)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return (scores + bias).softmax(-1) @ value


def test_attention_and_its_gradients():
    """Equal to single steps; finite differences agree."""
    torch.manual_seed(0)
    shapes = (3, 2, 3, 5, 4), (1, 3, 5, 5)
    tensors = [torch.randn(s, dtype=torch.float64) for s in shapes]
    tensors = [tensor.requires_grad_() for tensor in tensors]
    torch.testing.assert_close(
        BiasedAttention.apply(*tensors), plain_attention(*tensors)
    )
    assert torch.autograd.gradcheck(BiasedAttention.apply, tensors)


@pytest.mark.parametrize("autocast", [False, True])
def test_mlp_and_its_gradients(autocast):
    """Equal to two layers and a GELU, also in bf16."""
    torch.manual_seed(0)
    mlp = MLP(6, 24)
    plain = copy.deepcopy(mlp)
    x = torch.randn(2, 3, 6, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weight = torch.randn(2, 3, 6)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = mlp(x)
        wanted = plain.fc2(functional.gelu(plain.fc1(y)))
    assert ours.dtype == wanted.dtype
    (ours.float() * weight).sum().backward()
    (wanted.float() * weight).sum().backward()
    close = {"atol": 2e-2, "rtol": 2e-2} if autocast else {}
    torch.testing.assert_close(ours, wanted, **close)
    torch.testing.assert_close(x.grad, y.grad, **close)
    for p, q in zip(mlp.parameters(), plain.parameters(), strict=True):
        assert p.grad.dtype == torch.float32
        torch.testing.assert_close(p.grad, q.grad, **close)


def test_frozen_layers_pass_the_gradient_on():
    """Each layer may be frozen; the others' gradients stay the same."""
    torch.manual_seed(0)
    x = torch.randn(3, 4, requires_grad=True)
    mlp = MLP(4, 8)
    names = [name for name, _ in mlp.named_parameters()]
    mlp(x).square().sum().backward()
    wanted = {name: p.grad.clone() for name, p in mlp.named_parameters()}
    of_x = x.grad.clone()
    for frozen in names:
        x.grad = None
        mlp.zero_grad()
        for name, parameter in mlp.named_parameters():
            parameter.requires_grad_(name != frozen)
        mlp(x).square().sum().backward()
        torch.testing.assert_close(x.grad, of_x)
        for name, parameter in mlp.named_parameters():
            if name == frozen:
                assert parameter.grad is None
            else:
                torch.testing.assert_close(parameter.grad, wanted[name])


def test_gradients_twice_over_one_graph():
    """Nothing that the first pass needs again is overwritten by it."""
    mlp = MLP(4, 8)
    x = torch.randn(3, 4, requires_grad=True)
    loss = mlp(x).square().sum()
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    (second,) = torch.autograd.grad(loss, x)
    assert torch.equal(first, second)


def test_reorder_goes_back_the_way_it_came():
    """The gradient of a permutation is the inverse permutation."""
    order = torch.randperm(7)
    x = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    args = (x, order, order.argsort())
    assert torch.equal(Reorder.apply(*args), x[:, order])
    assert torch.autograd.gradcheck(Reorder.apply, args)


def test_order_of_shifted_windows():
    """Rolling and cutting gives the same order."""
    image = torch.arange(64).view(1, 8, 8, 1)
    rolled = split_windows(image.roll((-2, -2), (1, 2)), 4)
    assert torch.equal(window_order(8, 4, 2), rolled.flatten())
    assert shift_mask(8, 4, 2).shape == (4, 16, 16)


def test_a_stage_is_the_blocks_of_the_paper():
    """Rolled there and back around each shifted attention, token by token."""
    torch.manual_seed(0)
    stage = SwinStage(8, 8, 2, 4, drop_paths=[0.0] * 3).eval()
    x = torch.randn(2, 8, 8, 8)
    wanted = x
    for block in stage.blocks:
        branch = block.norm1(wanted)
        branch = branch.roll((-block.shift, -block.shift), (1, 2))
        branch = block.attn(split_windows(branch, 4), block.attn_mask)
        branch = branch.view(2, 2, 2, 4, 4, 8).transpose(2, 3)
        branch = branch.reshape(2, 8, 8, 8)
        wanted = wanted + branch.roll((block.shift, block.shift), (1, 2))
        wanted = wanted + block.mlp(block.norm2(wanted))
    torch.testing.assert_close(stage(x), wanted, atol=1e-5, rtol=1e-5)
    assert [block.shift for block in stage.blocks] == [0, 2, 0]


@pytest.mark.parametrize("training", [False, True])
def test_compiles_whole(training):
    """No break in the graph, whatever the hand-written gradients."""
    stage = SwinStage(8, 8, 2, 4, drop_paths=[0.0, 0.0], merge=True)
    stage.train(training)
    x = torch.randn(2, 8, 8, 8)
    compiled = torch.compile(stage, fullgraph=True, backend="aot_eager")
    with torch.set_grad_enabled(training):
        ours, wanted = compiled(x), stage(x)
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)
    if training:
        ours.sum().backward()
        assert all(p.grad is not None for p in stage.parameters())
