"""From an embedding to vectors that a language model reads as a prefix.

"ClipCap: CLIP Prefix for Image Captioning", Mokady et al. 2021,
https://arxiv.org/abs/2111.09734, as used for sound by Microsoft's ClapCap,
"Natural Language Supervision for General-Purpose Audio Representations",
Elizalde et al. 2023, https://arxiv.org/abs/2309.05767. Parameters carry the
names of the published weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional


class MapperAttention(torch.nn.Module):
    """Self-attention; queries, keys and values have no bias.

    Arguments
    ---------
    dim : int
        Channels.
    num_heads : int
        Heads; they divide the channels.

    Example
    -------
    >>> MapperAttention(8, 2)(torch.randn(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, dim, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.to_queries = torch.nn.Linear(dim, dim, bias=False)
        # One matrix, whose output is laid out [2, heads, dim / heads].
        self.to_keys_values = torch.nn.Linear(dim, 2 * dim, bias=False)
        self.project = torch.nn.Linear(dim, dim)

    def forward(self, x):
        """Attends.

        Arguments
        ---------
        x : torch.Tensor
            [B, N, dim].

        Returns
        -------
        torch.Tensor
            [B, N, dim].
        """
        heads = (self.num_heads, x.shape[2] // self.num_heads)
        query = self.to_queries(x).unflatten(2, heads).transpose(1, 2)
        both = self.to_keys_values(x).unflatten(2, (2, *heads))
        key, value = both.permute(2, 0, 3, 1, 4).unbind(0)
        # The default scale is that published: (dim / heads) ** -0.5.
        x = functional.scaled_dot_product_attention(query, key, value)
        return self.project(x.transpose(1, 2).flatten(2))


class MapperMLP(torch.nn.Module):
    """Two linear layers with a ReLU between them.

    Arguments
    ---------
    dim : int
        Channels of input and output.
    hidden : int
        Channels between the layers.

    Example
    -------
    >>> MapperMLP(8, 16)(torch.randn(2, 3, 8)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = torch.nn.Linear(dim, hidden)
        self.fc2 = torch.nn.Linear(hidden, dim)

    def forward(self, x):
        """Transforms each vector.

        Arguments
        ---------
        x : torch.Tensor
            [..., dim].

        Returns
        -------
        torch.Tensor
            [..., dim].
        """
        return self.fc2(functional.relu(self.fc1(x)))


class MapperBlock(torch.nn.Module):
    """Attention and an MLP, each after LayerNorm and with a residual.

    Arguments
    ---------
    dim : int
        Channels.
    num_heads : int
        Heads of the attention.
    mlp_ratio : float
        Hidden channels of the MLP, in units of `dim`.

    Example
    -------
    >>> MapperBlock(8, num_heads=2)(torch.randn(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, dim, num_heads, mlp_ratio=2.0):
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(dim, eps=1e-5)
        self.attn = MapperAttention(dim, num_heads)
        self.norm2 = torch.nn.LayerNorm(dim, eps=1e-5)
        self.mlp = MapperMLP(dim, int(dim * mlp_ratio))

    def forward(self, x):
        """Transforms a sequence.

        Arguments
        ---------
        x : torch.Tensor
            [B, N, dim].

        Returns
        -------
        torch.Tensor
            [B, N, dim].
        """
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TransformerMapper(torch.nn.Module):
    """ClapCap's mapper: one embedding in, a prefix of vectors out.

    A linear layer turns the embedding into `audio_length` vectors. Learned
    ones, `prefix_length` of them, are put behind these, all of them see one
    another through a transformer, and what it makes of the learned ones is
    the prefix. There is no dropout, and no LayerNorm at the end.

    Arguments
    ---------
    in_dim : int
        Dimension of the embedding.
    out_dim : int
        Width of the language model and of the transformer.
    prefix_length : int
        Vectors of the prefix.
    audio_length : int
        Vectors made of the embedding.
    num_layers : int
        Layers of the transformer.
    num_heads : int
        Heads of its attention.
    mlp_ratio : float
        Hidden channels of its MLPs, in units of `out_dim`.

    Raises
    ------
    ValueError
        If the heads do not divide `out_dim`, or there is no vector.

    Example
    -------
    >>> mapper = TransformerMapper(16, 8, 4, 3, num_layers=1, num_heads=2)
    >>> mapper(torch.randn(2, 16)).shape
    torch.Size([2, 4, 8])
    """

    def __init__(
        self,
        in_dim=1024,
        out_dim=768,
        prefix_length=40,
        audio_length=40,
        num_layers=8,
        num_heads=8,
        mlp_ratio=2.0,
    ):
        super().__init__()
        if out_dim % num_heads or prefix_length < 1 or audio_length < 1:
            raise ValueError(
                "TransformerMapper: expected an out_dim that is a multiple of "
                "num_heads and at least one vector in either part, got "
                f"out_dim={out_dim}, num_heads={num_heads}, "
                f"prefix_length={prefix_length}, audio_length={audio_length}"
            )
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.prefix_length = prefix_length
        self.audio_length = audio_length
        self.linear = torch.nn.Linear(in_dim, audio_length * out_dim)
        self.prefix_const = torch.nn.Parameter(
            torch.randn(prefix_length, out_dim)
        )
        blocks = [
            MapperBlock(out_dim, num_heads, mlp_ratio)
            for _ in range(num_layers)
        ]
        # A dict for the sake of the published names, transformer.layers.N.
        self.transformer = torch.nn.ModuleDict(
            {"layers": torch.nn.ModuleList(blocks)}
        )

    def forward(self, embeddings):
        """Maps embeddings to prefixes.

        Arguments
        ---------
        embeddings : torch.Tensor
            [B, in_dim].

        Returns
        -------
        torch.Tensor
            [B, prefix_length, out_dim].
        """
        x = self.linear(embeddings)
        x = x.unflatten(1, (self.audio_length, self.out_dim))
        learned = self.prefix_const.expand(len(x), -1, -1)
        x = torch.cat([x, learned], 1)
        for layer in self.transformer["layers"]:
            x = layer(x)
        return x[:, self.audio_length :]

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Dimensions and lengths.
        """
        return (
            f"in_dim={self.in_dim}, out_dim={self.out_dim}, "
            f"prefix_length={self.prefix_length}, "
            f"audio_length={self.audio_length}"
        )


class MLPMapper(torch.nn.Module):
    """ClipCap's other mapper, for a language model that learns too.

    Two linear layers with a tanh between them; their output is the prefix.
    Nothing stands beside what was heard, so that a small model from random
    weights finds it at once, where the learned vectors of a
    ``TransformerMapper`` drown it for long.

    Arguments
    ---------
    in_dim : int
        Dimension of the embedding.
    out_dim : int
        Width of the language model.
    prefix_length : int
        Vectors of the prefix.

    Example
    -------
    >>> MLPMapper(16, 8, prefix_length=4)(torch.randn(2, 16)).shape
    torch.Size([2, 4, 8])
    """

    def __init__(self, in_dim, out_dim, prefix_length=10):
        super().__init__()
        self.out_dim = out_dim
        hidden = prefix_length * out_dim // 2
        self.linear1 = torch.nn.Linear(in_dim, hidden)
        self.linear2 = torch.nn.Linear(hidden, prefix_length * out_dim)

    def forward(self, embeddings):
        """Maps embeddings to prefixes.

        Arguments
        ---------
        embeddings : torch.Tensor
            [B, in_dim].

        Returns
        -------
        torch.Tensor
            [B, prefix_length, out_dim].
        """
        x = self.linear2(self.linear1(embeddings).tanh())
        return x.unflatten(1, (-1, self.out_dim))
