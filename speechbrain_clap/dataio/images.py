"""Reading picture files, the faults named.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.audio import BadClipError


def read_image(path):
    """Reads a picture.

    Arguments
    ---------
    path : str or pathlib.Path
        Anything that Pillow reads: JPEG, PNG, WebP ...

    Returns
    -------
    PIL.Image.Image
        Upright (as its EXIF says), RGB.

    Raises
    ------
    BadClipError
        If the file is missing, empty or no picture.
    ImportError
        If Pillow is not installed.

    Example
    -------
    >>> import pytest
    >>> image = pytest.importorskip("PIL.Image")
    >>> path = getfixture("tmp_path") / "a.png"
    >>> image.new("L", (4, 3)).save(path)
    >>> read_image(path).size, read_image(path).mode
    ((4, 3), 'RGB')
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            f"reading pictures needs Pillow ({error}): "
            'pip install "speechbrain_clap[vision]"'
        ) from error
    path = pathlib.Path(path)
    if not path.is_file():
        raise BadClipError(f"{path}: there is no such file")
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise BadClipError(
            f"{path}: cannot be decoded, expected a picture that Pillow "
            f"reads ({error})"
        ) from error
