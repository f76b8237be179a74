"""The sound head from an earlier stage, or from an image network.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.checkpoints.audio_head import (
    load_audio_head,
    start_audio_head,
)
from speechbrain_clap.checkpoints.clip_heads import load_clip_heads
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.models.tagger import Tagger
from speechbrain_clap.utils.hparams import HparamsError

SIZES = {
    "n_fft": 256,
    "win_length": 206,
    "depths": [1] * 4,
    "channels": 4,
    "groups": 2,
}


def encoder(classes, **changes):
    """Other random weights at each call."""
    return ESResNeXt(**{**SIZES, **changes}, num_classes=classes)


def test_stage_1_gives_all_but_its_classes(tmp_path):
    """Though the space happens to have as many dimensions as classes."""
    trained = encoder(8)
    with torch.no_grad():
        trained.fbsp.fb.fill_(1.5)
    torch.save(Tagger(trained).state_dict(), tmp_path / "tagger.ckpt")
    head = encoder(8)
    last = head.fc.weight.clone()
    start_audio_head(head, audio_head_from=str(tmp_path))
    assert torch.equal(head.fc.weight, last)
    for key, x in trained.state_dict().items():
        if not key.startswith("fc."):
            assert torch.equal(head.state_dict()[key], x), key


def test_stage_2_gives_all(tmp_path):
    """The last layer is what leads into the space."""
    trained = encoder(8)
    state = {f"audio_encoder.{k}": x for k, x in trained.state_dict().items()}
    state["logit_scale"] = torch.tensor(1.0)
    torch.save(state, tmp_path / "audioclip.ckpt")
    head = encoder(8)
    load_audio_head(head, tmp_path)
    assert torch.equal(head.fc.weight, trained.fc.weight)
    with pytest.raises(CheckpointError, match="fc.weight: expected .9, 128"):
        load_audio_head(encoder(9), tmp_path)
    with pytest.raises(CheckpointError, match="The YAML must have its sizes"):
        load_audio_head(encoder(8, channels=8), tmp_path)


def test_an_image_network(tmp_path):
    """ImageNet's file, as torchvision names its keys."""
    from torchvision.models.resnet import Bottleneck, ResNet

    network = ResNet(
        Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4, num_classes=5
    )
    torch.save(network.state_dict(), tmp_path / "resnext.pth")
    head = ESResNeXt(num_classes=3)
    start_audio_head(head, imagenet=str(tmp_path / "resnext.pth"))
    assert torch.equal(head.conv1.weight, network.conv1.weight)
    with pytest.raises(CheckpointError, match="imagenet: .*keys do not fit"):
        start_audio_head(encoder(3), imagenet=str(tmp_path / "resnext.pth"))


def test_what_is_not_there(tmp_path):
    """One clear error each."""
    with pytest.raises(CheckpointError, match="holds neither tagger.ckpt nor"):
        load_audio_head(encoder(8), tmp_path)
    with pytest.raises(CheckpointError, match="set one to null"):
        start_audio_head(encoder(8), "download", audio_head_family="audioclip")
    with pytest.raises(HparamsError, match="--num_classes is 8, and .* 2 cla"):
        Tagger(encoder(8)).check_classes(["dog", "rain"])
    with pytest.raises(ValueError, match="527 for AudioSet"):
        Tagger(encoder(0))


def test_heads_of_a_clip(tmp_path):
    """Out of one file; the sound head stays."""
    pytest.importorskip("open_clip", reason="the extra vision is missing")
    from speechbrain_clap.lobes.clip_text import OpenClipText
    from speechbrain_clap.lobes.vision import OpenClipVision
    from speechbrain_clap.models.audioclip import AudioCLIP

    clip = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
        "text_cfg": {"width": 8, "heads": 2, "layers": 1},
    }
    trained = OpenClipVision(clip), OpenClipText(clip)
    state = {f"visual.{k}": x for k, x in trained[0].state_dict().items()}
    torch.save({**state, **trained[1].state_dict()}, tmp_path / "clip.pt")
    head = encoder(8)
    model = AudioCLIP(head, OpenClipVision(clip), OpenClipText(clip))
    load_clip_heads(model, clip, str(tmp_path / "clip.pt"))
    for tower, wanted in zip(
        (model.image_encoder, model.text_encoder), trained, strict=True
    ):
        for key, x in wanted.state_dict().items():
            assert torch.equal(tower.state_dict()[key], x), key
    assert model.audio_encoder is head
    with pytest.raises(CheckpointError, match="clip_weights: "):
        load_clip_heads(model, {**clip, "embed_dim": 4}, tmp_path / "clip.pt")
