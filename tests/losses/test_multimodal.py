"""AudioCLIP's loss against formulas written out, on one rank and on two.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import math
import pathlib
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.multimodal import MultimodalLoss, weigh_items

SCRIPT = pathlib.Path(__file__).with_name("two_ranks.py")
SCALES = {
    "audio_image": torch.tensor(3.0),
    "audio_text": torch.tensor(7.0),
    "image_text": torch.tensor(1.5),
}


def embeddings(*names, items=5):
    """Random unit vectors, the same for the same name."""
    found = {}
    for name in names:
        generator = torch.Generator().manual_seed(len(name) * 7 + ord(name[0]))
        x = torch.randn(items, 4, generator=generator)
        found[name] = normalize(x, dim=-1)
    return found


def both_ways(x, y, scale, weights=None):
    """The two cross-entropies of a pair."""
    logits, right = scale * x @ y.T, torch.arange(len(x))
    return cross_entropy(logits, right, weights) + cross_entropy(
        logits.T, right, weights
    )


@pytest.mark.parametrize("weights", [None, torch.arange(1.0, 6.0)])
def test_three_modalities(weights):
    """Three pairs, 3! = 6 terms: both ways of averaging are the same."""
    given = embeddings("audio", "image", "text")
    audio, image, text = given.values()
    wanted = (
        both_ways(audio, image, 3.0, weights)
        + both_ways(audio, text, 7.0, weights)
        + both_ways(image, text, 1.5, weights)
    ) / 6
    for loss in MultimodalLoss(), MultimodalLoss(plain_mean=True):
        found = loss(given, SCALES, weights)
        torch.testing.assert_close(found, wanted)


def test_one_pair():
    """Unhalved, 1! = 1; the plain mean is CLIP's."""
    given = embeddings("image", "text")
    found = MultimodalLoss()(given, SCALES)
    image, text = given.values()
    torch.testing.assert_close(found, both_ways(image, text, 1.5))
    clip = ContrastiveLoss()(image, text, torch.tensor(1.5))
    plain = MultimodalLoss(plain_mean=True)
    torch.testing.assert_close(plain(given, SCALES), clip)
    torch.testing.assert_close(found, 2 * clip)
    assert "plain_mean=True" in repr(plain)


def test_by_hand():
    """Nothing known: every term is ln of the number of items."""
    given = {name: torch.zeros(4, 2) for name in ("audio", "image", "text")}
    found = MultimodalLoss()(given, SCALES, torch.tensor([1.0, 5.0, 0.0, 2.0]))
    assert abs(found.item() - math.log(4)) < 1e-6


def test_weights_are_relative():
    """Equal ones change nothing; a weight of 0 still leaves a negative."""
    given = embeddings("audio", "text")
    loss = MultimodalLoss()
    even = loss(given, SCALES, torch.full((5,), 3.0))
    torch.testing.assert_close(even, loss(given, SCALES))
    first = loss(given, SCALES, torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]))
    audio, text = given.values()
    logits = 7.0 * audio @ text.T
    wanted = -logits.log_softmax(1)[0, 0] - logits.log_softmax(0)[0, 0]
    torch.testing.assert_close(first, wanted)


def test_items_are_weighed_by_their_labels():
    """The sum over an item's labels; an unknown label is named."""
    weights = {"dog": 0.5, "rain": 2.0, "thunder": 1.5}
    found = weigh_items([["dog", "rain"], ["thunder"], []], weights)
    assert found.tolist() == [2.5, 1.5, 0.0]
    with pytest.raises(KeyError, match="no class weight for cat"):
        weigh_items([["cat", "dog"]], weights)


