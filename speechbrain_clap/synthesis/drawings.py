"""What the things that sound look like: shapes on a canvas.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np


class Canvas:
    """A place in an image to draw shapes on, from -1 to 1 both ways.

    x goes to the right and y downwards. The edges of shapes are smooth.

    Arguments
    ---------
    image : numpy.ndarray
        [H, W, 3], values from 0 to 1; drawn on in place.
    centre : tuple of float
        Where the middle of the canvas lies in the image, which goes from -1
        to 1 as well.
    scale : float
        Size of the canvas, in that of the image.
    turn : float
        In radians.
    flip : int
        -1: mirrored; 1: not.

    Example
    -------
    >>> image = np.zeros((8, 8, 3))
    >>> Canvas(image, (0, 0), 1.0, 0.0, 1).box(0, 0, 0.5, 0.5, [1, 1, 1])
    >>> image[:, :, 0].sum()
    np.float64(16.0)
    """

    def __init__(self, image, centre, scale, turn, flip):
        self.image = image
        height, width = image.shape[:2]
        y = (np.arange(height)[:, None] + 0.5) / height * 2 - 1 - centre[1]
        x = (np.arange(width)[None] + 0.5) / width * 2 - 1 - centre[0]
        cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
        self.x = flip * (cos * x + sin * y)
        self.y = cos * y - sin * x
        self.pixel = 2 / (height * scale)

    def paint(self, distance, colour):
        """Fills a shape.

        Arguments
        ---------
        distance : numpy.ndarray
            [H, W], of each pixel to its edge, negative inside.
        colour : numpy.ndarray
            [3], from 0 to 1.
        """
        cover = np.clip(0.5 - distance / self.pixel, 0, 1)
        rows, columns = (np.flatnonzero(cover.any(axis)) for axis in (1, 0))
        if not len(rows):
            return
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        image = self.image[part]
        image += cover[part][..., None] * (np.asarray(colour) - image)

    def ellipse(self, x, y, width, height, colour):
        """Draws an ellipse.

        Arguments
        ---------
        x, y : float
            Its middle.
        width, height : float
            Its half axes.
        colour : numpy.ndarray
            [3].
        """
        radius = np.hypot((self.x - x) / width, (self.y - y) / height)
        self.paint((radius - 1) * min(width, height), colour)

    def box(self, x, y, width, height, colour):
        """Draws a rectangle.

        Arguments
        ---------
        x, y : float
            Its middle.
        width, height : float
            Half of its sides.
        colour : numpy.ndarray
            [3].
        """
        across, down = np.abs(self.x - x) - width, np.abs(self.y - y) - height
        self.paint(np.maximum(across, down), colour)

    def line(self, x, y, end_x, end_y, width, colour):
        """Draws a line with round ends.

        Arguments
        ---------
        x, y : float
            Where it begins.
        end_x, end_y : float
            Where it ends.
        width : float
            Half of it.
        colour : numpy.ndarray
            [3].
        """
        dx, dy = end_x - x, end_y - y
        along = ((self.x - x) * dx + (self.y - y) * dy) / (dx**2 + dy**2)
        along = np.clip(along, 0, 1)
        distance = np.hypot(self.x - x - along * dx, self.y - y - along * dy)
        self.paint(distance - width, colour)

    def triangle(self, first, second, third, colour):
        """Draws a triangle.

        Arguments
        ---------
        first, second, third : tuple of float
            Its corners, x and y.
        colour : numpy.ndarray
            [3].
        """
        corners = np.array([first, second, third], float)
        sides = np.roll(corners, -1, 0) - corners
        area = sides[0, 0] * sides[1, 1] - sides[0, 1] * sides[1, 0]
        edges = [
            (dy * (self.x - x) - dx * (self.y - y)) / np.hypot(dx, dy)
            for (x, y), (dx, dy) in zip(corners, sides, strict=True)
        ]
        self.paint(np.max(np.sign(area) * np.array(edges), 0), colour)


def _dog(canvas, colours, ways, angle):
    body, ear, dark = colours[:3]
    length, nod = 0.5 + 0.15 * ways[0], 0.06 * np.sin(3 * angle)
    tail = 0.25 * np.sin(2 * angle)
    canvas.line(-length, 0.1, -0.9, -0.4 + tail, 0.06, body)
    for x in (-0.8, -0.5, 0.5, 0.8):
        canvas.line(x * length, 0.2, x * length, 0.85, 0.08, body)
    canvas.ellipse(0, 0.15, length, 0.28 + 0.06 * ways[1], body)
    canvas.ellipse(length + 0.1, -0.25 + nod, 0.28, 0.26, body)
    canvas.ellipse(length + 0.32, -0.15 + nod, 0.2, 0.12, body)
    canvas.ellipse(length - 0.05, -0.22 + nod, 0.1, 0.25 + 0.1 * ways[2], ear)
    canvas.ellipse(length + 0.48, -0.2 + nod, 0.06, 0.05, dark)
    canvas.ellipse(length + 0.15, -0.33 + nod, 0.045, 0.045, dark)


def _rooster(canvas, colours, ways, angle):
    body, comb, beak = colours[:3]
    stretch = 0.05 * np.sin(2 * angle)
    for place in range(4):  # the tail, a fan
        lean = 0.35 + 0.4 * place + 0.2 * ways[0]
        canvas.line(
            -0.3, 0.2, -0.3 - 0.65 * np.sin(lean), 0.2 - 0.75 * np.cos(lean),
            0.07, colours[3 + place % 2],
        )  # fmt: skip
    for x in (-0.1, 0.15):
        canvas.line(x, 0.5, x, 0.9, 0.035, beak)
        canvas.line(x, 0.9, x + 0.15, 0.92, 0.03, beak)
    canvas.ellipse(0, 0.3, 0.45, 0.3 + 0.05 * ways[1], body)
    canvas.line(0.25, 0.2, 0.4, -0.45 - stretch, 0.13, body)
    top = -0.55 - stretch
    for x in (0.25, 0.4, 0.55):  # the comb
        canvas.triangle(
            (x - 0.1, top + 0.05), (x + 0.1, top + 0.05), (x, top - 0.3), comb
        )
    canvas.ellipse(0.4, top + 0.1, 0.18, 0.17, body)
    canvas.triangle((0.55, top), (0.55, top + 0.2), (0.85, top + 0.1), beak)
    canvas.ellipse(0.5, top + 0.35, 0.07, 0.13, comb)


def _rain(canvas, colours, ways, angle):
    cloud, drop = colours[:2]
    lean = 0.35 * (ways[0] - 0.5)
    for place in range(14):
        x = -0.8 + 1.6 * ((0.618 * place + ways[1]) % 1)
        y = -0.3 + 1.25 * ((ways[place + 2] + 0.5 * angle) % 1)
        canvas.line(x, y, x + lean * 0.25, y + 0.22, 0.03, drop)
    for x, y, width, height in (
        (-0.45, -0.6, 0.4, 0.22), (0.0, -0.7, 0.42, 0.3),
        (0.45, -0.6, 0.42, 0.24), (0.0, -0.5, 0.8, 0.16),
    ):  # fmt: skip
        canvas.ellipse(x, y + 0.03 * np.sin(angle), width, height, cloud)


def _sea_waves(canvas, colours, ways, angle):
    count = 3 + int(2 * ways[0])
    inside = np.maximum(np.abs(canvas.x) - 1, canvas.y - 0.9)
    for place in range(count):
        level = -0.3 + 1.1 * place / count
        turn = (5 + 2 * ways[1]) * canvas.x + 2.1 * place + angle
        crest = level - 0.13 * np.abs(np.sin(turn / 2)) + 0.1 * ways[2]
        canvas.paint(
            np.maximum(0.8 * (crest - canvas.y), inside), colours[place % 2]
        )
        foam = np.abs(canvas.y - crest - 0.02) - 0.03
        canvas.paint(np.maximum(foam, inside), colours[2])


def _crackling_fire(canvas, colours, ways, angle):
    log, outer, inner, spark = colours[:4]
    canvas.line(-0.7, 0.85, 0.6, 0.6, 0.12, log)
    canvas.line(-0.6, 0.6, 0.7, 0.85, 0.12, log)
    for colour, size in ((outer, 1.0), (inner, 0.55)):
        for place in range(5):
            x = (-0.44 + 0.22 * place) * size
            flicker = np.sin(4 * angle + 6 * ways[place])
            height = size * (1.0 - 0.3 * abs(place - 2) + 0.15 * flicker)
            canvas.triangle(
                (x - 0.22 * size, 0.55), (x + 0.22 * size, 0.55),
                (x + 0.08 * flicker, 0.55 - 1.2 * height), colour,
            )  # fmt: skip
        canvas.ellipse(0, 0.55, 0.6 * size, 0.16 * size, colour)
    for place in range(4):
        rise = (ways[place + 6] + 0.2 * angle) % 1
        x = 0.8 * (ways[place + 10] - 0.5)
        canvas.ellipse(x, 0.2 - 1.1 * rise, 0.035, 0.035, spark)


def _crying_baby(canvas, colours, ways, angle):
    skin, dark, tear, mouth = colours[:4]
    wide = 0.12 + 0.1 * np.abs(np.sin(1.5 * angle))
    canvas.ellipse(-0.72, 0.05, 0.14, 0.18, skin)
    canvas.ellipse(0.72, 0.05, 0.14, 0.18, skin)
    canvas.ellipse(0, 0, 0.7, 0.75 + 0.05 * ways[0], skin)
    canvas.line(0, -0.72, 0.12, -0.9, 0.04, dark)  # the only hair
    for side in (-1, 1):  # eyes pressed shut, and tears
        canvas.line(side * 0.15, -0.12, side * 0.42, -0.22, 0.045, dark)
        canvas.line(side * 0.15, -0.12, side * 0.42, -0.06, 0.045, dark)
        fall = (ways[1] + 0.3 * angle + 0.25 * side) % 1
        canvas.ellipse(side * 0.36, 0.05 + 0.6 * fall, 0.06, 0.1, tear)
    canvas.ellipse(0, 0.35, 0.24, wide + 0.05, dark)
    canvas.ellipse(0, 0.4, 0.13, wide * 0.6, mouth)


def _sneezing(canvas, colours, ways, angle):
    skin, hair, dark, drop = colours[:4]
    jerk = 0.08 * np.maximum(0, np.sin(1.5 * angle))
    canvas.line(-0.45, 0.4, -0.5, 0.95, 0.22, skin)
    canvas.ellipse(-0.45 + jerk, -0.3, 0.45, 0.5, hair)
    canvas.ellipse(-0.35 + jerk, -0.1, 0.4, 0.5, skin)
    canvas.triangle(  # a face from the side: the nose
        (0.0 + jerk, -0.2), (0.0 + jerk, 0.12), (0.3 + jerk, 0.1), skin
    )
    canvas.ellipse(-0.12 + jerk, -0.2, 0.05, 0.05, dark)
    canvas.ellipse(-0.02 + jerk, 0.24, 0.1, 0.06, dark)
    for place in range(12):  # a cone of drops
        way = (ways[place] + 0.35 * angle) % 1
        lean = (place / 11 - 0.5) * 1.1
        x, y = 0.25 + 0.75 * way, 0.2 + 0.75 * way * lean
        canvas.ellipse(x + jerk, y, 0.045, 0.035, drop)


def _clock_tick(canvas, colours, ways, angle):
    rim, face, hand = colours[:3]
    canvas.ellipse(0, 0, 0.9, 0.9, rim)
    canvas.ellipse(0, 0, 0.76, 0.76, face)
    for hour in range(12):
        sin, cos = np.sin(hour * np.pi / 6), np.cos(hour * np.pi / 6)
        canvas.line(0.6 * sin, 0.6 * cos, 0.7 * sin, 0.7 * cos, 0.03, rim)
    step = np.floor(2 * angle) * np.pi / 30  # it ticks
    for turn, length, width in (
        (2 * np.pi * ways[0], 0.38, 0.055), (2 * np.pi * ways[1], 0.56, 0.04),
        (2 * np.pi * ways[2] + step, 0.62, 0.02),
    ):  # fmt: skip
        x, y = length * np.sin(turn), -length * np.cos(turn)
        canvas.line(0, 0, x, y, width, hand)
    canvas.ellipse(0, 0, 0.07, 0.07, rim)


def _helicopter(canvas, colours, ways, angle):
    body, glass, metal = colours[:3]
    reach = 0.35 + 0.6 * np.abs(np.sin(3 * angle))
    canvas.line(-0.95, -0.1, 0.0, 0.05, 0.06, body)
    tail = 5 * angle
    dx, dy = 0.22 * np.cos(tail), 0.22 * np.sin(tail)
    canvas.line(-0.92 - dx, -0.12 - dy, -0.92 + dx, -0.12 + dy, 0.03, metal)
    canvas.ellipse(0.25, 0.15, 0.5, 0.34 + 0.06 * ways[0], body)
    canvas.ellipse(0.45, 0.08, 0.24, 0.18, glass)
    canvas.line(0.2, -0.2, 0.2, -0.42, 0.05, metal)
    canvas.line(0.2 - reach, -0.44, 0.2 + reach, -0.44, 0.035, metal)
    for x in (0.05, 0.45):
        canvas.line(x, 0.45, x, 0.68, 0.03, metal)
    canvas.line(-0.25, 0.7, 0.75, 0.7, 0.035, metal)


def _chainsaw(canvas, colours, ways, angle):
    body, blade, tooth, grip = colours[:4]
    shake = 0.02 * np.sin(7 * angle)
    canvas.line(-0.75, 0.05, -0.3, -0.4, 0.07, grip)
    canvas.line(-0.3, -0.4, 0.0, -0.1, 0.07, grip)
    length = 0.75 + 0.15 * ways[0]
    run = (0.4 * angle) % 1
    for place in range(7):  # the teeth run along the blade
        x = 0.1 + (length - 0.1) * (place + run) / 7
        for y, tip in ((0.02, -0.14), (0.28, 0.44)):
            canvas.triangle(
                (x - 0.06, y + shake), (x + 0.06, y + shake),
                (x + 0.04, tip + shake), tooth,
            )  # fmt: skip
    canvas.line(0.0, 0.15 + shake, length, 0.15 + shake, 0.15, blade)
    canvas.box(-0.4, 0.15 + shake, 0.45, 0.3 + 0.06 * ways[1], body)
    canvas.ellipse(-0.4, 0.15 + shake, 0.16, 0.16, grip)


DRAWINGS = {
    "dog": _dog,
    "rooster": _rooster,
    "rain": _rain,
    "sea_waves": _sea_waves,
    "crackling_fire": _crackling_fire,
    "crying_baby": _crying_baby,
    "sneezing": _sneezing,
    "clock_tick": _clock_tick,
    "helicopter": _helicopter,
    "chainsaw": _chainsaw,
}
