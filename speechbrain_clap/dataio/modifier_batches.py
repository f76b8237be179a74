"""Batches of pairs for the text query-modifier: waves, or kept features.

Authors
 * The speechbrain_clap team 2026
"""

import dataclasses

import numpy
import torch

from speechbrain_clap.dataio.clips import fit_clip


@dataclasses.dataclass
class ModifierBatch:
    """A batch of pairs, as waves or as what locked towers made of them.

    Arguments
    ---------
    query : torch.Tensor
        Waves [B, T] or features [B, Da], of alpha.
    target : torch.Tensor
        Of beta.
    text : list of str or torch.Tensor
        Texts, or their features [B, Dt].
    events : torch.Tensor
        v, [B, labels].
    target_events : torch.Tensor
        w, [B, labels].
    features : tuple of str
        "audio", "text": the towers whose features are given.

    Example
    -------
    >>> wavs, events = torch.zeros(2, 9), torch.zeros(2, 3)
    >>> batch = ModifierBatch(wavs, wavs, ["add dog"] * 2, events, events, ())
    >>> len(batch), batch.to("cpu").features
    (2, ())
    """

    query: torch.Tensor
    target: torch.Tensor
    text: list | torch.Tensor
    events: torch.Tensor
    target_events: torch.Tensor
    features: tuple

    def __len__(self):
        return len(self.query)

    def to(self, device):
        """Brings what can be brought to a device.

        Arguments
        ---------
        device : str or torch.device
            Where to.

        Returns
        -------
        ModifierBatch
            Another one.
        """
        moved = {
            name: value.to(device)
            for name, value in vars(self).items()
            if torch.is_tensor(value)
        }
        return dataclasses.replace(self, **moved)


class _SomePairs(torch.utils.data.Dataset):
    """Rows of a set of pairs, as ``MixtureBatches`` wants a source."""

    def __init__(self, pairs, rows):
        self.pairs = pairs
        self.rows = torch.as_tensor(rows)
        self.name = pairs.name
        self.blocks = [range(len(self.rows))]

    def __len__(self):
        return len(self.rows)

    def _picked(self, indices):
        """Rows of `pairs`; what ``MixtureBatches`` gives ends with a row."""
        here = [i[-1] if isinstance(i, tuple) else i for i in indices]
        return self.rows[here]


class WavePairs(_SomePairs):
    """Batches of pairs whose sounds are read from their files.

    Every sound is brought to one length in the same way each time: a random
    crop could cut away the very event that the text tells of.

    Arguments
    ---------
    pairs : speechbrain_clap.dataio.modifier_pairs.ModifierPairs
        The pairs.
    rows : list of int
        Those of them that are meant: row `i` here is pair `rows[i]`.
    reader : callable
        ``speechbrain_clap.dataio.segments.SegmentReader``.
    policy : dict
        Arguments of ``speechbrain_clap.dataio.clips.fit_clip``.

    Example
    -------
    >>> from speechbrain_clap.dataio.modifier_pairs import ModifierPairs
    >>> row = {"path": "a.wav", "target_path": "b.wav", "text": "add dog"}
    >>> row |= {"events": [], "target_events": ["dog"]}
    >>> pairs = ModifierPairs("rain", {"x": row, "y": row}, ["rain", "dog"])
    >>> waves = WavePairs(
    ...     pairs, [0, 1], lambda file, position: torch.ones(4), {"samples": 6}
    ... )
    >>> batch = waves.__getitems__([0, 1])
    >>> batch.query.shape, batch.text, batch.features
    (torch.Size([2, 6]), ['add dog', 'add dog'], ())
    """

    def __init__(self, pairs, rows, reader, policy):
        super().__init__(pairs, rows)
        self.reader = reader
        self.policy = policy

    def __getitems__(self, indices):
        """Reads a batch.

        Arguments
        ---------
        indices : list
            Rows, or what ``MixtureBatches`` gives.

        Returns
        -------
        ModifierBatch
            With waves. The place of a pair with a bad clip, which the reader
            skips, is taken by another of the batch: every rank keeps the
            batch size that the gather needs.

        Raises
        ------
        ValueError
            If no pair of the batch could be read.
        """
        rows, waves = self._picked(indices).tolist(), []
        for row in rows:
            both = [
                self.reader(file, position=0.5)
                for file in self.pairs.files(row)
            ]
            if not any(wav is None for wav in both):
                fitted = [fit_clip(wav, **self.policy) for wav in both]
                waves.append((row, *fitted))
        if not waves:
            raise ValueError(
                "no pair of a batch could be read: "
                f"{', '.join(self.pairs.ids[row] for row in rows)} (the log "
                "says why)"
            )
        full = [waves[i % len(waves)] for i in range(len(rows))]
        rows, query, target = zip(*full, strict=True)
        rows = list(rows)
        return ModifierBatch(
            torch.stack(query),
            torch.stack(target),
            [self.pairs.texts[row] for row in rows],
            self.pairs.events[rows],
            self.pairs.target_events[rows],
            (),
        )


