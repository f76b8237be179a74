"""Labels that a teacher softens: by hand, as the plain loss, over ranks."""

import math

import pytest
import torch

from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.soft_labels import SoftLabelLoss

SCALE = torch.tensor(2.0)


def test_by_hand():
    """Two clips; the teacher hears them as 0.5 alike, reads them as -0.5."""
    audio = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    heard = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)]])
    read = torch.tensor([[1.0, 0.0], [-0.5, math.sqrt(0.75)]])
    # Logits: sounds [[2, 1.2], [0, 1.6]], texts are the transpose.
    rows = {
        "audio": [(2.0, 1.2), (0.0, 1.6)],
        "text": [(2.0, 0.0), (1.2, 1.6)],
    }
    # Labels of row i: beta on the other clip's similarity, one on its own,
    # for (1 - beta) * 1 + beta * 1 = 1.
    for labels, other in (
        ("raw", {"audio": 0.5, "text": -0.5}),
        ("normalised", {"audio": 0.5 / 1.5, "text": 0.0}),
    ):
        own = {
            "raw": {"audio": 1.0, "text": 1.0},
            "normalised": {"audio": 1 / 1.5, "text": 1.0},
        }[labels]
        wanted = 0.0
        for side, logits in rows.items():
            for i, row in enumerate(logits):
                total = math.log(sum(math.exp(x) for x in row))
                label = [0.3 * other[side]] * 2
                label[i] = 0.7 + 0.3 * own[side]
                wanted -= sum(
                    y * (x - total) for x, y in zip(row, label, strict=True)
                )
        loss = SoftLabelLoss(0.3, labels)(audio, text, SCALE, heard, read)
        assert loss.item() == pytest.approx(wanted / 4, abs=1e-6)


def test_without_softening_it_is_the_plain_loss():
    """Value and gradient, whatever the teacher."""
    torch.manual_seed(0)
    given = torch.nn.functional.normalize(torch.randn(4, 6, 5), dim=-1)
    audio, text = given[:2].clone().requires_grad_().unbind()
    soft = SoftLabelLoss(0.0)(audio, text, SCALE, *given[2:])
    plain = ContrastiveLoss()(audio, text, SCALE)
    torch.testing.assert_close(soft, plain)
    torch.testing.assert_close(
        *(torch.autograd.grad(x, audio)[0] for x in (soft, plain))
    )
    torch.testing.assert_close(SoftLabelLoss(0.0)(audio, text, SCALE), plain)


def test_normalised_labels_sum_to_one_and_the_teacher_gets_no_gradient():
    """For any teacher."""
    torch.manual_seed(0)
    given = torch.nn.functional.normalize(torch.randn(4, 6, 5), dim=-1)
    given.requires_grad_()
    loss = SoftLabelLoss(0.3, "normalised")
    labels = loss.soften(torch.zeros(6, 6), given[2])
    torch.testing.assert_close(labels.sum(1), torch.ones(6))
    loss(given[0], given[1], SCALE, given[2], given[3]).backward()
    assert given.grad[:2].abs().sum() > 0
    assert given.grad[2:].abs().sum() == 0


def test_mistakes():
    """By the name of the key."""
    with pytest.raises(ValueError, match="beta is 1.5"):
        SoftLabelLoss(1.5)
    with pytest.raises(ValueError, match="labels is 'soft'"):
        SoftLabelLoss(0.3, "soft")
