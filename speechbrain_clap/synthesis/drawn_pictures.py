"""Drawn pictures with their labels, as many as one wants.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np
import torch

from speechbrain_clap.synthesis.pictures import draw_picture
from speechbrain_clap.synthesis.sounds import CATEGORIES
from speechbrain_clap.utils.files import atomic_write
from speechbrain_clap.utils.prompts import fill_template

CLASS_NAMES = [name.replace("_", " ") for name in CATEGORIES]


class DrawnPictures:
    """New pictures in each epoch, of all classes in turn.

    A picture follows from the seed, the epoch and its number alone.

    Arguments
    ---------
    count : int
        Pictures of an epoch.
    preprocess : callable
        From uint8 [3, H, W] to float32 [3, S, S], such as that of
        ``speechbrain_clap.lobes.vision.OpenClipVision``.
    seed : int
        Of all draws; pictures of two seeds have nothing in common.
    size : int
        Height and width of what is drawn.
    templates : list of str
        Sentences with {} where the name of a class goes; one is drawn for
        each picture.

    Attributes
    ----------
    name : str
        "pictures".
    blocks : list of range
        As those of a source of pairs, for
        ``speechbrain_clap.dataio.mixture.MixtureBatches``.

    Example
    -------
    >>> pictures = DrawnPictures(20, lambda x: x.float(), seed=1, size=32)
    >>> picture = pictures[1, 0, 3]
    >>> picture["id"], picture["label"], picture["sig"].shape
    ('pictures/3', 'sea waves', torch.Size([3, 32, 32]))
    """

    name = "pictures"

    def __init__(self, count, preprocess, seed, size=96, templates=("{}",)):
        self.count = count
        self.preprocess = preprocess
        self.seed = seed
        self.size = size
        self.templates = templates
        self.blocks = [range(count)]

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        """Draws a picture.

        Arguments
        ---------
        index : tuple or int
            (epoch, number of the set, number of the picture), or the number
            of the picture alone, for epoch 0.

        Returns
        -------
        dict
            `id`, `sig` (the picture), `label` and `text`.
        """
        if isinstance(index, int):
            if not 0 <= index < self.count:
                raise IndexError(f"picture {index} of {self.count}")
            index = 0, 0, index
        epoch, _, number = index
        place = number % len(CLASS_NAMES)
        rng = np.random.default_rng([self.seed, epoch, number])
        image = draw_picture(list(CATEGORIES)[place], rng, self.size)
        template = self.templates[rng.integers(len(self.templates))]
        label = CLASS_NAMES[place]
        return {
            "id": f"{self.name}/{number}",
            "sig": self.preprocess(torch.from_numpy(image).permute(2, 0, 1)),
            "label": label,
            "text": fill_template(template, label),
        }


def write_examples(path, seed, size=96, rows=4):
    """Writes a sheet of drawn pictures, a column for each class.

    Arguments
    ---------
    path : str or pathlib.Path
        A PNG.
    seed : int
        As for ``DrawnPictures``: the pictures are those of its epoch 0.
    size : int
        Height and width of a picture.
    rows : int
        Pictures of each class.

    Example
    -------
    >>> import pytest
    >>> image = pytest.importorskip("PIL.Image")
    >>> path = getfixture("tmp_path") / "examples.png"
    >>> write_examples(path, seed=1, size=16, rows=2)
    >>> image.open(path).size
    (160, 32)
    """
    from PIL import Image

    columns = len(CLASS_NAMES)
    pictures = DrawnPictures(rows * columns, torch.clone, seed, size)
    images = torch.stack([picture["sig"] for picture in pictures])
    sheet = images.unflatten(0, (rows, columns)).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * size, columns * size, 3).numpy()
    with atomic_write(path) as temporary:
        Image.fromarray(sheet).save(temporary)
