"""Training the text query-modifier: features kept, kills, what is learnt."""

import functools
import json
import pathlib

import pytest
import soundfile
import torch
from speechbrain.utils.epoch_loop import EpochCounterWithStopper
from speechbrain.utils.train_logger import FileTrainLogger

from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.brains.query_modifier import (
    QueryModifierBrain,
    modifier_loaders,
)
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.modifier_batches import WavePairs
from speechbrain_clap.dataio.modifier_pairs import (
    ModifierPairs,
    read_modifier_pairs,
)
from speechbrain_clap.dataio.pairs import ClipPairs
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.lobes.projection import ResidualProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses.query_modifier import QueryModifierLoss
from speechbrain_clap.models.query_modifier import QueryModifier
from speechbrain_clap.schedulers import WarmupCosine
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer
from speechbrain_clap.utils.hparams import HparamsError

SCENE, PLACES = ["low", "middle", "high"], 8
SAMPLES = 1600


class Bands(torch.nn.Module):
    """Hears how loud each of 24 frequencies is; counts the clips it hears."""

    sample_rate, clip_seconds, embedding_dim = 8000, 0.2, 24

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(24, 24)
        torch.nn.init.eye_(self.linear.weight)
        self.heard = 0

    def forward(self, wavs, lens=None):
        """Embeds waves."""
        self.heard += len(wavs)
        levels = torch.fft.rfft(wavs[:, :SAMPLES]).abs()[:, 20:500:20]
        return self.linear(levels / 10)


def sound(events):
    """Tones: place 0 to 7 of each event that is heard."""
    time = torch.arange(SAMPLES) / 8000
    wav = 0.001 * torch.sin(2 * torch.pi * 50 * time)
    for event, place in events.items():
        tone = 20 + 20 * (8 * SCENE.index(event) + place)
        wav += 0.1 * torch.sin(2 * torch.pi * 5 * tone * time)
    return wav.numpy()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """48 pairs: every sound twice, and another event comes to it."""
    folder, rows = tmp_path_factory.mktemp("pairs"), {}
    combinations = [
        (place, stays, comes)
        for place in range(PLACES)
        for stays in range(3)
        for comes in range(3)
        if stays != comes
    ]
    for i, (place, stays, comes) in enumerate(combinations):
        alpha = {SCENE[stays]: place}
        beta = {**alpha, SCENE[comes]: 0}
        soundfile.write(folder / f"{i}a.wav", sound(alpha), 8000)
        soundfile.write(folder / f"{i}b.wav", sound(beta), 8000)
        rows[f"p{i}"] = {
            "path": f"{{data_root}}/{i}a.wav",
            "target_path": f"{{data_root}}/{i}b.wav",
            "text": f"add the {SCENE[comes]} tone",
            "events": list(alpha),
            "target_events": list(beta),
        }
    (folder / "dev.json").write_text(json.dumps(rows))
    found = read_modifier_pairs(folder / "dev.json", folder, SCENE)
    return ModifierPairs("dev", found, SCENE)


class Killed(Exception):
    """The end of a process."""


class Mortal(QueryModifierBrain):
    """Dies at the epoch and step asked for."""

    kill_at = None

    def on_fit_batch_start(self, batch, should_step):
        """Dies, or goes on."""
        if self.kill_at == (self.hparams.epoch_counter.current, self.step):
            raise Killed
        super().on_fit_batch_start(batch, should_step)


def make(folder, pairs, locked=("audio",), epochs=3, **options):
    """A Brain, its model, and how its data are made."""
    torch.manual_seed(0)
    text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16, dropout=0.1)
    text.fit_vocabulary(pairs.texts)
    model = QueryModifier(
        Bands(),
        text,
        ResidualProjection(24, 16, dropout=0.1),
        ResidualProjection(8, 16, dropout=0.1),
        embedding_dim=16,
        labels=SCENE,
        tau=2.0,
        learn_tau=True,
        use_text=options.get("use_text", True),
    )
    for tower in locked:
        model.lock(tower)
    schedule, counter = (
        WarmupCosine(0.0, 1.0),
        EpochCounterWithStopper(epochs, epochs, 0, "min"),
    )
    brain = Mortal(
        modules={"query_modifier": model},
        opt_class=functools.partial(torch.optim.Adam, lr=0.01),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [FileTrainLogger(f"{folder}/train_log.txt")],
            "selection": options.get("selection", "loss"),
            "loss": QueryModifierLoss(rho=1.0),
            "lr_factors": {},
        },
        run_opts={"device": "cpu", "noprogressbar": True},
        checkpointer=AtomicCheckpointer(
            pathlib.Path(folder, "save"),
            {
                "model": UnlockedParts(model),
                "lr_schedule": schedule,
                "counter": counter,
            },
        ),
    )
    reader = {"reader": SegmentReader(8000), "policy": {"samples": SAMPLES}}
    training = {
        "num_workers": 0,
        "valid_batch_size": 16,
        "clips": functools.partial(ClipPairs, **reader),
        "waves": functools.partial(WavePairs, **reader),
        "batches": functools.partial(MixtureBatches, batch_size=14, seed=1),
        "embed_loader": {
            "batch_size": 7,
            "collate_fn": ClipCollate(fill=False),
        },
    }
    return brain, model, training


