"""From an encoder's output to the space that the modalities share.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional


class LinearProjection(torch.nn.Linear):
    """One matrix without bias, as in CLIP (https://arxiv.org/abs/2103.00020).

    Arguments
    ---------
    in_dim : int
        Dimension of the encoder's output.
    out_dim : int
        Dimension of the shared space.

    Example
    -------
    >>> LinearProjection(8, 4)(torch.randn(2, 8)).shape
    torch.Size([2, 4])
    """

    def __init__(self, in_dim, out_dim):
        super().__init__(in_dim, out_dim, bias=False)


class ResidualProjection(torch.nn.Module):
    """The projection of Microsoft CLAP (https://arxiv.org/abs/2206.04769).

    LayerNorm(e + dropout(W2 gelu(e))) with e = W1 x, no biases, the exact
    (erf) GELU.

    Arguments
    ---------
    in_dim : int
        Dimension of the encoder's output.
    out_dim : int
        Dimension of the shared space.
    dropout : float
        Probability, in training.

    Example
    -------
    >>> ResidualProjection(8, 4)(torch.randn(2, 8)).shape
    torch.Size([2, 4])
    """

    def __init__(self, in_dim, out_dim, dropout=0.5):
        super().__init__()
        self.linear1 = torch.nn.Linear(in_dim, out_dim, bias=False)
        self.linear2 = torch.nn.Linear(out_dim, out_dim, bias=False)
        self.layer_norm = torch.nn.LayerNorm(out_dim, eps=1e-5)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        """Projects the embeddings.

        Arguments
        ---------
        x : torch.Tensor
            [..., in_dim].

        Returns
        -------
        torch.Tensor
            [..., out_dim].
        """
        embedding = self.linear1(x)
        residual = self.dropout(self.linear2(functional.gelu(embedding)))
        return self.layer_norm(embedding + residual)


class MLPProjection(torch.nn.Module):
    """Linear, ReLU, Linear, with biases.

    The projection of LAION CLAP (https://arxiv.org/abs/2211.06687), and, with
    a dropout of 0.1, f and g of Wav2CLIP (https://arxiv.org/abs/2110.11499).

    Arguments
    ---------
    in_dim : int
        Dimension of the encoder's output.
    out_dim : int
        Dimension of the shared space.
    hidden_dim : int or None
        Dimension between the layers; None takes `out_dim`.
    dropout : float
        Probability, between the layers, in training.

    Example
    -------
    >>> MLPProjection(8, 4)(torch.randn(2, 8)).shape
    torch.Size([2, 4])
    """

    def __init__(self, in_dim, out_dim, hidden_dim=None, dropout=0.0):
        super().__init__()
        hidden_dim = hidden_dim or out_dim
        self.linear1 = torch.nn.Linear(in_dim, hidden_dim)
        self.linear2 = torch.nn.Linear(hidden_dim, out_dim)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x):
        """Projects the embeddings.

        Arguments
        ---------
        x : torch.Tensor
            [..., in_dim].

        Returns
        -------
        torch.Tensor
            [..., out_dim].
        """
        return self.linear2(self.dropout(functional.relu(self.linear1(x))))
