"""Search between any two modalities: what shares a label is right.

The table of AudioCLIP, https://arxiv.org/abs/2106.13043, section 5.3, has
P@1 and mAP; Wav2CLIP's, https://arxiv.org/abs/2110.11499, section 4, has MRR.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import numpy as np

from speechbrain_clap.metrics.average_precision import (
    Ranking,
    chance_average_precision,
    chance_reciprocal_rank,
)

BLOCK = 1024  # queries compared with all items at once
DEPTHS = (1, 10)  # the K of P@K


def label_matrix(labels):
    """Which items have which labels.

    Arguments
    ---------
    labels : dict
        Name to the labels of its items, a list of lists of str.

    Returns
    -------
    dict
        Name to float32 [N, L], 0 or 1; L labels over all, the same for each.

    Example
    -------
    >>> label_matrix({"audio": [["dog"], ["rain"]], "text": [["rain"]]})["text"]
    array([[0., 1.]], dtype=float32)
    """
    names = sorted({x for of in labels.values() for item in of for x in item})
    place = {name: i for i, name in enumerate(names)}
    matrices = {}
    for key, items in labels.items():
        matrices[key] = np.zeros((len(items), len(names)), np.float32)
        for row, item in enumerate(items):
            matrices[key][row, [place[x] for x in item]] = 1.0
    return matrices


def cross_modal_values(embeddings, labels):
    """Scores of each query, in both directions of every pair.

    A query for which nothing is right is left out.

    Arguments
    ---------
    embeddings : dict
        "audio", "image", "text" or some of them to float [N, D], each its own
        N; L2-normalised for cosines.
    labels : dict
        The same names to a list of labels for each item. What shares a label
        with the query is right.

    Returns
    -------
    dict
        "audio_to_image" and so on to a dict of arrays, a value for each
        query: "P@1", "P@10", "mAP", "MRR" (one over the rank of the first that
        is right), and "chance", [queries, 4], what a random order gives on
        average.

    Example
    -------
    >>> eye = np.eye(2)
    >>> values = cross_modal_values(
    ...     {"audio": eye, "text": eye},
    ...     {"audio": [["dog"], ["rain"]], "text": [["dog"], ["rain", "wind"]]},
    ... )
    >>> values["audio_to_text"]["P@1"]
    array([1., 1.])
    """
    has = label_matrix(labels)
    found = {}
    for query, item in itertools.permutations(embeddings, 2):
        asks, answers = (
            np.asarray(embeddings[name], np.float32) for name in (query, item)
        )
        rows = []
        for first in range(0, len(asks), BLOCK):
            part = slice(first, first + BLOCK)
            scores = asks[part] @ answers.T
            right = has[query][part] @ has[item].T > 0
            rows += [
                _values(scores[i], right[i])
                for i in np.flatnonzero(right.any(1))
            ]
        names = [*(f"P@{depth}" for depth in DEPTHS), "mAP", "MRR"]
        table = np.array(rows).reshape(len(rows), 2 * len(names))
        found[f"{query}_to_{item}"] = {
            **{name: table[:, i] for i, name in enumerate(names)},
            "chance": table[:, len(names) :],
        }
    return found


def _values(scores, right):
    """P@K, AP, and of each what chance gives."""
    ranking = Ranking(scores, right)
    count, items = int(right.sum()), len(right)
    share = count / items
    return [
        *(ranking.precision_at(depth) for depth in DEPTHS),
        ranking.average_precision(),
        ranking.reciprocal_rank(),
        *[share] * len(DEPTHS),
        chance_average_precision(count, items),
        chance_reciprocal_rank(count, items),
    ]


def cross_modal_scores(embeddings, labels):
    """The means of ``cross_modal_values``.

    Arguments
    ---------
    embeddings : dict
        As there.
    labels : dict
        As there.

    Returns
    -------
    dict
        "audio_to_image" and so on to a dict of "P@1", "P@10", "mAP" and "MRR".

    Example
    -------
    >>> eye = np.eye(2)
    >>> labels = {"audio": [["dog"], ["rain"]], "text": [["dog"], ["rain"]]}
    >>> cross_modal_scores({"audio": eye, "text": eye}, labels)["text_to_audio"]
    {'P@1': 1.0, 'P@10': 0.5, 'mAP': 1.0, 'MRR': 1.0}
    """
    return {
        direction: {
            name: float(each.mean()) if len(each) else 0.0
            for name, each in values.items()
            if name != "chance"
        }
        for direction, values in cross_modal_values(embeddings, labels).items()
    }