def test_float32_under_bf16_and_gradient_to_all():
    """Exact whatever the autocast."""
    given = {
        name: x.bfloat16().requires_grad_(True)
        for name, x in embeddings("audio", "image", "text").items()
    }
    scales = {k: x.clone().requires_grad_(True) for k, x in SCALES.items()}
    with torch.autocast("cpu", torch.bfloat16):
        found = MultimodalLoss()(given, scales)
    assert found.dtype == torch.float32
    exact = {name: x.float() for name, x in given.items()}
    exact = MultimodalLoss()(exact, SCALES)
    torch.testing.assert_close(found, exact, atol=0, rtol=0)
    found.backward()
    for x in [*given.values(), *scales.values()]:
        assert x.grad.abs().sum() > 0


def test_what_has_no_loss():
    """Each says what is missing."""
    loss = MultimodalLoss()
    with pytest.raises(ValueError, match="two modalities or more, got audio"):
        loss(embeddings("audio"), {})
    with pytest.raises(ValueError, match="'audio': 5, 'text': 4"):
        loss(embeddings("audio") | embeddings("text", items=4), SCALES)
    with pytest.raises(ValueError, match="pair text_audio.*audio_image"):
        loss(embeddings("text", "audio"), SCALES)


def test_two_ranks_are_one_process(tmp_path):
    """Loss, towers' gradients and scales', weighted and not, under DDP."""
    ranks = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), "2", str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in ranks]
    assert not any(p.returncode for p in ranks), b"".join(said).decode()
    spec = importlib.util.spec_from_file_location("two_ranks", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    wanted = script.gradients(0, 1)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, value in wanted.items():
        if name in ("plain", "weighted"):
            mean = (first[name] + second[name]) / 2
            torch.testing.assert_close(mean, value)
        else:  # DDP has averaged
            assert value.abs().sum() > 0, name
            torch.testing.assert_close(first[name], value)
            torch.testing.assert_close(second[name], value)


@pytest.mark.parametrize("weights", [None, torch.arange(1.0, 6.0)])
def test_items_that_lack_a_modality(weights):
    """Each pair is over the items that have both, and no others."""
    given = embeddings("audio", "image", "text")
    has = torch.tensor([True, False, True, True, False])
    audio, image, text = given.values()
    some = None if weights is None else weights[has]

    def mean(x, y, scale, kept, of):
        each = []
        for logits in (
            scale * x[kept] @ y[kept].T,
            scale * y[kept] @ x[kept].T,
        ):
            right = torch.arange(len(logits))
            each.append(cross_entropy(logits, right, reduction="none"))
        of = torch.ones(len(each[0])) if of is None else of
        return sum((of * x).sum() / of.sum() for x in each)

    every = torch.ones(5, dtype=torch.bool)
    wanted = (
        mean(audio, image, 3.0, has, some)
        + mean(audio, text, 7.0, every, weights)
        + mean(image, text, 1.5, has, some)
    ) / 6
    given["image"] = image * has[:, None]
    found = MultimodalLoss()(given, SCALES, weights, {"image": has})
    torch.testing.assert_close(found, wanted)
    # What stands in the rows of the others is no matter.
    given["image"] = torch.where(has[:, None], image, 9.0)
    again = MultimodalLoss()(given, SCALES, weights, {"image": has})
    torch.testing.assert_close(again, found)


def test_a_pair_that_no_item_has():
    """It is no pair: what is left is the loss of sounds and texts."""
    given = embeddings("audio", "image", "text")
    none = {"image": torch.zeros(5, dtype=torch.bool)}
    two = {name: given[name] for name in ("audio", "text")}
    for loss in MultimodalLoss(), MultimodalLoss(plain_mean=True):
        found = loss(given, SCALES, present=none)
        torch.testing.assert_close(found, loss(two, SCALES))
    for name in ("audio", "text"):
        none[name] = none["image"]
    assert MultimodalLoss()(given, SCALES, present=none) == 0
    with pytest.raises(ValueError, match="4 items have or lack 'image'"):
        MultimodalLoss()(
            given, SCALES, present={"image": torch.ones(4, dtype=torch.bool)}
        )
