"""Batches of new pairs, and now and then one of those known before.

"Unsupervised Improvement of Audio-Text Cross-Modal Representations", Wang et
al. 2023, https://arxiv.org/abs/2305.01864, section 3.3: replay keeps a student
from forgetting what its teacher was trained on.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import torch

REPLAY_DRAW = 2  # which of its uses a seed is for; MixtureBatches has 0 and 1


class ReplayBatches(torch.utils.data.Sampler):
    """Each batch is of curated pairs, or of those that are replayed.

    The kind is drawn for each batch of an epoch, the same on all ranks. Both
    kinds go on from epoch to epoch: no pair comes again before all others of
    its kind came.

    Arguments
    ---------
    curated : speechbrain_clap.dataio.mixture.MixtureBatches
        Batches of the first sources of the data set.
    replayed : speechbrain_clap.dataio.mixture.MixtureBatches
        Batches of the sources that follow.
    probability : float
        Share of the batches that are curated.
    batches : int or None
        In an epoch. None: as many as one pass over the replayed pairs takes.

    Attributes
    ----------
    epoch : int
        The epoch to give, from 1.
    start : int
        The first batch to give.

    Example
    -------
    >>> from speechbrain_clap.dataio.mixture import MixtureBatches
    >>> from speechbrain_clap.dataio.pairs import ManifestPairs
    >>> row = {"path": "a.wav", "captions": ["rain"]}
    >>> one = ManifestPairs("one", {f"{i}": row for i in range(40)})
    >>> two = ManifestPairs("two", {f"{i}": row for i in range(20)})
    >>> batches = ReplayBatches(
    ...     MixtureBatches([one], 4, seed=1), MixtureBatches([two], 4, seed=1)
    ... )
    >>> kinds = [{number for _, number, _ in batch} for batch in batches]
    >>> len(kinds), {0} in kinds, {1} in kinds
    (5, True, True)
    """

    def __init__(self, curated, replayed, probability=0.5, batches=None):
        if not 0.0 <= probability <= 1.0:
            raise ValueError(
                f"probability is {probability}, expected a share of the "
                "batches, 0 to 1"
            )
        self.kinds = curated, replayed
        self.probability = probability
        self.batches = len(replayed) if batches is None else batches
        self.batch_size = curated.batch_size
        self.epoch = 1
        self.start = 0

    def __len__(self):
        return self.batches

    def __iter__(self):
        before = sum(
            int(self._is_curated(epoch).sum()) for epoch in range(1, self.epoch)
        )
        is_curated = self._is_curated(self.epoch)
        skipped = int(is_curated[: self.start].sum())
        done = (
            before + skipped,
            ((self.epoch - 1) * self.batches - before + self.start - skipped),
        )
        walks = [
            _walk(kind, first)
            for kind, first in zip(self.kinds, done, strict=True)
        ]
        offsets = 0, len(self.kinds[0].sizes)
        for curated in is_curated[self.start :]:
            kind = 0 if curated else 1
            yield [
                # The epoch of this training draws crops and captions.
                (self.epoch, number + offsets[kind], row)
                for _, number, row in next(walks[kind])
            ]

    def _is_curated(self, epoch):
        keys = [self.kinds[0].seed, epoch, REPLAY_DRAW]
        draws = numpy.random.default_rng(keys).random(self.batches)
        return draws < self.probability


def _walk(batches, first):
    """All batches from a given one on, epoch after epoch."""
    batches.epoch, batches.start = (
        1 + first // len(batches),
        first % len(batches),
    )
    while True:
        yield from batches
        batches.epoch, batches.start = batches.epoch + 1, 0
