"""AudioCLIP: any of three modalities, unit vectors, scales in bounds.

Authors
 * The speechbrain_clap team 2026
"""

import math

import pytest
import torch

from speechbrain_clap.lobes.clip_text import OpenClipText
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.vision import OpenClipVision
from speechbrain_clap.losses.multimodal import MultimodalLoss
from speechbrain_clap.models.audioclip import AudioCLIP, join_labels

pytest.importorskip("open_clip", reason="the extra vision is not installed")

CLIP = {
    "embed_dim": 8,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
    "text_cfg": {"width": 8, "heads": 2, "layers": 1},
}
AUDIO = {
    "n_fft": 256,
    "win_length": 206,
    "depths": [1] * 4,
    "channels": 4,
    "groups": 2,
    "num_classes": 8,
}
TEXTS = [["dog", "sea_waves"], ["rain"], "a bell"]


@pytest.fixture
def model():
    """Tiny, in eval mode."""
    torch.manual_seed(0)
    return AudioCLIP(
        ESResNeXt(**AUDIO), OpenClipVision(CLIP), OpenClipText(CLIP)
    ).eval()


@pytest.fixture
def items():
    """Three of each modality."""
    torch.manual_seed(1)
    return {
        "wavs": 0.1 * torch.randn(3, 9000),
        "images": torch.randn(3, 3, 32, 32),
        "texts": TEXTS,
    }


@torch.no_grad()
def test_any_modalities(model, items):
    """Whatever is given comes out, with the scales of its pairs."""
    names = {"wavs": "audio", "images": "image", "texts": "text"}
    everything, scales = model(**items)
    assert list(everything) == ["audio", "image", "text"]
    assert list(scales) == ["audio_image", "audio_text", "image_text"]
    for left_out in items:
        some = {k: x for k, x in items.items() if k != left_out}
        embeddings, scales = model(**some)
        present = [names[k] for k in some]
        assert list(embeddings) == present
        assert list(scales) == ["_".join(present)]
        for name, x in embeddings.items():
            torch.testing.assert_close(x, everything[name])
    embeddings, scales = model(texts=TEXTS)
    assert list(embeddings) == ["text"] and not scales
    with pytest.raises(ValueError, match="pass wavs, images or texts"):
        model()


@torch.no_grad()
def test_normalised_and_not(model, items):
    """`encode_*` are `embed_*` at length 1, float32 under bf16 too."""
    for name, given in zip(
        ("audio", "image", "text"), items.values(), strict=True
    ):
        raw = getattr(model, f"embed_{name}")(given)
        unit = getattr(model, f"encode_{name}")(given)
        assert raw.shape == (3, 8)
        torch.testing.assert_close(unit.norm(dim=1), torch.ones(3))
        torch.testing.assert_close(unit * raw.norm(dim=1, keepdim=True), raw)
        with torch.autocast("cpu", torch.bfloat16):
            half = getattr(model, f"encode_{name}")(given)
        assert half.dtype == torch.float32
        assert torch.cosine_similarity(half, unit).min() > 0.99


@torch.no_grad()
def test_a_padded_clip_is_the_clip_alone(model, items):
    """With its length."""
    wavs = items["wavs"].clone()
    wavs[1, 6000:] = 0
    found = model.encode_audio(wavs, torch.tensor([1.0, 6000 / 9000, 1.0]))
    alone = model.encode_audio(wavs[1:2, :6000])
    torch.testing.assert_close(found[1:2], alone)
    embeddings, _ = model(wavs, lens=torch.tensor([1.0, 6000 / 9000, 1.0]))
    torch.testing.assert_close(embeddings["audio"], found)


@torch.no_grad()
def test_labels(model):
    """Joined with ", ", no prompt, underscores become spaces."""
    assert join_labels(TEXTS) == ["dog, sea waves", "rain", "a bell"]
    found = model.encode_text([["dog", "sea_waves"]])
    torch.testing.assert_close(found, model.encode_text(["dog, sea waves"]))
    with pytest.raises(TypeError, match="put it in a list"):
        model.encode_text("dog")
    with pytest.raises(TypeError, match="text 1 .* is 3"):
        model.encode_text(["dog", 3])
    with pytest.raises(ValueError, match="text 0 .* is empty"):
        model.encode_text([[]])


@torch.no_grad()
def test_logits_between_different_numbers(model, items):
    """Scale times cosine, for every pair."""
    items["texts"] = ["dog", "rain", "bell", "sea", "wind"]
    items["images"] = items["images"][:2]
    scores = model.logits(**items)
    shapes = {pair: tuple(x.shape) for pair, x in scores.items()}
    assert shapes == {
        "audio_image": (3, 2),
        "audio_text": (3, 5),
        "image_text": (2, 5),
    }
    audio = model.encode_audio(items["wavs"])
    text = model.encode_text(items["texts"])
    wanted = model.scale("audio_text") * audio @ text.T
    torch.testing.assert_close(scores["audio_text"], wanted)


def test_scales(model):
    """Clamped as published, but never stuck outside of the clamp."""
    assert abs(model.scale("image_text").item() - 1 / 0.07) < 1e-4
    for pair in ("audio_image", "audio_text"):
        assert abs(model.scale(pair).item() - 100) < 1e-3
        model.scale(pair).backward()
    assert model.logit_scale_ai.grad > 0 and model.logit_scale_at.grad > 0
    with torch.no_grad():
        model.logit_scale_ai.fill_(-0.5)
        model.logit_scale_at.fill_(math.log(100))
        model.logit_scale.fill_(7.0)
    assert model.scale("audio_image") == 1
    assert model.scale("image_text") == 100
    model.clamp_scale()
    for name in ("logit_scale", "logit_scale_ai", "logit_scale_at"):
        parameter = getattr(model, name)
        parameter.grad = None
        parameter.exp().clamp(1, 100).backward()
        assert parameter.grad > 0, name


