"""AudioCLIP against its authors' code: towers, logits and losses.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.clip_text import OpenClipText
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.vision import OpenClipVision
from speechbrain_clap.losses.multimodal import MultimodalLoss, weigh_items
from speechbrain_clap.models.audioclip import AudioCLIP

pytest.importorskip("open_clip", reason="the extra vision is not installed")

FRONTS = {"audio": "audio_encoder", "visual": "image_encoder"}


@pytest.fixture(scope="module")
def facts(golden):
    return golden("audioclip")


@pytest.fixture(scope="module")
def model(facts):
    """The published sizes with the golden weights, every key of them used."""
    model = AudioCLIP(
        ESResNeXt(num_classes=1024),
        OpenClipVision("RN50-quickgelu"),
        OpenClipText("RN50-quickgelu"),
    ).eval()
    state = {}
    for key, value in facts.weights().items():
        front, _, rest = key.partition(".")
        if front in FRONTS:
            key = f"{FRONTS[front]}.{rest}"
        elif not front.startswith("logit_scale"):
            key = f"text_encoder.{key}"
        state[key] = value
    report = model.load_state_dict(state, strict=False, assign=True)
    assert not report.unexpected_keys
    for key in report.missing_keys:
        assert key.endswith(("num_batches_tracked", "fbsp.window")), key
    return model


@pytest.fixture(scope="module")
def images(facts):
    known = facts.facts["image_input"]
    images = facts.fill.image(known["seed"], known["batch"], known["size"])
    return torch.as_tensor(images)


@pytest.fixture(scope="module")
def texts(facts):
    return facts.facts["text_input"]["labels"]


@pytest.fixture(scope="module")
def embeddings(facts, model, images, texts):
    """Each tower's output, not normalised, and layers within the towers."""
    seen = {}

    def _keep(module, name, cut=lambda x: x):
        return module.register_forward_hook(
            lambda module, inputs, output: seen.update({name: cut(output)})
        )

    image, text = model.image_encoder, model.text_encoder
    hooks = [
        _keep(image.layer1, "image_layer1", lambda x: x[:, ::16, ::8, ::8]),
        _keep(image.layer4, "image_layer4", lambda x: x[:, ::64]),
        _keep(
            text.transformer.resblocks[0],
            "text_block0",
            lambda x: x[:, :8, ::16],
        ),
        _keep(text.ln_final, "text_final_norm_at_end_token"),
    ]
    ids = torch.zeros(2, 77, dtype=torch.long)
    rows = facts.facts["text_input"]["token_ids"]
    for row, known in zip(ids, rows, strict=True):
        row[: len(known)] = torch.tensor(known)
    with torch.no_grad():
        seen["audio"] = model.embed_audio(facts.waves())
        seen["audio_pooled"] = model.audio_encoder(facts.waves())[:, ::4]
        seen["image"] = model.embed_image(images)
        seen["text"] = text(ids, ids != 0)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.fixture(scope="module")
def normalised(embeddings):
    return {
        name: torch.nn.functional.normalize(embeddings[name], dim=-1)
        for name in ("audio", "image", "text")
    }


@pytest.fixture(scope="module")
def scales(model):
    """One of the golden parameters lies below the clamp, one above."""
    pairs = ("audio_image", "audio_text", "image_text")
    return {pair: model.scale(pair).detach() for pair in pairs}


LAYERS = (
    "audio_pooled",
    "image_layer1",
    "image_layer4",
    "text_block0",
    "text_final_norm_at_end_token",
)


@pytest.mark.parametrize("name", LAYERS)
def test_within_the_towers(facts, embeddings, name):
    facts.check(name, embeddings[name])


@pytest.mark.parametrize("name", ["audio", "image", "text"])
def test_embeddings(facts, embeddings, normalised, name):
    facts.check(f"{name}_embedding_unnormalised", embeddings[name])
    facts.check(f"{name}_embedding", normalised[name])


@torch.no_grad()
def test_labels_to_text_embedding(facts, model, texts):
    """Joined, tokenised, and cut to the longest: as 77 tokens give it."""
    ids, mask = model.text_encoder.tokenize(
        facts.facts["text_input"]["strings"]
    )
    found = [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)]
    assert found == facts.facts["text_input"]["token_ids"]
    facts.check("text_embedding_unnormalised", model.embed_text(texts))
    facts.check("text_embedding", model.encode_text(texts))


@pytest.mark.parametrize("pair", ["audio_image", "audio_text", "image_text"])
def test_logits(facts, normalised, scales, pair):
    x, y = (normalised[name] for name in pair.split("_"))
    facts.check(f"logits_{pair}", scales[pair] * x @ y.T)


@torch.no_grad()
def test_losses(facts, model, normalised, scales, texts):
    """All of the file: three modalities, two of them, weighted."""
    loss = MultimodalLoss()
    filters = model.audio_encoder.fbsp_norm_loss()
    facts.check("loss_fbsp_norm", filters)
    facts.check("loss", loss(normalised, scales) + filters)
    for x, y in ("audio", "text"), ("audio", "image"), ("image", "text"):
        two = {name: normalised[name] for name in (x, y)}
        added = filters if x == "audio" else 0.0
        facts.check(f"loss_{x}_{y}_only", loss(two, scales) + added)
    labels = list(dict.fromkeys(label for item in texts for label in item))
    weights = dict(zip(labels, [0.5, 2.0, 1.5], strict=True))
    weighted = loss(normalised, scales, weigh_items(texts, weights))
    facts.check("loss_with_class_weights", weighted + filters)


def test_no_output_is_left_out(facts):
    """Every output of the file is looked at above."""
    wanted = set(LAYERS)
    for name in ("audio", "image", "text"):
        wanted |= {f"{name}_embedding", f"{name}_embedding_unnormalised"}
    for pair in ("audio_image", "audio_text", "image_text"):
        wanted |= {f"logits_{pair}", f"loss_{pair}_only"}
    wanted |= {"loss", "loss_fbsp_norm", "loss_with_class_weights"}
    assert set(facts.facts["outputs"]) == wanted
