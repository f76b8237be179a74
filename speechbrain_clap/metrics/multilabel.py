"""Several classes a clip: macro average precision, micro F1, thresholds.

F1 as in subtask A of DCASE 2017 task 4: decisions on all clips and classes
are counted together, http://dcase.community/challenge2017/task-large-scale-sound-event-detection.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

RESAMPLES = 200


def macro_average_precision(scores, targets, resamples=RESAMPLES, seed=0):
    """Macro mAP with its interval, fast enough for hundreds of classes.

    The average precision of a class is the mean, over its clips, of the
    precision at the clip's score; clips of equal score enter together. Classes
    that no clip has are left out.

    The interval is from a bootstrap in which each clip comes a Poisson number
    of times: the same for all classes where the clip has the class; the other
    clips between two such are drawn by their number alone, class by class.

    Arguments
    ---------
    scores : array_like
        Of each clip for each class, on any scale, [N, C].
    targets : array_like
        0 or 1, [N, C].
    resamples : int
        How often the clips are drawn; 0: no interval.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        `value`; `interval`, 95 %, or None; `per_class`, a list of C, None for
        a class that no clip has; `classes`, how many have a clip.

    Raises
    ------
    ValueError
        If the shapes differ, a score is not finite, or no class has a clip.

    Example
    -------
    >>> scores = [[0.9, 0.2, 0.0], [0.5, 0.3, 0.0]]
    >>> found = macro_average_precision(scores, [[1, 1, 0], [0, 0, 0]])
    >>> found["value"], found["per_class"], found["classes"]
    (0.75, [1.0, 0.5, None], 2)
    """
    scores, targets = _checked(scores, targets)
    random = np.random.default_rng(seed)
    times = random.poisson(1.0, (len(scores), resamples)).astype(np.float32)
    each, drawn = [], []
    for values, heard in zip(_rows(scores.T), targets.T, strict=True):
        places = np.flatnonzero(heard)
        if not len(places):
            each.append(None)
            continue
        places = places[np.argsort(-values[places], kind="stable")]
        above, right = _counts(values, places)
        each.append(float(np.mean(right / above)))
        if resamples:
            drawn.append(_draws(above, right, times[places], random))
    known = [value for value in each if value is not None]
    interval = None
    if resamples:
        drawn = np.stack(drawn)
        # A draw without any clip of a class says nothing of it.
        there = np.isfinite(drawn).sum(0)
        means = np.nansum(drawn, 0)[there > 0] / there[there > 0]
        interval = np.quantile(means, [0.025, 0.975]).tolist()
    return {
        "value": float(np.mean(known)),
        "interval": interval,
        "per_class": each,
        "classes": len(known),
    }


def micro_f1(scores, targets, threshold):
    """Precision, recall and F1 over all decisions on clips and classes.

    Arguments
    ---------
    scores : array_like
        [N, C].
    targets : array_like
        0 or 1, [N, C].
    threshold : float
        A class is said of a clip where its score is at least this.

    Returns
    -------
    dict
        `value` (F1), `precision` and `recall`; what would be 0 / 0 is 0.

    Example
    -------
    >>> scores, targets = [[0.9, 0.6], [0.1, 0.7]], [[1, 0], [0, 1]]
    >>> found = micro_f1(scores, targets, 0.5)
    >>> round(found["value"], 3), round(found["precision"], 3)
    (0.8, 0.667)
    """
    scores, targets = _checked(scores, targets)
    said = scores >= threshold
    right = int((said & targets).sum())
    precision = right / max(int(said.sum()), 1)
    recall = right / int(targets.sum())
    return {
        "value": 2 * right / int(said.sum() + targets.sum()),
        "precision": precision,
        "recall": recall,
    }


def best_f1_threshold(scores, targets):
    """The threshold whose micro F1 is highest on these clips.

    Of several it is the highest. On the clips that are tested the F1 at it
    is an upper bound, not a result.

    Arguments
    ---------
    scores : array_like
        [N, C].
    targets : array_like
        0 or 1, [N, C].

    Returns
    -------
    float
        One of the scores.

    Example
    -------
    >>> best_f1_threshold([[0.9, 0.6], [0.1, 0.7]], [[1, 0], [0, 1]])
    0.7
    """
    scores, targets = _checked(scores, targets)
    order = np.argsort(-scores, axis=None, kind="stable")
    ranked = scores.ravel()[order]
    right = np.cumsum(targets.ravel()[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + right[-1])
    # Only between different scores can a threshold stand.
    f1[:-1][ranked[1:] == ranked[:-1]] = -1
    return float(ranked[int(f1.argmax())])


def f1_interval(scores, targets, threshold, resamples=RESAMPLES, seed=0):
    """How sure a micro F1 is, from a bootstrap over clips.

    Arguments
    ---------
    scores : array_like
        [N, C].
    targets : array_like
        0 or 1, [N, C].
    threshold : float
        As for `micro_f1`.
    resamples : int
        How often the clips are drawn.
    seed : int
        Of the draws.

    Returns
    -------
    list of float
        95 %: lower and upper limit.

    Example
    -------
    >>> f1_interval([[0.9, 0.6], [0.1, 0.7]], [[1, 0], [0, 1]], 0.65)
    [1.0, 1.0]
    """
    scores, targets = _checked(scores, targets)
    said = scores >= threshold
    # Of each clip: right, said and true decisions.
    right = (said & targets).sum(1)
    both = said.sum(1) + targets.sum(1)
    random = np.random.default_rng(seed)
    clips = random.integers(len(scores), size=(resamples, len(scores)))
    f1 = 2 * right[clips].sum(1) / np.maximum(both[clips].sum(1), 1)
    return np.quantile(f1, [0.025, 0.975]).tolist()


def _checked(scores, targets):
    """Both as arrays of one shape, the targets as truths."""
    scores, targets = np.asarray(scores), np.asarray(targets, bool)
    if scores.shape != targets.shape or scores.ndim != 2:
        raise ValueError(
            f"scores {list(scores.shape)} and targets {list(targets.shape)}: "
            "expected [clips, classes] of both"
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores are NaN or infinite: has the model diverged?")
    if not targets.any():
        raise ValueError("no clip has a class: expected one at least")
    return scores, targets


def _rows(matrix):
    """Its rows, each in memory of its own: sorting is faster there."""
    return (np.ascontiguousarray(row) for row in matrix)


def _counts(values, places):
    """How many clips, and how many right ones, score as high as each of some.

    `places` are those of the right clips, the best first.
    """
    wanted = values[places]
    above = len(values) - np.searchsorted(np.sort(values), wanted, "left")
    right = len(places) - np.searchsorted(wanted[::-1], wanted, "left")
    return above, right


def _draws(above, right, times, random):
    """Average precisions of draws; NaN where none is right, [R]."""
    wrong = np.diff(above - right, prepend=0)
    # A sum of Poisson numbers is a Poisson number of the sum of their means.
    wrong = np.cumsum(random.poisson(wrong[:, None], times.shape), 0)
    gained = np.cumsum(times, 0)[right - 1]  # with those of equal score
    total = times.sum(0)
    precision = gained / np.maximum(gained + wrong, 1)
    with np.errstate(invalid="ignore"):
        return (times * precision).sum(0) / total
