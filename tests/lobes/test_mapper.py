"""ClapCap's mapper: names, arithmetic, gradients, precision.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.mapper import (
    MapperAttention,
    MLPMapper,
    TransformerMapper,
)


@pytest.fixture
def mapper():
    torch.manual_seed(0)
    return TransformerMapper(6, 8, 4, 3, num_layers=2, num_heads=2)


def test_the_names_are_the_published_ones(mapper):
    names = {
        name.replace("layers.1.", "layers.0.") for name in mapper.state_dict()
    }
    layer = "transformer.layers.0."
    assert names == {
        "prefix_const",
        "linear.weight",
        "linear.bias",
        layer + "norm1.weight",
        layer + "norm1.bias",
        layer + "attn.to_queries.weight",
        layer + "attn.to_keys_values.weight",
        layer + "attn.project.weight",
        layer + "attn.project.bias",
        layer + "norm2.weight",
        layer + "norm2.bias",
        layer + "mlp.fc1.weight",
        layer + "mlp.fc1.bias",
        layer + "mlp.fc2.weight",
        layer + "mlp.fc2.bias",
    }


def test_the_published_sizes():
    with torch.device("meta"):
        mapper = TransformerMapper()
    assert mapper.prefix_const.shape == (40, 768)
    assert mapper.linear.weight.shape == (40 * 768, 1024)
    layers = mapper.transformer["layers"]
    assert len(layers) == 8
    assert layers[0].attn.to_keys_values.weight.shape == (1536, 768)
    assert layers[0].mlp.fc1.weight.shape == (1536, 768)


@torch.no_grad()
def test_attention_written_out():
    """Head by head; keys come before values in their matrix."""
    attention = MapperAttention(6, 2)
    x = torch.randn(2, 5, 6)
    query = x @ attention.to_queries.weight.T
    key = x @ attention.to_keys_values.weight[:6].T
    value = x @ attention.to_keys_values.weight[6:].T
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        scores = query[..., part] @ key[..., part].transpose(1, 2) * 3**-0.5
        heads.append(scores.softmax(-1) @ value[..., part])
    wanted = attention.project(torch.cat(heads, -1))
    torch.testing.assert_close(attention(x), wanted)


@torch.no_grad()
def test_the_prefix_is_made_of_the_learned_vectors(mapper):
    """Silenced branches leave them as they are, whatever the embedding."""
    for layer in mapper.transformer["layers"]:
        for last in (layer.attn.project, layer.mlp.fc2):
            last.weight.zero_()
            last.bias.zero_()
    prefix = mapper(torch.randn(2, 6))
    assert torch.equal(prefix, mapper.prefix_const.expand(2, -1, -1))


@torch.no_grad()
def test_each_embedding_has_its_own_prefix(mapper):
    x = torch.randn(3, 6)
    together = mapper(x)
    assert together.shape == (3, 4, 8)
    alone = torch.cat([mapper(row) for row in x.split(1)])
    torch.testing.assert_close(together, alone)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_gradients_reach_every_parameter(mapper):
    mapper(torch.randn(2, 6)).square().sum().backward()
    for name, parameter in mapper.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_bf16_and_compile(mapper):
    x = torch.randn(2, 6)
    wanted = mapper(x)
    with torch.autocast("cpu", torch.bfloat16):
        half = mapper(x)
    cosine = torch.cosine_similarity(
        half.float().flatten(), wanted.flatten(), 0
    )
    assert cosine > 0.999
    # The tracing alone, without a compiler: there is no graph break.
    compiled = torch.compile(mapper, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), wanted)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="num_heads=3"):
        TransformerMapper(6, 8, num_heads=3)
    with pytest.raises(ValueError, match="prefix_length=0"):
        TransformerMapper(6, 8, prefix_length=0)
    assert "out_dim=8" in repr(TransformerMapper(6, 8, num_layers=1))


def test_the_mlp_mapper_by_hand():
    """Two layers with a tanh between; each vector has its own weights."""
    mapper = MLPMapper(6, 8, prefix_length=3)
    x = torch.randn(5, 6)
    prefix = mapper(x)
    assert prefix.shape == (5, 3, 8) and mapper.out_dim == 8
    hidden = torch.tanh(x @ mapper.linear1.weight.T + mapper.linear1.bias)
    wanted = hidden @ mapper.linear2.weight[8:16].T + mapper.linear2.bias[8:16]
    torch.testing.assert_close(prefix[:, 1], wanted)
