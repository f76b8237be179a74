"""Losses of two towers, on one process or on one of several ranks.

Not a test: `test_blockwise.py` runs it.

    python blocks_two_ranks.py RANK RANKS FOLDER

Authors
 * The speechbrain_clap team 2026
"""

import sys

import torch
from torch.nn.functional import normalize

from speechbrain_clap.losses.blockwise import BlockwiseContrastiveLoss
from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.sigmoid import SigmoidLoss

ITEMS = 10
LOSSES = {
    "plain": lambda *given: ContrastiveLoss()(*given[:3]),
    # Neither divides a rank's five items, nor all ten.
    "blockwise": lambda *given: BlockwiseContrastiveLoss(3)(*given[:3]),
    "sigmoid": lambda *given: SigmoidLoss(4)(*given),
}


class Towers(torch.nn.Module):
    """A linear layer each, a scale and a bias."""

    def __init__(self):
        super().__init__()
        self.audio = torch.nn.Linear(4, 5)
        self.text = torch.nn.Linear(4, 5)
        self.scale = torch.nn.Parameter(torch.tensor(7.0))
        self.bias = torch.nn.Parameter(torch.tensor(-3.0))

    def forward(self, x, y):
        """Embeds vectors."""
        audio = normalize(self.audio(x), dim=-1)
        return audio, normalize(self.text(y), dim=-1), self.scale, self.bias


def gradients(rank, ranks, meeting=None):
    """By loss, its value and the gradients of this rank's share of items."""
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=ranks
        )
    torch.manual_seed(0)
    x, y = torch.randn(2, ITEMS, 4)
    mine = slice(rank * ITEMS // ranks, (rank + 1) * ITEMS // ranks)
    found = {}
    for name, loss in LOSSES.items():
        torch.manual_seed(1)
        model = step = Towers()
        model.bias.requires_grad_(name == "sigmoid")
        if meeting:
            step = torch.nn.parallel.DistributedDataParallel(model)
        value = loss(*step(x[mine], y[mine]))
        value.backward()
        found[name] = {"loss": value.detach()}
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                found[name][key] = parameter.grad
    return found


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    found = gradients(rank, ranks, f"file://{folder}/meeting")
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
