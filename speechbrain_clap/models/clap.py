"""CLAP: a sound tower and a text tower that meet in one space.

"CLAP: Learning Audio Concepts From Natural Language Supervision", Elizalde et
al. 2022, https://arxiv.org/abs/2206.04769.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from torch.nn.functional import normalize

from speechbrain_clap.models.two_towers import TwoTowers


class CLAP(TwoTowers):
    """Two towers, two projections and one temperature.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, Da]; has `sample_rate`,
        `clip_seconds` and `embedding_dim`.
    text_encoder : torch.nn.Module
        Its ``encode`` turns a list of str into [B, Dt].
    audio_projection : torch.nn.Module
        [B, Da] to [B, D].
    text_projection : torch.nn.Module
        [B, Dt] to [B, D].
    initial_temperature : float
        Of the contrastive loss; the logits are cosines divided by it.
    max_scale : float
        Upper bound of one over the temperature: 100, as CLIP has it.
    initial_bias : float or None
        What is added to the logits at first, learnt too, for the sigmoid
        loss (-10 in SigLIP). None: there is none.

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.projection import LinearProjection
    >>> from speechbrain_clap.lobes.subword_text import SubwordTransformer
    >>> text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16)
    >>> text.fit_vocabulary(["a dog barks", "rain falls"])
    >>> clap = CLAP(
    ...     CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
    ...     text,
    ...     LinearProjection(16, 12),
    ...     LinearProjection(8, 12),
    ... )
    >>> audio, text, scale = clap(torch.rand(2, 9000), ["a dog", "rain"])
    >>> audio.shape, text.shape, round(scale.item(), 2)
    (torch.Size([2, 12]), torch.Size([2, 12]), 14.29)
    """

    def __init__(
        self,
        audio_encoder,
        text_encoder,
        audio_projection,
        text_projection,
        initial_temperature=0.07,
        max_scale=100.0,
        initial_bias=None,
    ):
        super().__init__(
            audio_encoder, text_encoder, audio_projection, text_projection
        )
        self.max_scale = max_scale
        self.logit_scale = torch.nn.Parameter(
            torch.tensor(math.log(1.0 / initial_temperature))
        )
        self.logit_bias = None
        if initial_bias is not None:
            self.logit_bias = torch.nn.Parameter(
                torch.tensor(float(initial_bias))
            )

    def forward(self, wavs=None, texts=None, lens=None, features=None):
        """Embeds sounds and texts, for training.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [B, T].
        texts : list of str
            One per clip.
        lens : torch.Tensor or None
            Relative lengths, [B].
        features : torch.Tensor or None
            In place of waves what the audio encoder made of them, [B, Da]: a
            locked tower need not hear the same clip twice.

        Returns
        -------
        torch.Tensor
            L2-normalised embeddings of the sounds, float32, [B, D].
        torch.Tensor
            L2-normalised embeddings of the texts, float32, [B, D].
        torch.Tensor
            What multiplies their cosines, a scalar.
        torch.Tensor
            What is then added, a scalar; only with an `initial_bias`.
        """
        if features is None:
            audio = self.encode_audio(wavs, lens)
        else:
            x = self.audio_projection(features)
            audio = normalize(x.float(), dim=-1)
        text = self.encode_text(texts)
        scale = self.logit_scale.exp()
        if self.logit_bias is None:
            return audio, text, scale
        return audio, text, scale, self.logit_bias

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
        x = self.audio_projection(self.audio_encoder(wavs, lens))
        return normalize(x.float(), dim=-1)

    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        x = self.text_projection(self.text_encoder.encode(texts))
        return normalize(x.float(), dim=-1)

    @torch.no_grad()
    def clamp_scale(self):
        """Keeps one over the temperature at or below `max_scale`.

        To be called after each step of the optimiser: a clamp in the forward
        would leave the parameter without gradient once it is above.
        """
        self.logit_scale.clamp_(max=math.log(self.max_scale))
