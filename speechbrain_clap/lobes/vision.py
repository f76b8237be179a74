"""CLIP's image towers, from open_clip.

"Learning Transferable Visual Models From Natural Language Supervision",
Radford et al. 2021, https://arxiv.org/abs/2103.00020.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.utils.openclip import (
    build_clip,
    clip_config,
    find_weights,
    load_weights,
    require_open_clip,
)


class OpenClipVision(torch.nn.Module):
    """An image tower of CLIP: its modified ResNet, or a vision transformer.

    AudioCLIP has "RN50-quickgelu", Wav2CLIP was taught by the frames that
    "ViT-B-32-quickgelu" had seen (OpenAI's weights need quick GELU). Needs
    open_clip, which the extra ``vision`` installs. Its parameters are named as
    those of the published tower: what is ``visual.conv1.weight`` in a CLIP is
    ``conv1.weight`` here.

    Arguments
    ---------
    name : str or dict
        A model that open_clip knows, or a configuration as open_clip writes
        it: ``embed_dim``, ``vision_cfg`` and, if True, ``quick_gelu``. Other
        networks than CLIP's own (timm) are not taken.
    pretrained : str, pathlib.Path or None
        One of open_clip's tags for the model, such as "openai", or a file
        with the state dict of a whole CLIP or of the tower alone. None:
        random weights.
    frozen : bool
        If True, the tower stays in eval mode and gets no gradient.

    Raises
    ------
    ImportError
        If open_clip is not installed.
    ValueError
        If there is no such model, it is not one of CLIP's own, or the weights
        are not its.
    OSError
        If the weights are not to be had, or are not safe to read: the message
        says what to fetch and where to put it.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> sizes = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
    >>> encoder = OpenClipVision({"embed_dim": 16, "vision_cfg": sizes}).eval()
    >>> frames = torch.randint(0, 256, (2, 3, 40, 60), dtype=torch.uint8)
    >>> encoder(encoder.preprocess(frames)).shape
    torch.Size([2, 16])
    """

    def __init__(self, name="RN50-quickgelu", pretrained=None, frozen=False):
        super().__init__()
        open_clip = require_open_clip()
        config = clip_config(name, "vision_cfg")
        self.image_size = config["vision_cfg"].get("image_size", 224)
        if not isinstance(self.image_size, int):
            raise ValueError(
                f"expected images as high as wide, their image_size one "
                f"number; got {self.image_size}"
            )
        tower = build_clip(config).visual
        self.name = name if isinstance(name, str) else type(tower).__name__
        self.embedding_dim = config["embed_dim"]
        self.mean = open_clip.OPENAI_DATASET_MEAN
        self.std = open_clip.OPENAI_DATASET_STD
        self.frozen = False
        # The tower keeps its way of computing, but its parts are registered
        # here: so they have no prefix in the state dict, and whatever is done
        # to the one (loading, moving, copying) is done to the other.
        self._tower = [tower]
        self._parameters = tower._parameters
        self._buffers = tower._buffers
        self._modules = tower._modules
        if pretrained is not None:
            path, tag = find_weights(name, pretrained)
            self._check_preprocessing(tag)
            self.mean = tag.get("mean") or self.mean
            self.std = tag.get("std") or self.std
            load_weights(self, path, "visual.")
        if frozen:
            self.freeze()

    @staticmethod
    def _check_preprocessing(tag):
        """Refuses weights whose images were made in another way."""
        wanted = {"resize_mode": "shortest", "interpolation": "bicubic"}
        for key, value in wanted.items():
            if tag.get(key, value) != value:
                raise ValueError(
                    f"these weights need images made with "
                    f"{key}={tag[key]!r}; preprocess has {value!r} only"
                )

    def preprocess(self, images):
        """Makes the network's input: always the same for the same image.

        The shorter side is resized to `image_size` (bicubic, antialiased), the
        centre is cut out, and CLIP's mean and deviation are applied. Pillow
        images are resized by Pillow, as published; tensors by torchvision,
        whose result differs by a level or two of 255 here and there.

        Arguments
        ---------
        images : PIL.Image.Image, torch.Tensor, or list of either
            Pillow images of any mode; tensors are uint8, [..., 3, H, W]. The
            images of a list may be of different sizes.

        Returns
        -------
        torch.Tensor
            float32, [..., 3, image_size, image_size]; for a list
            [B, 3, image_size, image_size].

        Raises
        ------
        TypeError
            If a tensor is not uint8.
        ValueError
            If a tensor has not three channels, or a list is empty.
        """
        from torchvision.transforms.v2 import functional

        if isinstance(images, (list, tuple)):
            if not images:
                raise ValueError("no image: the list of images is empty")
            return torch.stack([self.preprocess(image) for image in images])
        if not isinstance(images, torch.Tensor):
            images = images.convert("RGB")
        elif images.dtype != torch.uint8:
            raise TypeError(
                f"preprocess takes Pillow images or uint8 tensors of 0 to 255, "
                f"got a tensor of {images.dtype}"
            )
        elif images.dim() < 3 or images.shape[-3] != 3:
            raise ValueError(
                f"preprocess takes tensors [..., 3, H, W], got "
                f"{list(images.shape)}"
            )
        x = functional.resize(
            images,
            [self.image_size],
            interpolation=functional.InterpolationMode.BICUBIC,
        )
        x = functional.center_crop(x, [self.image_size])
        if not isinstance(x, torch.Tensor):
            x = functional.pil_to_tensor(x)
        return functional.normalize(x.float() / 255, self.mean, self.std)

    def forward(self, images):
        """Embeds images.

        Arguments
        ---------
        images : torch.Tensor
            From `preprocess`, [B, 3, image_size, image_size].

        Returns
        -------
        torch.Tensor
            Not normalised, float32 under autocast too, [B, embedding_dim].

        Raises
        ------
        ValueError
            If the images are of another shape or type.
        """
        side = self.image_size
        if images.shape[1:] != (3, side, side) or images.dtype == torch.uint8:
            raise ValueError(
                f"expected images as preprocess makes them, [B, 3, {side}, "
                f"{side}], got {list(images.shape)} of {images.dtype}"
            )
        x = self._tower[0](images)
        return x.to(torch.promote_types(x.dtype, torch.float32))

    def freeze(self):
        """Freezes the tower for good: no gradient, and always eval mode.

        Returns
        -------
        OpenClipVision
            Itself.
        """
        self.frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode=True):
        """Sets training mode, except that a frozen tower stays in eval mode.

        Arguments
        ---------
        mode : bool
            True for training.

        Returns
        -------
        OpenClipVision
            Itself.
        """
        super().train(mode and not self.frozen)
        self._tower[0].training = self.training
        return self

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Model, image size, embedding size, whether it is frozen.
        """
        return (
            f"{self.name}, image_size={self.image_size}, "
            f"embedding_dim={self.embedding_dim}, frozen={self.frozen}"
        )
