"""Pictures of probes: the curve over label fractions, differences of models.

Figures 2 and 3 of "Wav2CLIP: Learning Robust Audio Representations From CLIP",
Wu et al. 2021, https://arxiv.org/abs/2110.11499.

Authors
 * The speechbrain_clap team 2026
"""

import colorsys

import numpy as np

from speechbrain_clap.evaluation.canvas import INK, new_figure, style, to_png
from speechbrain_clap.evaluation.class_matrix import class_matrix, shorten
from speechbrain_clap.evaluation.figures import MARKERS, MAX_ANNOTATED


def fractions_png(curves, metric):
    """Draws a score over the share of the labels, a line for each model.

    Arguments
    ---------
    curves : dict
        Name of a model to a list of dicts with `fraction`, `mean` and `std`
        (over folds or trials; None for a single one).
    metric : str
        What the mean is of.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> curve = [{"fraction": f, "mean": f, "std": 0.1} for f in (0.1, 1.0)]
    >>> fractions_png({"random": curve}, "accuracy")[1:4]
    b'PNG'
    """
    with style():
        figure, axes = new_figure(7, 4.6)
        shares = sorted({p["fraction"] for c in curves.values() for p in c})
        for number, (name, curve) in enumerate(curves.items()):
            curve = sorted(curve, key=lambda point: point["fraction"])
            mean = np.array([point["mean"] for point in curve])
            std = np.array([point["std"] or 0.0 for point in curve])
            place = [shares.index(point["fraction"]) for point in curve]
            colour = colorsys.hls_to_rgb(
                (0.6 + number / max(len(curves), 1)) % 1, 0.42, 0.6
            )
            axes.plot(
                place,
                mean,
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                color=colour,
                label=shorten(name, 40),
            )
            axes.fill_between(
                place, mean - std, mean + std, color=colour, alpha=0.15, lw=0
            )
        names = [f"{100 * share:g}" for share in shares]
        axes.set_xticks(range(len(shares)), names)
        axes.set_xlabel("labelled clips, % of the training part")
        axes.set_ylabel(f"{metric}, ± standard deviation")
        axes.set_ylim(0, 1)
        axes.yaxis.grid(True, color="#e3e6ea")
        axes.legend(frameon=False)
        return to_png(figure)


def confusion_difference_png(one, other, names, class_names):
    """Draws where a model confuses more, and where less, than another.

    Each matrix is first divided by the clips of the true class. Of the
    diagonal blue is good for the first model, elsewhere red is.

    Arguments
    ---------
    one : array_like
        Confusions of the first model, counts, a row for each true class,
        [C, C].
    other : array_like
        Of the second, [C, C].
    names : list of str
        What the two are called.
    class_names : list of str
        The C names.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> confusion_difference_png(
    ...     [[2, 0], [0, 2]], [[1, 1], [0, 2]], ["a", "b"], ["dog", "rain"]
    ... )[1:4]
    b'PNG'
    """
    difference = row_shares(one) - row_shares(other)
    count = len(class_names)
    limit = max(0.05, float(np.nanmax(np.abs(difference), initial=0)))
    with style():
        figure, axes = class_matrix(
            difference,
            class_names,
            "RdBu",
            (-limit, limit),
            f"{shorten(names[0], 24)} minus {shorten(names[1], 24)}",
        )
        if count <= MAX_ANNOTATED:
            for row, column in np.ndindex(difference.shape):
                share = difference[row, column]
                if abs(share) >= 0.005:
                    axes.text(
                        column,
                        row,
                        f"{100 * share:+.0f}",
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="white" if abs(share) > 0.6 * limit else INK,
                    )
        return to_png(figure)


def row_shares(confusion):
    """Confusions as shares of the true class.

    Arguments
    ---------
    confusion : array_like
        Counts, a row for each true class, [C, C].

    Returns
    -------
    numpy.ndarray
        [C, C]; NaN for a class without clips.

    Example
    -------
    >>> row_shares([[3, 1], [0, 0]]).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    confusion = np.asarray(confusion, np.float64)
    clips = confusion.sum(1, keepdims=True)
    share = np.full(confusion.shape, np.nan)
    np.divide(confusion, clips, out=share, where=clips > 0)
    return share
