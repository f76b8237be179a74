"""Listening at a glance: the picture that CLIP sees as a sound is heard.

Section 5 of "Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et
al. 2021, https://arxiv.org/abs/2110.11499, by the method of "VQGAN-CLIP",
Crowson et al. 2022, https://arxiv.org/abs/2204.08583.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import grid_sample, interpolate, normalize

GREY = (0.299, 0.587, 0.114)


class CutOuts(torch.nn.Module):
    """Random square parts of a picture, each changed a little.

    A part is resized, perhaps mirrored, turned, moved and seen from the side,
    its colours are changed a little, and noise is added: what all of them
    show is in the picture, not in single pixels of it.

    Arguments
    ---------
    size : int
        Height and width of the parts as they are given.
    count : int
        How many.
    power : float
        Above 1 there are more small parts than large ones.
    degrees : float
        Parts are turned up to so much, either way.
    shift : float
        Parts are moved up to this share of their size.
    perspective : float
        How much nearer one side may be than the other.
    colour : float
        How much brightness and saturation may change.
    noise : float
        Largest deviation of the noise.

    Example
    -------
    >>> cut_outs = CutOuts(8, count=5)
    >>> picture = torch.rand(1, 3, 20, 30)
    >>> cut_outs(picture, torch.Generator().manual_seed(0)).shape
    torch.Size([5, 3, 8, 8])
    """

    def __init__(
        self,
        size,
        count=32,
        power=1.0,
        degrees=30.0,
        shift=0.1,
        perspective=0.2,
        colour=0.1,
        noise=0.1,
    ):
        super().__init__()
        self.size = size
        self.count = count
        self.power = power
        self.degrees = degrees
        self.shift = shift
        self.perspective = perspective
        self.colour = colour
        self.noise = noise

    def forward(self, picture, generator):
        """Cuts parts out.

        Arguments
        ---------
        picture : torch.Tensor
            In [0, 1], [1, 3, H, W].
        generator : torch.Generator
            On the CPU: the same one gives the same on every device.

        Returns
        -------
        torch.Tensor
            [count, 3, size, size].
        """

        def _draw(*shape):
            return torch.rand(*shape, generator=generator).to(picture)

        largest = min(picture.shape[2:])
        smallest = min(largest, self.size)
        parts = []
        for chance, y, x in _draw(self.count, 3).tolist():
            span = largest - smallest
            side = smallest + round(chance**self.power * span)
            top = int(y * (picture.shape[2] - side + 1))
            left = int(x * (picture.shape[3] - side + 1))
            part = picture[:, :, top : top + side, left : left + side]
            parts.append(
                interpolate(
                    part, (self.size,) * 2, mode="bilinear", antialias=True
                )
            )
        x = self._warp(torch.cat(parts), _draw)
        grey = (x * x.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
        change = 1 + self.colour * (2 * _draw(2, self.count, 1, 1, 1) - 1)
        x = (grey + change[0] * (x - grey)) * change[1]
        deviation = self.noise * _draw(self.count, 1, 1, 1)
        noise = torch.randn(x.shape, generator=generator).to(x)
        return x + deviation * noise

    def _warp(self, x, draw):
        """Mirrors, turns, moves, and looks from the side; edges go on."""
        chance = draw(self.count, 6)
        both = 2 * chance - 1
        angle = both[:, 0] * self.degrees * torch.pi / 180
        mirror = torch.where(chance[:, 1] < 0.5, -1.0, 1.0)
        rows = [
            mirror * angle.cos(), -angle.sin(), 2 * self.shift * both[:, 2],
            mirror * angle.sin(), angle.cos(), 2 * self.shift * both[:, 3],
            self.perspective * both[:, 4], self.perspective * both[:, 5],
            torch.ones_like(angle),
        ]  # fmt: skip
        places = torch.stack(rows, 1).unflatten(1, (3, 3))
        axis = (torch.arange(self.size).to(x) + 0.5) * 2 / self.size - 1
        y, x_axis = torch.meshgrid(axis, axis, indexing="ij")
        points = torch.stack([x_axis, y, torch.ones_like(y)], -1)
        points = torch.einsum("bij,hwj->bhwi", places, points)
        grid = points[..., :2] / points[..., 2:]
        return grid_sample(x, grid, padding_mode="border", align_corners=False)


def spherical_distance(x, y):
    """Half of the squared angle between vectors, as VQGAN-CLIP minimises it.

    Arguments
    ---------
    x : torch.Tensor
        L2-normalised, [..., D].
    y : torch.Tensor
        L2-normalised, [..., D].

    Returns
    -------
    torch.Tensor
        [...].

    Example
    -------
    >>> eye = torch.eye(2)
    >>> round(float(spherical_distance(eye[0], eye[1])), 4)  # (pi / 2)^2 / 2
    1.2337
    """
    half = (x - y).norm(dim=-1) / 2
    return 2 * half.clamp(max=1 - 1e-6).arcsin() ** 2


class Glance(torch.nn.Module):
    """Changes a latent until its picture is embedded where a sound is.

    Arguments
    ---------
    decoder : speechbrain_clap.lobes.vq_decoder.VQDecoder
        Latent to picture.
    image_encoder : torch.nn.Module
        Of the CLIP in whose space the sound is embedded, such as
        ``speechbrain_clap.lobes.vision.OpenClipVision``: has `image_size`,
        `mean` and `std`.
    cut_outs : int or dict
        How many parts of the picture are compared at each step, or the
        arguments of ``CutOuts``.
    lr : float
        Of Adam.
    steps : int
        How many.
    every : int
        Steps from one picture of the progress to the next.

    Example
    -------
    >>> class Decoder(torch.nn.Module):
    ...     def start(self, height, width, generator):
    ...         return torch.rand(1, 3, height, width, generator=generator)
    ...
    ...     def keep_inside(self, latent):
    ...         return latent
    ...
    ...     def forward(self, latent):
    ...         return latent.sigmoid()
    >>> class Colours(torch.nn.Module):
    ...     image_size, mean, std = 4, [0.5] * 3, [1.0] * 3
    ...
    ...     def forward(self, images):
    ...         return images.mean((2, 3))
    >>> glance = Glance(Decoder(), Colours(), 4, lr=0.2, steps=30, every=15)
    >>> found = glance(torch.tensor([1.0, -1.0, -1.0]), 8, 8, seed=1)
    >>> found["picture"].shape, len(found["stages"])
    (torch.Size([3, 8, 8]), 3)
    >>> found["similarity"][0] < found["similarity"][-1]
    True
    """

    def __init__(
        self, decoder, image_encoder, cut_outs=32, lr=0.1, steps=300, every=50
    ):
        super().__init__()
        if min(steps, every) < 1:
            raise ValueError(
                f"steps is {steps} and every {every}: expected 1 or more"
            )
        self.decoder = decoder.requires_grad_(False).eval()
        self.image_encoder = image_encoder.requires_grad_(False).eval()
        if not isinstance(cut_outs, dict):
            cut_outs = {"count": cut_outs}
        self.cut_outs = CutOuts(image_encoder.image_size, **cut_outs)
        self.lr = lr
        self.steps = steps
        self.every = every

    def embed(self, pictures):
        """CLIP's embeddings, through which a gradient flows.

        Arguments
        ---------
        pictures : torch.Tensor
            In [0, 1], [B, 3, image_size, image_size].

        Returns
        -------
        torch.Tensor
            L2-normalised, [B, D].
        """
        mean = pictures.new_tensor(self.image_encoder.mean)[:, None, None]
        std = pictures.new_tensor(self.image_encoder.std)[:, None, None]
        return normalize(self.image_encoder((pictures - mean) / std), dim=-1)

    def forward(self, sound, height=256, width=256, seed=0):
        """Makes a picture of a sound.

        Arguments
        ---------
        sound : torch.Tensor
            Its embedding in CLIP's space, [D].
        height : int
            Of the picture, in pixels.
        width : int
            Of the picture, in pixels.
        seed : int
            The same one gives the same picture.

        Returns
        -------
        dict
            `picture`, uint8 [3, height, width]; `stages`, those on the way
            there, from the first to the last; `similarity`, the cosine of
            sound and whole picture before each step and after the last.

        Raises
        ------
        ValueError
            If the sound is embedded in another space than the pictures.
        """
        generator = torch.Generator().manual_seed(seed)
        latent = self.decoder.start(height, width, generator)
        latent = latent.detach().requires_grad_(True)
        target = normalize(sound.detach().to(latent), dim=-1)
        optimizer = torch.optim.Adam([latent], lr=self.lr)
        stages, similarity = [], []
        for step in range(self.steps):
            picture = self.decoder(latent)
            similarity.append(self.similarity(picture, target))
            if step % self.every == 0:
                stages.append(_pixels(picture))
            parts = self.cut_outs(picture, generator)
            loss = spherical_distance(self.embed(parts), target).mean()
            [latent.grad] = torch.autograd.grad(loss, [latent])
            optimizer.step()
            self.decoder.keep_inside(latent.data)
        with torch.no_grad():
            picture = self.decoder(latent)
        similarity.append(self.similarity(picture, target))
        stages.append(_pixels(picture))
        return {
            "picture": stages[-1],
            "stages": stages,
            "similarity": similarity,
        }

    @torch.no_grad()
    def similarity(self, picture, target):
        """How like a sound a whole picture is.

        Arguments
        ---------
        picture : torch.Tensor
            In [0, 1], [1, 3, H, W].
        target : torch.Tensor
            L2-normalised, [D].

        Returns
        -------
        float
            The cosine.

        Raises
        ------
        ValueError
            If the sound is embedded in another space than the pictures.
        """
        side = self.image_encoder.image_size
        whole = interpolate(
            picture, (side, side), mode="bilinear", antialias=True
        )
        [seen] = self.embed(whole)
        if seen.shape != target.shape:
            raise ValueError(
                f"the sound is embedded in {len(target)} dimensions, pictures "
                f"in {len(seen)}: expected a model that was taught by this CLIP"
            )
        return float(seen @ target)


def _pixels(picture):
    """uint8 [3, H, W], on the CPU."""
    return (255 * picture[0].detach()).round().to("cpu", torch.uint8)
