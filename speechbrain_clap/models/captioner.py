"""Captioner: from a sound to a text, through the embedding of a CLAP.

ClapCap, of "Natural Language Supervision for General-Purpose Audio
Representations", Elizalde et al. 2023, https://arxiv.org/abs/2309.05767, after
"ClipCap", Mokady et al. 2021, https://arxiv.org/abs/2111.09734.

Authors
 * The speechbrain_clap team 2026
"""

from torch.nn.functional import normalize

from speechbrain_clap.models.writing import WritingModel

# The id at which the published captioner stops: GPT2's lone space, the first
# of the two tokens of ' <|endoftext|>', which ends its training captions.
PUBLISHED_STOP = 220


class Captioner(WritingModel):
    """An audio encoder, a mapper and a language model.

    The audio embedding, of length 1, becomes a prefix of vectors, which the
    language model continues; a text prompt that names a task may stand between
    the two. With `frames` the mapper gets the embeddings of all frames, and
    the decoder looks at them. Published sizes: HTSAT with
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
        ``speechbrain_clap.lobes.mapper.TransformerMapper``; with `frames`
        [B, N, D] to [B, N, W], such as
        ``speechbrain_clap.lobes.caption_decoder.FrameMapper``.
    decoder : torch.nn.Module
        A ``speechbrain_clap.lobes.prefix_decoder.PrefixDecoder`` of width W,
        a ``SubwordDecoder`` or a ``CaptionDecoder``.
    normalise_prefix : bool
        Whether the embedding is brought to length 1 before the mapper.
    frames : bool
        Whether the mapper gets the embeddings of frames, of which the audio
        encoder's ``forward_frames`` tells. Padding is then heard: clips are
        to be brought to one length.
    stop_id : int or None
        Token that ends a caption. The published 220 is a lone space, which
        precedes GPT2's real end of text. None: the decoder's own end.

    Attributes
    ----------
    locked : set of str
        Has "audio" once that is locked.

    Raises
    ------
    ValueError
        If the mapper does not give vectors of the language model's width.

    Example
    -------
    >>> import torch
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
        frames=False,
        stop_id=PUBLISHED_STOP,
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
        self.frames = frames
        self._stop_id = stop_id
        self.locked = set()

    @property
    def stop_id(self):
        """The token that ends a caption.

        Returns
        -------
        int
            As given, or the decoder's own.
        """
        return self.decoder.end_id if self._stop_id is None else self._stop_id

    def lock(self, tower):
        """Freezes the audio encoder and its projection, as ClapCap does.

        Arguments
        ---------
        tower : str
            "audio". A language model is frozen as it is made.

        Raises
        ------
        ValueError
            If it is another one.
        """
        if tower != "audio":
            raise ValueError(f"tower is '{tower}', expected 'audio'")
        self.locked.add(tower)
        for part in (self.audio_encoder, self.audio_projection):
            part.requires_grad_(False).eval()

    def train(self, mode=True):
        """Sets training mode, except that what is locked stays in eval mode.

        Arguments
        ---------
        mode : bool
            True for training.

        Returns
        -------
        Captioner
            Itself.
        """
        super().train(mode)
        if "audio" in self.locked:
            self.audio_encoder.eval()
            self.audio_projection.eval()
        return self

    def features(self, wavs, lens=None):
        """What the audio encoder makes of sounds, before the projection.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; not looked at with `frames`.

        Returns
        -------
        torch.Tensor
            [B, Da]; with `frames` [B, N, Da].
        """
        if self.frames:
            return self.audio_encoder.forward_frames(wavs)[0]
        return self.audio_encoder(wavs, lens)

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

    def map_features(self, features):
        """What the language model reads, of features.

        Arguments
        ---------
        features : torch.Tensor
            From `features`.

        Returns
        -------
        torch.Tensor
            [B, P, W].
        """
        embedding = self.audio_projection(features).float()
        if self.normalise_prefix:
            embedding = normalize(embedding, dim=-1)
        return self.mapper(embedding)

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
        return self.map_features(self.features(wavs, lens))

    def forward(self, wavs, token_ids, lens=None, features=None):
        """Scores captions token by token, for training.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [B, T]; not looked at where there are features.
        token_ids : torch.Tensor
            Prompts, if any, and captions, padded on their right with any
            token [B, L].
        lens : torch.Tensor or None
            Relative lengths of the waves, [B].
        features : torch.Tensor or None
            From `features`, of a locked audio encoder.

        Returns
        -------
        torch.Tensor
            Logits [B, L + 1, V]: at position i those of ``token_ids[:, i]``,
            and at the last those of what follows.
        """
        if features is None:
            features = self.features(wavs, lens)
        return self.decoder(self.map_features(features), token_ids)
