"""Training small classifiers on embeddings, those of all folds at once.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from torch.nn import functional

from speechbrain_clap.evaluation.stacked_adam import StackedAdam
from speechbrain_clap.metrics.probe_scores import METRICS, probe_score
from speechbrain_clap.models.probe import StackedHeads, make_head


class ProbeTrainer:
    """Trains one classifier for each split, all of them together.

    Each is what it would be alone: its own random numbers, standardisation,
    learning rate and end. Epochs are chosen by the metric on the validation
    clips, of equal ones by the lower loss; without such clips the last one
    counts.

    Arguments
    ---------
    hidden : list of int
        Sizes of hidden layers; empty for a linear probe.
    dropout : float
        After each of them.
    lr : float
        Adam's learning rate.
    batch_size : int
        Clips in a batch.
    epochs : int
        At most.
    patience : int
        Epochs without a better validation score before the end.
    lr_patience : int
        Epochs without a lower validation loss before the rate is lowered.
    lr_factor : float
        What it is then multiplied by.
    min_lr : float
        What it does not fall below.
    min_steps : int
        Steps of an epoch at least: of a few clips several rounds are made.
    standardise : bool
        Subtract the mean of the training vectors from each dimension, divide
        by the standard deviation.
    metric : str
        "accuracy" or "macro mAP".

    Raises
    ------
    ValueError
        If there is no such metric.

    Example
    -------
    >>> import numpy as np
    >>> vectors = torch.randn(60, 4)
    >>> targets = (vectors[:, 0] > 0).long()
    >>> trainer = ProbeTrainer(hidden=[8], epochs=5, lr=0.05)
    >>> rows = np.arange(60)
    >>> split = (rows[:40], rows[40:50], 1)
    >>> fitted = trainer.fit(vectors, targets, [split], num_classes=2)
    >>> fitted.scores(0, rows[50:]).shape
    (10, 2)
    """

    def __init__(
        self,
        hidden=(),
        dropout=0.0,
        lr=0.001,
        batch_size=128,
        epochs=100,
        patience=10,
        lr_patience=5,
        lr_factor=0.1,
        min_lr=1e-6,
        min_steps=20,
        standardise=True,
        metric="accuracy",
    ):
        if metric not in METRICS:
            raise ValueError(
                f"metric is '{metric}', expected one of {', '.join(METRICS)}"
            )
        self.hidden = list(hidden)
        self.dropout = dropout
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.lr_patience = lr_patience
        self.lr_factor = lr_factor
        self.min_lr = min_lr
        self.min_steps = min_steps
        self.standardise = standardise
        self.metric = metric

    def fit(self, vectors, targets, splits, num_classes):
        """Trains.

        Arguments
        ---------
        vectors : torch.Tensor
            Of all clips, float32, [N, D], on the device to compute on.
        targets : torch.Tensor
            On that device: numbers of classes, int64 [N], or 0 and 1,
            float32 [N, C].
        splits : list of tuple
            For each classifier the rows that train, those that validate (both
            int arrays, the latter maybe empty) and a seed.
        num_classes : int
            C.

        Returns
        -------
        FittedProbes
            The chosen epoch of each.
        """
        state = _Stack(self, vectors, targets, splits, num_classes)
        for epoch in range(1, self.epochs + 1):
            state.train_epoch()
            state.validate(epoch)
            if not state.going.any():
                break
        return FittedProbes(
            vectors, state.best_heads, state.mean, state.std, state.best
        )


class FittedProbes:
    """Trained classifiers, one for each split.

    Arguments
    ---------
    vectors : torch.Tensor
        Of all clips, [N, D].
    heads : speechbrain_clap.models.probe.StackedHeads
        The classifiers.
    mean : torch.Tensor
        What is subtracted for each of them, [F, 1, D].
    std : torch.Tensor
        What is divided by, [F, 1, D].
    best : list of dict
        For each, `epoch` and, with validation clips, `score` and `loss` there.
    """

    def __init__(self, vectors, heads, mean, std, best):
        self.vectors, self.heads = vectors, heads
        self.mean, self.std = mean, std
        self.best = best

    @torch.no_grad()
    def scores(self, number, rows, at_once=8192):
        """What one classifier says of some clips.

        Arguments
        ---------
        number : int
            Of the split.
        rows : array_like
            Rows of the vectors, [M].
        at_once : int
            Clips computed together.

        Returns
        -------
        numpy.ndarray
            Logits, float32, [M, C].
        """
        found = []
        for first in range(0, len(rows), at_once):
            x = self.vectors[torch.as_tensor(rows[first : first + at_once])]
            x = (x - self.mean[number]) / self.std[number]
            for layer, (weight, bias) in enumerate(
                zip(self.heads.weights, self.heads.biases, strict=True)
            ):
                x = (torch.relu(x) if layer else x) @ weight[number]
                x = x + bias[number]
            found.append(x.cpu())
        return torch.cat(found).numpy()


class _Stack:
    """Classifiers on their way, each with what it needs."""

    def __init__(self, trainer, vectors, targets, splits, num_classes):
        self.trainer, self.vectors, self.targets = trainer, vectors, targets
        device = vectors.device
        self.train = [torch.as_tensor(rows) for rows, _, _ in splits]
        self.valid = [torch.as_tensor(rows) for _, rows, _ in splits]
        # On the CPU, so that a card draws the same order as a core.
        self.orders = [torch.Generator().manual_seed(s) for *_, s in splits]
        self.drops = [
            torch.Generator(device).manual_seed(s) for *_, s in splits
        ]
        heads = []
        for *_, seed in splits:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                heads.append(
                    make_head(
                        vectors.shape[1],
                        num_classes,
                        trainer.hidden,
                        trainer.dropout,
                    )
                )
        self.heads = StackedHeads(heads).to(device)
        self.best_heads = StackedHeads(heads).to(device).requires_grad_(False)
        self.adam = StackedAdam(self.heads.parameters(), trainer.lr)
        width = vectors.shape[1]
        self.mean = torch.zeros(len(splits), 1, width, device=device)
        self.std = torch.ones_like(self.mean)
        if trainer.standardise:
            for number, rows in enumerate(self.train):
                of_split = vectors[rows]
                self.mean[number] = of_split.mean(0)
                std = of_split.std(0, correction=0)
                # A dimension that never changes stays zero.
                self.std[number] = torch.where(std > 1e-8, std, 1.0)
        self.going = torch.ones(len(splits), dtype=torch.bool)
        self.best = [{} for _ in splits]
        self.lowest = [math.inf] * len(splits)
        self.bad_epochs = [0] * len(splits)  # for the learning rate
        self.worse = [0] * len(splits)  # for the end

    def _batches(self, number):
        """The rows of one split's epoch, batch by batch."""
        rows, draw = self.train[number], self.orders[number]
        size = self.trainer.batch_size
        rounds = math.ceil(self.trainer.min_steps / math.ceil(len(rows) / size))
        batches = []
        for _ in range(rounds):
            order = rows[torch.randperm(len(rows), generator=draw)]
            batches += order.split(size)
        return batches

    def _losses(self, logits, rows):
        """Of each clip, [F, B]."""
        targets = self.targets[rows]
        if targets.ndim == 3:
            return functional.binary_cross_entropy_with_logits(
                logits, targets, reduction="none"
            ).mean(2)
        return functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), reduction="none"
        ).view(rows.shape)

    def _inputs(self, rows):
        """Standardised vectors, [F, B, D]."""
        return (self.vectors[rows] - self.mean) / self.std

    def train_epoch(self):
        """Steps over the training clips of all splits that go on."""
        device = self.vectors.device
        batches = [
            self._batches(n) if go else [] for n, go in enumerate(self.going)
        ]
        for step in range(max(map(len, batches))):
            now = [b[step] if step < len(b) else b[:0] for b in batches]
            size = max(map(len, now))
            rows = torch.zeros(len(now), size, dtype=torch.int64)
            weights = torch.zeros(len(now), size)
            for number, batch in enumerate(now):
                if len(batch):
                    rows[number, : len(batch)] = batch
                    weights[number, : len(batch)] = 1 / len(batch)
            rows, weights = rows.to(device), weights.to(device)
            logits = self.heads(
                self._inputs(rows), self.drops, list(map(len, now))
            )
            (self._losses(logits, rows) * weights).sum().backward()
            self.adam.step((weights > 0).any(1))

    @torch.no_grad()
    def validate(self, epoch):
        """Keeps what is better, lowers rates, and ends what is done."""
        for number, rows in enumerate(self.valid):
            if not self.going[number]:
                continue
            if not len(rows):
                self._keep(number, {"epoch": epoch})
                continue
            fitted = FittedProbes(
                self.vectors, self.heads, self.mean, self.std, None
            )
            logits = fitted.scores(number, rows)
            targets = self.targets[rows].cpu()
            found = torch.from_numpy(logits)[None]
            loss = self._valid_loss(found, targets[None])
            score = probe_score(self.trainer.metric, logits, targets.numpy())
            before = self.best[number]
            highest = before.get("score", -1.0)
            lowest = before.get("loss", math.inf)
            # An equal score is kept for its lower loss, but it ends the
            # training all the same: the loss may fall for long.
            self.worse[number] = (
                0 if score > highest else self.worse[number] + 1
            )
            if (score, -loss) > (highest, -lowest):
                self._keep(
                    number, {"epoch": epoch, "score": score, "loss": loss}
                )
            self._lower_rate(number, loss)
            if self.worse[number] >= self.trainer.patience:
                self.going[number] = False

    def _valid_loss(self, logits, targets):
        if targets.ndim == 3:
            return functional.binary_cross_entropy_with_logits(
                logits, targets
            ).item()
        return functional.cross_entropy(logits[0], targets[0]).item()

    def _keep(self, number, facts):
        self.best[number] = facts
        pairs = zip(
            self.best_heads.parameters(), self.heads.parameters(), strict=True
        )
        for kept, now in pairs:
            kept[number] = now[number]

    def _lower_rate(self, number, loss):
        """As PyTorch's ReduceLROnPlateau."""
        if loss < self.lowest[number]:
            self.lowest[number], self.bad_epochs[number] = loss, 0
            return
        self.bad_epochs[number] += 1
        if self.bad_epochs[number] > self.trainer.lr_patience:
            lower = self.adam.lr[number] * self.trainer.lr_factor
            self.adam.lr[number] = lower.clamp(min=self.trainer.min_lr)
            self.bad_epochs[number] = 0
