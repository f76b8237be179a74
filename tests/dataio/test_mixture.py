"""Every clip once, or exact proportions; any number of ranks, any start.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import time

import numpy
import pytest

from speechbrain_clap.dataio.mixture import MixtureBatches


class Source:
    """Rows in blocks."""

    def __init__(self, name, *blocks):
        self.name = name
        ends = numpy.cumsum((0, *blocks)).tolist()
        self.blocks = [
            range(first, last)
            for first, last in zip(ends[:-1], ends[1:], strict=True)
        ]
        self.rows = ends[-1]

    def __len__(self):
        return self.rows


SETS = [Source("big", 70), Source("small", 20), Source("tiny", 3, 4)]


def draws(batches, epoch=1, start=0):
    """The batches of an epoch as lists of (set, row)."""
    batches.epoch, batches.start = epoch, start
    given = list(batches)
    assert all(e == epoch for batch in given for e, _, _ in batch)
    return [[(number, row) for _, number, row in batch] for batch in given]


def flat(batches):
    return [draw for batch in batches for draw in batch]


def test_every_clip_once_over_two_ranks():
    rests = []
    everything = {(i, row) for i, s in enumerate(SETS) for row in range(len(s))}
    for epoch in (1, 2, 3):
        ranks = [
            draws(MixtureBatches(SETS, 4, 5, ranks=2, rank=rank), epoch)
            for rank in range(2)
        ]
        assert [len(batches) for batches in ranks] == [12, 12]
        given = flat(ranks[0]) + flat(ranks[1])
        assert len(given) == len(set(given)) == 96
        rests.append(frozenset(everything - set(given)))
        assert len(rests[-1]) == 1
        # One process with twice the batch takes the same clips at each step.
        alone = draws(MixtureBatches(SETS, 8, 5), epoch)
        assert alone == [a + b for a, b in zip(*ranks, strict=True)]
    assert len(set(rests)) > 1
    assert draws(MixtureBatches(SETS, 8, 5), 1) != alone
    assert draws(MixtureBatches(SETS, 8, 6), 3) != alone


@pytest.mark.parametrize("weights", [None, {"big": 1, "small": 1, "tiny": 2}])
def test_resumes_from_any_batch(weights):
    batches = MixtureBatches(SETS, 3, 5, weights, ranks=2, rank=1)
    full = draws(batches, 4)
    assert len(full) == len(batches) == 16
    for start in range(len(batches) + 1):
        assert draws(batches, 4, start) == full[start:]


def test_proportions_are_exact():
    weights = {"big": 0.5, "small": 0.3, "tiny": 0.2}
    batches = MixtureBatches(SETS, 8, 5, weights, epoch_size=1007)
    assert len(batches) == 125
    for epoch in (1, 2):
        sets = collections.Counter(n for n, _ in flat(draws(batches, epoch)))
        assert sets == {0: 500, 1: 300, 2: 200}
    # 96 in thirds of 1, 1 and 2.7: 20.43, 20.43, 55.15.
    weights = {"big": 1, "small": 1, "tiny": 2.7}
    given = draws(MixtureBatches(SETS, 8, 5, weights))
    sets = collections.Counter(n for n, _ in flat(given))
    assert sets == {0: 21, 1: 20, 2: 55}
    # Mixed all along the epoch, not one set after another.
    assert all(len({n for n, _ in batch}) > 1 for batch in given)
    only = MixtureBatches(SETS, 8, 5, {"big": 0, "small": 1, "tiny": 0})
    assert {n for n, _ in flat(draws(only))} == {1}


@pytest.mark.parametrize("weights", [None, {"big": 1, "small": 1, "tiny": 1}])
def test_walks_are_whole_permutations_across_epochs(weights):
    batches = MixtureBatches(SETS, 10, 5, weights, epoch_size=50)
    rows = [[], [], []]
    for epoch in range(1, 9):
        for number, row in flat(draws(batches, epoch)):
            rows[number].append(row)
    assert sum(map(len, rows)) == 400
    for source, walked in zip(SETS, rows, strict=True):
        size = len(source)
        turns = [walked[i : i + size] for i in range(0, len(walked), size)]
        for turn in turns[:-1]:
            assert sorted(turn) == list(range(size))
        assert len(set(turns[-1])) == len(turns[-1])
        assert len(turns) < 3 or turns[0] != turns[1]


def test_shards_are_read_almost_in_order():
    shards = Source("shards", *[100] * 50)
    given = flat(draws(MixtureBatches([shards], 10, 5, window=5)))
    assert len(set(given)) == 5000
    seen = []
    for first in range(0, 5000, 500):
        blocks = {row // 100 for _, row in given[first : first + 500]}
        assert len(blocks) == 5
        seen.append(blocks)
    assert not set.intersection(*seen[:2])
    # Within them and of them the order is random.
    assert sorted(seen[0]) != list(range(5))
    inside = [row for _, row in given[:500]]
    assert abs(numpy.corrcoef(range(500), inside)[0, 1]) < 0.2
    # The other set is spread evenly over it all.
    both = flat(draws(MixtureBatches([shards, SETS[0]], 10, 5, window=5)))
    where = [i for i, (number, _) in enumerate(both) if number == 1]
    assert where[0] < 700 and where[-1] > 4370


def test_manifest_and_its_shards_have_one_order():
    shards = Source("x", 30, 30, 10)
    for weights in (None, {"x": 2, "tiny": 1}):
        one, other = (
            draws(
                MixtureBatches(
                    [source, SETS[2]], 7, 5, weights, epoch_size=None
                )
            )
            for source in (Source("x", 70), shards)
        )
        assert one == other


def test_order_is_not_biased():
    source = Source("x", 10)
    batches = MixtureBatches([source], 10, 5)
    first = collections.Counter()
    for epoch in range(1, 1001):
        first[flat(draws(batches, epoch))[0][1]] += 1
    assert min(first.values()) > 60 and max(first.values()) < 140


def test_millions_of_rows_in_seconds():
    sources = [Source("a", *[1000] * 4000), Source("b", 600_000)]
    batches = MixtureBatches(sources, 1024, 5)
    begin = time.perf_counter()
    next(iter(batches))
    assert time.perf_counter() - begin < 5
    batches = MixtureBatches(sources, 1024, 5, {"a": 1, "b": 1})
    batches.epoch = 3
    begin = time.perf_counter()
    next(iter(batches))
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize(
    "options, message",
    [
        ({"weights": {"bigg": 1}}, "name the set 'bigg', expected one of big"),
        ({"weights": {"big": 1}}, "lack the set 'small'"),
        ({"weights": {"big": 1, "small": -1, "tiny": 1}}, "'small' has -1"),
        ({"weights": {"big": 1, "small": 1, "tiny": 1e999}}, "'tiny' has inf"),
        ({"weights": {"big": 0, "small": 0, "tiny": 0}}, "are all 0"),
        (
            {"batch_size": 49, "ranks": 2},
            "97 clips .*big: 70.*than .* 98",
        ),
        ({"epoch_size": 7}, "7 clips in an epoch .*fewer than the 8"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"ranks": 2, "rank": 2}, "rank 2 of 2"),
    ],
)
def test_errors_say_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        MixtureBatches(SETS, **{"batch_size": 8, "seed": 1, **options})


@pytest.mark.parametrize("epoch, start", [(0, 0), (1, 13), (1, -1)])
def test_no_such_place_in_the_run(epoch, start):
    batches = MixtureBatches(SETS, 8, 5)
    with pytest.raises(ValueError, match=f"epoch {epoch}, start {start}"):
        draws(batches, epoch, start)


def test_a_set_without_clips():
    sources = [*SETS, Source("none")]
    assert len(flat(draws(MixtureBatches(sources, 97, 5)))) == 97
    weights = {"big": 1, "small": 1, "tiny": 1, "none": 1}
    with pytest.raises(ValueError, match="'none' has 1 but no clips"):
        MixtureBatches(sources, 8, 5, weights)
