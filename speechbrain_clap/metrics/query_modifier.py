"""Search by a sound and a modifying text: ranks, recalls, what agrees.

The query is A(a) + T(t), compared by cosine with A(b): D. Takeuchi et al.,
"Introducing Auxiliary Text Query-modifier to Content-based Audio Retrieval",
Interspeech 2022, https://arxiv.org/abs/2207.09732.

Authors
 * The speechbrain_clap team 2026
"""

import statistics

import numpy as np

from speechbrain_clap.metrics.pair_scores import AT_ONCE, pair_scores, parts

CANDIDATES = ("targets", "all")


def target_ranks(sounds, texts, targets, candidates="targets"):
    """The rank of each pair's target, from 1; 1 is best.

    Of equal cosines the candidate that comes first in the data comes first.

    Arguments
    ---------
    sounds : array_like
        A(a) of the sounds that one has, not normalised, float [N, D].
    texts : array_like
        T(t), not normalised, float [N, D]; zeros where no text is used.
    targets : array_like
        A(b), float [N, D].
    candidates : str
        "targets": the targets of all pairs. "all": the sounds of all pairs
        too, after the targets, but for the query's own, which one has.

    Returns
    -------
    numpy.ndarray
        int [N].

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, or `candidates` is
        neither of the two.

    Example
    -------
    >>> sounds, texts = np.eye(2), np.array([[0, 0], [2, 0]])
    >>> target_ranks(sounds, texts, np.eye(2)).tolist()
    [1, 2]
    >>> target_ranks(sounds, 0 * texts, np.eye(2), "all").tolist()
    [1, 1]
    """
    if candidates not in CANDIDATES:
        raise ValueError(
            f"candidates is '{candidates}', expected one of "
            f"{', '.join(CANDIDATES)}"
        )
    sounds, texts, targets = (
        np.asarray(x, np.float64) for x in (sounds, texts, targets)
    )
    if not sounds.shape == texts.shape == targets.shape:
        raise ValueError(
            f"sounds, texts and targets have the shapes {list(sounds.shape)}, "
            f"{list(texts.shape)} and {list(targets.shape)}: expected one "
            "shape, [pairs, dimensions]"
        )
    pool, number = unit(targets), np.arange(len(sounds))
    if candidates == "all":
        pool = np.concatenate([pool, unit(sounds)])
    pairs = pair_scores((pool, unit(sounds + texts)))
    right = pairs.exact(number, number)
    ranks = np.ones(len(number), np.int64)
    for part in parts(len(number), max(1, AT_ONCE // len(pool))):
        lead = pairs.block(slice(0, len(pool)), part).T - right[part, None]
        ranks[part] += (lead > pairs.margin).sum(1)
        # What is too near to tell is decided by exact sums.
        query, found = np.nonzero(np.abs(lead) <= pairs.margin)
        query = query + part.start
        score = pairs.exact(found, query)
        ahead = score > right[query]
        ahead |= (score == right[query]) & (found < query)
        np.add.at(ranks, query[ahead], 1)
    if candidates == "all":
        ranks -= pairs.exact(number + len(number), number) > right
    return ranks


def unit(rows):
    """Rows of length one.

    Arguments
    ---------
    rows : numpy.ndarray
        Float [N, D].

    Returns
    -------
    numpy.ndarray
        [N, D]; a row of zeros stays one.

    Example
    -------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)


def spread(values):
    """Mean and standard deviation over seeds.

    Arguments
    ---------
    values : list of float
        One for each seed.

    Returns
    -------
    dict
        `values`, `mean` and `std` (of the sample; None for one seed).

    Example
    -------
    >>> spread([0.25, 0.75])
    {'values': [0.25, 0.75], 'mean': 0.5, 'std': 0.353...}
    """
    values = [float(value) for value in values]
    return {
        "values": values,
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
    }


def agreement(sounds, texts, targets):
    """How near A(b) - A(a) is to the text that says it.

    Arguments
    ---------
    sounds : array_like
        A(a), [N, D].
    texts : array_like
        T(t), [N, D].
    targets : array_like
        A(b), [N, D].

    Returns
    -------
    dict or None
        Mean cosines: `own` (a difference and its text), `others` (a
        difference and the texts of the other pairs), and the same of vectors
        whose mean over the pairs was taken out, `own_centred` and
        `others_centred`. None without texts, or for one pair.

    Example
    -------
    >>> agreement(np.zeros((2, 2)), np.eye(2), np.eye(2))["own"]
    1.0
    >>> agreement(np.zeros((2, 2)), np.zeros((2, 2)), np.eye(2)) is None
    True
    """
    texts = np.asarray(texts, np.float64)
    differences = np.asarray(targets, np.float64) - np.asarray(sounds)
    if len(texts) < 2 or not texts.any():
        return None
    found = {}
    for name, (first, second) in {
        "": (differences, texts),
        "_centred": (differences - differences.mean(0), texts - texts.mean(0)),
    }.items():
        first, second = unit(first), unit(second)
        own = float((first * second).sum())
        every = float(first.sum(0) @ second.sum(0))
        count = len(texts)
        found[f"own{name}"] = own / count
        found[f"others{name}"] = (every - own) / (count * (count - 1))
    return found
