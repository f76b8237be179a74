"""None of these: the threshold and what it does, by hand."""

import numpy as np
import pytest

from speechbrain_clap.metrics.open_set import (
    fit_none_threshold,
    known_and_unknown,
    none_scores,
)

# Clip, best score with its class, best without: (.9, .3), (.8, .4), (.35, .2).
SCORES = [[0.9, 0.3], [0.4, 0.8], [0.35, 0.2]]
TARGETS = [0, 1, 0]


def test_threshold_lies_where_both_are_told_apart_best():
    # From .8: 2 of 3 kept, all rejected. From .35: all kept, 2 of 3 rejected.
    # Both are worth 5/3; of these the lowest.
    assert fit_none_threshold(SCORES, TARGETS) == 0.35
    found = none_scores(SCORES, TARGETS, 0.35)
    assert found["right"] == found["kept"] == 1.0
    assert found["rejected"] == pytest.approx(2 / 3)


def test_it_is_as_good_as_any_other():
    random = np.random.default_rng(0)
    targets = random.integers(3, size=200)
    scores = random.normal(size=(200, 3)) + np.eye(3)[targets]

    def worth(threshold):
        found = none_scores(scores, targets, threshold)
        return found["kept"] + found["rejected"]

    known, unknown = known_and_unknown(scores, targets)
    best = max(worth(t) for t in [*known, *unknown])
    assert worth(fit_none_threshold(scores, targets)) == pytest.approx(best)


def test_one_class_cannot_be_taken_away():
    with pytest.raises(ValueError, match="two classes"):
        known_and_unknown([[0.1]], [0])
