"""One step of a tiny AudioCLIP, on one process or on one of several ranks.

Not a test: `test_multimodal.py` runs it.

    python two_ranks.py RANK RANKS FOLDER

Authors
 * The speechbrain_clap team 2026
"""

import sys

import torch

from speechbrain_clap.losses.multimodal import MultimodalLoss
from speechbrain_clap.models.audioclip import AudioCLIP

ITEMS = 6


class Tower(torch.nn.Module):
    """A linear layer that answers as any of the three towers."""

    num_classes = embedding_dim = 5

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 5)

    def forward(self, x):
        """Embeds vectors, as images."""
        return self.linear(x)

    def classify(self, wavs, lens=None):
        """Embeds vectors, as waves."""
        return self.linear(wavs)

    def encode(self, texts):
        """Embeds strings by four of their letters."""
        letters = [[ord(c) / 100 for c in text[:4]] for text in texts]
        return self.linear(torch.tensor(letters))


def gradients(rank, ranks, meeting=None):
    """Loss and gradients of this rank's share of the items."""
    torch.manual_seed(0)
    model = AudioCLIP(Tower(), Tower(), Tower())
    with torch.no_grad():
        model.logit_scale_ai.fill_(1.0)
        model.logit_scale_at.fill_(2.0)
    wavs, images = torch.randn(2, ITEMS, 4)
    texts = ["rain", "door", "bird", "wind", "bell", "goat"]
    weights = torch.arange(1.0, ITEMS + 1)
    mine = slice(rank * ITEMS // ranks, (rank + 1) * ITEMS // ranks)
    step = model
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=ranks
        )
        step = torch.nn.parallel.DistributedDataParallel(model)
    outputs = step(wavs[mine], images[mine], texts[mine])
    plain = MultimodalLoss()(*outputs)
    weighted = MultimodalLoss()(*outputs, weights[mine])
    (plain + 2 * weighted).backward()
    return {
        "plain": plain.detach(),
        "weighted": weighted.detach(),
        **{name: p.grad for name, p in model.named_parameters()},
    }


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    found = gradients(rank, ranks, f"file://{folder}/meeting")
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
