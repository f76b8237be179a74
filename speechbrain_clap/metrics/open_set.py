"""The answer "none of these": when a clip has none of the classes.

Each clip is tried twice: among all classes, where one is right, and among all
but its own, where none is. A threshold on the best cosine tells the two apart.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np


def known_and_unknown(scores, targets):
    """The best score of each clip with and without its own class.

    Arguments
    ---------
    scores : array_like
        Of each clip for each class, [N, C], C at least 2.
    targets : array_like
        Number of the right class of each clip, int [N].

    Returns
    -------
    ndarray
        The highest score among all classes, [N].
    ndarray
        The highest one among the others, [N].

    Raises
    ------
    ValueError
        If there is one class only.

    Example
    -------
    >>> known, unknown = known_and_unknown([[0.9, 0.1], [0.6, 0.4]], [0, 1])
    >>> known.tolist(), unknown.tolist()
    ([0.9, 0.6], [0.1, 0.6])
    """
    scores = np.array(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(
            f"scores have the shape {list(scores.shape)}: expected [clips, "
            "classes] with two classes at least"
        )
    known = scores.max(1)
    scores[np.arange(len(scores)), np.asarray(targets)] = -np.inf
    return known, scores.max(1)


def fit_none_threshold(scores, targets):
    """The threshold that tells best whether any of the classes is right.

    Arguments
    ---------
    scores : array_like
        Of clips that are not tested, [N, C].
    targets : array_like
        Number of the right class of each, int [N].

    Returns
    -------
    float
        Below it the answer is "none of these". Of several equally good ones
        the lowest, which says it least often.

    Example
    -------
    >>> fit_none_threshold([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    0.8
    """
    known, unknown = (np.sort(x) for x in known_and_unknown(scores, targets))
    candidates = np.unique(known)
    # Counts, of as many clips both: shares would not be equal to the last bit.
    lost = np.searchsorted(known, candidates, "left")
    rejected = np.searchsorted(unknown, candidates, "left")
    return float(candidates[int((rejected - lost).argmax())])


def none_scores(scores, targets, threshold):
    """What a threshold for "none of these" does.

    Arguments
    ---------
    scores : array_like
        Of the clips that are tested, [N, C].
    targets : array_like
        Number of the right class of each, int [N].
    threshold : float
        From other clips, by `fit_none_threshold`.

    Returns
    -------
    dict
        `right`: share of clips that get their class though "none of these"
        may be said; `kept`: share of which it is not said; `rejected`: share
        of clips of which it is said when their class is not among the
        classes.

    Example
    -------
    >>> found = none_scores([[0.9, 0.1], [0.6, 0.4]], [0, 1], 0.7)
    >>> found["right"], found["kept"], found["rejected"]
    (0.5, 0.5, 1.0)
    """
    known, unknown = known_and_unknown(scores, targets)
    predicted = np.asarray(scores).argmax(1)
    right = (predicted == np.asarray(targets)) & (known >= threshold)
    return {
        "right": float(right.mean()),
        "kept": float((known >= threshold).mean()),
        "rejected": float((unknown < threshold).mean()),
    }
