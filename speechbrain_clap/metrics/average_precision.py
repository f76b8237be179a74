"""Average precision: of one ranking, and its mean over many.

AP is the sum over the scores s, from the highest, of (recall at s - recall at
the score before) x precision at s. Items of equal score enter together, so
that their order is no matter.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import numpy as np


class Ranking:
    """Items in the order of their scores, with what is right among them.

    Arguments
    ---------
    scores : array_like
        Higher comes first, [M].
    relevant : array_like
        Which items are right, bool [M].

    Example
    -------
    >>> ranking = Ranking([0.9, 0.8, 0.1], [True, False, True])
    >>> round(ranking.average_precision(), 4), ranking.precision_at(1)
    (0.8333, 1.0)
    """

    def __init__(self, scores, relevant):
        scores = np.asarray(scores)
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.relevant = np.asarray(relevant, bool)[self.order]
        # The last item of each score.
        self.ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def average_precision(self, times=None):
        """Its average precision.

        Arguments
        ---------
        times : array_like or None
            How often each item stands there, int [M], as a bootstrap draws.

        Returns
        -------
        float
            NaN where nothing is right.
        """
        times = np.ones(len(self.order)) if times is None else times[self.order]
        right = np.cumsum(times * self.relevant)[self.ends]
        if not right[-1]:
            return float("nan")
        seen = np.cumsum(times)[self.ends]
        gained = np.diff(right, prepend=0.0)
        return float((gained * right / np.maximum(seen, 1)).sum() / right[-1])

    def precision_at(self, depth):
        """Share of what is right among the first.

        Arguments
        ---------
        depth : int
            How many are looked at. Of equal scores the lower index is first.

        Returns
        -------
        float
            From 0 to 1.
        """
        return float(self.relevant[:depth].mean())

    def reciprocal_rank(self):
        """One over the rank of the first that is right.

        Returns
        -------
        float
            0 where nothing is right. Of equal scores the lower index is first.
        """
        if not self.relevant.any():
            return 0.0
        return 1 / (1 + int(self.relevant.argmax()))


def chance_average_precision(relevant, items):
    """What a random order of the items gives on average.

    Arguments
    ---------
    relevant : int
        How many items are right, at least 1.
    items : int
        How many there are.

    Returns
    -------
    float
        With H the sum of 1 / i for i up to M: H / M + (r - 1) / (M - 1) *
        (1 - H / M).

    Example
    -------
    >>> round(chance_average_precision(1, 2), 2)
    0.75
    """
    if relevant == items:
        return 1.0
    share = float((1 / np.arange(1, items + 1)).sum()) / items
    return share + (relevant - 1) / (items - 1) * (1 - share)


@functools.cache
def chance_reciprocal_rank(relevant, items):
    """What a random order of the items gives on average.

    Arguments
    ---------
    relevant : int
        How many items are right, at least 1.
    items : int
        How many there are.

    Returns
    -------
    float
        The sum over the ranks of the chance that the first right one stands
        there, divided by the rank.

    Example
    -------
    >>> chance_reciprocal_rank(1, 2), chance_reciprocal_rank(2, 2)
    (0.75, 1.0)
    """
    ranks = np.arange(1, items - relevant + 2)
    # None of the ranks before was right, of all that are left.
    wrong = 1 - relevant / (items - ranks[:-1] + 1)
    before = np.cumprod(np.append(1.0, wrong))
    return float((before * relevant / (items - ranks + 1) / ranks).sum())


def mean_average_precision(scores, targets):
    """Macro mAP: each class ranks the clips, and all classes count alike.

    Arguments
    ---------
    scores : array_like
        Of each clip for each class, on any scale, [N, C].
    targets : array_like
        0 or 1, [N, C].

    Returns
    -------
    dict
        `value`; `per_class`, a list of C, None for a class that no clip has;
        `classes`, how many have a clip.

    Raises
    ------
    ValueError
        If the shapes differ, a score is not finite, or no class has a clip.

    Example
    -------
    >>> scores = [[0.9, 0.2, 0.0], [0.5, 0.3, 0.0]]
    >>> mean_average_precision(scores, [[1, 1, 0], [0, 0, 0]])
    {'value': 0.75, 'per_class': [1.0, 0.5, None], 'classes': 2}
    """
    scores, targets = np.asarray(scores), np.asarray(targets, bool)
    if scores.shape != targets.shape or scores.ndim != 2:
        raise ValueError(
            f"scores {list(scores.shape)} and targets {list(targets.shape)}: "
            "expected [clips, classes] of both"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores are NaN or infinite: has the model diverged?")
    heard = targets.any(0)
    if not heard.any():
        raise ValueError("no clip has a class: expected one at least")
    each = [
        Ranking(scores[:, c], targets[:, c]).average_precision()
        if heard[c]
        else None
        for c in range(scores.shape[1])
    ]
    known = [value for value in each if value is not None]
    return {
        "value": float(np.mean(known)),
        "per_class": each,
        "classes": len(known),
    }
