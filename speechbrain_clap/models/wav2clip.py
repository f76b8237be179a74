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

CLIP_SCALE = 100.0  # where the training of CLIP ended


class Wav2CLIP(ListeningModel):
    """A sound tower, and what the cross-projection (CX) loss needs.

    The embedding of a sound is f(audio), in CLIP's space: it can be compared
    with CLIP's images and texts. Images come as CLIP's embeddings, the mean
    over the frames of a video, since CLIP itself is frozen; of CLIP only the
    text tower may be here, for zero-shot classification.

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
    text_encoder : speechbrain_clap.lobes.text_encoder.TextEncoder or None
        CLIP's, which is frozen here for good. None: no texts.

    Attributes
    ----------
    locked : set of str
        Towers that do not learn: {"text"}, where there is one.

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
        text_encoder=None,
    ):
        super().__init__()
        self.audio_encoder = audio_encoder
        self.audio_projection = audio_projection
        self.image_projection = image_projection
        if image_projection is not None:
            scale = math.log(1 / initial_temperature)
            self.logit_scale_audio = torch.nn.Parameter(torch.tensor(scale))
            self.logit_scale_image = torch.nn.Parameter(torch.tensor(scale))
        self.locked = set()
        self.text_encoder = None
        if text_encoder is not None:
            self.add_text(text_encoder)

    def add_text(self, text_encoder):
        """Takes in a text tower, which is frozen here for good.

        Arguments
        ---------
        text_encoder : speechbrain_clap.lobes.text_encoder.TextEncoder
            Of the CLIP whose images taught this model.
        """
        self.text_encoder = text_encoder.freeze()
        self.locked.add("text")

    def scale(self):
        """What multiplies the cosines of sounds with CLIP's images and texts.

        Returns
        -------
        torch.Tensor
            A scalar: that of the images' space where it was trained, else
            CLIP's own, 100.
        """
        if self.image_projection is None:
            return torch.tensor(CLIP_SCALE)
        return self.logit_scale_image.exp()

    def learn_scales(self, names):
        """Leaves only the spaces that a loss compares in to be learnt.

        Arguments
        ---------
        names : tuple of str
            Whose scales the loss uses, of "audio" and "image". What projects
            images to the sounds' space goes with "audio".
        """
        self.logit_scale_audio.requires_grad_("audio" in names)
        self.image_projection.requires_grad_("audio" in names)
        self.logit_scale_image.requires_grad_("image" in names)

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

    def embed_audio(self, wavs, lens=None):
        """Embeds sounds in CLIP's space, as the authors release embeddings.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            f(audio), not normalised, float32, [B, D].
        """
        return self.audio_projection(self.audio_encoder(wavs, lens)).float()

    def embed_frames(self, wavs, lens=None):
        """Embeds the frames of sounds in CLIP's space.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; what is past a clip's end means nothing.

        Returns
        -------
        torch.Tensor
            f(audio) of each frame, not normalised, float32, [B, N, D].
        float
            Seconds from one frame to the next.
        """
        frames, seconds = self.audio_encoder.forward_frames(wavs, lens)
        return self.audio_projection(frames).float(), seconds

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
        return normalize(self.embed_audio(wavs, lens), dim=-1)

    def embed_text(self, texts):
        """Embeds texts by CLIP's text tower.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [len(texts), D].

        Raises
        ------
        ValueError
            If the model was made without a text tower.
        """
        if self.text_encoder is None:
            raise ValueError(
                "this Wav2CLIP has no text tower: give it that of the CLIP "
                "that taught it (ViT-B-32-quickgelu, of the published weights)"
            )
        return self.text_encoder.encode(texts).float()

    def encode_text(self, texts):
        """Embeds texts by CLIP's text tower.

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
            If the model was made without a text tower.
        """
        return normalize(self.embed_text(texts), dim=-1)