class DistinctTexts:
    """Features of texts, of which each distinct one is encoded once.

    Arguments
    ---------
    texts : list of str
        The texts, many of them alike.
    encode : callable
        From a list of str to features [.., Dt].

    Example
    -------
    >>> lengths = lambda texts: torch.tensor([[len(t) * 1.0] for t in texts])
    >>> DistinctTexts(["rain", "dog", "rain"], lengths)[torch.tensor([0, 2])]
    tensor([[4.],
            [4.]])
    """

    def __init__(self, texts, encode):
        number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        with torch.no_grad():
            self.features = encode(list(number)).cpu()
        self.number = torch.tensor([number[text] for text in texts])

    def __getitem__(self, rows):
        """Features of some texts.

        Arguments
        ---------
        rows : torch.Tensor
            Their places in the list, int64, [B].

        Returns
        -------
        torch.Tensor
            [B, Dt].
        """
        return self.features[self.number[rows]]


class FeaturePairs(_SomePairs):
    """Batches of pairs of which a locked tower's features are there.

    Arguments
    ---------
    pairs : speechbrain_clap.dataio.modifier_pairs.ModifierPairs
        The pairs.
    rows : list of int
        Those of them that are meant: row `i` here is pair `rows[i]`.
    sounds : numpy.ndarray
        Features of ``pairs.sounds()``, float32, [2 N, Da].
    texts : DistinctTexts or None
        Of ``pairs.texts`` by a locked text tower. None: batches hold the
        texts.

    Example
    -------
    >>> from speechbrain_clap.dataio.modifier_pairs import ModifierPairs
    >>> row = {"path": "a.wav", "target_path": "b.wav", "text": "add dog"}
    >>> row |= {"events": [], "target_events": ["dog"]}
    >>> pairs = ModifierPairs("rain", {"x": row, "y": row}, ["rain", "dog"])
    >>> sounds = numpy.eye(4, dtype="float32")
    >>> batch = FeaturePairs(pairs, [1], sounds).__getitems__([0])
    >>> batch.query, batch.target, batch.features
    (tensor([[0., 0., 1., 0.]]), tensor([[0., 0., 0., 1.]]), ('audio',))
    """

    def __init__(self, pairs, rows, sounds, texts=None):
        super().__init__(pairs, rows)
        self.sounds = torch.from_numpy(sounds)
        self.texts = texts

    def __getitems__(self, indices):
        """Picks a batch.

        Arguments
        ---------
        indices : list
            Rows, or what ``MixtureBatches`` gives.

        Returns
        -------
        ModifierBatch
            With features.
        """
        rows = self._picked(indices)
        if self.texts is None:
            text, given = [self.pairs.texts[row] for row in rows], ("audio",)
        else:
            text, given = self.texts[rows], ("audio", "text")
        return ModifierBatch(
            self.sounds[2 * rows],
            self.sounds[2 * rows + 1],
            text,
            self.pairs.events[rows],
            self.pairs.target_events[rows],
            given,
        )


def good_pairs(sounds):
    """Rows of the pairs of which both sounds could be read.

    Arguments
    ---------
    sounds : numpy.ndarray
        Features of ``ModifierPairs.sounds()``, [2 N, Da]; NaN for a bad clip.

    Returns
    -------
    list of int
        In order.

    Example
    -------
    >>> good_pairs(numpy.array([[1.0], [2.0], [numpy.nan], [3.0]]))
    [0]
    """
    bad = numpy.isnan(sounds[:, 0]).reshape(-1, 2).any(1)
    return numpy.flatnonzero(~bad).tolist()


def as_is(batch):
    """The batch that the data sets of this file already made.

    Arguments
    ---------
    batch : ModifierBatch
        What a loader would collate.

    Returns
    -------
    ModifierBatch
        The same.

    Example
    -------
    >>> as_is("batch")
    'batch'
    """
    return batch
