"""Projections against their formulas.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch

from speechbrain_clap.lobes.projection import (
    LinearProjection,
    MLPProjection,
    ResidualProjection,
)


def test_linear_is_one_matrix():
    projection = LinearProjection(6, 4)
    x = torch.randn(3, 6)
    assert [name for name, _ in projection.named_parameters()] == ["weight"]
    torch.testing.assert_close(projection(x), x @ projection.weight.T)


def test_residual_is_the_published_formula():
    projection = ResidualProjection(6, 4).double().eval()
    torch.nn.init.normal_(projection.layer_norm.weight)
    torch.nn.init.normal_(projection.layer_norm.bias)
    x = torch.randn(3, 6).double()
    e = x @ projection.linear1.weight.T
    gelu = e * 0.5 * (1 + torch.erf(e / math.sqrt(2)))
    y = e + gelu @ projection.linear2.weight.T
    mean = y.mean(1, keepdim=True)
    variance = ((y - mean) ** 2).mean(1, keepdim=True)
    expected = (y - mean) / torch.sqrt(variance + 1e-5)
    expected = expected * projection.layer_norm.weight
    expected = expected + projection.layer_norm.bias
    torch.testing.assert_close(projection(x), expected, rtol=0, atol=1e-12)


def test_residual_drops_only_in_training_and_has_no_other_bias():
    projection = ResidualProjection(6, 64)
    names = {name for name, _ in projection.named_parameters()}
    assert names == {
        "linear1.weight",
        "linear2.weight",
        "layer_norm.weight",
        "layer_norm.bias",
    }
    x = torch.randn(3, 6)
    assert not torch.equal(projection(x), projection(x))
    projection.eval()
    assert torch.equal(projection(x), projection(x))


def test_mlp_is_the_published_formula():
    projection = MLPProjection(6, 4)
    first, second = projection.linear1, projection.linear2
    x = torch.randn(3, 6)
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    expected = hidden @ second.weight.T + second.bias
    torch.testing.assert_close(projection(x), expected)


def test_mlp_of_another_width_drops_between_the_layers():
    projection = MLPProjection(6, 4, hidden_dim=64, dropout=0.5)
    assert projection.linear1.out_features == 64
    assert projection.linear2.out_features == 4
    x = torch.randn(3, 6)
    assert not torch.equal(projection(x), projection(x))
    projection.linear2.weight.data.zero_()  # the output itself is kept
    assert torch.equal(projection(x), projection(x))
    projection.eval()
    assert torch.equal(projection(x), projection(x))
    names = {name.rsplit(".", 1)[0] for name in projection.state_dict()}
    assert names == {"linear1", "linear2"}
