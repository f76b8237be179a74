"""A small causal language model with a vocabulary learnt from the captions.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
from speechbrain_clap.lobes.subword_vocabulary import (
    OwnWords,
    SubwordVocabulary,
)


class SubwordDecoder(OwnWords, PrefixDecoder):
    """GPT2's architecture at any size, from random weights: no download.

    It learns to write with the captioner that it is part of, from the training
    captions alone; its vocabulary is part of the state dict.

    Arguments
    ---------
    embedding_dim : int
        Width.
    num_layers : int
        Blocks.
    nhead : int
        Attention heads; they divide the width.
    vocab_size : int
        At most so many learnt subwords, as for ``SubwordVocabulary``.
    max_positions : int
        Most vectors of prefix and text together.
    dropout : float
        Probability, in training.

    Example
    -------
    >>> import torch
    >>> decoder = SubwordDecoder(embedding_dim=8, num_layers=1, nhead=2)
    >>> decoder.fit_vocabulary(["a dog barks", "rain falls on a roof"])
    >>> ids = torch.tensor(decoder.encode(["a dog on a roof"]))
    >>> logits = decoder(torch.randn(1, 4, 8), ids)
    >>> logits.shape == (1, ids.shape[1] + 1, decoder.vocab_size)
    True
    """

    def __init__(
        self,
        embedding_dim=128,
        num_layers=2,
        nhead=4,
        vocab_size=500,
        max_positions=64,
        dropout=0.1,
    ):
        vocabulary = SubwordVocabulary(vocab_size)
        config = {
            "model_type": "gpt2",
            "n_embd": embedding_dim,
            "n_layer": num_layers,
            "n_head": nhead,
            "n_positions": max_positions,
            "vocab_size": vocabulary.size,
            "bos_token_id": None,
            "eos_token_id": vocabulary.end_id,
            "resid_pdrop": dropout,
            "embd_pdrop": dropout,
            "attn_pdrop": dropout,
        }
        super().__init__(config, pretrained=False)
        self.vocabulary = vocabulary
