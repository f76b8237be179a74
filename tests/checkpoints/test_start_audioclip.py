"""What a training of AudioCLIP may begin with.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.checkpoints.start_audioclip import start_audioclip
from speechbrain_clap.lobes.clip_text import OpenClipText
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.vision import OpenClipVision
from speechbrain_clap.models.audioclip import AudioCLIP

pytest.importorskip("open_clip", reason="the extra vision is not installed")


def make(seed, width=8, **options):
    """A tiny model of its own weights."""
    torch.manual_seed(seed)
    sizes = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
        "text_cfg": {"width": width, "heads": 2, "layers": 1},
    }
    audio = {"depths": [1] * 4, "channels": 4, "groups": 2}
    return AudioCLIP(
        ESResNeXt(n_fft=256, win_length=206, num_classes=8, **audio),
        OpenClipVision(sizes),
        OpenClipText(sizes),
        **options,
    )


def test_the_folder_of_an_earlier_stage(tmp_path):
    """All weights and scales; a family named beside it is not asked."""
    earlier = make(1, initial_audio_scale=20.0)
    torch.save(earlier.state_dict(), tmp_path / "audioclip.ckpt")
    model = make(2)
    assert model.scale("audio_text").item() == pytest.approx(100, abs=0.01)
    start_audioclip(model, tmp_path, family="audioclip")
    assert model.scale("audio_text").item() == pytest.approx(20)
    for key, value in earlier.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_nothing_named_changes_nothing():
    """From scratch."""
    model = make(2)
    start_audioclip(model)
    for key, value in make(2).state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_what_cannot_be_taken_is_named(tmp_path):
    """No weights, other sizes, a file of unknown family."""
    with pytest.raises(CheckpointError, match="holds no audioclip.ckpt"):
        start_audioclip(make(2), tmp_path)
    state = make(1, width=16).state_dict()
    torch.save(state, tmp_path / "audioclip.ckpt")
    with pytest.raises(CheckpointError, match="same towers and sizes"):
        start_audioclip(make(2), tmp_path)
    with pytest.raises(CheckpointError, match="is no folder"):
        start_audioclip(make(2), tmp_path / "audioclip.ckpt")
    with pytest.raises(ValueError, match="an initial scale is 0.5"):
        make(2, initial_audio_scale=0.5)
