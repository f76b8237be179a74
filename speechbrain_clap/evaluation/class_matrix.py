"""A matrix of true and predicted classes, with their names, as a figure.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.evaluation.canvas import new_figure

# Above this many classes their names are no longer written on the axes.
MAX_NAMED = 120


def class_matrix(values, class_names, colours, limits, label):
    """Draws numbers for each true and predicted class, with their names.

    Arguments
    ---------
    values : numpy.ndarray
        A row for each true class, [C, C].
    class_names : list of str
        The C names.
    colours : str
        matplotlib's name of a colour map.
    limits : tuple of float
        The values at its two ends.
    label : str
        What the values are.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    matplotlib.axes.Axes
        Its axes.

    Example
    -------
    >>> from speechbrain_clap.evaluation.canvas import style
    >>> with style():
    ...     figure, axes = class_matrix(
    ...         np.eye(2), ["dog", "rain"], "Blues", (0, 1), "share"
    ...     )
    >>> [text.get_text() for text in axes.get_xticklabels()]
    ['dog', 'rain']
    """
    count = len(class_names)
    side = float(np.clip(2.6 + 0.45 * count, 4.2, 11.0))
    figure, axes = new_figure(side + 0.8, side)
    image = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_xticks([])
    axes.set_yticks([])
    if count <= MAX_NAMED:
        size = float(np.clip(420 / count, 3, 9))
        names = [shorten(name) for name in class_names]
        axes.set_xticks(range(count), names, fontsize=size, rotation=90)
        axes.set_yticks(range(count), names, fontsize=size)
    return figure, axes


def shorten(name, limit=28):
    """Cuts a long class name for an axis.

    Arguments
    ---------
    name : str
        The name.
    limit : int
        Characters to keep at most.

    Returns
    -------
    str
        The name, with an ellipsis when it was cut.

    Example
    -------
    >>> shorten("a very long name", 7)
    'a very…'
    """
    name = " ".join(str(name).split())
    return name if len(name) <= limit else name[: limit - 1].rstrip() + "…"
