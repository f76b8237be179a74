"""CLIP: images and texts in one space.

"Learning Transferable Visual Models From Natural Language Supervision",
Radford et al. 2021, https://arxiv.org/abs/2103.00020.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from torch.nn.functional import normalize

from speechbrain_clap.utils.prompts import fill_template

LARGEST_SCALE = 100.0


class CLIP(torch.nn.Module):
    """An image tower, a text tower and a temperature.

    Arguments
    ---------
    image_encoder : speechbrain_clap.lobes.vision.OpenClipVision
        Images [B, 3, S, S] to [B, D].
    text_encoder : speechbrain_clap.lobes.clip_text.OpenClipText
        Its `encode` turns a list of str into [B, D].
    initial_scale : float
        What multiplies the cosines at first.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> from speechbrain_clap.lobes.clip_text import OpenClipText
    >>> from speechbrain_clap.lobes.vision import OpenClipVision
    >>> sizes = {
    ...     "embed_dim": 8,
    ...     "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
    ...     "text_cfg": {"width": 8, "heads": 2, "layers": 1},
    ... }
    >>> clip = CLIP(OpenClipVision(sizes), OpenClipText(sizes))
    >>> images = torch.rand(2, 3, 32, 32)
    >>> image, text, scale = clip(images, ["a dog", "rain"])
    >>> image.shape, text.shape, round(scale.item(), 4)
    (torch.Size([2, 8]), torch.Size([2, 8]), 14.2857)
    """

    def __init__(self, image_encoder, text_encoder, initial_scale=1 / 0.07):
        super().__init__()
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.logit_scale = torch.nn.Parameter(
            torch.tensor(math.log(initial_scale))
        )

    def forward(self, images, texts):
        """Embeds pairs, for training.

        Arguments
        ---------
        images : torch.Tensor
            From the image tower's `preprocess`, [B, 3, S, S].
        texts : list of str
            One for each image.

        Returns
        -------
        tuple of torch.Tensor
            L2-normalised embeddings of the images and of the texts, [B, D]
            each, and what multiplies the cosines.
        """
        image, text = self.encode_image(images), self.encode_text(texts)
        return image, text, self.logit_scale.exp()

    def encode_image(self, images):
        """Embeds images.

        Arguments
        ---------
        images : torch.Tensor
            From the image tower's `preprocess`, [B, 3, S, S].

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        return normalize(self.image_encoder(images).float(), dim=-1)

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
        """
        return normalize(self.text_encoder.encode(texts).float(), dim=-1)

    def encode_classes(self, labels, template):
        """Embeds class names through a prompt.

        Arguments
        ---------
        labels : list of str
            Class names; underscores become spaces.
        template : str
            Holds "{}" where the name goes.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [len(labels), D].
        """
        return self.encode_text([fill_template(template, x) for x in labels])

    @torch.no_grad()
    def clamp_scale(self):
        """Bounds the scale to 100, as published; to be called after a step."""
        self.logit_scale.clamp_(max=math.log(LARGEST_SCALE))
