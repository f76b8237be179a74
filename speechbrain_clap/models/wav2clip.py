"""Wav2CLIP: a sound tower that learns to stand where CLIP's images stand.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from torch.nn.functional import normalize

from speechbrain_clap.models.listening import ListeningModel


class Wav2CLIP(ListeningModel):
    """A sound tower, and what the cross-projection (CX) loss needs.

    The embedding of a sound is f(audio), in CLIP's space: it can be compared
    with CLIP's images and texts. Images come as CLIP's embeddings, the mean
    over the frames of a video, since CLIP itself is frozen.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, D]; has `sample_rate`
        and `clip_seconds`.
    audio_projection : torch.nn.Module
        f, [B, D] to [B, D].
    image_projection : torch.nn.Module or None
        g, [B, D] to [B, D], for training; without it the model only embeds.
    initial_temperature : float
        Of both scales, which are not clamped.

    Example
    -------
    >>> from speechbrain_clap.lobes.projection import MLPProjection
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> encoder = ResNet18(widths=[8, 8, 8, 16])
    >>> model = Wav2CLIP(encoder, MLPProjection(16, 16), MLPProjection(16, 16))
    >>> outputs = model(torch.randn(2, 16000), torch.randn(2, 16))
    >>> [tuple(output.shape) for output in outputs]
    [(2, 16), (2, 16), (2, 16), (2, 16), (), ()]
    """

    def __init__(
        self,
        audio_encoder,
        audio_projection,
        image_projection=None,
        initial_temperature=0.07,
    ):
        super().__init__()
        self.audio_encoder = audio_encoder
        self.audio_projection = audio_projection
        self.image_projection = image_projection
        if image_projection is not None:
            scale = math.log(1 / initial_temperature)
            self.logit_scale_audio = torch.nn.Parameter(torch.tensor(scale))
            self.logit_scale_image = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, wavs, images, lens=None):
        """What the CX loss compares, for training.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        images : torch.Tensor
            CLIP's embeddings, averaged over the frames, [B, D].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        tuple of torch.Tensor
            audio, f(audio), image, g(image), each [B, D] and not normalised;
            the scales of the sounds' and of the images' space.
        """
        audio = self.audio_encoder(wavs, lens)
        return (
            audio,
            self.audio_projection(audio),
            images,
            self.image_projection(images),
            self.logit_scale_audio.exp(),
            self.logit_scale_image.exp(),
        )

    def encode_audio(self, wavs, lens=None):
        """Embeds sounds in CLIP's space.

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
