"""Ranks of targets and agreement of texts, on numbers made by hand.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np
import pytest

from speechbrain_clap.metrics import query_modifier
from speechbrain_clap.metrics.query_modifier import (
    agreement,
    spread,
    target_ranks,
)


def by_sorting(sounds, texts, targets, candidates):
    """The slow way: a list of cosines for each query, sorted."""
    queries, ranks = sounds + texts, []
    for i, query in enumerate(queries):
        pool = [("target", j, targets[j]) for j in range(len(targets))]
        if candidates == "all":
            pool += [
                ("sound", j, sounds[j]) for j in range(len(sounds)) if j != i
            ]
        cosines = [
            query @ x / (np.linalg.norm(query) * np.linalg.norm(x))
            for _, _, x in pool
        ]
        order = sorted(range(len(pool)), key=lambda k: -cosines[k])
        ranks.append(1 + order.index(i))
    return ranks


@pytest.mark.parametrize("candidates", ["targets", "all"])
@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_ranks_are_those_of_sorting(monkeypatch, candidates, noise):
    monkeypatch.setattr(query_modifier, "AT_ONCE", 200)  # several blocks
    rng = np.random.default_rng(0)
    sounds, texts = rng.standard_normal((2, 60, 8))
    targets = sounds + texts + noise * rng.standard_normal((60, 8))
    found = target_ranks(sounds, texts, targets, candidates)
    assert found.tolist() == by_sorting(sounds, texts, targets, candidates)
    assert (found == 1).any()


def test_lengths_count_in_the_sum_and_not_in_the_cosine():
    # The text is longer than the sound, so its direction wins.
    sounds = np.array([[1.0, 0.0], [1.0, 0.0]])
    texts = np.array([[0.0, 3.0], [0.0, 0.1]])
    targets = np.array([[0.1, 0.2], [50.0, 1.0]])
    assert target_ranks(sounds, texts, targets).tolist() == [1, 1]
    # Without the text both ask alike.
    assert target_ranks(sounds, 0 * texts, targets).tolist() == [2, 1]


def test_equal_cosines_come_by_order():
    ones = np.ones((3, 2))
    assert target_ranks(ones, 0 * ones, ones).tolist() == [1, 2, 3]
    # The sounds that are asked with stand after all targets.
    assert target_ranks(ones, 0 * ones, ones, "all").tolist() == [1, 2, 3]
    # Of a thousandth of the precision of float32 the exact sum decides.
    near = np.array([[1.0, 1e-9], [1.0, 0.0]])
    queries = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert target_ranks(queries, 0 * queries, near).tolist() == [1, 2]


def test_the_querys_own_sound_is_no_candidate():
    sounds = np.eye(3)
    targets = sounds + 0.5 * np.roll(np.eye(3), 1, 1)
    # Its own sound would come before the target, those of others do not.
    assert target_ranks(sounds, 0 * sounds, targets, "all").tolist() == [1] * 3


def test_what_does_not_fit_is_refused():
    two, three = np.eye(2), np.eye(3)
    with pytest.raises(ValueError, match="expected one shape"):
        target_ranks(two, two, three)
    with pytest.raises(ValueError, match="candidates is 'some'"):
        target_ranks(two, two, two, "some")
    with pytest.raises(ValueError, match=r"[nN]ot finite|NaN"):
        target_ranks(two, two, np.full((2, 2), np.nan))


def test_spread():
    assert spread([0.5]) == {"values": [0.5], "mean": 0.5, "std": None}
    found = spread(np.array([0.1, 0.2, 0.6]))
    assert found["mean"] == pytest.approx(0.3)
    assert found["std"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))


def test_agreement_of_texts_with_differences():
    rng = np.random.default_rng(0)
    sounds = rng.standard_normal((50, 16))
    texts = rng.standard_normal((50, 16))
    found = agreement(sounds, 2 * texts, sounds + texts)
    assert found["own"] == pytest.approx(1.0)
    cosines = texts @ texts.T
    length = np.linalg.norm(texts, axis=1)
    cosines /= np.outer(length, length)
    others = (cosines.sum() - 50) / (50 * 49)
    assert found["others"] == pytest.approx(others)
    # What all texts share hides the agreement until it is taken out.
    shifted = agreement(sounds, texts + 100.0, sounds + texts)
    assert abs(shifted["own"] - shifted["others"]) < 0.2
    assert shifted["own_centred"] == pytest.approx(1.0)
    assert agreement(sounds, 0 * texts, sounds) is None
    assert agreement(sounds[:1], texts[:1], sounds[:1]) is None
