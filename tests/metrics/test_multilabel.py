"""Macro AP, micro F1: by hand, against scikit-learn, and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from speechbrain_clap.metrics.average_precision import Ranking
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.multilabel import (
    best_f1_threshold,
    f1_interval,
    macro_average_precision,
    micro_f1,
)


@pytest.fixture
def made():
    """300 clips, 4 classes, one of them never heard; scores with many ties."""
    random = np.random.default_rng(1)
    targets = random.random((300, 4)) < [0.05, 0.3, 0.6, 0.0]
    targets[0, 0] = True
    scores = np.round(targets + random.normal(size=(300, 4)), 1)
    return scores.astype(np.float32), targets.astype(int)


def test_ap_by_hand():
    # Ranked 0.9 right, 0.8 wrong, 0.1 right: (1/1 + 2/3) / 2.
    found = macro_average_precision([[0.1], [0.9], [0.8]], [[1], [1], [0]])
    assert found["value"] == pytest.approx(5 / 6)
    # Two of equal score enter together, the right one at precision 1/2.
    found = macro_average_precision([[0.5], [0.5]], [[1], [0]])
    assert found["value"] == 0.5


def test_ap_equals_scikit_learns(made):
    scores, targets = made
    found = macro_average_precision(scores, targets)
    wanted = [
        average_precision_score(targets[:, c], scores[:, c]) for c in range(3)
    ]
    assert found["per_class"][:3] == pytest.approx(wanted, abs=1e-12)
    assert found["per_class"][3] is None and found["classes"] == 3
    assert found["value"] == pytest.approx(np.mean(wanted), abs=1e-12)


def test_ap_interval_is_that_of_a_bootstrap_over_clips(made):
    scores, targets = made
    rankings = [Ranking(scores[:, c], targets[:, c]) for c in range(3)]

    def mean(drawn):
        return [np.nanmean([r.average_precision(drawn) for r in rankings])]

    wanted = cluster_bootstrap(mean, np.arange(300), resamples=1000)[0]
    found = macro_average_precision(scores, targets, resamples=1000)
    # Wide by about 0.13: within a tenth of that.
    assert found["interval"] == pytest.approx(wanted.tolist(), abs=0.015)
    again = macro_average_precision(scores, targets, resamples=1000)
    assert again["interval"] == found["interval"]


def test_f1_by_hand_and_against_scikit_learn(made):
    found = micro_f1([[0.9, 0.6], [0.1, 0.7]], [[1, 0], [0, 1]], 0.5)
    assert found == {"value": 0.8, "precision": 2 / 3, "recall": 1.0}
    scores, targets = made
    for threshold in (-10.0, 0.0, 0.5, 10.0):
        wanted = f1_score(
            targets, scores >= threshold, average="micro", zero_division=0
        )
        ours = micro_f1(scores, targets, threshold)["value"]
        assert ours == pytest.approx(wanted)


def test_best_threshold_is_the_best_of_all(made):
    scores, targets = made
    every = np.unique(scores)
    values = [micro_f1(scores, targets, t)["value"] for t in every]
    best = best_f1_threshold(scores, targets)
    assert micro_f1(scores, targets, best)["value"] == max(values)
    low, high = f1_interval(scores, targets, best)
    assert low < max(values) < high


def test_bad_input_is_told():
    with pytest.raises(ValueError, match=r"expected \[clips, classes\]"):
        macro_average_precision([[0.1]], [[1, 0]])
    with pytest.raises(ValueError, match="no clip has a class"):
        micro_f1([[0.1]], [[0]], 0.5)
    with pytest.raises(ValueError, match="NaN"):
        best_f1_threshold([[np.nan]], [[1]])