def test_training_reaches_every_parameter(model, items):
    """With all modalities none is left out; with two, only what they use."""
    model.train()
    MultimodalLoss()(*model(**items)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    model.zero_grad(set_to_none=True)
    MultimodalLoss()(*model(items["wavs"], texts=TEXTS)).backward()
    idle = {n for n, p in model.named_parameters() if p.grad is None}
    tower = {n for n in idle if n.startswith("image_encoder.")}
    assert idle - tower == {"logit_scale", "logit_scale_ai"}
    assert len(tower) == len(list(model.image_encoder.parameters()))


def test_state_dict_round_trips(model, items):
    """Published keys, but for the towers' names."""
    fronts = {key.split(".")[0] for key in model.state_dict()}
    assert fronts == {
        "audio_encoder",
        "image_encoder",
        "text_encoder",
        "logit_scale",
        "logit_scale_ai",
        "logit_scale_at",
    }
    twin = AudioCLIP(
        ESResNeXt(**AUDIO), OpenClipVision(CLIP), OpenClipText(CLIP)
    ).eval()
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        for name, x in model.logits(**items).items():
            torch.testing.assert_close(twin.logits(**items)[name], x)
    assert model.sample_rate == 44100 and model.clip_seconds == 5.0


def saved_bytes(model, wavs, images):
    """What a step keeps for its backward: in all, and of the image tower."""
    sizes = {"all": 0, "image": 0}
    inside = []

    def _pack(x):
        sizes["all"] += x.numel() * x.element_size()
        if inside:
            sizes["image"] += x.numel() * x.element_size()
        return x

    tower = model.image_encoder
    hooks = [
        tower.register_forward_pre_hook(lambda *_: inside.append(1)),
        tower.register_forward_hook(lambda *_: inside.clear()),
    ]
    with torch.autograd.graph.saved_tensors_hooks(_pack, lambda x: x):
        loss = MultimodalLoss()(*model(wavs, images, TEXTS))
    for hook in hooks:
        hook.remove()
    loss.backward()
    return sizes


def test_a_locked_tower_costs_no_gradient_memory(model, items):
    """Nothing is saved for it; nothing moves; it stays in eval mode."""
    trained = saved_bytes(model.train(), items["wavs"], items["images"])
    assert trained["image"] > 50_000
    model.zero_grad(set_to_none=True)
    model.lock("image")
    model.lock("text")
    model.train()
    assert not model.image_encoder.training and not model.text_encoder.training
    assert model.audio_encoder.training
    locked = saved_bytes(model, items["wavs"], items["images"])
    assert locked["image"] == 0
    # What is left is the sound head's and the loss's.
    assert locked["all"] < trained["all"] - trained["image"]
    idle = {n for n, p in model.named_parameters() if p.grad is None}
    assert {n.split(".")[0] for n in idle} == {
        "image_encoder",
        "text_encoder",
        "logit_scale",
    }
    assert not any(
        p.requires_grad
        for tower in (model.image_encoder, model.text_encoder)
        for p in tower.parameters()
    )


def test_a_locked_sound_head(model, items):
    """Its batch norms do not move either."""
    before = {k: x.clone() for k, x in model.audio_encoder.state_dict().items()}
    model.lock("audio")
    model.train()
    MultimodalLoss()(*model(**items)).backward()
    for key, x in model.audio_encoder.state_dict().items():
        assert torch.equal(x, before[key]), key
    assert all(p.grad is None for p in model.audio_encoder.parameters())
    assert model.logit_scale_ai.grad is not None
    model.lock("text")
    assert not model.logit_scale_at.requires_grad
    assert model.logit_scale_ai.requires_grad
    with pytest.raises(ValueError, match="tower is 'video', expected 'audio'"):
        model.lock("video")


def test_items_without_a_picture(model, items):
    """Zeros stand for them; the others are embedded as they are."""
    has = torch.tensor([True, False, True])
    everything, _ = model(**items)
    items["images"] = items["images"][has]
    found, scales = model(**items, present={"image": has})
    torch.testing.assert_close(found["image"][has], everything["image"][has])
    assert not found["image"][1].any() and len(scales) == 3
    # None at all: a part of the graph nevertheless, for DDP.
    none = torch.zeros(3, dtype=torch.bool)
    items["images"] = items["images"][:0]
    model.train()
    found, scales = model(**items, present={"image": none})
    MultimodalLoss()(found, scales, present={"image": none}).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if name.startswith("image_encoder") or name == "logit_scale_ai":
            assert not parameter.grad.any(), name


def test_initial_scales():
    """From 1 to 100, and never stuck at a bound."""
    towers = ESResNeXt(**AUDIO), OpenClipVision(CLIP), OpenClipText(CLIP)
    model = AudioCLIP(*towers, initial_scale=100.0, initial_audio_scale=5.0)
    assert abs(model.scale("image_text").item() - 100) < 1e-3
    assert abs(model.scale("audio_text").item() - 5) < 1e-5
    model.scale("image_text").backward()
    assert model.logit_scale.grad > 0
    with pytest.raises(ValueError, match="expected 1 to 100"):
        AudioCLIP(*towers, initial_scale=0.07)


def test_towers_must_meet():
    """In as many dimensions."""
    audio = ESResNeXt(**AUDIO | {"num_classes": 0})
    with pytest.raises(ValueError, match="num_classes is 0, .* is 8"):
        AudioCLIP(audio, OpenClipVision(CLIP), OpenClipText(CLIP))
