"""How sure a mean over queries is, when queries come in groups.

Five captions of one recording are not five independent queries: who cannot
hear the recording fails at all of them. So whole groups are drawn, after
Efron 1979, https://doi.org/10.1214/aos/1176344552, and Davison and Hinkley
1997, section 3.8.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np


def cluster_bootstrap(statistic, clusters, level=0.95, resamples=1000, seed=0):
    """Percentile intervals of statistics of queries that come in groups.

    Arguments
    ---------
    statistic : callable
        Takes how often each query was drawn, int [Q], and gives the
        statistics of that draw, [S]; NaN where it has none: such draws are
        left out.
    clusters : array_like
        The group that each query belongs to, int [Q], from 0.
    level : float
        Confidence, between 0 and 1.
    resamples : int
        How many draws.
    seed : int
        Of the draws: the same seed gives the same intervals.

    Returns
    -------
    ndarray
        Lower and upper limits, [S, 2].

    Example
    -------
    >>> right = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    >>> mean = lambda drawn: [drawn @ right / drawn.sum()]
    >>> cluster_bootstrap(mean, [0, 0, 1, 1, 2, 2]).tolist()
    [[0.0, 1.0]]
    """
    clusters = np.asarray(clusters)
    count = int(clusters.max()) + 1
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        drawn = np.bincount(random.integers(count, size=count), None, count)
        draws.append(statistic(drawn[clusters]))
    tail = (1 - level) / 2
    return np.nanquantile(np.array(draws), [tail, 1 - tail], axis=0).T


def weighted_median(values, times):
    """The median of values that stand there several times.

    Arguments
    ---------
    values : array_like
        In rising order, [Q].
    times : array_like
        How often each stands there, int [Q].

    Returns
    -------
    float
        As ``numpy.median`` of the repeated values.

    Example
    -------
    >>> weighted_median([1, 2, 9], [1, 0, 3])
    9.0
    >>> weighted_median([1, 2], [1, 1])
    1.5
    """
    reached = np.cumsum(times)
    middle = [(reached[-1] - 1) // 2, reached[-1] // 2]
    places = np.searchsorted(reached, middle, side="right")
    return float(np.asarray(values)[places].mean())
