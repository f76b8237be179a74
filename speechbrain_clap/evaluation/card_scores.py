"""What one task of a report card says of embeddings: arrays in, numbers out.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.retrieval import scores_with_intervals
from speechbrain_clap.metrics.captions import caption_scores
from speechbrain_clap.metrics.classification import (
    classification_scores,
    fold_summary,
)
from speechbrain_clap.metrics.multilabel import (
    best_f1_threshold,
    f1_interval,
    macro_average_precision,
    micro_f1,
)
from speechbrain_clap.metrics.open_set import fit_none_threshold, none_scores
from speechbrain_clap.metrics.retrieval import retrieval_ranks

HALF = 0.0  # the cosine whose sigmoid is 0.5
# The score of a direction's mAP@10 that the table of CLAP 2023 has.
MAP = {
    "audio_to_text": "mAP@10_microsoft",
    "text_to_audio": "mAP@10_dcase",
}


def class_scores(audio, texts, classes):
    """Cosines of clips and classes.

    Arguments
    ---------
    audio : ndarray
        L2-normalised, [N, D].
    texts : ndarray
        L2-normalised, of T prompts for each of the C classes, all of a prompt
        together, [T * C, D].
    classes : int
        C.

    Returns
    -------
    ndarray
        float32, [N, C]: with the mean of the prompts, brought to norm one.

    Example
    -------
    >>> class_scores(np.eye(2), np.eye(2)[[0, 1, 0, 1]], 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    means = texts.reshape(-1, classes, texts.shape[1]).mean(0)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return audio @ (means / np.maximum(norms, 1e-12)).T


def class_targets(task, rows, ids, classes):
    """What is right of each clip.

    Arguments
    ---------
    task : speechbrain_clap.evaluation.card_sets.CardTask
        Of kind "multiclass" or "multilabel".
    rows : dict
        Id to row of the set.
    ids : list of str
        N of them.
    classes : list of str
        C labels.

    Returns
    -------
    ndarray
        Number of the class, int [N]; or 0 and 1, [N, C].

    Raises
    ------
    DataError
        If a row has no such label, or one that is no class.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(kind="multilabel", labels="labels", id="pets")
    >>> rows = {"a": {"labels": ["cat"]}, "b": {"labels": []}}
    >>> class_targets(task, rows, ["a", "b"], ["dog", "cat"]).tolist()
    [[0, 1], [0, 0]]
    """
    index = {label: number for number, label in enumerate(classes)}

    def _number(name, label):
        if label not in index:
            raise DataError(
                f"task {task.id}: clip '{name}' has the label {label!r}, "
                f"which is none of the {len(classes)} classes of the set"
            )
        return index[label]

    if task.kind == "multiclass":
        return np.array([_number(n, rows[n].get(task.labels)) for n in ids])
    targets = np.zeros((len(ids), len(classes)), np.int8)
    for place, name in enumerate(ids):
        if task.labels not in rows[name]:
            raise DataError(
                f"task {task.id}: clip '{name}' has no '{task.labels}'"
            )
        for label in rows[name][task.labels]:
            targets[place, _number(name, label)] = 1
    return targets


def score_classes(task, scores, targets, classes, folds=None, valid=None):
    """The metric of a task of classes, with its interval and its parts.

    Arguments
    ---------
    task : speechbrain_clap.evaluation.card_sets.CardTask
        Its `metric` is "accuracy", "mAP" or "F1".
    scores : ndarray
        [N, C].
    targets : ndarray
        As from `class_targets`.
    classes : list of str
        C labels.
    folds : list or None
        The fold of each clip, for the mean over folds beside the accuracy.
    valid : tuple or None
        `scores` and `targets` of clips that are not tested: F1's threshold is
        chosen there, else it is a probability of 0.5.

    Returns
    -------
    dict
        `value`, `interval`, `per_class` and what the metric has beside them.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(metric="accuracy")
    >>> score_classes(task, np.eye(2), np.array([0, 0]), ["a", "b"])["value"]
    0.5
    """
    if task.metric == "accuracy":
        found = classification_scores(scores, targets, classes)
        result = {key: found[key] for key in ("value", "interval", "per_class")}
        if folds is not None:
            result["folds"] = _by_fold(found["predictions"], targets, folds)
        return result
    if task.metric == "mAP":
        found = macro_average_precision(scores, targets)
        per_class = dict(zip(classes, found["per_class"], strict=True))
        return {
            "value": found["value"],
            "interval": found["interval"],
            "classes_with_clips": found["classes"],
            "per_class": per_class,
        }
    return _f1(scores, targets, valid)


def quick_value(task, scores, targets, valid=None):
    """The value alone, for a sweep over templates.

    Arguments
    ---------
    task : speechbrain_clap.evaluation.card_sets.CardTask
        As for `score_classes`.
    scores : ndarray
        [N, C].
    targets : ndarray
        As from `class_targets`.
    valid : tuple or None
        As for `score_classes`.

    Returns
    -------
    float
        The `value` of `score_classes`.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(metric="accuracy")
    >>> quick_value(task, np.eye(2), np.array([0, 1]))
    1.0
    """
    if task.metric == "accuracy":
        return float((scores.argmax(1) == targets).mean())
    if task.metric == "mAP":
        return macro_average_precision(scores, targets, resamples=0)["value"]
    threshold = HALF if valid is None else best_f1_threshold(*valid)
    return micro_f1(scores, targets, threshold)["value"]


def score_none(scores, targets, valid):
    """A threshold for "none of these", and what it does.

    Arguments
    ---------
    scores : ndarray
        Of the clips that are tested, [N, C].
    targets : ndarray
        Number of the class of each, int [N].
    valid : tuple
        `scores` and `targets` of the clips on which it is fitted.

    Returns
    -------
    dict
        `threshold` (a cosine), `fitted_on` (clips), and `right`, `kept` and
        `rejected` of ``speechbrain_clap.metrics.open_set.none_scores``.

    Example
    -------
    >>> both = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    >>> score_none(*both, both)["rejected"]
    1.0
    """
    threshold = fit_none_threshold(*valid)
    return {
        "threshold": threshold,
        "fitted_on": len(valid[1]),
        "tested_on": len(targets),
        **none_scores(scores, targets, threshold),
    }


def score_retrieval(audio, texts, clip_of):
    """Both directions of retrieval.

    Arguments
    ---------
    audio : ndarray
        L2-normalised, [N, D].
    texts : ndarray
        L2-normalised, of the captions, clip after clip, [M, D].
    clip_of : ndarray
        The place of the clip of each caption, int [M].

    Returns
    -------
    dict
        "audio_to_text" and "text_to_audio" to `value` and `interval` of R@1,
        `mAP@10`, and `scores`, all of them with interval and chance.

    Example
    -------
    >>> found = score_retrieval(np.eye(2), np.eye(2), np.arange(2))
    >>> found["audio_to_text"]["value"], found["text_to_audio"]["mAP@10"]
    (1.0, 1.0)
    """
    ranks = retrieval_ranks((audio, texts), clip_of)
    found = scores_with_intervals(*ranks, clip_of)
    return {
        direction: {
            "value": found[direction]["R@1"]["value"],
            "interval": found[direction]["R@1"]["interval"],
            "mAP@10": found[direction][name]["value"],
            "scores": found[direction],
        }
        for direction, name in MAP.items()
    }


def score_captions(captions, references):
    """SPIDEr, and what else can be computed.

    Arguments
    ---------
    captions : list of str
        What a captioner wrote of each clip, N.
    references : list of list of str
        What people wrote.

    Returns
    -------
    dict
        `value`: SPIDEr, or None where it cannot be had; `interval`: None;
        `scores`, `missing` (name to reason), `providers` and `tokens`.
    """
    found = caption_scores(captions, references)
    scores = {name: float(x) for name, x in found["scores"].items()}
    return {
        "value": scores.get("SPIDEr"),
        "interval": None,
        "scores": scores,
        "missing": found["missing"],
        "providers": found["providers"],
        "tokens": found["tokens"],
    }


def _by_fold(predictions, targets, folds):
    """Mean over folds and spread, and each fold's accuracy."""
    right = np.asarray(predictions) == targets
    numbers = np.asarray(folds)
    return {
        key: value
        for key, value in fold_summary(
            [
                {
                    "fold": fold,
                    "value": float(right[numbers == fold].mean()),
                    "clips": int((numbers == fold).sum()),
                }
                for fold in sorted(set(folds))
            ]
        ).items()
        if key in ("mean", "std", "folds")
    }


def _f1(scores, targets, valid):
    """F1 at a threshold that the test clips did not choose; then at others."""
    threshold = HALF if valid is None else best_f1_threshold(*valid)
    best = best_f1_threshold(scores, targets)
    found = micro_f1(scores, targets, threshold)
    return {
        **found,
        "interval": f1_interval(scores, targets, threshold),
        "threshold": threshold,
        "threshold_from": "a probability of 0.5"
        if valid is None
        else f"the {len(valid[1])} validation clips",
        "at_half": micro_f1(scores, targets, HALF)["value"],
        "best_on_test": {
            "threshold": best,
            "value": micro_f1(scores, targets, best)["value"],
        },
    }
