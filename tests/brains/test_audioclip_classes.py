"""Stage 3: what learns, what does not, and both choices of the epoch.

Authors
 * The speechbrain_clap team 2026
"""

import copy

import pytest
import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.epoch_loop import EpochCounterWithStopper

from speechbrain_clap.augment.scaled_crop import ScaledCrop
from speechbrain_clap.brains.audioclip import freeze_unused
from speechbrain_clap.brains.audioclip_classes import AudioCLIPClassesBrain
from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.prompts import LabelPrompts
from speechbrain_clap.losses.class_pairs import ClassPairsLoss
from speechbrain_clap.schedulers import ExponentialDecay
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

pytest.importorskip("open_clip", reason="the extra vision is not installed")

MODEL = """
clip: {embed_dim: 8, vision_cfg: {image_size: 32, layers: [1, 1, 1, 1],
    width: 8}, text_cfg: {width: 8, heads: 2, layers: 1}}
model: !new:speechbrain_clap.models.audioclip.AudioCLIP
    audio_encoder: !new:speechbrain_clap.lobes.esresnext.ESResNeXt
        sample_rate: 8000
        clip_seconds: 0.25
        n_fft: 256
        win_length: 206
        hop_length: 100
        depths: [1, 1, 1, 1]
        channels: 4
        groups: 2
        num_classes: 8
    image_encoder: !new:speechbrain_clap.lobes.vision.OpenClipVision
        name: !ref <clip>
    text_encoder: !new:speechbrain_clap.lobes.clip_text.OpenClipText
        name: !ref <clip>
    initial_audio_scale: 20.0
"""
NAMES = ["dog", "sea_waves"]


def clips(count, seed, channels=None):
    """Low and high hums, in noise."""
    draw = torch.Generator().manual_seed(seed)
    time, rows = torch.arange(2000) / 8000, {}
    for i in range(count):
        wav = torch.sin(2 * torch.pi * (200, 1500)[i % 2] * time)
        wav = 0.1 * wav + 0.02 * torch.randn(2000, generator=draw)
        if channels:
            wav = wav.unsqueeze(1).repeat(1, channels)
        rows[f"clip{i}"] = {"sig": wav, "label": NAMES[i % 2]}
    return DynamicItemDataset(rows, output_keys=["id", "sig", "label"])


def make(folder, epochs=2, locked=("text",), channels=None, **changes):
    """A Brain on its data; parameters as at the start."""
    torch.manual_seed(0)
    model = load_hyperpyyaml(MODEL)["model"]
    freeze_unused(model, ["audio", "text"], locked)
    counter = EpochCounterWithStopper(epochs, 100, 0, "min")
    schedule = ExponentialDecay(0.96)
    loader = {"batch_size": 4, "collate_fn": ClipCollate(fill=False)}
    brain = AudioCLIPClassesBrain(
        modules={"audioclip": model},
        opt_class=lambda groups: torch.optim.SGD(
            groups, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
        ),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "lr_factors": {},
            "train_loggers": [],
            "selection": "loss",
            "texts": LabelPrompts(["{}"]),
            "templates": ["{}"],
            "crop": ScaledCrop(0.25, 8000, fall_back=True),
            "augment": [],
            "loss": ClassPairsLoss(),
            "class_names": NAMES,
            "test_set": clips(8, seed=3, channels=channels),
            "test_loader": loader,
            **changes,
        },
        run_opts={"device": "cpu", "noprogressbar": True},
        checkpointer=AtomicCheckpointer(
            folder,
            {
                "audioclip": UnlockedParts(model),
                "lr_schedule": schedule,
                "epoch_counter": counter,
            },
        ),
    )
    before = copy.deepcopy(model.state_dict())
    train, valid = clips(16, 1, channels), clips(8, 2, channels)
    brain.fit(
        counter,
        train,
        valid,
        train_loader_kwargs={**loader, "shuffle": True, "drop_last": True},
        valid_loader_kwargs=dict(loader),
    )
    return brain, before


def moved(brain, before):
    """The first parts of the names of what has changed."""
    now = brain.model.state_dict()
    return {
        key.split(".")[0]
        for key, value in before.items()
        if not torch.equal(value, now[key])
    }


def test_the_sound_head_and_its_scale_learn_alone(tmp_path):
    """The frozen heads do not move, nor what no batch can train."""
    brain, before = make(tmp_path)
    assert moved(brain, before) == {"audio_encoder", "logit_scale_at"}
    learns = {
        name.split(".")[0]
        for name, p in brain.model.named_parameters()
        if p.requires_grad
    }
    assert learns == {"audio_encoder", "logit_scale_at"}


def test_the_text_head_learns_where_it_is_not_locked(tmp_path):
    """From scratch it has to."""
    brain, before = make(tmp_path, epochs=1, locked=())
    assert "text_encoder" in moved(brain, before)
    assert "image_encoder" not in moved(brain, before)


def test_norm_loss_is_added(tmp_path):
    """Filters of the wrong norm cost."""
    brain, _ = make(tmp_path, epochs=1)
    batch = next(
        iter(
            torch.utils.data.DataLoader(
                clips(4, 1), batch_size=4, collate_fn=ClipCollate(fill=True)
            )
        )
    )
    outputs = brain.compute_forward(batch, sb.Stage.TRAIN)
    plain = brain.hparams.loss(*outputs)
    with torch.no_grad():
        brain.model.audio_encoder.fbsp.fb.mul_(4.0)
    norm = brain.model.audio_encoder.fbsp_norm_loss()
    assert norm > 0.5
    whole = brain.compute_objectives(outputs, batch, sb.Stage.TRAIN)
    torch.testing.assert_close(whole, plain + norm)


def test_both_choices_of_the_epoch_survive_a_kill(tmp_path):
    """The paper's rule sees every epoch; the protocol's the validation."""
    whole, _ = make(tmp_path / "whole", epochs=3)
    whole.evaluate(clips(8, 3), test_loader_kwargs={"batch_size": 4})
    make(tmp_path / "cut", epochs=1)
    cut, _ = make(tmp_path / "cut", epochs=3)
    cut.evaluate(clips(8, 3), test_loader_kwargs={"batch_size": 4})
    assert whole.papers_rule() == cut.papers_rule()
    rule = whole.papers_rule()
    assert rule["rule"].endswith("(the paper's rule: optimistic)")
    assert 1 <= rule["epoch"] <= 3
    # The best epoch on the test fold is never worse than the chosen one.
    assert rule["value"] >= whole.validation_scores()["accuracy"] - 1e-6
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, cut.model.state_dict()[key]), key


def test_zero_shot_trains_nothing(tmp_path):
    """No epoch, no checkpoint; the test fold is tested all the same."""
    brain, before = make(tmp_path, epochs=0)
    brain.evaluate(
        clips(8, 3),
        test_loader_kwargs={
            "batch_size": 4,
            "collate_fn": ClipCollate(fill=False),
        },
    )
    assert not moved(brain, before)
    assert brain.evaluated is None and brain.papers_rule() == {}
    assert len(brain.ids) == 8


def test_channels_pass_apart(tmp_path):
    """Stereo clips train; two equal channels are not what one is."""
    brain, _ = make(tmp_path, epochs=1, channels=2)
    assert len(brain.history.accuracies) == 1
    model = brain.model.eval()
    wavs = torch.stack([clip["sig"] for clip in clips(2, 5)])
    with torch.no_grad():
        mono = model.encode_audio(wavs)
        both = model.encode_audio(wavs.unsqueeze(1).expand(-1, 2, -1))
    assert not torch.allclose(mono, both, atol=1e-4)
