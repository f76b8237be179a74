"""AudioCLIP: sounds, images and texts in one space.

"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import itertools
import math

import torch
from torch.nn.functional import normalize

from speechbrain_clap.models.listening import ListeningModel
from speechbrain_clap.utils.prompts import join_labels

# Pair of modalities to its scale, named as in the published weights.
SCALES = {
    "audio_image": "logit_scale_ai",
    "audio_text": "logit_scale_at",
    "image_text": "logit_scale",
}
# Just within ln 1 and ln 100 in float32: at the bounds and beyond, the clamp
# leaves a scale without gradient, for ever.
MIN_LOG_SCALE = 2.0**-22
MAX_LOG_SCALE = math.log(100.0) - 2.0**-21


class AudioCLIP(ListeningModel):
    """Three towers and a scale for each pair of modalities.

    A step may bring any of the modalities, and of each the items that have
    it. Under DDP every trainable parameter must take part in every step, the
    scales too: where no step brings images, `lock` the image tower and
    ``requires_grad_(False)`` the two scales with images.

    The scales are clamp(exp(p), 1, 100), as published. There, the scales of
    the pairs with sounds start at ln 100, where rounding puts them a hair
    outside the clamp: they have no gradient and stay. Ours start a hair
    below and can be trained; call `clamp_scale` after each step.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Its ``classify`` turns waves [B, T] and relative lengths [B] into
        [B, D]; has `num_classes`, which is D, `sample_rate`, `clip_seconds`.
    image_encoder : torch.nn.Module
        Images [B, 3, H, W] to [B, D]; has `embedding_dim` and `preprocess`.
    text_encoder : torch.nn.Module
        Its ``encode`` turns a list of str into [B, D]; has `embedding_dim`.
    initial_scale : float
        What the cosines of images and texts are multiplied by at first: 1 /
        0.07 as CLIP started, 100 where the towers have CLIP's weights.
    initial_audio_scale : float
        The same of the pairs with sounds: 100 as published; from scratch
        rather 1 / 0.07.

    Raises
    ------
    ValueError
        If the towers differ in D, or a scale is not from 1 to 100.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> from speechbrain_clap.lobes.clip_text import OpenClipText
    >>> from speechbrain_clap.lobes.esresnext import ESResNeXt
    >>> from speechbrain_clap.lobes.vision import OpenClipVision
    >>> sizes = {
    ...     "embed_dim": 8,
    ...     "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
    ...     "text_cfg": {"width": 8, "heads": 2, "layers": 1},
    ... }
    >>> audio = {"depths": [1] * 4, "channels": 4, "groups": 2}
    >>> model = AudioCLIP(
    ...     ESResNeXt(n_fft=256, win_length=206, num_classes=8, **audio),
    ...     OpenClipVision(sizes),
    ...     OpenClipText(sizes),
    ... ).eval()
    >>> texts = [["dog", "rain"], ["sea_waves"]]
    >>> embeddings, scales = model(torch.rand(2, 9000), texts=texts)
    >>> {name: tuple(x.shape) for name, x in embeddings.items()}
    {'audio': (2, 8), 'text': (2, 8)}
    >>> {pair: round(x.item(), 2) for pair, x in scales.items()}
    {'audio_text': 100.0}
    """

    def __init__(
        self,
        audio_encoder,
        image_encoder,
        text_encoder,
        initial_scale=1 / 0.07,
        initial_audio_scale=100.0,
    ):
        super().__init__()
        self.locked = set()
        sizes = {
            "the audio encoder's num_classes": audio_encoder.num_classes,
            "the image encoder's embedding_dim": image_encoder.embedding_dim,
            "the text encoder's embedding_dim": text_encoder.embedding_dim,
        }
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{name} is {x}" for name, x in sizes.items())
            raise ValueError(f"the towers must meet in one space: {found}")
        self.audio_encoder = audio_encoder
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        for scale in (initial_scale, initial_audio_scale):
            if not 1 <= scale <= 100:
                raise ValueError(
                    f"an initial scale is {scale}, expected 1 to 100"
                )
        audio_scale = torch.tensor(math.log(initial_audio_scale))
        self.logit_scale = torch.nn.Parameter(
            torch.tensor(math.log(initial_scale))
        )
        self.logit_scale_ai = torch.nn.Parameter(audio_scale.clone())
        self.logit_scale_at = torch.nn.Parameter(audio_scale)
        self.clamp_scale()

    def lock(self, tower):
        """Freezes one tower, for good; the published "frozen: IH, TH".

        A locked tower stays in eval mode and keeps nothing for a gradient. The
        scale of a pair is locked with the second of its towers: nothing is
        left to be scaled.

        Arguments
        ---------
        tower : str
            "audio", "image" or "text".

        Raises
        ------
        ValueError
            If there is no such tower.
        """
        if tower not in ("audio", "image", "text"):
            raise ValueError(
                f"tower is '{tower}', expected 'audio', 'image' or 'text'"
            )
        self.locked.add(tower)
        if tower == "audio":
            self.audio_encoder.requires_grad_(False)
            self.audio_encoder.eval()
        else:
            getattr(self, f"{tower}_encoder").freeze()
        for pair, name in SCALES.items():
            if self.locked.issuperset(pair.split("_")):
                getattr(self, name).requires_grad_(False)

    def train(self, mode=True):
        """Sets training mode, except that a locked tower stays in eval mode.

        Arguments
        ---------
        mode : bool
            True for training.

        Returns
        -------
        AudioCLIP
            Itself.
        """
        super().train(mode)
        if "audio" in self.locked:
            self.audio_encoder.eval()
        return self

    def forward(
        self, wavs=None, images=None, texts=None, lens=None, present=None
    ):
        """Embeds whichever modalities are given, for training.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [B, T].
        images : torch.Tensor or None
            From the image encoder's ``preprocess``, [B, 3, H, W].
        texts : list or None
            One per item, see `embed_text`.
        lens : torch.Tensor or None
            Relative lengths of the waves, [B].
        present : dict or None
            Of the modalities that not every item has, which items have it,
            bool [B]. What is given of it holds those alone, in order.

        Returns
        -------
        dict
            "audio", "image", "text", those given in this order, to
            L2-normalised embeddings, float32, [B, D]; zeros for an item
            without it.
        dict
            "audio_image", "audio_text", "image_text", those of which both are
            given, to what multiplies their cosines, a scalar.

        Raises
        ------
        ValueError
            If nothing is given.
        """
        given = {
            "audio": (wavs, lens), "image": (images,), "text": (texts,)
        }  # fmt: skip
        embeddings = {
            name: self._encode(name, inputs, (present or {}).get(name))
            for name, inputs in given.items()
            if inputs[0] is not None
        }
        if not embeddings:
            raise ValueError("nothing to embed: pass wavs, images or texts")
        pairs = ["_".join(p) for p in itertools.combinations(embeddings, 2)]
        return embeddings, {pair: self.scale(pair) for pair in pairs}

    def _encode(self, name, inputs, mask):
        """Embeds the items that have a modality, [B, D]."""
        if mask is None:
            return getattr(self, f"encode_{name}")(*inputs)
        size = len(mask), self.text_encoder.embedding_dim
        every = torch.zeros(size, device=mask.device)
        if len(inputs[0]):
            embedded = getattr(self, f"encode_{name}")(*inputs)
            return every.index_copy(0, mask.nonzero()[:, 0], embedded)
        # The other ranks may have some: their gradients wait for these zeros.
        tower = getattr(self, f"{name}_encoder").parameters()
        return every + 0.0 * sum(p.sum() for p in tower if p.requires_grad)

    def scale(self, pair):
        """What multiplies the cosines of a pair of modalities.

        Arguments
        ---------
        pair : str
            "audio_image", "audio_text" or "image_text".

        Returns
        -------
        torch.Tensor
            clamp(exp(p), 1, 100), a scalar.
        """
        return getattr(self, SCALES[pair]).exp().clamp(1.0, 100.0)

    def logits(self, wavs=None, images=None, texts=None, lens=None):
        """Scores every item of a modality against every item of another.

        The numbers of sounds, images and texts may differ.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [A, T].
        images : torch.Tensor or None
            From the image encoder's ``preprocess``, [I, 3, H, W].
        texts : list or None
            See `embed_text`, T of them.
        lens : torch.Tensor or None
            Relative lengths of the waves, [A].

        Returns
        -------
        dict
            "audio_image" [A, I], "audio_text" [A, T], "image_text" [I, T],
            those of which both are given: scale times cosine.

        Raises
        ------
        ValueError
            If nothing is given.
        """
        embeddings, scales = self(wavs, images, texts, lens)
        scores = {}
        for pair, scale in scales.items():
            x, y = (embeddings[name] for name in pair.split("_"))
            scores[pair] = scale * x @ y.T
        return scores

    def embed_audio(self, wavs, lens=None):
        """Embeds sounds, as the towers give them.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [B, D].
        """
        return self.audio_encoder.classify(wavs, lens).float()

    def embed_image(self, images):
        """Embeds images, as the towers give them.

        Arguments
        ---------
        images : torch.Tensor
            From the image encoder's ``preprocess``, [B, 3, H, W].

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [B, D].
        """
        return self.image_encoder(images).float()

    def embed_text(self, texts):
        """Embeds texts, as the towers give them.

        Arguments
        ---------
        texts : list
            Each a str, or the list of an item's labels; see `join_labels`.

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [B, D].
        """
        return self.text_encoder.encode(join_labels(texts)).float()

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
        return normalize(self.embed_audio(wavs, lens), dim=-1)

    def encode_image(self, images):
        """Embeds images.

        Arguments
        ---------
        images : torch.Tensor
            From the image encoder's ``preprocess``, [B, 3, H, W].

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        return normalize(self.embed_image(images), dim=-1)

    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list
            Each a str, or the list of an item's labels; see `join_labels`.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        return normalize(self.embed_text(texts), dim=-1)

    @torch.no_grad()
    def clamp_scale(self):
        """Keeps the scales where the clamp leaves them a gradient.

        To be called after each step of the optimiser.
        """
        for name in SCALES.values():
            getattr(self, name).clamp_(MIN_LOG_SCALE, MAX_LOG_SCALE)
