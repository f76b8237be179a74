"""Segment-based F1: sed_eval's reference values, cases by hand, and sed_eval.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np
import pytest

from speechbrain_clap.metrics.events import (
    event_roll,
    f_scores,
    segment_counts,
    segment_f1,
)

CLASSES = ["Cat", "Dog", "Speech"]


def random_events(rng, count):
    """Events on a grid of 10 ms, some of which overlap."""
    events = []
    for _ in range(count):
        onset = round(rng.uniform(0, 9), 2)
        offset = round(onset + rng.uniform(0.01, 3), 2)
        events.append((onset, offset, str(rng.choice(CLASSES))))
    return events


def test_the_reference_values():
    references = {"a": [(0.0, 1.0, "Dog"), (0.5, 2.05, "Cat")]}
    estimates = {"a": [(0.05, 1.0, "Dog"), (1.0, 2.0, "Cat")]}
    found = segment_f1(references, estimates, CLASSES, 0.1)
    assert found["value"] == pytest.approx(0.8695652, abs=1e-7)
    assert found["precision"] == 1.0
    assert found["recall"] == pytest.approx(0.7692308, abs=1e-7)
    assert found["macro"] == pytest.approx(0.8846154, abs=1e-7)
    assert found["per_class"][2] is None


def test_by_hand_at_one_second():
    # Reference in segments 0, 1, 2; found in 1, 2, 3.
    counts = segment_counts(
        [(0.5, 2.5, "Dog")], [(1.9, 3.1, "Dog")], CLASSES, 1.0
    )
    assert counts.tolist() == [[0, 0, 0], [2, 1, 1], [0, 0, 0]]
    assert f_scores(counts)["value"] == pytest.approx(2 / 3)


def test_files_with_nothing_in_them():
    references = {"a": [(0.0, 1.0, "Dog")], "b": [], "c": [(0.0, 0.5, "Cat")]}
    found = segment_f1(references, {"b": [(0.0, 0.2, "Dog")]}, CLASSES, 0.1)
    assert found["value"] == found["precision"] == found["macro"] == 0.0
    everything = {**references, "b": [(0.0, 0.2, "Speech")]}
    found = segment_f1(references, everything, CLASSES, 0.1)
    # 15 right, 2 wrong: a class without an event is in the sum alone.
    assert found["value"] == pytest.approx(30 / 32)
    assert found["per_class"] == [1.0, 1.0, None]
    assert found["macro"] == 1.0
    assert f_scores(np.zeros((3, 3), int))["value"] == 0.0


def test_events_of_a_class_that_overlap_count_once():
    roll = event_roll([(0.0, 0.5, "Cat"), (0.2, 0.6, "Cat")], CLASSES, 0.1)
    assert roll.sum() == 6


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ((0.0, 1.0, "Cow"), "'Cow': expected one of Cat, Dog, Speech"),
        ((2.0, 1.0, "Dog"), "from 2.0 to 1.0 s"),
        ((-1.0, 1.0, "Dog"), "from -1.0 to"),
        ((0.0, float("nan"), "Dog"), "to nan s"),
    ],
)
def test_what_is_no_event(event, words):
    with pytest.raises(ValueError, match=words):
        event_roll([event], CLASSES)


def test_estimates_of_an_unknown_file():
    with pytest.raises(ValueError, match="'b', which has no reference"):
        segment_f1({"a": []}, {"b": []}, CLASSES)


@pytest.mark.parametrize("resolution", [0.1, 1.0])
def test_the_same_as_sed_eval(resolution):
    sed_eval = pytest.importorskip("sed_eval")
    containers = pytest.importorskip("dcase_util").containers
    rng = np.random.default_rng(0)
    references = {f"{i}": random_events(rng, i % 4) for i in range(12)}
    estimates = {f"{i}": random_events(rng, (i + 1) % 5) for i in range(12)}
    metrics = sed_eval.sound_event.SegmentBasedMetrics(
        CLASSES, time_resolution=resolution
    )
    for name in references:
        lists = [
            containers.MetaDataContainer(
                [
                    {"file": name, "onset": a, "offset": b, "event_label": c}
                    for a, b, c in events[name]
                ]
            )
            for events in (references, estimates)
        ]
        metrics.evaluate(*lists)
    found = segment_f1(references, estimates, CLASSES, resolution)
    theirs = metrics.results_overall_metrics()["f_measure"]
    assert found["value"] == pytest.approx(theirs["f_measure"], abs=1e-12)
    assert found["precision"] == pytest.approx(theirs["precision"], abs=1e-12)
    theirs = metrics.results_class_wise_average_metrics()["f_measure"]
    assert found["macro"] == pytest.approx(theirs["f_measure"], abs=1e-12)
