"""Sounds and labels: as published, or clips of a class no negatives.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import cross_entropy, normalize

from speechbrain_clap.losses.class_pairs import ClassPairsLoss


def batch():
    """Four clips of three classes."""
    torch.manual_seed(0)
    audio = normalize(torch.randn(4, 8), dim=1)
    names = normalize(torch.randn(3, 8), dim=1)
    concepts = torch.tensor([0, 1, 2, 0])
    return audio, names[concepts], torch.tensor(10.0), concepts


def test_as_published_every_other_clip_is_a_negative():
    """The sum of the cross-entropies along rows and columns."""
    audio, text, scale, concepts = batch()
    logits, right = scale * audio @ text.T, torch.arange(4)
    wanted = cross_entropy(logits, right) + cross_entropy(logits.T, right)
    torch.testing.assert_close(
        ClassPairsLoss()(audio, text, scale, concepts), wanted
    )
    halved = ClassPairsLoss(plain_mean=True)(audio, text, scale, concepts)
    torch.testing.assert_close(halved, wanted / 2)


def test_clips_of_one_class_share_their_target():
    """A perfect match of two clips of one class costs ln 2, not more."""
    eye = torch.eye(2)[torch.tensor([0, 0])]
    same = torch.tensor([7, 7])
    loss = ClassPairsLoss(multi_positive=True)
    found = loss(eye, eye, torch.tensor(100.0), same)
    torch.testing.assert_close(found, 2 * torch.tensor(2.0).log())
    # Where all classes differ the two are the same.
    audio, _, scale, _ = batch()
    text, other = audio.flip(0), torch.arange(4)
    torch.testing.assert_close(
        loss(audio, text, scale, other),
        ClassPairsLoss()(audio, text, scale, other),
    )
