"""A small CLIP learns drawn pictures, and its towers come back from disk.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounterWithStopper

from speechbrain_clap.augment.images import RandomView
from speechbrain_clap.brains.clip import ClipBrain
from speechbrain_clap.checkpoints.clip_towers import (
    keep_text_tower,
    load_clip_towers,
    load_text_tower,
    write_clip,
)
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.models.clip import CLIP
from speechbrain_clap.schedulers import WarmupCosine
from speechbrain_clap.synthesis.drawn_pictures import (
    CLASS_NAMES,
    DrawnPictures,
)
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

SIZES = {
    "embed_dim": 8,
    "vision_cfg": {
        "image_size": 16,
        "patch_size": 8,
        "width": 16,
        "head_width": 8,
        "layers": 1,
    },
    "text_cfg": {"width": 8, "heads": 2, "layers": 1},
}


@pytest.fixture
def clip():
    """Tiny and untrained."""
    pytest.importorskip("open_clip")
    from speechbrain_clap.lobes.clip_text import OpenClipText
    from speechbrain_clap.lobes.vision import OpenClipVision

    torch.manual_seed(0)
    return CLIP(OpenClipVision(SIZES), OpenClipText(SIZES))


def test_it_learns(tmp_path, clip):
    """The loss falls; the scale is bounded; accuracy of unseen pictures."""
    collate = {"collate_fn": ClipCollate(fill=True), "num_workers": 0}
    preprocess = clip.image_encoder.preprocess
    pictures = DrawnPictures(40, preprocess, 1, 16, ["{}", "a {}"])
    counter = EpochCounterWithStopper(3, 10, 0, "max")
    schedule = WarmupCosine()
    with torch.no_grad():
        clip.logit_scale.fill_(9.0)  # far beyond what is allowed
    losses = []

    class Watched(ClipBrain):
        def on_stage_end(self, stage, stage_loss, epoch):
            losses.append(stage_loss)
            super().on_stage_end(stage, stage_loss, epoch)

    brain = Watched(
        modules={"clip": clip},
        opt_class=functools.partial(torch.optim.AdamW, lr=0.01),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [],
            "selection": "accuracy",
            "augment": [RandomView()],
            "loss": ContrastiveLoss(),
            "lr_factors": {},
            "class_names": CLASS_NAMES,
            "template": "{}",
        },
        run_opts={"device": "cpu", "noprogressbar": True},
        checkpointer=AtomicCheckpointer(
            tmp_path, {"clip": clip, "schedule": schedule, "counter": counter}
        ),
    )
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            pictures,
            batch_sampler=MixtureBatches([pictures], 10, seed=1),
            **collate,
        ),
        DrawnPictures(20, preprocess, 2, 16),
        valid_loader_kwargs={"batch_size": 10, **collate},
    )
    assert losses[4] < losses[0]
    assert 80 < brain.train_scores()["scale"] < 100.01
    assert 0 <= brain.validation_scores()["accuracy"] <= 1


def test_towers_come_back(tmp_path, clip):
    """By the folder, and as any file of weights; frozen."""
    path = write_clip(tmp_path / "model", clip, SIZES, {"of": "a test"})
    images = torch.rand(2, 3, 16, 16)
    for given in ((str(tmp_path / "model"), "openai"), (SIZES, str(path))):
        image, text = load_clip_towers(*given)
        with torch.no_grad():
            wanted = clip.image_encoder.eval()(images)
        torch.testing.assert_close(image(images), wanted)
        with torch.no_grad():
            wanted = clip.text_encoder.eval().encode(["a dog"])
        torch.testing.assert_close(text.encode(["a dog"]), wanted)
        assert image.frozen and text.frozen
    with pytest.raises(CheckpointError, match="clip_weights is null and RN50"):
        load_clip_towers("RN50")
    with pytest.raises(CheckpointError, match="does not fit"):
        load_clip_towers({**SIZES, "embed_dim": 4}, str(path))


def test_the_text_tower_beside_the_embeddings(tmp_path, clip):
    """Loaded into one of its sizes; another is refused."""
    from speechbrain_clap.lobes.clip_text import OpenClipText

    keep_text_tower(tmp_path, clip.text_encoder)
    other = OpenClipText(SIZES, frozen=True)
    before = other.encode(["rain"])
    load_text_tower(other, tmp_path)
    with torch.no_grad():
        wanted = clip.text_encoder.encode(["rain"])
    assert not torch.allclose(before, wanted)
    torch.testing.assert_close(other.encode(["rain"]), wanted)
    sizes = {**SIZES, "text_cfg": {"width": 4, "heads": 1, "layers": 1}}
    with pytest.raises(CheckpointError, match="is not the CLIP that saw the f"):
        load_text_tower(OpenClipText(sizes), tmp_path)
    with pytest.raises(CheckpointError, match="extract_clip.py lays"):
        load_text_tower(other, tmp_path / "none")


def test_pictures_follow_from_seed_epoch_and_number():
    """Another one in each epoch; all classes in turn."""
    one, two = (DrawnPictures(20, torch.clone, s, 16) for s in (1, 2))
    again = DrawnPictures(30, torch.clone, 1, 16)
    assert torch.equal(one[3, 0, 7]["sig"], again[3, 0, 7]["sig"])
    assert not torch.equal(one[3, 0, 7]["sig"], one[4, 0, 7]["sig"])
    assert not torch.equal(one[3, 0, 7]["sig"], two[3, 0, 7]["sig"])
    assert torch.equal(one[5]["sig"], one[0, 0, 5]["sig"])
    assert [one[i]["label"] for i in range(10)] == CLASS_NAMES
    assert len(list(one)) == 20


def test_views_are_drawn_for_each_picture():
    """A mirror alone is exact; a cut is a part of the picture."""
    picture = torch.arange(16.0).expand(3, 16, 16)
    views = RandomView(1.0, 1.0, 0.0)(picture.expand(4, 3, 16, 16))
    torch.testing.assert_close(views[0], picture.flip(2), atol=1e-4, rtol=0)
    torch.manual_seed(0)
    views = RandomView(0.5, 0.0, 0.0)(picture.expand(8, 3, 16, 16))
    spans = views[:, 0, 0, -1] - views[:, 0, 0, 0]
    assert len(set(spans.tolist())) == 8
    assert spans.min() > 0.45 * 15 and spans.max() <= 15
    with pytest.raises(ValueError, match="smallest is 0"):
        RandomView(smallest=0)
