"""Fine-tuning: the loss with mixed classes, the head that learns first."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from torch.nn.functional import cross_entropy

from speechbrain_clap.augment.waveform import RandomCropOrPad
from speechbrain_clap.brains.fine_tuning import FineTuningBrain
from speechbrain_clap.evaluation.classifier_fold import evaluate_classifier
from speechbrain_clap.models.classifier import Classifier
from speechbrain_clap.models.sound_tower import sound_tower
from speechbrain_clap.schedulers import ExponentialDecay
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

CLASSES = ["low", "high"]
EPOCHS = 6


class Tower(torch.nn.Module):
    """Hears how strong two tones are."""

    sample_rate, clip_seconds, embedding_dim = 800, 0.5, 2

    def __init__(self):
        super().__init__()
        time = torch.arange(400) / 800
        tones = torch.stack([torch.sin(6.28 * f * time) for f in (20, 90)])
        self.tones = torch.nn.Parameter(tones / 20)

    def forward(self, wavs, lens=None):
        return (wavs @ self.tones.T).abs()


def clips(number):
    """Low and high tones by turns, in noise."""
    random = torch.Generator().manual_seed(number)
    rows = []
    for i in range(number):
        time = torch.arange(400) / 800
        wav = torch.sin(6.28 * (20, 90)[i % 2] * time + i)
        noise = torch.randn(400, generator=random)
        rows.append({"id": f"{number}-{i}", "sig": wav + 0.3 * noise})
    return rows


def targets(ids):
    return np.array([int(name.split("-")[1]) % 2 for name in ids], np.int64)


@pytest.fixture
def make(tmp_path):
    """From changes to the hparams to a Brain."""

    def _make(**changes):
        torch.manual_seed(0)
        classifier = Classifier(Tower(), 2)
        counter = sb.utils.epoch_loop.EpochCounterWithStopper(
            EPOCHS, EPOCHS, 0, "max"
        )
        schedule = ExponentialDecay(gamma=1.0)
        return FineTuningBrain(
            modules={"classifier": classifier},
            opt_class=functools.partial(torch.optim.AdamW, lr=0.1),
            hparams={
                "seed": 1,
                "epoch_counter": counter,
                "lr_schedule": schedule,
                "train_loggers": [],
                "selection": "score",
                "metric": "accuracy",
                "targets": targets,
                "crop": RandomCropOrPad(0.5, 800),
                "augment": [],
                "mixup": None,
                "label_smoothing": 0.0,
                "frozen_epochs": 0,
                "lr_factors": {},
                **changes,
            },
            run_opts={"device": "cpu", "noprogressbar": True},
            checkpointer=AtomicCheckpointer(
                tmp_path / "save",
                {"classifier": classifier, "counter": counter},
            ),
        )

    return _make


def fit(brain, train, valid):
    options = {"batch_size": 8, "collate_fn": PaddedBatch}
    brain.fit(
        brain.hparams.epoch_counter,
        train,
        valid,
        train_loader_kwargs=dict(options),
        valid_loader_kwargs=dict(options),
    )


def test_loss_is_the_cross_entropy_of_what_is_mixed(make):
    brain = make(label_smoothing=0.2)
    logits = torch.randn(3, 2, requires_grad=True)
    heard = torch.tensor([[0, 1], [1, 1], [1, 0]])
    shares = torch.tensor([[0.7, 0.3], [1.0, 0.0], [0.5, 0.5]])
    found = brain.compute_objectives(
        (logits, heard, shares), None, sb.Stage.TRAIN
    )
    wanted = torch.tensor([[0.7, 0.3], [0.0, 1.0], [0.5, 0.5]])
    wanted = cross_entropy(logits, wanted, label_smoothing=0.2)
    assert torch.allclose(found, wanted)


def test_the_head_learns_first_and_then_both(make):
    brain = make(frozen_epochs=EPOCHS)
    tower = brain.modules.classifier.audio_encoder
    head = brain.modules.classifier.head
    before = tower.tones.detach().clone(), head[0].weight.detach().clone()
    fit(brain, clips(16), clips(8))
    assert torch.equal(tower.tones, before[0])
    assert not torch.equal(head[0].weight, before[1])


def test_it_learns_and_the_fold_is_told(make, tmp_path):
    brain = make(frozen_epochs=1)
    before = brain.modules.classifier.audio_encoder.tones.detach().clone()
    tested = clips(12)
    fit(brain, clips(32), clips(8))
    brain.evaluate(
        tested, test_loader_kwargs={"batch_size": 8, "collate_fn": PaddedBatch}
    )
    now = brain.modules.classifier.audio_encoder.tones
    assert not torch.equal(now, before)
    data = SimpleNamespace(
        test_fold=1,
        class_names=CLASSES,
        train=clips(32),
        test=tested,
        file_names={row["id"]: f"{row['id']}.wav" for row in tested},
        policy_in_words=lambda: "0.5 s",
        report={
            "dataset": "Tones",
            "sounds": "made-up",
            "skipped_test": 0,
            "valid_fold": 2,
            "leaks": 0,
        },
    )
    facts = {"started from": "nothing"}
    metrics = evaluate_classifier(brain, data, tmp_path, facts)
    assert metrics["value"] > 0.9 and metrics["clips"] == 12
    assert "best score" in metrics["protocol"]["epoch_choice"]
    page = (tmp_path / "report.html").read_text()
    assert "trained on these classes" in page
    state = torch.load(tmp_path / "model" / "classifier.ckpt")
    assert torch.equal(state["audio_encoder.tones"], now)
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    assert len(lines) == 13 and lines[1].startswith("12-0.wav,low,")


def test_the_tower_of_any_model_is_found(tiny_clap_folder):
    from speechbrain_clap.inference.frozen import load_frozen

    clap = load_frozen(tiny_clap_folder, None, None, {}, "cpu")
    tower = sound_tower(clap.model)
    assert tower is clap.model.audio_encoder
    # Inference had frozen it.
    assert all(p.requires_grad for p in tower.parameters())
    policy = {"padding": "zero", "long": "whole"}
    alone = load_frozen(None, None, Tower, policy, "cpu")
    assert isinstance(sound_tower(alone.model), Tower)
    with pytest.raises(ValueError, match="holds no sound tower"):
        sound_tower(torch.nn.Linear(1, 1))
