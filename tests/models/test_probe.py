"""Heads on embeddings, one by one and stacked."""

import torch

from speechbrain_clap.models.probe import StackedHeads, make_head


def test_a_stack_is_its_heads():
    torch.manual_seed(0)
    for hidden in ([], [7], [7, 5]):
        heads = [make_head(6, 3, hidden, 0.5).eval() for _ in range(4)]
        x = torch.randn(4, 9, 6)
        each = torch.stack([h(y) for h, y in zip(heads, x, strict=True)])
        torch.testing.assert_close(StackedHeads(heads)(x), each)


def test_what_is_dropped_does_not_depend_on_the_others():
    torch.manual_seed(0)
    heads = [make_head(6, 3, [64], 0.25) for _ in range(2)]
    x = torch.randn(2, 9, 6)

    def _draws():
        return [torch.Generator().manual_seed(n) for n in (1, 2)]

    both = StackedHeads(heads)(x, _draws(), [9, 4])
    alone = StackedHeads(heads[1:])(x[1:, :4], _draws()[1:], [4])
    torch.testing.assert_close(both[1, :4], alone[0])
    assert not torch.allclose(both[0], StackedHeads(heads)(x)[0])


def test_dropout_keeps_the_mean():
    head = make_head(1, 1, [20000], 0.25)
    with torch.no_grad():
        head[0].weight.fill_(1.0)
        head[0].bias.zero_()
        head[3].weight.fill_(1 / 20000)
        head[3].bias.zero_()
    draw = [torch.Generator().manual_seed(0)]
    made = StackedHeads([head])(torch.ones(1, 1, 1), draw, [1])
    assert abs(made.item() - 1) < 0.02