def train(folder, pairs, kill_at=None, **options):
    """Trains to the end, or to death; the learnt numbers."""
    brain, model, training = make(folder, pairs, **options)
    brain.kill_at = kill_at
    *loaders, counts = modifier_loaders(
        brain, pairs, training, f"{folder}/features", 0.125, seed=1
    )
    assert counts == {"train_pairs": 42, "valid_pairs": 6, "bad_pairs": 0}
    brain.fit(brain.hparams.epoch_counter, *loaders)
    return {k: x for k, x in model.state_dict().items() if torch.is_tensor(x)}


@pytest.mark.parametrize("locked", [("audio",), (), ("audio", "text")])
def test_a_killed_training_equals_a_whole_one(pairs, tmp_path, locked):
    """On kept features and on waves; killed within the second epoch."""
    whole = train(tmp_path / "whole", pairs, locked=locked)
    with pytest.raises(Killed):
        train(tmp_path / "killed", pairs, locked=locked, kill_at=(2, 2))
    resumed = train(tmp_path / "killed", pairs, locked=locked)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    logs = [
        (tmp_path / run / "train_log.txt").read_text()
        for run in ("whole", "killed")
    ]
    assert logs[0] == logs[1] and logs[0].count("valid R@10") == 3


def test_the_text_says_which_target_is_meant(pairs, tmp_path):
    """Every query has two targets: without its text one of them is missed."""
    scores = {}
    for use_text in (True, False):
        folder, options = tmp_path / str(use_text), {"use_text": use_text}
        locked = ("audio",) if use_text else ("audio", "text")
        train(folder, pairs, locked=locked, epochs=15, **options)
        brain, _, training = make(folder, pairs, locked=locked, **options)
        _, valid, _ = modifier_loaders(
            brain, pairs, training, folder / "features", 0.125, seed=1
        )
        valid.dataset.rows = torch.arange(48)
        brain.evaluate(valid)
        scores[use_text] = brain.validation_scores()["R@1"]
    assert scores[True] > 0.8 and scores[False] <= 0.5


def test_features_are_made_once_and_again_when_a_sound_changed(pairs, tmp_path):
    """A second run hears nothing; a checkpoint holds no locked tower."""

    def loaders():
        brain, model, training = make(tmp_path / "run", pairs)
        found = modifier_loaders(
            brain, pairs, training, tmp_path / "features", 0.125, seed=1
        )
        return model.audio_encoder.heard, brain, found

    heard, brain, (first, valid, _) = loaders()
    assert heard == 96
    heard, brain, (again, *_) = loaders()
    assert heard == 0
    batches = next(iter(first)), next(iter(again))
    assert torch.equal(batches[0].query, batches[1].query)
    file = pairs.files(5)[1]
    before = pathlib.Path(file).read_bytes()
    soundfile.write(file, sound({"low": 3}), 8000)
    assert loaders()[0] == 96
    pathlib.Path(file).write_bytes(before)

    # The features are those of the waves.
    batch = next(iter(valid))
    with torch.no_grad():
        waves = WavePairs(
            pairs, valid.dataset.rows, SegmentReader(8000), {"samples": SAMPLES}
        ).__getitems__(list(range(6)))
        encoder = brain.modules.query_modifier.audio_encoder
        torch.testing.assert_close(encoder(waves.target), batch.target)
    assert waves.text == batch.text

    path = tmp_path / "part.ckpt"
    parts = UnlockedParts(brain.modules.query_modifier)
    parts.save(path)
    kept = torch.load(path, weights_only=True)["state"]
    assert {key.split(".")[0] for key in kept} == {
        "tau",
        "text_encoder",
        "audio_projection",
        "text_projection",
        "classifier",
    }
    parts.load(path)
    _, other, _ = make(tmp_path / "other", pairs)
    with torch.no_grad():
        other.audio_encoder.linear.bias.add_(1)
    with pytest.raises(DataError, match="beside other locked towers"):
        UnlockedParts(other).load(path)


def test_a_score_that_is_not_measured_is_refused(pairs, tmp_path):
    """By the name of the option."""
    brain, _, training = make(tmp_path, pairs, selection="mAP@10")
    *loaders, _ = modifier_loaders(
        brain, pairs, training, tmp_path / "features", 0.125, seed=1
    )
    with pytest.raises(HparamsError, match="expected one of loss, R@1, R@5"):
        brain.fit(brain.hparams.epoch_counter, *loaders)
