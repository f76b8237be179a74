"""A small transformer that writes captions while it looks at frames.

As the captioner of "Wav2CLIP: Learning Robust Audio Representations From
CLIP", Wu et al. 2021, https://arxiv.org/abs/2110.11499, section 3: one layer
over the frozen features of the frames.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from torch.nn.functional import scaled_dot_product_attention

from speechbrain_clap.lobes.mapper import MapperMLP
from speechbrain_clap.lobes.subword_vocabulary import (
    OwnWords,
    SubwordVocabulary,
)


class FrameMapper(torch.nn.Module):
    """From the features of frames to what a ``CaptionDecoder`` looks at.

    Arguments
    ---------
    in_dim : int
        Of a frame's features.
    out_dim : int
        Width of the decoder.
    dropout : float
        Probability, in training.

    Example
    -------
    >>> FrameMapper(8, 16)(torch.randn(2, 5, 8)).shape
    torch.Size([2, 5, 16])
    """

    def __init__(self, in_dim, out_dim, dropout=0.0):
        super().__init__()
        self.out_dim = out_dim
        self.linear = torch.nn.Linear(in_dim, out_dim)
        self.norm = torch.nn.LayerNorm(out_dim)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, frames):
        """Maps frames, and tells where in time each is.

        Arguments
        ---------
        frames : torch.Tensor
            [B, N, in_dim].

        Returns
        -------
        torch.Tensor
            [B, N, out_dim].
        """
        x = self.norm(self.linear(frames))
        return self.dropout(x + _positions(x.shape[1], self.out_dim, x))


def _positions(length, dim, like):
    """Sines and cosines [length, dim], of the paper on attention."""
    place = torch.arange(length, device=like.device, dtype=torch.float32)
    half = torch.arange(0, dim, 2, device=like.device, dtype=torch.float32)
    angle = place[:, None] * torch.exp(-math.log(10000.0) * half / dim)
    both = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    return both[:, :dim].to(like.dtype)


class _Attention(torch.nn.Module):
    """Attention whose keys and values can be kept."""

    def __init__(self, dim, nhead):
        super().__init__()
        self.nhead = nhead
        self.queries = torch.nn.Linear(dim, dim)
        self.keys_values = torch.nn.Linear(dim, 2 * dim)
        self.project = torch.nn.Linear(dim, dim)

    def _heads(self, x):
        return x.unflatten(2, (self.nhead, -1)).transpose(1, 2)

    def read(self, x):
        """Keys and values of [B, N, dim], each [B, heads, N, dim / heads]."""
        return [self._heads(half) for half in self.keys_values(x).chunk(2, -1)]

    def forward(self, x, kept, causal=False):
        """Looks from [B, L, dim] at kept keys and values."""
        found = scaled_dot_product_attention(
            self._heads(self.queries(x)), *kept, is_causal=causal
        )
        return self.project(found.transpose(1, 2).flatten(2))


class _Layer(torch.nn.Module):
    """Looks back, looks at the frames, thinks; normalised before each."""

    def __init__(self, dim, nhead, hidden, dropout):
        super().__init__()
        self.norms = torch.nn.ModuleList(
            torch.nn.LayerNorm(dim) for _ in range(3)
        )
        self.back = _Attention(dim, nhead)
        self.across = _Attention(dim, nhead)
        self.mlp = MapperMLP(dim, hidden)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x, across, before=None):
        """Of [B, L, dim]; `before` are the keys and values of what precedes.

        Gives the output and the keys and values up to now.
        """
        y = self.norms[0](x)
        kept = self.back.read(y)
        if before is not None:
            kept = [
                torch.cat(both, 2) for both in zip(before, kept, strict=True)
            ]
        x = x + self.dropout(self.back(y, kept, causal=before is None))
        x = x + self.dropout(self.across(self.norms[1](x), across))
        return x + self.dropout(self.mlp(self.norms[2](x))), kept


class CaptionDecoder(OwnWords, torch.nn.Module):
    """A transformer decoder over a vocabulary learnt from the captions.

    It stands where a ``PrefixDecoder`` stands in a
    ``speechbrain_clap.models.captioner.Captioner``; what is a prefix there
    are vectors to look at here. The head shares its weights with the table of
    subwords.

    Arguments
    ---------
    embedding_dim : int
        Width.
    num_layers : int
        Layers; the paper has one.
    nhead : int
        Attention heads; they divide the width.
    d_ffn : int
        Hidden width of the feed-forward blocks.
    vocab_size : int
        At most so many learnt subwords, as for
        ``speechbrain_clap.lobes.subword_vocabulary.SubwordVocabulary``.
    max_positions : int
        Most tokens of a text.
    dropout : float
        Probability, in training.

    Example
    -------
    >>> decoder = CaptionDecoder(embedding_dim=8, nhead=2, d_ffn=16)
    >>> decoder.fit_vocabulary(["a dog barks", "rain falls on a roof"])
    >>> ids = torch.tensor(decoder.encode(["a dog"]))
    >>> logits = decoder(torch.randn(1, 5, 8), ids)
    >>> logits.shape == (1, ids.shape[1] + 1, decoder.vocab_size)
    True
    """

    def __init__(
        self,
        embedding_dim=256,
        num_layers=1,
        nhead=4,
        d_ffn=1024,
        vocab_size=4000,
        max_positions=64,
        dropout=0.1,
    ):
        super().__init__()
        self.vocabulary = SubwordVocabulary(vocab_size)
        self.embedding_dim = embedding_dim
        self.vocab_size = self.vocabulary.size
        self.max_positions = max_positions
        self.table = torch.nn.Embedding(self.vocab_size, embedding_dim)
        self.begin = torch.nn.Parameter(torch.zeros(1, 1, embedding_dim))
        self.layers = torch.nn.ModuleList(
            _Layer(embedding_dim, nhead, d_ffn, dropout)
            for _ in range(num_layers)
        )
        self.norm = torch.nn.LayerNorm(embedding_dim)
        self.dropout = torch.nn.Dropout(dropout)
        torch.nn.init.normal_(self.table.weight, std=embedding_dim**-0.5)

    def _run(self, x, first, across, before):
        """Logits of [R, L, dim] that begin at a place, and the caches."""
        # Vectors of the table are of length 1: their sum with the places is
        # scaled, or the places would drown them.
        x = x * self.embedding_dim**0.5
        places = _positions(first + x.shape[1], self.embedding_dim, x)
        x = self.dropout(x + places[first:])
        caches = []
        for layer, kept, past in zip(self.layers, across, before, strict=True):
            x, cache = layer(x, kept, past)
            caches.append(cache)
        logits = self.norm(x) @ self.table.weight.T
        return logits, caches

    def _begin(self, memory, token_ids):
        """The first vectors [B, 1 + L, dim], and what is looked at."""
        x = self.begin.expand(len(memory), -1, -1)
        if token_ids is not None:
            x = torch.cat([x, self.table(token_ids)], 1)
        return x, [layer.across.read(memory) for layer in self.layers]

    def forward(self, prefix, token_ids):
        """Scores a text token by token, as training needs it.

        Arguments
        ---------
        prefix : torch.Tensor
            What is looked at, [B, N, embedding_dim].
        token_ids : torch.Tensor
            The text, padded on its right with any token, [B, L].

        Returns
        -------
        torch.Tensor
            Logits [B, L + 1, vocab_size], those of the token that follows.

        Raises
        ------
        ValueError
            If the text has more than `max_positions` tokens.
        """
        self.check_length(token_ids.shape[1])
        x, across = self._begin(prefix, token_ids)
        return self._run(x, 0, across, [None] * len(self.layers))[0]

    def start(self, prefix, token_ids=None, room=0):
        """Begins to write.

        Arguments
        ---------
        prefix : torch.Tensor
            What is looked at, [B, N, embedding_dim].
        token_ids : torch.Tensor or None
            A text that stands before what is written, [B, L].
        room : int
            How many tokens may be read after it.

        Returns
        -------
        torch.Tensor
            Logits of the first token [B, vocab_size].
        dict
            Keys and values of the B rows, for `proceed`.

        Raises
        ------
        ValueError
            If the text has too many tokens.
        """
        length = 0 if token_ids is None else token_ids.shape[1]
        self.check_length(length + room)
        x, across = self._begin(prefix, token_ids)
        logits, back = self._run(x, 0, across, [None] * len(self.layers))
        return logits[:, -1], {"back": back, "across": across}

    def proceed(self, tokens, parents, cache):
        """Writes one more token.

        Arguments
        ---------
        tokens : torch.Tensor
            The last token of each row [R].
        parents : torch.Tensor
            The row of the last call that each continues [R].
        cache : dict
            From `start`; it is brought up to date in place.

        Returns
        -------
        torch.Tensor
            Logits of the next token [R, vocab_size].
        """
        for part, layers in cache.items():
            cache[part] = [[x[parents] for x in kept] for kept in layers]
        first = cache["back"][0][0].shape[2]
        logits, cache["back"] = self._run(
            self.table(tokens)[:, None], first, cache["across"], cache["back"]
        )
        return logits[:, -1]

    def check_length(self, length):
        """Refuses a text that is longer than what was trained on may be.

        Arguments
        ---------
        length : int
            Of the text.

        Raises
        ------
        ValueError
            If there are fewer positions.
        """
        if length > self.max_positions:
            raise ValueError(
                f"the caption decoder has {self.max_positions} positions, but "
                f"the text needs {length}: shorten it, or raise max_positions"
            )

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Width, vocabulary, positions.
        """
        return (
            f"embedding_dim={self.embedding_dim}, "
            f"vocab_size={self.vocab_size}, max_positions={self.max_positions}"
        )
