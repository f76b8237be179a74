"""CLIP's text tower against open_clip, and its contract as a text encoder.

Authors
 * The speechbrain_clap team 2026
"""

import json
import logging
import sys

import pytest
import torch

from speechbrain_clap.lobes.clip_text import OpenClipText

open_clip = pytest.importorskip(
    "open_clip", reason="the extra vision is not installed"
)

CONFIG = {
    "embed_dim": 12,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 32,
        "patch_size": 32,
        "layers": 1,
        "width": 8,
        "head_width": 8,
    },
    "text_cfg": {"width": 16, "heads": 2, "layers": 2},
}
TEXTS = [
    "a dog barks",
    "Rain!!! on a TIN roof &amp; thunder, 99 times",
    "  the   caf\u00e9's door\n",
    "don't stop \U0001f600",
    "dog, sea waves",
]
LONG = "rain " * 200


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """open_clip's own model of the tiny configuration, eval mode."""
    path = tmp_path_factory.mktemp("clip") / "tiny-text.json"
    path.write_text(json.dumps(CONFIG))
    open_clip.add_model_config(path)
    clip = open_clip.create_model("tiny-text").eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in clip.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.2 * noise)
    return clip


@pytest.fixture
def encoder(clip):
    """Ours, with its weights."""
    encoder = OpenClipText(CONFIG).eval()
    state = clip.state_dict()
    encoder.load_state_dict({key: state[key] for key in encoder.state_dict()})
    return encoder


@torch.no_grad()
def test_equals_open_clip(clip, encoder):
    """From the letters on, however much padding there is."""
    wanted = clip.encode_text(open_clip.tokenize(TEXTS))
    torch.testing.assert_close(encoder.encode(TEXTS), wanted)
    ids = open_clip.tokenize(TEXTS)
    torch.testing.assert_close(encoder(ids, ids != 0), wanted)
    # Hugging Face pads with the end token; the mask tells.
    ends = torch.where(ids == 0, 49407, ids)
    torch.testing.assert_close(encoder(ends, ids != 0), wanted)
    torch.testing.assert_close(encoder(ends, torch.ones_like(ids)), wanted)
    for text, vector in zip(TEXTS, wanted, strict=True):
        torch.testing.assert_close(encoder.encode([text])[0], vector)


def test_keys_are_those_of_a_clip(clip, encoder):
    """All but the image tower and the scale; no mask, nothing unused."""
    wanted = {
        key
        for key in clip.state_dict()
        if not key.startswith("visual.") and key != "logit_scale"
    }
    assert set(encoder.state_dict()) == wanted
    encoder.train().encode(TEXTS).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_long_texts_keep_the_end_token(clip, encoder, caplog):
    """As open_clip cuts them; said once."""
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ids, mask = encoder.tokenize([LONG, "rain"])
    assert ids.shape == (2, 77) and mask.sum(1).tolist() == [77, 3]
    assert torch.equal(ids, open_clip.tokenize([LONG, "rain"]))
    assert sum("77 tokens" in r.getMessage() for r in caplog.records) == 1
    wanted = clip.encode_text(open_clip.tokenize([LONG]))
    torch.testing.assert_close(encoder.encode([LONG]), wanted)
    short = OpenClipText(CONFIG, max_length=5)
    ids, _ = short.tokenize([LONG])
    assert ids.tolist() == [[49406, 2443, 2443, 2443, 49407]]


def test_what_does_not_fit(encoder):
    """Too long, too few tokens, not CLIP's."""
    with pytest.raises(ValueError, match="at most 77 tokens, got 78"):
        encoder(torch.ones(1, 78, dtype=torch.long), torch.ones(1, 78))
    for length in (2, 78):
        with pytest.raises(ValueError, match="expected 3 to 77"):
            OpenClipText(CONFIG, max_length=length)
    few = {"text_cfg": CONFIG["text_cfg"] | {"vocab_size": 100}}
    few = OpenClipText(CONFIG | few)
    assert few(torch.tensor([[5, 99]]), torch.ones(1, 2)).shape == (1, 12)
    with pytest.raises(ValueError, match="49408 tokens.*for 100"):
        few.encode(["rain"])
    with pytest.raises(ValueError, match="not one of CLIP's own.*hf_"):
        OpenClipText("roberta-ViT-B-32")
    with pytest.raises(ValueError, match="not one of CLIP's own"):
        OpenClipText("coca_ViT-B-32")


def test_frozen_stays_frozen():
    """And remembers; the contract of every text encoder."""
    encoder = OpenClipText(CONFIG, frozen=True).train()
    assert not encoder.training
    assert not encoder.encode(TEXTS).requires_grad
    assert not any(p.requires_grad for p in encoder.parameters())
    assert "embedding_dim=12, max_length=77, frozen=True" in repr(encoder)


@pytest.mark.parametrize("prefix", ["", "text."])
def test_weights_from_a_file(clip, tmp_path, prefix):
    """Of a whole CLIP, of either layout that open_clip writes."""
    path = tmp_path / "clip.pt"
    state = {
        key if key.startswith(("visual.", "logit")) else prefix + key: x
        for key, x in clip.state_dict().items()
    }
    torch.save(state, path)
    encoder = OpenClipText(CONFIG, pretrained=path, frozen=True)
    wanted = clip.encode_text(open_clip.tokenize(TEXTS))
    torch.testing.assert_close(encoder.encode(TEXTS), wanted)
    del state[f"{prefix}ln_final.bias"]
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"clip\.pt[^$]*ln_final\.bias"):
        OpenClipText(CONFIG, pretrained=path)


def test_bf16_and_compiled(encoder):
    """float32 comes out; one graph."""
    ids, mask = encoder.tokenize(TEXTS)
    wanted = encoder(ids, mask)
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(ids, mask)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half, wanted).min() > 0.99
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(ids, mask), wanted)


def test_without_open_clip(monkeypatch):
    """One clear error."""
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match=r"speechbrain_clap\[vision\]"):
        OpenClipText(CONFIG)
