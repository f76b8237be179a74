"""One step of a tiny query modifier, on one process or on one of several.

Not a test: `test_query_modifier_loss.py` runs it.

    python modifier_two_ranks.py RANK RANKS FOLDER

Authors
 * The speechbrain_clap team 2026
"""

import sys

import torch

from speechbrain_clap.losses.query_modifier import QueryModifierLoss
from speechbrain_clap.models.query_modifier import QueryModifier

PAIRS = 6


def gradients(rank, ranks, meeting=None):
    """Loss and gradients of this rank's share of the pairs."""
    torch.manual_seed(0)
    model = QueryModifier(
        torch.nn.Identity(),
        torch.nn.Identity(),
        torch.nn.Linear(4, 5),
        torch.nn.Linear(3, 5),
        embedding_dim=5,
        labels=["dog", "thunder"],
        learn_tau=True,
    )
    query, target = torch.randn(2, PAIRS, 4)
    text = torch.randn(PAIRS, 3)
    events, target_events = torch.randint(0, 2, (2, PAIRS, 2)).float()
    mine = slice(rank * PAIRS // ranks, (rank + 1) * PAIRS // ranks)
    step = model
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=ranks
        )
        step = torch.nn.parallel.DistributedDataParallel(model)
    outputs = step(
        query[mine], target[mine], text[mine], features=("audio", "text")
    )
    loss = QueryModifierLoss()(outputs, events[mine], target_events[mine])
    loss.backward()
    return {
        "loss": loss.detach(),
        **{name: p.grad for name, p in model.named_parameters()},
    }


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    found = gradients(rank, ranks, f"file://{folder}/meeting")
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
