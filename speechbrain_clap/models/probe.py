"""Small classifiers on embeddings, several of them in one product.

Authors
 * The speechbrain_clap team 2026
"""

import torch


def make_head(in_dim, num_classes, hidden=(), dropout=0.0):
    """A linear classifier, or one with hidden layers.

    Arguments
    ---------
    in_dim : int
        Size of an embedding.
    num_classes : int
        How many logits.
    hidden : list of int
        Sizes of the hidden layers, each followed by ReLU and dropout; empty
        for a linear one.
    dropout : float
        Share of the hidden units that are zeroed in training.

    Returns
    -------
    torch.nn.Sequential
        [B, in_dim] to [B, num_classes].

    Example
    -------
    >>> make_head(8, 3, hidden=[4])(torch.rand(2, 8)).shape
    torch.Size([2, 3])
    """
    sizes = [in_dim, *hidden]
    layers = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [
            torch.nn.Linear(before, after),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
        ]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], num_classes))


class StackedHeads(torch.nn.Module):
    """Several heads of one shape, computed by one product for each layer.

    The heads of all folds are trained at once: a core is busier with one
    product of five small matrices than with five after one another.

    Arguments
    ---------
    heads : list of torch.nn.Sequential
        From ``make_head``, of the same sizes; they are copied.

    Attributes
    ----------
    weights : torch.nn.ParameterList
        Of each layer, [F, in, out].
    biases : torch.nn.ParameterList
        Of each layer, [F, 1, out].

    Example
    -------
    >>> heads = [make_head(8, 3, hidden=[4]) for _ in range(5)]
    >>> x = torch.rand(5, 2, 8)
    >>> logits = StackedHeads(heads)(x)
    >>> bool(torch.allclose(logits[1], heads[1](x[1]), atol=1e-6))
    True
    """

    def __init__(self, heads):
        super().__init__()
        layers = [
            [layer for layer in head if isinstance(layer, torch.nn.Linear)]
            for head in heads
        ]
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        for same in zip(*layers, strict=True):
            weight = torch.stack([layer.weight.detach().T for layer in same])
            bias = torch.stack([layer.bias.detach()[None] for layer in same])
            self.weights.append(torch.nn.Parameter(weight.contiguous()))
            self.biases.append(torch.nn.Parameter(bias))
        drops = [x.p for x in heads[0] if isinstance(x, torch.nn.Dropout)]
        self.dropout = drops[0] if drops else 0.0

    def forward(self, x, generators=None, counts=None):
        """Scores the classes.

        Arguments
        ---------
        x : torch.Tensor
            Embeddings for each head, [F, B, in_dim].
        generators : list of torch.Generator or None
            One for each head, on the embeddings' device: they draw what is
            dropped, so that a head learns alone what it learns among others.
            None: nothing is dropped.
        counts : list of int or None
            How many embeddings of each head are not padding, where there are
            generators.

        Returns
        -------
        torch.Tensor
            Logits, [F, B, num_classes].
        """
        last = len(self.weights) - 1
        layers = zip(self.weights, self.biases, strict=True)
        for number, (weight, bias) in enumerate(layers):
            x = torch.baddbmm(bias, x, weight)
            if number < last:
                x = torch.relu(x)
                if generators is not None and self.dropout:
                    x = x * self._kept(x, generators, counts)
        return x

    def _kept(self, x, generators, counts):
        """1 / (1 - p) where a unit is kept, else 0, [F, B, hidden]."""
        kept = torch.zeros_like(x)
        for place, draw, count in zip(kept, generators, counts, strict=True):
            drawn = torch.rand(
                count, x.shape[2], generator=draw, device=x.device
            )
            place[:count] = (drawn >= self.dropout) / (1 - self.dropout)
        return kept
