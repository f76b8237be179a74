"""The loss over the answers, by hand.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.losses.captioning import CaptionLoss


def test_by_hand():
    """Two clips; a prompt, padding and the last logits do not count."""
    chances = torch.full((2, 4, 5), 0.1)
    chances[0, 0, 3] = 0.6  # of the prompt
    chances[0, 1, 2] = 0.6
    chances[0, 2, 4] = 0.6
    chances[1, 0, 1] = 0.6
    ids = torch.tensor([[3, 2, 0], [1, 4, 4]])
    answer = torch.tensor([[False, True, True], [True, False, False]])
    wanted = -torch.tensor([0.6, 0.1, 0.6]).log().mean()
    logits = chances.log().requires_grad_()
    loss = CaptionLoss()(logits, ids, answer)
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert not logits.grad[0, 0].any() and not logits.grad[:, 3].any()
    assert not logits.grad[1, 1:].any() and logits.grad[0, 2].any()
    half = CaptionLoss()(chances.log().bfloat16(), ids, answer)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, wanted, atol=0.01, rtol=0.01)
    smooth = CaptionLoss(label_smoothing=0.5)(logits, ids, answer)
    assert smooth > loss
    with pytest.raises(ValueError, match="hold no token"):
        CaptionLoss()(logits, ids, torch.zeros_like(answer))
