"""The decoder of a VQ model of diffusers: from a grid of codes to a picture.

"Taming Transformers for High-Resolution Image Synthesis", Esser et al. 2020,
https://arxiv.org/abs/2012.09841.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch


class VQDecoder(torch.nn.Module):
    """A frozen decoder through which a gradient flows back to the latent.

    Every place of the latent becomes the nearest code of the codebook; the
    gradient passes that step as if it were not there. Needs diffusers, which
    the extra ``diffusion`` installs.

    Arguments
    ---------
    source : str, pathlib.Path or dict
        A folder with a ``VQModel`` as diffusers writes it (`config.json` and
        `diffusion_pytorch_model.safetensors`), or the name of one on the
        Hugging Face hub, which is downloaded once. A dict: the sizes of an
        untrained one, arguments of ``diffusers.VQModel``.

    Attributes
    ----------
    scale : int
        Pixels of a place of the latent, along a side.

    Raises
    ------
    ImportError
        If diffusers is not installed.
    FileNotFoundError
        If there is no such model.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("diffusers")
    >>> sizes = {"block_out_channels": [4, 4], "norm_num_groups": 2}
    >>> sizes |= {"down_block_types": ["DownEncoderBlock2D"] * 2}
    >>> sizes |= {"up_block_types": ["UpDecoderBlock2D"] * 2}
    >>> decoder = VQDecoder({**sizes, "num_vq_embeddings": 8})
    >>> latent = decoder.start(16, 24, torch.Generator().manual_seed(0))
    >>> latent.shape, decoder(latent).shape
    (torch.Size([1, 3, 8, 12]), torch.Size([1, 3, 16, 24]))
    """

    def __init__(self, source):
        super().__init__()
        try:
            from diffusers import VQModel
        except ImportError as error:
            raise ImportError(
                f"pictures are made by diffusers ({error}): "
                'pip install "speechbrain_clap[diffusion]"'
            ) from error
        if isinstance(source, dict):
            model = VQModel(**source)
        else:
            model = _load(VQModel, source)
        self.model = model.requires_grad_(False).eval()
        self.scale = 2 ** (len(model.config.block_out_channels) - 1)
        codes = model.quantize.embedding.weight
        self.register_buffer("lowest", codes.amin(0)[:, None, None], False)
        self.register_buffer("highest", codes.amax(0)[:, None, None], False)

    def start(self, height, width, generator):
        """A latent of random codes.

        Arguments
        ---------
        height : int
            Of the picture, in pixels.
        width : int
            Of the picture, in pixels.
        generator : torch.Generator
            On the CPU: the same one gives the same on every device.

        Returns
        -------
        torch.Tensor
            [1, D, height / scale, width / scale].

        Raises
        ------
        ValueError
            If height or width is no multiple of `scale`.
        """
        if height % self.scale or width % self.scale or min(height, width) < 1:
            raise ValueError(
                f"a picture of {height} x {width}: expected multiples of "
                f"{self.scale}, the pixels of a place of the latent"
            )
        codes = self.model.quantize.embedding.weight
        places = torch.randint(
            len(codes),
            (1, height // self.scale, width // self.scale),
            generator=generator,
        )
        return codes[places.to(codes.device)].permute(0, 3, 1, 2).contiguous()

    @torch.no_grad()
    def keep_inside(self, latent):
        """Brings a latent back to where the codes are, in place.

        Arguments
        ---------
        latent : torch.Tensor
            [B, D, H, W].

        Returns
        -------
        torch.Tensor
            The same one.
        """
        return latent.copy_(latent.clamp(self.lowest, self.highest))

    def forward(self, latent):
        """Decodes to pictures.

        Arguments
        ---------
        latent : torch.Tensor
            [B, D, H, W].

        Returns
        -------
        torch.Tensor
            In [0, 1], [B, 3, H * scale, W * scale].
        """
        return _Clamp.apply((self.model.decode(latent).sample + 1) / 2)


def _load(kind, source):
    """The weights of a folder, or of the hub."""
    folder = pathlib.Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder} holds no config.json: expected a VQModel as diffusers "
            "writes it (of a pipeline its folder vqvae/)"
        )
    try:
        # Without the other setting diffusers asks for one more package.
        return kind.from_pretrained(source, low_cpu_mem_usage=False)
    except OSError as error:
        raise FileNotFoundError(
            f"vq_model {source} is neither a folder with a VQModel of "
            f"diffusers nor to be had from the hub ({error})"
        ) from error


class _Clamp(torch.autograd.Function):
    """Values in [0, 1]; what is outside may still come back."""

    @staticmethod
    def forward(ctx, x):
        """Clamps."""
        ctx.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx, gradient):
        """Stops only what would drive a value further out."""
        (x,) = ctx.saved_tensors
        return gradient * (gradient * (x - x.clamp(0, 1)) >= 0)
