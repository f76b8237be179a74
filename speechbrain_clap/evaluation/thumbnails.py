"""Small pictures shown within a page.

Authors
 * The speechbrain_clap team 2026
"""

import base64
import html
import io

import numpy as np

SIDE = 128  # of the longer side, in pixels


class Thumbnails:
    """Makes pictures of clips; they lie within the page, as JPEG.

    Arguments
    ---------
    read : callable or None
        From the name of a clip to its picture, uint8 [3, H, W], or None. None:
        no clip has a picture.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("PIL")
    >>> grey = np.full((3, 200, 400), 128, np.uint8)
    >>> Thumbnails(lambda name: grey).picture("dog 1")[:47]
    '<img alt="picture of dog 1" width="128" height='
    >>> Thumbnails(None).picture("dog 1")
    ''
    """

    def __init__(self, read):
        self.read = read
        self.made = {}

    def picture(self, name):
        """Gives the picture of a clip.

        Arguments
        ---------
        name : str
            The clip.

        Returns
        -------
        str
            HTML; empty where there is no picture.
        """
        if self.read is None:
            return ""
        if name not in self.made:
            self.made[name] = self._encode(name)
        return self.made[name]

    def _encode(self, name):
        pixels = self.read(name)
        if pixels is None:
            return ""
        from PIL import Image

        image = Image.fromarray(np.asarray(pixels).transpose(1, 2, 0))
        image.thumbnail((SIDE, SIDE))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        data = base64.b64encode(stream.getvalue()).decode()
        return (
            f'<img alt="picture of {html.escape(name)}" '
            f'width="{image.width}" height="{image.height}" '
            f'src="data:image/jpeg;base64,{data}">'
        )
