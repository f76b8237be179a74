"""Differences of sounds beside the texts that say them, on a plane.

Figure 3 of "Introducing Auxiliary Text Query-modifier to Content-based Audio
Retrieval", Takeuchi et al. 2022, https://arxiv.org/abs/2207.09732, which is
drawn by UMAP (McInnes et al. 2018, https://arxiv.org/abs/1802.03426).

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.evaluation.canvas import INK, new_figure, style, to_png
from speechbrain_clap.evaluation.figures import class_colour, shorten
from speechbrain_clap.metrics.query_modifier import unit

FEW = 20  # with fewer distinct points UMAP finds no neighbourhoods
MARKERS = "os^DvP"


def difference_map(differences, texts, kinds, names):
    """Draws A(b) - A(a) and T(t) of some pairs, twice.

    Left as they are; right after the mean of either was taken out, so that
    a distance common to all texts, which changes no ranking much, does not
    hide what agrees. By UMAP on cosines; by PCA without the package
    umap-learn (``pip install "speechbrain_clap[viz]"``) or of few points.

    Arguments
    ---------
    differences : array_like
        A(b) - A(a), float [N, D].
    texts : array_like
        T(t), float [N, D].
    kinds : array_like
        What each pair's difference is, a place in `names`, int [N].
    names : list of str
        The kinds of differences.

    Returns
    -------
    bytes
        A PNG file.
    str
        How it was done.

    Example
    -------
    >>> png, how = difference_map(np.eye(3), np.eye(3), [0, 1, 1], ["a", "b"])
    >>> png[1:4], how
    (b'PNG', 'PCA, for UMAP needs more points')
    """
    differences, texts = np.asarray(differences), np.asarray(texts)
    kinds = np.asarray(kinds)
    used = [kind for kind in range(len(names)) if (kinds == kind).any()]
    with style():
        rows = -(-(len(used) + 2) // 5)
        figure, panels = new_figure(11, 5.2 + 0.22 * rows, columns=2)
        for axes, title, centre in zip(
            panels, ("as they are", "means taken out"), (0, 1), strict=True
        ):
            two = [unit(x - centre * x.mean(0)) for x in (differences, texts)]
            places, how = project(np.concatenate(two))
            axes.set_title(title, fontsize=10)
            axes.set_xticks([])
            axes.set_yticks([])
            _draw(axes, places, kinds, used, len(names))
        handles = [
            panels[0].plot([], [], "o", color=INK, label="A(b) − A(a)")[0],
            panels[0].plot([], [], "x", color=INK, label="T(t)")[0],
        ]
        handles += [
            panels[0].plot(
                [],
                [],
                linestyle="",
                marker=MARKERS[kind % len(MARKERS)],
                color=class_colour(kind, len(names)),
                label=shorten(names[kind]),
            )[0]
            for kind in used
        ]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=5,
            fontsize=8,
            frameon=False,
        )
        return to_png(figure), how


def project(points):
    """Lays points on a plane; the same points give the same places.

    Arguments
    ---------
    points : numpy.ndarray
        Float [M, D].

    Returns
    -------
    numpy.ndarray
        Float [M, 2].
    str
        How it was done.

    Example
    -------
    >>> places, how = project(np.eye(4))
    >>> places.shape, how
    ((4, 2), 'PCA, for UMAP needs more points')
    """
    if len(np.unique(points.round(6), axis=0)) < FEW:
        return _principal(points), "PCA, for UMAP needs more points"
    try:
        import umap
    except ImportError:
        return _principal(points), "PCA, for umap-learn is not installed"
    reducer = umap.UMAP(metric="cosine", random_state=0, n_jobs=1)
    return reducer.fit_transform(points), "UMAP"


def _principal(points):
    """The first two principal components, [M, 2]; zero where there is none."""
    left, size, _ = np.linalg.svd(points - points.mean(0), full_matrices=False)
    places = np.zeros((len(points), 2))
    found = (left * size)[:, :2]
    places[:, : found.shape[1]] = found
    return places


def _draw(axes, places, kinds, used, count):
    """A mark for each difference, a cross for each text, by kind."""
    sounds, texts = np.split(places, 2)
    for kind in used:
        colour, here = class_colour(kind, count), kinds == kind
        axes.plot(
            *sounds[here].T,
            linestyle="",
            marker=MARKERS[kind % len(MARKERS)],
            markersize=4,
            color=colour,
            alpha=0.6,
            markeredgewidth=0,
        )
        axes.plot(
            *texts[here].T,
            linestyle="",
            marker="x",
            markersize=6,
            markeredgewidth=1.4,
            color=colour,
            zorder=3,
        )
