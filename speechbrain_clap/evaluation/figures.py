"""Pictures of an evaluation, drawn to PNG bytes.

The same numbers give the same bytes, whatever the user's settings are.

Authors
 * The speechbrain_clap team 2026
"""

import colorsys

import numpy as np

from speechbrain_clap.evaluation.canvas import (
    GREY,
    INK,
    new_figure,
    style,
    to_png,
)
from speechbrain_clap.evaluation.class_matrix import (
    MAX_NAMED,
    class_matrix,
    shorten,
)
from speechbrain_clap.metrics.classification import wilson_interval

# Above this many classes the confusion matrix shows no counts.
MAX_ANNOTATED = 15
BLUE = "#3b6fb6"
MARKERS = "os^DvP"


def confusion_png(confusion, class_names):
    """Draws a confusion matrix, coloured by the share of the true class.

    Arguments
    ---------
    confusion : array_like
        Counts, a row for each true class, int [C, C].
    class_names : list of str
        The C names.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> confusion_png([[3, 1], [0, 2]], ["dog", "rain"])[1:4]
    b'PNG'
    """
    confusion = np.asarray(confusion)
    count = len(class_names)
    clips = confusion.sum(1, keepdims=True)
    # Rows without clips stay blank, which is not the same as all wrong.
    share = np.full(confusion.shape, np.nan)
    np.divide(confusion, clips, out=share, where=clips > 0)
    with style():
        figure, axes = class_matrix(
            share, class_names, "Blues", (0, 1), "share of the true class"
        )
        if count <= MAX_ANNOTATED:
            for row, column in np.ndindex(confusion.shape):
                if confusion[row, column]:
                    axes.text(
                        column,
                        row,
                        f"{confusion[row, column]}",
                        ha="center",
                        va="center",
                        fontsize=9,
                        color="white" if share[row, column] > 0.55 else INK,
                    )
        return to_png(figure)


def per_class_png(confusion, class_names):
    """Draws the accuracy of each class with its interval, best on top.

    Classes without clips come last, without a bar.

    Arguments
    ---------
    confusion : array_like
        Counts, a row for each true class, int [C, C].
    class_names : list of str
        The C names.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> per_class_png([[3, 1], [0, 0]], ["dog", "rain"])[1:4]
    b'PNG'
    """
    confusion = np.asarray(confusion)
    right, clips = confusion.diagonal(), confusion.sum(1)
    share = np.full(len(right), -1.0)
    np.divide(right, clips, out=share, where=clips > 0)
    order = sorted(range(len(right)), key=lambda c: (-share[c], -clips[c]))
    with style():
        height = min(1.2 + 0.22 * len(order), 28)
        figure, axes = new_figure(8, height)
        for place, number in enumerate(order):
            if not clips[number]:
                axes.text(
                    0.01, place, "no clips", va="center", color=GREY, fontsize=8
                )
                continue
            _bar(axes.barh, place, share[number], right[number], clips[number])
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("accuracy, with 95 % interval")
        axes.xaxis.grid(True, color="#e3e6ea")
        axes.set_yticks([])
        if len(order) <= MAX_NAMED:
            names = [f"{shorten(class_names[c])} ({clips[c]})" for c in order]
            axes.set_yticks(range(len(order)), names, fontsize=8)
        return to_png(figure)


