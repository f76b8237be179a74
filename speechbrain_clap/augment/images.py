"""Augmentation of pictures, each of a batch by a draw of its own.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional


class RandomView(torch.nn.Module):
    """Cuts a square out of each picture, mirrors it, and changes its light.

    Arguments
    ---------
    smallest : float
        Side of the smallest square, as a share of the picture's.
    flip : float
        Probability of a mirror image, left and right exchanged.
    light : float
        Contrast is multiplied by a number from 1 - light to 1 + light, and
        one from -light to light is added.

    Raises
    ------
    ValueError
        If a number is out of range.

    Example
    -------
    >>> images = torch.rand(4, 3, 32, 32)
    >>> RandomView()(images).shape
    torch.Size([4, 3, 32, 32])
    >>> same = RandomView(smallest=1.0, flip=0.0, light=0.0)(images)
    >>> bool((same - images).abs().max() < 1e-5)
    True
    """

    def __init__(self, smallest=0.6, flip=0.5, light=0.2):
        super().__init__()
        if not 0 < smallest <= 1 or not 0 <= flip <= 1 or not 0 <= light < 1:
            raise ValueError(
                f"smallest is {smallest}, flip {flip} and light {light}, "
                "expected a share above 0, a probability, and less than 1"
            )
        self.smallest = smallest
        self.flip = flip
        self.light = light

    def forward(self, images):
        """Draws a view of each picture.

        Arguments
        ---------
        images : torch.Tensor
            Standardised, [B, C, H, W].

        Returns
        -------
        torch.Tensor
            The same shape.
        """
        draws = torch.rand(6, len(images), device=images.device)
        side = self.smallest + (1 - self.smallest) * draws[0]
        mirror = torch.where(draws[1] < self.flip, -1.0, 1.0)
        shift = (1 - side) * (2 * draws[2:4] - 1)
        affine = images.new_zeros(len(images), 2, 3)
        affine[:, 0, 0], affine[:, 1, 1] = side * mirror, side
        affine[:, 0, 2], affine[:, 1, 2] = shift
        grid = functional.affine_grid(affine, images.shape, align_corners=False)
        views = functional.grid_sample(
            images, grid, padding_mode="border", align_corners=False
        )
        contrast, brightness = self.light * (2 * draws[4:6] - 1)
        return (
            views * (1 + contrast)[:, None, None, None]
            + (brightness[:, None, None, None])
        )
