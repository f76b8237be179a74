"""The supervised baseline: what its Brain computes, and that runs go on."""

import json
import types

import numpy as np
import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch

from speechbrain_clap.brains.classifier import ClassifierBrain
from speechbrain_clap.evaluation.supervised import train_all
from speechbrain_clap.models.classifier import Classifier


class Mean(torch.nn.Module):
    """Two numbers of a wave."""

    sample_rate, clip_seconds, embedding_dim = 100, 0.1, 2

    def forward(self, wavs, lens=None):
        del lens
        return torch.stack([wavs.mean(1), wavs.abs().mean(1)], 1)


def make_brain(targets, metric="accuracy", classes=2):
    torch.manual_seed(0)
    return ClassifierBrain(
        modules={"classifier": Classifier(Mean(), classes)},
        hparams={
            "crop": lambda wavs, lens: wavs[:, :10],
            "augment": [torch.neg],
            "targets": lambda ids: np.stack([targets[i] for i in ids]),
            "metric": metric,
        },
    )


def test_one_label():
    targets = {"a": np.int64(1), "b": np.int64(0)}
    brain = make_brain(targets)
    clips = [{"id": i, "sig": torch.rand(20)} for i in "ab"]
    batch = PaddedBatch(clips)
    brain.on_stage_start(sb.Stage.VALID)
    with torch.no_grad():
        logits = brain.compute_forward(batch, sb.Stage.VALID)
    loss = brain.compute_objectives(logits, batch, sb.Stage.VALID)
    chosen = logits.log_softmax(1)[[0, 1], [1, 0]]
    torch.testing.assert_close(loss, -chosen.mean())
    ids, kept = brain.results()
    assert ids == ["a", "b"] and torch.equal(kept, logits)
    right = kept.argmax(1) == torch.tensor([1, 0])
    assert brain.validation_scores() == {"score": right.float().mean().item()}
    # In training the wave is cut and augmented.
    trained = brain.compute_forward(batch, sb.Stage.TRAIN)
    waves = -batch.sig.data[:, :10]
    torch.testing.assert_close(trained, brain.modules.classifier(waves))


def test_several_labels():
    targets = {"a": np.array([1, 1, 0], np.float32)}
    brain = make_brain(targets, "macro mAP", classes=3)
    batch = PaddedBatch([{"id": "a", "sig": torch.rand(20)}])
    brain.on_stage_start(sb.Stage.VALID)
    logits = brain.compute_forward(batch, sb.Stage.VALID)
    loss = brain.compute_objectives(logits, batch, sb.Stage.VALID)
    chances = logits.sigmoid()
    wanted = torch.tensor([[1.0, 1.0, 0.0]])
    by_hand = -(wanted * chances.log() + (1 - wanted) * (1 - chances).log())
    torch.testing.assert_close(loss, by_hand.mean())


def test_trainings_that_are_done_are_not_done_again(tmp_path):
    clips = {"train": ["a", "b"], "valid": ["c"], "test": ["d", "e"]}
    part_of = {clip: part for part, some in clips.items() for clip in some}
    probe_set = types.SimpleNamespace(
        name="set", dataset="set", sounds="made-up", skipped=0, folds=None,
        multi_label=False, class_names=["x", "y"], part_of=part_of,
        write_manifests=lambda folder: None, load=lambda folder: None,
        labels=lambda clip: ["x"], reduce=lambda split, fraction: split,
        targets=lambda ids: np.zeros(len(ids), np.int64),
        splits=lambda seed: [
            types.SimpleNamespace(name=f"trial {n}", seed=seed + n, **clips)
            for n in (1, 2)
        ],
    )  # fmt: skip
    hparams = {
        "output_folder": str(tmp_path), "save_folder": str(tmp_path / "save"),
        "fractions": [1.0], "metric": "accuracy", "seed": 5, "hidden": [],
        "probe_set": probe_set, "encoder": Mean(),
    }  # fmt: skip
    seeds = []

    def _train(file, run_opts, overrides, given, split):
        assert given is probe_set
        seeds.append(overrides["seed"])
        if len(seeds) == 2:
            raise KeyboardInterrupt
        folder = overrides["output_folder"]
        assert folder == str(tmp_path / "100" / split.name.replace(" ", ""))
        (tmp_path / "100" / split.name.replace(" ", "")).mkdir(parents=True)
        return split.test, np.array([[1.0, 0.0], [0.0, 1.0]]), {"epoch": 3}

    with pytest.raises(KeyboardInterrupt):
        train_all(_train, hparams, "a.yaml", {}, {})
    metrics = train_all(_train, hparams, "a.yaml", {}, {})
    assert seeds == [6, 7, 7]
    assert metrics["value"] == 0.5 and metrics["clips"] == 2
    assert metrics["confusion"] == [[2, 2], [0, 0]]
    assert metrics["splits"][0]["epoch"] == 3
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
