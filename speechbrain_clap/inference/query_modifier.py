"""Find a sound by a similar one and words that say what differs.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.inference.embedder import SoundEmbedder


class QueryModifierRetrieval(SoundEmbedder):
    """A trained text query-modifier, ready to use.

    A sound and a text add up: the target is looked for at
    ``embed_audio(...) + embed_text(...)``, by cosine. See
    ``speechbrain_clap.models.query_modifier.QueryModifier`` for the method
    (https://arxiv.org/abs/2207.09732) and ``SoundEmbedder`` for how sounds of
    any length become clips.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.projection import ResidualProjection
    >>> from speechbrain_clap.lobes.subword_text import SubwordTransformer
    >>> from speechbrain_clap.models.query_modifier import QueryModifier
    >>> text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16)
    >>> text.fit_vocabulary(["add dog bark", "make rain louder"])
    >>> model = QueryModifier(
    ...     CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
    ...     text,
    ...     ResidualProjection(16, 12),
    ...     ResidualProjection(8, 12),
    ...     embedding_dim=12,
    ...     labels=["dog", "thunder"],
    ... )
    >>> modifier = QueryModifierRetrieval(  # or .from_hparams(source=folder)
    ...     modules={"query_modifier": model},
    ...     hparams={"clip_policy": {"padding": "zero", "long": "center"}},
    ... )
    >>> rain = 0.1 * torch.randn(1, 44100)
    >>> modifier.encode_query(rain, ["add dog"]).shape
    torch.Size([1, 12])
    >>> modifier.embed_audio(rain).shape, modifier.labels
    (torch.Size([1, 12]), ['dog', 'thunder'])
    """

    MODULES_NEEDED = ["query_modifier"]

    @property
    def use_text(self):
        """Whether the model reads the text; the paper's baseline does not.

        Returns
        -------
        bool
            If False, ``embed_text`` gives zeros.
        """
        return self.model.use_text

    @property
    def labels(self):
        """The events that the model was taught to tell apart.

        Returns
        -------
        list of str
            In the order of `event_probabilities`.
        """
        return self.model.labels

    def _embed_clips(self, wavs):
        return self.model.embed_audio(wavs)

    def _embed_texts(self, texts):
        return self.model.embed_text(texts)

    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [len(texts), D].

        Raises
        ------
        ValueError
            If the model is the paper's baseline, which reads no text.
        """
        if not self.use_text:
            raise ValueError(
                "this model was trained with use_text: False, it compares "
                "sounds alone: a text has no direction in it"
            )
        return super().encode_text(texts)

    def encode_query(
        self, wavs, texts, lens=None, audio_weight=1.0, text_weight=1.0
    ):
        """Embeds sounds with what is to be changed in them.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `embed_audio`, [B, T] or [T].
        texts : list of str
            One for each sound.
        lens : torch.Tensor or None
            Relative lengths, [B].
        audio_weight : float
            What the sound's part is multiplied by.
        text_weight : float
            What the text's part is multiplied by.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].

        Raises
        ------
        ValueError
            If there are not as many texts as sounds.
        """
        audio, text = self.embed_audio(wavs, lens), self.embed_text(texts)
        if len(audio) != len(text):
            raise ValueError(
                f"{len(audio)} sounds and {len(text)} texts: expected one "
                "text for each sound"
            )
        return normalize(audio_weight * audio + text_weight * text, dim=-1)

    @torch.no_grad()
    def event_probabilities(self, wavs, lens=None):
        """Which events the classifier hears; trained where rho is not 0.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `embed_audio`.
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            In 0 .. 1, [B, len(labels)].
        """
        return self.model.classifier(self.embed_audio(wavs, lens)).sigmoid()
