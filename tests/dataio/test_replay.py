"""Replay: the share of batches, no pair twice, resume from any batch."""

import collections

import pytest

from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.dataio.replay import ReplayBatches


def made(probability=0.5, batches=None, ranks=1, rank=0):
    """60 curated pairs of two sets, 32 that are replayed."""
    row = {"path": "a.wav", "captions": ["rain"]}
    one, two, three = (
        ManifestPairs(name, {f"{i}": row for i in range(size)})
        for name, size in (("a", 40), ("b", 20), ("c", 32))
    )
    size = 4 // ranks
    return ReplayBatches(
        MixtureBatches([one, two], size, 1, ranks=ranks, rank=rank),
        MixtureBatches([three], size, 1, ranks=ranks, rank=rank),
        probability,
        batches,
    )


def epochs(batches, number):
    """The batches of the first epochs."""
    given = []
    for epoch in range(1, number + 1):
        batches.epoch, batches.start = epoch, 0
        given.append(list(batches))
    return given


def test_kinds_and_passes():
    """Whole batches of one kind; each kind walks its pairs in turn."""
    batches = made(batches=100)
    assert len(batches) == 100
    (epoch,) = epochs(batches, 1)
    kinds = [{number == 2 for _, number, _ in batch} for batch in epoch]
    assert all(len(kind) == 1 for kind in kinds)
    curated = kinds.count({False})
    assert 35 < curated < 65
    counts = collections.Counter(
        (number, row) for batch in epoch for _, number, row in batch
    )
    for members, size, draws in (
        ({0, 1}, 60, 4 * curated),
        ({2}, 32, 4 * (100 - curated)),
    ):
        seen = [n for (number, _), n in counts.items() if number in members]
        assert len(seen) == min(size, draws)
        assert max(seen) - min(seen) <= 1


def test_it_goes_on_over_epochs_and_from_any_batch():
    """An epoch does not begin anew, and neither does a resumed one."""
    whole = epochs(made(), 4)
    assert len(whole[0]) == 8  # a pass over what is replayed
    replayed = [
        row
        for epoch in whole
        for batch in epoch
        for _, number, row in batch
        if number == 2
    ][:32]
    assert len(set(replayed)) == len(replayed)
    for epoch in (1, 3):
        for start in (0, 3, 8):
            resumed = made()
            resumed.epoch, resumed.start = epoch, start
            assert list(resumed) == whole[epoch - 1][start:]
    assert {e for batch in whole[2] for e, _, _ in batch} == {3}


def test_ranks_share_the_batch_of_one_process():
    """And its kind."""
    whole = epochs(made(), 2)
    parts = [epochs(made(ranks=2, rank=rank), 2) for rank in (0, 1)]
    for epoch in range(2):
        joined = [
            first + second
            for first, second in zip(
                parts[0][epoch], parts[1][epoch], strict=True
            )
        ]
        assert joined == whole[epoch]


@pytest.mark.parametrize("probability, numbers", [(0.0, {2}), (1.0, {0, 1})])
def test_all_of_one_kind(probability, numbers):
    """The ends of the range; beyond them there is an error."""
    (epoch,) = epochs(made(probability, batches=15), 1)
    assert {number for batch in epoch for _, number, _ in batch} == numbers
    with pytest.raises(ValueError, match="probability is 1.2"):
        made(1.2)
