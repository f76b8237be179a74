"""Which clips of which sets make a batch, on which rank.

Authors
 * The speechbrain_clap team 2026
"""

import math

import numpy
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.utils import distributed

WINDOW = 64  # blocks mixed with one another
ORDER, MIX = 0, 1  # which of its two uses a seed is for


class MixtureBatches(torch.utils.data.Sampler):
    """Batches of a mixture of sets, the same for any number of ranks.

    The batches of all ranks together are parts of one order of the epoch:
    two ranks with a batch of B train on what one process with a batch of 2 B
    trains on. All that is drawn follows from the seed and the epoch, so
    that a run can go on from any batch.

    Without weights, every clip is given exactly once per epoch. With weights,
    an epoch holds the sets in exactly these proportions, to the nearest whole
    clip. Each set is walked in whole permutations which go on from epoch to
    epoch: no clip comes again before all others of its set came.
    All ranks always have the same number of whole batches: what an epoch
    without weights has left over is left out, and is another rest in each
    epoch.

    A set is shuffled for reading from shards: its blocks are permuted, and
    then the rows within each `window` of blocks. A set of no more blocks than
    that, such as a manifest, is permuted as a whole, in an order that depends
    on nothing but the number of its rows and its place among the sources.

    Arguments
    ---------
    sources : list
        Sources of pairs, of which `name`, `blocks` and the length are used.
    batch_size : int
        Clips in the batch of one rank.
    seed : int
        Of the order; the same on all ranks.
    weights : dict or None
        Name of each set to its share, on any scale; 0 leaves a set out. None:
        every clip once.
    epoch_size : int or None
        Clips in an epoch, over all ranks. None: as many as the sets have.
        Without weights the sets are then drawn in proportion to their sizes.
    window : int
        Blocks, see above. The more, the better mixed; the fewer, the nearer
        to reading each shard from end to end.
    ranks : int or None
        Number of processes. None: asks torch.distributed.
    rank : int or None
        Number of this one. None: asks torch.distributed.

    Attributes
    ----------
    epoch : int
        The epoch to give, from 1; to be set before each.
    start : int
        The first batch to give, to go on within an epoch; to be set back to 0
        for the next one.

    Raises
    ------
    ValueError
        If weights name another set than the sources or are no shares, or there
        are fewer clips than a batch of all ranks takes.

    Example
    -------
    >>> from speechbrain_clap.dataio.pairs import ManifestPairs
    >>> row = {"path": "a.wav", "captions": ["rain"]}
    >>> big = ManifestPairs("big", {f"{i}": row for i in range(90)})
    >>> small = ManifestPairs("small", {f"{i}": row for i in range(10)})
    >>> batches = MixtureBatches([big, small], batch_size=8, seed=1)
    >>> len(batches), len(list(batches))
    (12, 12)
    >>> weights = {"big": 3, "small": 1}
    >>> batches = MixtureBatches([big, small], 8, seed=1, weights=weights)
    >>> drawn = [number for batch in batches for _, number, _ in batch]
    >>> drawn.count(0), drawn.count(1)
    (72, 24)
    """

    def __init__(
        self,
        sources,
        batch_size,
        seed,
        weights=None,
        epoch_size=None,
        window=WINDOW,
        ranks=None,
        rank=None,
    ):
        if ranks is None:
            ranks = distributed.ranks()
        if rank is None:
            rank = distributed.rank()
        if batch_size < 1 or window < 1 or not 0 <= rank < ranks:
            raise ValueError(
                f"batch_size {batch_size}, window {window}, rank {rank} of "
                f"{ranks}: expected at least 1, at least 1, and a rank below "
                "their number"
            )
        self.batch_size = batch_size
        self.seed = seed
        self.window = window
        self.ranks = ranks
        self.rank = rank
        self.epoch = 1
        self.start = 0
        self.blocks = [source.blocks for source in sources]
        self.sizes = [len(source) for source in sources]
        total = sum(self.sizes)
        wanted = total if epoch_size is None else epoch_size
        together = batch_size * ranks
        self.batches = wanted // together
        if total < together or not self.batches:
            raise DataError(
                f"{min(total, wanted)} clips in an epoch ("
                + ", ".join(f"{s.name}: {len(s)}" for s in sources)
                + f") are fewer than the {together} of one batch ({ranks} "
                f"ranks x {batch_size}): set a smaller batch_size, or add data"
            )
        if weights is None and epoch_size is None:
            self.counts = self.sizes
        else:
            shares = self.sizes
            if weights is not None:
                shares = _shares(weights, sources)
            self.counts = _largest_remainder(shares, self.batches * together)

    def __len__(self):
        return self.batches

    def __iter__(self):
        """Gives the batches of this rank, from `start` on.

        Yields
        ------
        list of tuple
            `batch_size` times (epoch, number of the set, row in it), which
            ``speechbrain_clap.dataio.pairs.PairDataset`` takes.

        Raises
        ------
        ValueError
            If `epoch` is less than 1 or `start` lies outside of the epoch.
        """
        epoch = self.epoch
        if epoch < 1 or not 0 <= self.start <= self.batches:
            raise ValueError(
                f"epoch {epoch}, start {self.start}: expected an epoch from 1 "
                f"and a start of 0 to {self.batches}, the batches of an epoch"
            )
        sets, rows = self._order(epoch)
        together = self.batch_size * self.ranks
        for batch in range(self.start, self.batches):
            first = batch * together + self.rank * self.batch_size
            part = slice(first, first + self.batch_size)
            yield [
                (epoch, number, row)
                for number, row in zip(
                    sets[part].tolist(), rows[part].tolist(), strict=True
                )
            ]

    def _order(self, epoch):
        """Set and row of every draw of an epoch, over all ranks."""
        sets = numpy.repeat(
            numpy.arange(len(self.sizes), dtype=numpy.int16), self.counts
        )
        self._generator(MIX, epoch).shuffle(sets)
        rows = numpy.empty(len(sets), dtype=numpy.int64)
        for number, count in enumerate(self.counts):
            rows[sets == number] = self._walk(
                number, (epoch - 1) * count, epoch * count
            )
        return sets, rows

    def _walk(self, number, first, last):
        """Rows of a set from one draw to another, counted since epoch 1."""
        size, parts = self.sizes[number], [numpy.empty(0, dtype=numpy.int64)]
        while first < last:
            turn, offset = divmod(first, size)
            taken = min(size - offset, last - first)
            permutation = self._permutation(number, turn)
            parts.append(permutation[offset : offset + taken])
            first += taken
        return numpy.concatenate(parts)

    def _permutation(self, number, turn):
        """All rows of a set, near to the order of its blocks."""
        generator = self._generator(ORDER, number, turn)
        blocks = self.blocks[number]
        if len(blocks) <= self.window:
            return generator.permutation(self.sizes[number])
        order = generator.permutation(len(blocks))
        parts = []
        for first in range(0, len(order), self.window):
            near = numpy.concatenate(
                [
                    numpy.arange(blocks[block].start, blocks[block].stop)
                    for block in order[first : first + self.window]
                ]
            )
            generator.shuffle(near)
            parts.append(near)
        return numpy.concatenate(parts)

    def _generator(self, *numbers):
        return numpy.random.default_rng([self.seed, *numbers])


def _shares(weights, sources):
    names = [source.name for source in sources]
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise ValueError(
            f"weights name the set '{unknown[0]}', expected one of "
            f"{', '.join(names)}"
        )
    missing = [name for name in names if name not in weights]
    if missing:
        raise ValueError(
            f"weights lack the set '{missing[0]}': give it a share (0 leaves "
            "it out)"
        )
    for source in sources:
        weight = weights[source.name]
        if not 0 <= weight < math.inf:
            raise ValueError(
                f"weights: '{source.name}' has {weight}, expected a number "
                "of at least 0"
            )
        if weight > 0 and not len(source):
            raise ValueError(
                f"weights: '{source.name}' has {weight} but no clips: leave "
                "it out"
            )
    if not any(weights.values()):
        raise ValueError("weights are all 0: give one set a share at least")
    return [weights[name] for name in names]


def _largest_remainder(shares, total):
    """Whole numbers in the proportion of the shares, that add up to total."""
    exact = [total * share / sum(shares) for share in shares]
    counts = [math.floor(part) for part in exact]
    # The sets with the largest remainders, the first of equal ones.
    by_remainder = sorted(
        range(len(shares)), key=lambda i: counts[i] - exact[i]
    )
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts
