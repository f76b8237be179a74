"""Retrieval of events against events written out and counted one by one.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np
import pytest

from speechbrain_clap.metrics.event_search import (
    STEPS,
    SegmentGrid,
    class_scores,
    search_events,
)
from speechbrain_clap.metrics.events import segment_counts

CLASSES = ["cat", "dog"]


def made_up(length, hop):
    """Six clips of 3.95 s with events, and random vectors for their frames."""
    rng = np.random.default_rng(3)
    starts = np.arange(0, 3.95 - length / 2, hop)
    spans = np.stack([starts, np.minimum(starts + length, 3.95)], 1)
    events = []
    for i in range(6):
        onsets = rng.uniform(0, 3, 1 + i % 3)
        events.append(
            [
                (onset, onset + 0.7, CLASSES[int(rng.integers(2))])
                for onset in onsets.round(2).tolist()
            ]
        )
    vectors = rng.standard_normal((6 * len(spans), 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [spans] * 6, events, vectors.astype(np.float32)


@pytest.mark.parametrize(
    ("length", "hop"), [(1.0, 1.0), (1.0, 0.5), (0.32, 0.32), (0.04, 0.04)]
)
def test_counts_are_those_of_events_written_out(length, hop):
    frames, events, vectors = made_up(length, hop)
    places = [(c, e) for c, of in enumerate(events) for e in range(len(of))]
    labels = [CLASSES.index(events[c][e][2]) for c, e in places]
    clips = [c for c, _ in places]
    queries = vectors[: len(places)]
    fold_of = np.array([0, 1, 2, 0, 1, 2])
    found = search_events(
        queries,
        vectors,
        SegmentGrid(frames, events, CLASSES),
        labels,
        clips,
        fold_of,
    )
    per_clip = len(frames[0])
    for fold in range(3):
        threshold = found["thresholds"][fold]
        for q, (clip, label) in enumerate(zip(clips, labels, strict=True)):
            expected = np.zeros(3, int)
            if fold_of[clip] != fold:
                for other in range(6):
                    if other == clip or fold_of[other] == fold:
                        continue
                    own = vectors[other * per_clip : (other + 1) * per_clip]
                    hit = own @ queries[q] >= threshold
                    name = CLASSES[label]
                    expected += segment_counts(
                        [e for e in events[other] if e[2] == name],
                        [(a, b, name) for a, b in frames[other][hit].tolist()],
                        [name],
                    )[0]
            assert found["counts"][fold][q].tolist() == expected.tolist()


def test_the_threshold_is_the_best_of_its_fold():
    frames, events, vectors = made_up(1.0, 1.0)
    grid = SegmentGrid(frames, events, CLASSES)
    clips = [c for c, of in enumerate(events) for _ in of]
    labels = [CLASSES.index(e[2]) for of in events for e in of]
    fold_of = [0, 0, 0, 1, 1, 1]
    found = search_events(
        vectors[: len(clips)], vectors, grid, labels, clips, fold_of
    )
    # The test of one fold is the tuning of the other: there are two.
    for fold in range(2):
        step = round((found["thresholds"][fold] + 1) * STEPS / 2)
        curve = found["curves"][1 - fold]
        tested = class_scores(found["counts"][fold], labels, 2)["value"]
        assert tested == pytest.approx(curve[step], abs=1e-9)
        chance = class_scores(found["all"][fold], labels, 2)
        assert chance["recall"] == 1.0
        assert chance["value"] == pytest.approx(curve[0])
        best = found["curves"][fold]
        assert best.max() == best[step] >= best[0]


def test_vectors_that_know_the_class_find_everything():
    spans = [np.array([[0.0, 1.0], [1.0, 2.0]])] * 4
    events = [[(0.0, 1.0, "cat"), (1.0, 2.0, "dog")]] * 4
    vectors = np.tile(np.eye(2), (4, 1))
    found = search_events(
        vectors,
        vectors,
        SegmentGrid(spans, events, CLASSES),
        [0, 1] * 4,
        np.repeat(range(4), 2),
        [0, 0, 1, 1],
    )
    scores = [class_scores(c, [0, 1] * 4, 2)["value"] for c in found["counts"]]
    assert scores == [1.0, 1.0]


def test_what_no_frame_covers_is_missed():
    grid = SegmentGrid([np.array([[0.0, 1.0]])], [[(0.5, 2.0, "dog")]], CLASSES)
    assert grid.active.tolist() == [[0, 5]]
    assert grid.total.tolist() == [[0, 15]]


def test_a_fold_without_queries():
    frames, events, vectors = made_up(1.0, 1.0)
    grid = SegmentGrid(frames, events, CLASSES)
    with pytest.raises(ValueError, match="fold 2 of 3 has no labelled"):
        search_events(
            vectors[:2], vectors, grid, [0, 1], [0, 2], [0, 1, 2, 0, 1, 2]
        )
