"""Drawing parts: by recording, by seed, in the shares asked for.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.splits import draw_parts

SHARES = {"valid": 0.1, "test": 0.2}


def make_rows(count, clips_of_each=1):
    return {
        f"{i}-{k}": {"source": f"file:{i}"}
        for i in range(count)
        for k in range(clips_of_each)
    }


def test_shares_are_kept_and_no_recording_is_in_two_parts():
    rows = make_rows(50, clips_of_each=4)
    parts = draw_parts(rows, SHARES, seed=1)
    assert list(parts) == ["train", "valid", "test"]
    assert [len(part) for part in parts.values()] == [140, 20, 40]
    sources = [
        {row["source"] for row in part.values()} for part in parts.values()
    ]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 50
    assert list(parts["train"]) == [n for n in rows if n in parts["train"]]


def test_the_seed_decides_alone():
    rows = make_rows(100)
    first = draw_parts(rows, SHARES, seed=1)
    other_order = dict(reversed(rows.items()))
    again = draw_parts(other_order, SHARES, seed=1)
    assert {p: set(c) for p, c in again.items()} == {
        p: set(c) for p, c in first.items()
    }
    assert set(draw_parts(rows, SHARES, seed=2)["test"]) != set(first["test"])


def test_clips_that_are_added_hardly_move_the_others():
    before = draw_parts(make_rows(100), SHARES, seed=1)
    after = draw_parts(make_rows(105), SHARES, seed=1)
    moved = sum(len(set(before[part]) - set(after[part])) for part in before)
    assert moved <= 5


def test_a_long_recording_does_not_fill_a_part():
    rows = make_rows(5) | {f"long-{i}": {"source": "file:long"} for i in "abcd"}
    for seed in range(10):
        parts = draw_parts(rows, SHARES, seed)
        assert "long-a" in parts["train"]
        assert [len(part) for part in parts.values()] == [6, 1, 2]


def test_every_part_gets_something():
    parts = draw_parts(make_rows(3, clips_of_each=5), SHARES, seed=1)
    assert [len(part) for part in parts.values()] == [5, 5, 5]
    parts = draw_parts(make_rows(3), {"valid": 0.4, "test": 0.5}, seed=1)
    assert [len(part) for part in parts.values()] == [1, 1, 1]


def test_parts_without_a_share_are_left_out():
    rows = make_rows(1)
    assert draw_parts(rows, {"valid": 0, "test": 0.0}, 1) == {"train": rows}


@pytest.mark.parametrize(
    ("count", "shares", "words"),
    [
        (2, SHARES, "2 recordings are too few for train, valid, test"),
        (9, {"valid": 0.5, "test": 0.5}, "valid_fraction is 0.5, test_fract"),
        (9, {"valid": -0.1, "test": 0.5}, "valid_fraction is -0.1"),
    ],
)
def test_what_cannot_be_drawn(count, shares, words):
    with pytest.raises(DataError, match=words):
        draw_parts(make_rows(count), shares, seed=1)
