"""Tagging: the published loss, what learns, and the file of results.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import types

import pytest
import speechbrain as sb
import torch
from train_tiny_audioclip import SAMPLES, THINGS, Sounds, read, source

from speechbrain_clap.augment.waveform import RandomCropOrPad
from speechbrain_clap.brains.tagging import TaggingBrain
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, PairDataset
from speechbrain_clap.dataio.video_pairs import ClipPictures, TrainingPictures
from speechbrain_clap.evaluation.tagging import write_tagging
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.models.tagger import Tagger
from speechbrain_clap.schedulers import ExponentialDecay
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

CLASSES = [*THINGS, "a", "b", "c", "d"]  # as many as Sounds has outputs


@pytest.fixture
def make(tmp_path):
    """From a tagger and changes to the hparams to a Brain."""

    def _make(tagger, **changes):
        schedule = ExponentialDecay(gamma=0.95)
        counter = sb.utils.epoch_loop.EpochCounterWithStopper(6, 10, 0, "max")
        return TaggingBrain(
            modules={"tagger": tagger},
            opt_class=functools.partial(
                torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True
            ),
            hparams={
                "seed": 1,
                "epoch_counter": counter,
                "lr_schedule": schedule,
                "train_loggers": [],
                "selection": "mAP",
                "class_names": CLASSES,
                "crop": RandomCropOrPad(1.0, SAMPLES),
                "augment": [],
                "norm_loss": 0.0,
                "lr_factors": {},
                **changes,
            },
            run_opts={"device": "cpu", "noprogressbar": True},
            checkpointer=AtomicCheckpointer(
                tmp_path / "save",
                {"tagger": tagger, "schedule": schedule, "counter": counter},
            ),
        )

    return _make


def test_it_learns(make, tmp_path):
    """From chance to nearly all; every clip of the test is counted."""
    torch.manual_seed(0)
    brain = make(Tagger(Sounds()))
    train = [source("train", 0, 32)]
    tested = ClipPictures(ClipPairs(source("test", 40, 12), read))
    brain.fit(
        brain.hparams.epoch_counter,
        torch.utils.data.DataLoader(
            TrainingPictures(PairDataset(train, read, seed=1)),
            batch_sampler=MixtureBatches(train, 8, seed=1),
            collate_fn=ClipCollate(fill=True),
        ),
        tested,
        valid_loader_kwargs={
            "batch_size": 5,
            "collate_fn": ClipCollate(fill=False),
        },
    )
    assert brain.validation_scores()["mAP"] > 0.9
    assert brain.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.95**5)
    ids, scores, targets = brain.results()
    assert len(ids) == 12 and targets.sum() == 12
    metrics = write_tagging(
        tmp_path,
        ids,
        scores,
        targets,
        CLASSES,
        {
            "dataset": "x",
            "split": "test",
            "clips": 12,
            "skipped": 0,
            "sounds": "made-up",
        },
        {},
    )
    assert metrics["classes"] == 4 and metrics["per_class"]["a"] is None
    low, high = metrics["interval"]
    assert low <= metrics["value"] <= high <= 1
    assert metrics["chance"] == 0.25
    rows = (tmp_path / "predictions.csv").read_text().splitlines()
    assert len(rows) == 13 and rows[1].startswith("test/40,dog,")


def test_the_loss(make):
    """Summed over the classes, divided by the clips, with the norm loss."""
    encoder = ESResNeXt(
        n_fft=256,
        win_length=206,
        depths=[1] * 4,
        channels=4,
        groups=2,
        num_classes=len(CLASSES),
    )
    brain = make(Tagger(encoder), norm_loss=2.0)
    batch = types.SimpleNamespace(id=["x", "y"], labels=[["dog", "a"], ["b"]])
    logits = torch.randn(2, len(CLASSES))
    targets = torch.zeros(2, len(CLASSES))
    targets[0, 0] = targets[0, 4] = targets[1, 5] = 1
    p = logits.sigmoid()
    wanted = -(targets * p.log() + (1 - targets) * (1 - p).log()).sum() / 2
    brain.on_stage_start(sb.Stage.VALID)
    found = brain.compute_objectives(logits, batch, sb.Stage.VALID)
    torch.testing.assert_close(found, wanted)
    training = brain.compute_objectives(logits, batch, sb.Stage.TRAIN)
    norm = encoder.fbsp_norm_loss()
    torch.testing.assert_close(training, wanted + 2 * norm)
    training.backward()
    assert encoder.fbsp.fb.grad is not None