def folds_png(folds, mean):
    """Draws the accuracy of each fold with its interval, and their mean.

    Arguments
    ---------
    folds : list of dict
        With the keys `fold`, `value` and `clips`.
    mean : float
        The mean over the folds, drawn as a line.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> folds_png([{"fold": 1, "value": 0.5, "clips": 4}], 0.5)[1:4]
    b'PNG'
    """
    with style():
        figure, axes = new_figure(max(4.5, 1.5 + 0.7 * len(folds)), 3.6)
        for place, fold in enumerate(folds):
            right = round(fold["value"] * fold["clips"])
            _bar(axes.bar, place, fold["value"], right, fold["clips"])
        axes.axhline(mean, color=INK, linestyle="--", linewidth=1)
        axes.annotate(
            f"mean {100 * mean:.1f} %",
            (1, mean),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        axes.set_xticks(range(len(folds)), [str(f["fold"]) for f in folds])
        axes.set_xlabel("fold")
        axes.set_ylabel("accuracy, with 95 % interval")
        axes.set_ylim(0, 1)
        axes.yaxis.grid(True, color="#e3e6ea")
        return to_png(figure)


def embeddings_png(audio_points, text_points, targets, class_names):
    """Draws clips as small marks and texts as named stars, by class.

    Arguments
    ---------
    audio_points : ndarray
        Places of the clips on the plane, float [N, 2].
    text_points : ndarray
        Places of the texts of the classes, float [C, 2].
    targets : ndarray
        True class of each clip, int [N].
    class_names : list of str
        The C names.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> points = np.array([[0.0, 0.0], [1.0, 2.0]])
    >>> embeddings_png(points, points, np.array([0, 1]), ["a", "b"])[1:4]
    b'PNG'
    """
    count = len(class_names)
    columns = 5 if count <= 60 else 6
    rows = -(-count // columns)
    with style():
        figure, axes = new_figure(10, min(7.6 + 0.19 * rows, 40))
        named = []
        for number in range(count):
            colour = class_colour(number, count)
            # Marks differ too, for eyes that take two colours for one.
            marker = MARKERS[number % len(MARKERS)] if count > 10 else "o"
            named += axes.plot(
                *audio_points[targets == number].T,
                linestyle="",
                marker=marker,
                markersize=4.5,
                color=colour,
                alpha=0.75,
                markeredgewidth=0,
                label=shorten(class_names[number], 22),
            )
            axes.plot(
                *text_points[number],
                marker="*",
                markersize=15,
                color=colour,
                markeredgecolor=INK,
                markeredgewidth=0.8,
                zorder=3,
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.06)
        legend = figure.legend(
            handles=named,
            loc="outside lower center",
            ncols=min(columns, count),
            fontsize=8 if count <= 60 else 6,
            frameon=False,
            handletextpad=0.2,
            columnspacing=1.0,
        )
        for mark in legend.legend_handles:
            mark.set_alpha(1)
            mark.set_markersize(6)
        if count <= 60:
            _name_stars(figure, axes, text_points, audio_points, class_names)
        return to_png(figure)


def class_colour(number, count):
    """Gives a class its colour, far from those of its neighbours.

    Hues are spread evenly; lightness goes through three levels, so that 50
    classes keep apart better than on one rainbow.

    Arguments
    ---------
    number : int
        The place of the class.
    count : int
        How many classes there are.

    Returns
    -------
    tuple of float
        Red, green and blue in [0, 1].

    Example
    -------
    >>> len({class_colour(number, 50) for number in range(50)})
    50
    """
    lightness = 0.47 if count <= 8 else (0.36, 0.5, 0.66)[number % 3]
    return colorsys.hls_to_rgb(number / count, lightness, 0.72)


def _bar(draw, place, value, right, clips):
    """A bar (lying or standing, as `draw` is) with its Wilson interval."""
    low, high = wilson_interval(int(right), int(clips))
    error = "xerr" if draw.__name__ == "barh" else "yerr"
    draw(
        place,
        value,
        0.72,
        color=BLUE,
        alpha=0.85,
        # Limits and value are rounded apart: never let a length be negative.
        **{error: np.maximum([[value - low], [high - value]], 0)},
        error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2},
    )


def _name_stars(figure, axes, points, clips, class_names):
    """Writes the names beside the stars, each where it covers the least."""
    from matplotlib.patheffects import withStroke

    figure.draw_without_rendering()  # lays out; from here places are final
    figure.set_layout_engine("none")
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    stars = axes.transData.transform(points)
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in stars]
    for x, y in axes.transData.transform(clips):
        taken.append((x - 3, y - 3, x + 3, y + 3))
    for (x, y), name in zip(stars, class_names, strict=True):
        text = axes.text(
            0,
            0,
            shorten(name, 22),
            transform=None,
            fontsize=8,
            color=INK,
            zorder=4,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )
        extent = text.get_window_extent(renderer)
        width, height = extent.width, extent.height
        choices = []
        for far in (11, 18, 27):
            for left in (x + far, x - width / 2, x - far - width):
                for low in (y - height / 2, y + far, y - far - height):
                    choices.append((left, low, left + width, low + height))
        covered = [_covered(box, taken, frame) for box in choices]
        best = choices[int(np.argmin(covered))]
        text.set_position(best[:2])
        taken.append(best)


def _covered(box, taken, frame):
    """Pixels that a label at `box` shares with others or loses outside."""
    boxes = np.array(taken)
    shared = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(
        boxes[:, :2], box[:2]
    )
    inside = np.minimum(box[2:], frame.max) - np.maximum(box[:2], frame.min)
    size = (box[2] - box[0]) * (box[3] - box[1])
    outside = size - np.clip(inside, 0, None).prod()
    return np.clip(shared, 0, None).prod(1).sum() + 4 * outside
