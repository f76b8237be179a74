"""What the logits of a classifier are worth, by the metric of the data set.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.metrics.average_precision import mean_average_precision

METRICS = ("accuracy", "macro mAP")


def probe_score(metric, logits, targets):
    """What logits are worth.

    Arguments
    ---------
    metric : str
        "accuracy" or "macro mAP"; clips with one label are ranked for the
        latter by the softmax over the classes.
    logits : array_like
        [N, C].
    targets : array_like
        Numbers of classes [N], or 0 and 1 [N, C].

    Returns
    -------
    float
        From 0 to 1.

    Example
    -------
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> round(probe_score("accuracy", logits, np.array([0, 1, 1])), 3)
    0.667
    >>> probe_score("macro mAP", logits, np.array([0, 1, 1]))
    1.0
    """
    logits, targets = np.asarray(logits), np.asarray(targets)
    if metric == "accuracy":
        return float((logits.argmax(1) == targets).mean())
    scores, wanted = ranking_scores(logits, targets)
    return mean_average_precision(scores, wanted)["value"]


def ranking_scores(logits, targets):
    """What average precision takes: scores and 0 or 1 for each class.

    Arguments
    ---------
    logits : numpy.ndarray
        [N, C].
    targets : numpy.ndarray
        Numbers of classes [N], or 0 and 1 [N, C].

    Returns
    -------
    numpy.ndarray
        The logits themselves, or for clips with one label their softmax.
    numpy.ndarray
        0 or 1, [N, C].

    Example
    -------
    >>> ranking_scores(np.zeros((1, 2)), np.array([1]))
    (array([[0.5, 0.5]]), array([[0, 1]]))
    """
    if targets.ndim == 2:
        return logits, targets
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    return chances, np.eye(logits.shape[1], dtype=np.int64)[targets]
