"""Probes of all folds, trained at once: each as if it were alone."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from speechbrain_clap.evaluation.probe_training import ProbeTrainer
from speechbrain_clap.evaluation.stacked_adam import StackedAdam
from speechbrain_clap.metrics.probe_scores import probe_score


def clouds(count=300, classes=4, dim=12, noise=0.7, seed=0):
    """Clips around the middles of their classes."""
    draw = np.random.default_rng(seed)
    targets = draw.integers(classes, size=count)
    middles = draw.normal(size=(classes, dim))
    vectors = middles[targets] + noise * draw.normal(size=(count, dim))
    return torch.tensor(vectors, dtype=torch.float32), torch.tensor(targets)


def test_each_place_is_adam():
    torch.manual_seed(0)
    start = torch.randn(3, 4, 2)
    gradients = torch.randn(6, 3, 4, 2)
    active = [[True, n % 2 == 0, n < 3] for n in range(6)]
    stacked = torch.nn.Parameter(start.clone())
    adam = StackedAdam([stacked], lr=0.01)
    singles = [torch.nn.Parameter(place.clone()) for place in start]
    theirs = [torch.optim.Adam([single], lr=0.01) for single in singles]
    for step in range(6):
        stacked.grad = gradients[step].clone()
        adam.step(torch.tensor(active[step]))
        for place, go in enumerate(active[step]):
            if go:
                singles[place].grad = gradients[step, place].clone()
                theirs[place].step()
    torch.testing.assert_close(stacked.detach(), torch.stack(singles).detach())
    assert adam.steps.tolist() == [6, 3, 3] and stacked.grad is None


def test_together_as_alone():
    vectors, targets = clouds()
    splits = [
        (np.arange(0, 150), np.arange(150, 200), 1),
        (np.arange(60, 283), np.arange(0, 30), 2),
        (np.arange(100, 117), np.array([], int), 3),
    ]
    trainer = ProbeTrainer(
        hidden=[16], dropout=0.2, lr=0.01, batch_size=32, epochs=12,
        patience=3, lr_patience=1, min_steps=4,
    )  # fmt: skip
    rows = np.arange(283, 300)
    together = trainer.fit(vectors, targets, splits, 4)
    for number, split in enumerate(splits):
        alone = trainer.fit(vectors, targets, [split], 4)
        assert alone.best[0]["epoch"] == together.best[number]["epoch"]
        np.testing.assert_allclose(
            alone.scores(0, rows), together.scores(number, rows), atol=2e-3
        )
    assert together.best[2] == {"epoch": 12}  # nothing validates: the last


def test_linear_and_mlp_learn_and_the_same_seed_gives_the_same():
    vectors, targets = clouds(noise=0.3)
    split = (np.arange(200), np.arange(200, 240), 7)
    rows = np.arange(240, 300)
    for hidden in ([], [32]):
        trainer = ProbeTrainer(hidden=hidden, lr=0.01, epochs=20)
        scores = [
            trainer.fit(vectors, targets, [split], 4).scores(0, rows)
            for _ in range(2)
        ]
        assert (scores[0] == scores[1]).all()
        right = probe_score("accuracy", scores[0], targets[rows].numpy())
        assert right > 0.95


def test_standardised_vectors_have_no_scale():
    vectors, targets = clouds()
    vectors[:, 0] = 3.0  # never changes
    split = (np.arange(200), np.arange(200, 240), 7)
    rows = np.arange(240, 300)
    trainer = ProbeTrainer(epochs=5)
    one = trainer.fit(vectors, targets, [split], 4).scores(0, rows)
    two = trainer.fit(50 * vectors + 9, targets, [split], 4).scores(0, rows)
    np.testing.assert_allclose(one, two, atol=2e-3)


def test_several_labels():
    vectors, numbers = clouds(noise=0.2)
    targets = torch.stack([numbers == 0, numbers != 1, numbers >= 2], 1).float()
    split = (np.arange(200), np.arange(200, 240), 7)
    trainer = ProbeTrainer(lr=0.02, epochs=15, metric="macro mAP")
    fitted = trainer.fit(vectors, targets, [split], 3)
    rows = np.arange(240, 300)
    scores, wanted = fitted.scores(0, rows), targets[rows].numpy()
    value = probe_score("macro mAP", scores, wanted)
    theirs = average_precision_score(wanted, scores, average="macro")
    assert value == pytest.approx(theirs) and value > 0.95
    assert fitted.best[0]["score"] > 0.9


def test_map_of_one_label_is_of_the_softmax():
    logits = np.random.default_rng(0).normal(size=(50, 3)) * 3
    targets = np.arange(50) % 3
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    theirs = average_precision_score(np.eye(3)[targets], chances)
    assert probe_score("macro mAP", logits, targets) == pytest.approx(theirs)


def test_no_better_epoch_ends_it():
    vectors, targets = clouds(noise=0.05)
    split = (np.arange(200), np.arange(200, 240), 7)
    trainer = ProbeTrainer(lr=0.05, epochs=500, patience=2, metric="accuracy")
    best = trainer.fit(vectors, targets, [split], 4).best[0]
    assert best["score"] == 1.0 and best["epoch"] < 400
    with pytest.raises(ValueError, match="metric is 'AUC'"):
        ProbeTrainer(metric="AUC")
