"""Captioner: from a sound to a text, through the embedding of a CLAP.

ClapCap, of "Natural Language Supervision for General-Purpose Audio
Representations", Elizalde et al. 2023, https://arxiv.org/abs/2309.05767, after
"ClipCap", Mokady et al. 2021, https://arxiv.org/abs/2111.09734.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.models.beam_search import beam_search
from speechbrain_clap.models.listening import ListeningModel

# The id at which the published captioner stops: GPT2's lone space, the first
# of the two tokens of ' <|endoftext|>', which ends its training captions.
PUBLISHED_STOP = 220


class Captioner(ListeningModel):
    """An audio encoder, a mapper and a language model.

    The audio embedding, of length 1, becomes a prefix of vectors, which the
    language model continues. Published sizes: HTSAT with
    ``ResidualProjection(768, 1024)``, ``TransformerMapper()``, and
    ``PrefixDecoder("gpt2")``.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, Da]; has `sample_rate`,
        `clip_seconds` and `embedding_dim`.
    audio_projection : torch.nn.Module
        [B, Da] to [B, D].
    mapper : torch.nn.Module
        [B, D] to a prefix [B, P, W], such as
        ``speechbrain_clap.lobes.mapper.TransformerMapper``.
    decoder : torch.nn.Module
        A ``speechbrain_clap.lobes.prefix_decoder.PrefixDecoder`` of width W.
    normalise_prefix : bool
        Whether the embedding is brought to length 1 before the mapper.

    Raises
    ------
    ValueError
        If the mapper does not give vectors of the language model's width.

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.mapper import TransformerMapper
    >>> from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
    >>> from speechbrain_clap.lobes.projection import ResidualProjection
    >>> sizes = {"n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 30}
    >>> captioner = Captioner(
    ...     CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
    ...     ResidualProjection(16, 12),
    ...     TransformerMapper(12, 8, 4, 3, num_layers=1, num_heads=2),
    ...     PrefixDecoder({"model_type": "gpt2", **sizes}, pretrained=False),
    ... ).eval()
    >>> wavs = torch.rand(2, 9000)
    >>> captioner(wavs, torch.tensor([[5, 6], [7, 8]])).shape
    torch.Size([2, 3, 30])
    >>> tokens, scores = captioner.generate(wavs, beam_size=3, max_length=4)
    >>> len(tokens), len(tokens[0]), len(tokens[0][0]), scores.shape
    (2, 3, 4, torch.Size([2, 3]))
    """

    def __init__(
        self,
        audio_encoder,
        audio_projection,
        mapper,
        decoder,
        normalise_prefix=True,
    ):
        super().__init__()
        if mapper.out_dim != decoder.embedding_dim:
            raise ValueError(
                f"Captioner: the mapper gives vectors of {mapper.out_dim} "
                f"channels, the language model reads {decoder.embedding_dim}: "
                f"make the mapper with out_dim={decoder.embedding_dim}"
            )
        self.audio_encoder = audio_encoder
        self.audio_projection = audio_projection
        self.mapper = mapper
        self.decoder = decoder
        self.normalise_prefix = normalise_prefix

    def audio_embedding(self, wavs, lens=None):
        """Embeds sounds, as the projection gives it.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            Float32, of any length, [B, D].
        """
        return self.audio_projection(self.audio_encoder(wavs, lens)).float()

    def encode_audio(self, wavs, lens=None):
        """Embeds sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        return normalize(self.audio_embedding(wavs, lens), dim=-1)

    def prefix(self, wavs, lens=None):
        """What the language model reads of sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            [B, P, W].
        """
        if self.normalise_prefix:
            return self.mapper(self.encode_audio(wavs, lens))
        return self.mapper(self.audio_embedding(wavs, lens))

    def forward(self, wavs, token_ids, lens=None):
        """Scores captions token by token, for training.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        token_ids : torch.Tensor
            Captions, padded on their right with any token [B, L].
        lens : torch.Tensor or None
            Relative lengths of the waves, [B].

        Returns
        -------
        torch.Tensor
            Logits [B, L + 1, V]: at position i those of ``token_ids[:, i]``,
            and at the last those of what follows.
        """
        return self.decoder(self.prefix(wavs, lens), token_ids)

    @torch.no_grad()
    def generate(
        self,
        wavs,
        lens=None,
        beam_size=5,
        max_length=67,
        temperature=1.0,
        stop_id=PUBLISHED_STOP,
    ):
        """Writes captions, as tokens, by beam search.

        The defaults are the published ones, and give the published tokens;
        see ``speechbrain_clap.models.beam_search``. To be called in eval
        mode, as dropout would act otherwise. The memory grows with clips
        times beams, by 8 MB each for GPT2 small at 67 tokens.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].
        beam_size : int
            Beams of a clip.
        max_length : int
            Most tokens of a caption.
        temperature : float
            The logits are divided by it. 1.0 is the published default, 0.01
            stands in the authors' example.
        stop_id : int
            Token that ends a caption. The published 220 is a lone space,
            which precedes GPT2's real end of text, 50256; pass that one for a
            language model whose captions end in it with no space before.

        Returns
        -------
        list of list of list of int
            For each clip its beams, best first, each cut to its own length,
            the token that ended it included.
        torch.Tensor
            Mean log-probabilities per token, [B, beam_size].

        Raises
        ------
        ValueError
            If a setting is out of range, or the language model has too few
            positions for prefix and caption.
        """
        prefix = self.prefix(wavs, lens)
        # The last token is written, but never read.
        self.decoder.check_length(prefix.shape[1] + max_length - 1)
        logits, cache = self.decoder.start(prefix)

        def _step(tokens, parents):
            return self.decoder.proceed(tokens, parents, cache)

        tokens, lengths, scores = beam_search(
            logits, _step, beam_size, max_length, temperature, stop_id
        )
        beams = [
            [ids[:length] for ids, length in zip(*clip, strict=True)]
            for clip in zip(tokens.tolist(), lengths.tolist(), strict=True)
        ]
        return beams, scores

    def caption(self, wavs, lens=None, stop_id=PUBLISHED_STOP, **options):
        """Writes captions, as strings.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].
        stop_id : int
            Token that ends a caption; it is no part of the string.
        **options : dict
            As ``generate`` takes them.

        Returns
        -------
        list of str
            The best caption of each clip, its first letter upper case and all
            others lower, as published, with no space at either end.

        Raises
        ------
        OSError, ValueError
            If the language model has no tokenizer, or as ``generate``.
        """
        # A missing tokenizer is told before the work is done.
        _ = self.decoder.tokenizer
        clips, _ = self.generate(wavs, lens, stop_id=stop_id, **options)
        captions = []
        for beams in clips:
            ids = beams[0][:-1] if beams[0][-1] == stop_id else beams[0]
            captions.append(self.decoder.decode(ids).strip().capitalize())
        return captions
