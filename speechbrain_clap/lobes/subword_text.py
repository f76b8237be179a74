"""A small text transformer over subwords learned from the captions.

Authors
 * The speechbrain_clap team 2026
"""

import sentencepiece
import torch

from speechbrain_clap.lobes.subword_vocabulary import (
    BYTES,
    PADDING_ID,
    UNKNOWN_ID,
    learn_pieces,
)
from speechbrain_clap.lobes.text_encoder import TextEncoder

FIXED_PIECES = 2 + BYTES  # padding, unknown, bytes
COMMON = 1e-3  # a piece of this probability has half the weight of a rare one


class SubwordTransformer(TextEncoder):
    """Text encoder that needs no download: it learns its vocabulary.

    `fit_vocabulary` learns a SentencePiece unigram model
    (https://arxiv.org/abs/1808.06226) from the training captions; then a
    pre-LN transformer (https://arxiv.org/abs/2002.04745) with learned
    positions is trained along with the audio encoder. Its tokens are averaged
    with weights a / (a + p), p being the probability of the piece among the
    captions and a = 0.001 ("A Simple but Tough-to-Beat Baseline for Sentence
    Embeddings", https://openreview.net/forum?id=SyK00v5xx). Captions made by a
    template differ in few words; in a plain mean all of them begin nearly
    parallel, and training from scratch then merges classes for good. For the
    same reason each layer begins as the identity.

    Text is NFKC-normalised and lower-cased; characters that the captions did
    not hold are spelled in bytes, so any text has tokens.

    The learned vocabulary is part of the state dict, so a checkpoint is
    complete. The table of token vectors has its size from `vocab_size`, not
    from what was learned, so any vocabulary fits.

    Arguments
    ---------
    vocab_size : int
        At most this many learned pieces, beside 256 bytes, padding and
        unknown.
    embedding_dim : int
        Width of the transformer and of its output.
    num_layers : int
        Number of layers.
    nhead : int
        Attention heads; divides `embedding_dim`.
    d_ffn : int
        Hidden width of the feed-forward blocks.
    max_length : int
        Longer texts are cut to this many tokens, with one warning.
    dropout : float
        Probability, in training.
    character_coverage : float
        Share of the captions' characters that the vocabulary must hold, 0.98
        to 1; the rarest rest is spelled in bytes. Below 1 for scripts with
        many characters.

    Raises
    ------
    ValueError
        If `character_coverage` is outside SentencePiece's range.

    Example
    -------
    >>> encoder = SubwordTransformer(embedding_dim=16, d_ffn=32)
    >>> encoder.fit_vocabulary(["a dog barks", "rain on a roof", "a cat purrs"])
    >>> encoder.encode(["a dog on a roof", "rain", "rain"]).shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        vocab_size=256,
        embedding_dim=128,
        num_layers=2,
        nhead=4,
        d_ffn=256,
        max_length=32,
        dropout=0.1,
        character_coverage=1.0,
    ):
        if not 0.98 <= character_coverage <= 1.0:
            raise ValueError(
                f"character_coverage={character_coverage}: expected a share "
                "from 0.98 to 1.0"
            )
        super().__init__(embedding_dim, max_length)
        self.vocab_size = vocab_size
        self.character_coverage = character_coverage
        self.padding_id = PADDING_ID
        self.token_embedding = torch.nn.Embedding(
            vocab_size + FIXED_PIECES, embedding_dim
        )
        self.position_embedding = torch.nn.Parameter(
            torch.empty(max_length, embedding_dim)
        )
        self.dropout = torch.nn.Dropout(dropout)
        self.layers = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(
                embedding_dim,
                nhead,
                dim_feedforward=d_ffn,
                dropout=dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(num_layers)
        )
        self.norm = torch.nn.LayerNorm(embedding_dim)
        torch.nn.init.normal_(self.token_embedding.weight)
        torch.nn.init.normal_(self.position_embedding, std=0.02)
        for layer in self.layers:
            torch.nn.init.zeros_(layer.self_attn.out_proj.weight)
            torch.nn.init.zeros_(layer.linear2.weight)
            torch.nn.init.zeros_(layer.linear2.bias)
        self.register_buffer(
            "piece_weight",
            torch.ones(self.token_embedding.num_embeddings),
            persistent=False,  # follows from the vocabulary
        )
        self._vocabulary = None

    def fit_vocabulary(self, captions):
        """Learns the vocabulary; the same captions always give the same one.

        Call it before training, with the same captions in every process. The
        order of the captions does not matter. A vocabulary that was there
        before is replaced, and trained token vectors lose their meaning.

        Arguments
        ---------
        captions : list of str
            The training captions; ten short ones suffice.

        Raises
        ------
        ValueError
            If there is no caption with a visible character, or the captions
            hold more distinct characters than `vocab_size`.
        """
        self._set_vocabulary(
            learn_pieces(
                captions,
                self.vocab_size + FIXED_PIECES,
                self.character_coverage,
            )
        )

    def _set_vocabulary(self, serialised):
        """Takes a serialised SentencePiece model; empty bytes for none."""
        vocabulary = None
        if serialised:
            vocabulary = sentencepiece.SentencePieceProcessor(
                model_proto=serialised
            )
            pieces = vocabulary.get_piece_size()
            rows = self.token_embedding.num_embeddings
            if pieces > rows:
                raise ValueError(
                    f"the vocabulary has {pieces} pieces but the encoder was "
                    f"built for {rows}: build it with vocab_size="
                    f"{pieces - FIXED_PIECES} or more"
                )
            # SentencePiece's scores are log-probabilities; the pieces that
            # are not learned (bytes) have 0 and count as rare.
            scores = [vocabulary.get_score(i) for i in range(pieces)]
            chance = torch.tensor(scores, dtype=torch.float64).exp()
            chance[chance == 1] = 0.0
            weight = COMMON / (COMMON + chance)
            self.piece_weight[:pieces] = weight.to(self.piece_weight)
        self._vocabulary = vocabulary
        self._forget()

    def get_extra_state(self):
        """The learned vocabulary, for the state dict.

        Returns
        -------
        torch.Tensor
            The serialised SentencePiece model, uint8; of size 0 before a
            vocabulary was learned.
        """
        serialised = b""
        if self._vocabulary is not None:
            serialised = self._vocabulary.serialized_model_proto()
        return torch.tensor(list(serialised), dtype=torch.uint8)

    def set_extra_state(self, state):
        """Restores the vocabulary from a state dict.

        Arguments
        ---------
        state : torch.Tensor
            From `get_extra_state`, on any device.
        """
        self._set_vocabulary(bytes(state.tolist()))

    def token_ids(self, texts):
        """The subwords of each text, at most `max_length`.

        Arguments
        ---------
        texts : list of str
            Already checked.

        Returns
        -------
        list of list of int
            One row per text.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet.
        """
        if self._vocabulary is None:
            raise RuntimeError(
                "this SubwordTransformer has no vocabulary yet: call "
                "fit_vocabulary(training_captions), or load a checkpoint"
            )
        rows = self._vocabulary.encode(texts)
        cut = sum(len(row) > self.max_length for row in rows)
        self._warn_truncated(cut, len(texts))
        # A text of invisible characters alone has no subword.
        return [row[: self.max_length] or [UNKNOWN_ID] for row in rows]

    def forward(self, ids, mask):
        """Vectors of tokenised texts: weighted mean of the last tokens.

        Arguments
        ---------
        ids : torch.Tensor
            From `tokenize` [B, L].
        mask : torch.Tensor
            True or 1 for a token, False or 0 for padding [B, L].

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        hidden = self.token_embedding(ids)
        hidden = self.dropout(hidden + self.position_embedding[: ids.shape[1]])
        padding = ~mask.bool()
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=padding)
        weight = (self.piece_weight[ids] * mask).unsqueeze(-1)
        total = (self.norm(hidden).float() * weight).sum(1)
        return total / weight.sum(1)
