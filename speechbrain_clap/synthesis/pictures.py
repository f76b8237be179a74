"""Moving pictures of what sounds: one drawing for each embedded sound.

A class is told by the composition of its shapes alone: colours, place, size,
turn, background and what else lies about are drawn alike for all classes.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.synthesis.drawings import DRAWINGS, Canvas

CONTRAST = 0.3  # least difference in brightness to the background


def draw_frames(categories, rng, times, size=64):
    """Draws the frames of a video of one or two things.

    Arguments
    ---------
    categories : str or list of str
        Of ``speechbrain_clap.synthesis.sounds.CATEGORIES``: what is to be
        seen, the later before the earlier.
    rng : numpy.random.Generator
        Source of randomness. The same state gives the same frames.
    times : list of float
        When each frame is shown, in seconds: things move.
    size : int
        Height and width, 16 or more.

    Yields
    ------
    numpy.ndarray
        A frame, uint8 [size, size, 3].

    Raises
    ------
    ValueError
        If there is no drawing of a category, or the size is too small.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> frames = list(draw_frames("dog", rng, [0.0, 0.1], size=32))
    >>> frames[0].shape, bool((frames[0] != frames[1]).any())
    ((32, 32, 3), True)
    """
    if isinstance(categories, str):
        categories = [categories]
    unknown = [name for name in categories if name not in DRAWINGS]
    if unknown or not categories:
        raise ValueError(
            f"categories {categories}: expected some of {', '.join(DRAWINGS)}"
        )
    if size < 16:
        raise ValueError(f"size is {size}, expected 16 pixels or more")
    background, brightness = _background(rng, size)
    things = [
        _Thing(name, rng, brightness, place, len(categories))
        for place, name in enumerate(categories)
    ]
    grain = rng.normal(0, rng.uniform(0, 10), (size, size, 3))
    for time in times:
        image = background.copy()
        for thing in things:
            thing.draw(image, time)
        yield np.clip(255 * image + grain, 0, 255).astype(np.uint8)


def draw_picture(categories, rng, size=64):
    """Draws one picture.

    Arguments
    ---------
    categories : str or list of str
        What is to be seen, as for ``draw_frames``.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Height and width, 16 or more.

    Returns
    -------
    numpy.ndarray
        The picture, uint8 [size, size, 3].

    Example
    -------
    >>> draw_picture("rain", np.random.default_rng(0), size=48).shape
    (48, 48, 3)
    """
    time = rng.uniform(0, 10)
    return next(draw_frames(categories, rng, [time], size))


class _Thing:
    """One thing, with what is drawn for it once: place, colours, ways."""

    def __init__(self, name, rng, brightness, place, number):
        self.draw_parts = DRAWINGS[name]
        # Two things share the picture: left and right.
        width = 1.0 / number
        self.scale = rng.uniform(0.45, 0.85) * (0.75 if number > 1 else 1.0)
        free = 0.9 * (1 - self.scale)
        middle = 2 * width * (place + 0.5) - 1
        self.centre = (
            middle + rng.uniform(-free, free) * width,
            rng.uniform(-free, free),
        )
        self.turn = rng.normal(0, 0.15)
        self.flip = rng.choice([-1, 1])
        self.drift = rng.uniform(-0.06, 0.06, 2)
        self.pace = rng.uniform(0.3, 1.2)
        self.phase = rng.uniform(0, 2 * np.pi)
        self.colours = [_colour(rng, brightness) for _ in range(5)]
        # What a drawing makes of these is its own matter.
        self.ways = rng.uniform(0, 1, 24)

    def draw(self, image, time):
        """Adds it to an image [H, W, 3] of values from 0 to 1."""
        angle = self.phase + 2 * np.pi * self.pace * time
        centre = self.centre + self.drift * np.array(
            [np.sin(0.7 * angle), np.cos(0.9 * angle)]
        )
        canvas = Canvas(image, centre, self.scale, self.turn, self.flip)
        self.draw_parts(canvas, self.colours, self.ways, angle)


def _background(rng, size):
    """A background [size, size, 3], with things that mean nothing."""
    corners = rng.uniform(0.0, 1.0, 3) + rng.uniform(-0.2, 0.2, (2, 2, 3))
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j][..., None]
    image = (1 - y) * ((1 - x) * corners[0, 0] + x * corners[0, 1])
    image += y * ((1 - x) * corners[1, 0] + x * corners[1, 1])
    image = np.clip(image, 0, 1)
    mean = image.mean((0, 1))
    canvas = Canvas(image, (0.0, 0.0), 1.0, 0.0, 1)
    for _ in range(rng.integers(0, 5)):
        colour = np.clip(mean + rng.uniform(-0.2, 0.2, 3), 0, 1)
        x, y = rng.uniform(-1, 1, 2)
        width, height = rng.uniform(0.05, 0.4, 2)
        kind = rng.integers(3)
        if kind == 0:
            canvas.ellipse(x, y, width, height, colour)
        elif kind == 1:
            canvas.box(x, y, width, height, colour)
        else:
            canvas.line(x, y, *rng.uniform(-1, 1, 2), 0.1 * width, colour)
    return image, float(mean @ BRIGHTNESS)


BRIGHTNESS = np.array([0.3, 0.59, 0.11])


def _colour(rng, brightness):
    """A colour that can be told from the background."""
    while True:
        colour = rng.uniform(0, 1, 3)
        if abs(colour @ BRIGHTNESS - brightness) >= CONTRAST:
            return colour
