"""The plain distillation losses against their formulas.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.distillation import (
    ContrastiveDistillation,
    CosineDistillation,
    MSEDistillation,
)

SCALE = torch.tensor(3.0)
LOSSES = [CosineDistillation(), MSEDistillation(), ContrastiveDistillation()]


def outputs(items=4):
    """As the model's: what is not to be used is no number."""
    generator = torch.Generator().manual_seed(0)
    audio, image = 2 * torch.randn(2, items, 5, generator=generator)
    none = torch.full((items, 5), float("nan"))
    return none, audio, image, none, torch.tensor(float("nan")), SCALE


def test_are_the_formulas():
    """Of vectors that are not of norm one."""
    _, audio, image, *_ = outputs()
    cosines = cosine_similarity(audio, image)
    logits = SCALE * normalize(audio, dim=1) @ normalize(image, dim=1).T
    rows = logits.log_softmax(1).diag() + logits.log_softmax(0).diag()
    wanted = [
        1 - cosines.mean(),
        (audio - image).square().sum() / audio.numel(),
        -rows.mean() / 2,
    ]
    for loss, value in zip(LOSSES, wanted, strict=True):
        torch.testing.assert_close(loss(*outputs()), value)
        torch.testing.assert_close(loss(*outputs(), alone=True), value)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: type(x).__name__)
def test_descending_brings_the_sound_to_its_image(loss):
    """And a gradient goes to the sounds alone, under autocast too."""
    none, audio, image, *rest = outputs()
    audio.requires_grad_()
    for _ in range(200):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(none, audio, image, *rest)
        assert value.dtype == torch.float32
        [gradient] = torch.autograd.grad(value, audio)
        audio = (audio - 1.0 * gradient).detach().requires_grad_()
    closest = cosine_similarity(audio[:, None], image[None], dim=2).argmax(1)
    assert closest.tolist() == [0, 1, 2, 3]


def test_which_scales_are_learnt():
    """Each says what it uses."""
    assert [loss.scales for loss in LOSSES] == [(), (), ("image",)]


def test_alone_with_concepts_is_one_process():
    """Evaluation gathers nothing, whatever is right."""
    _, audio, image, *_ = outputs()
    concepts = torch.tensor([1, 2, 1, 3])
    given = audio, image, SCALE, concepts.unsqueeze(1), concepts
    loss = ContrastiveLoss()
    assert torch.equal(loss(*given), loss(*given, alone=True))
