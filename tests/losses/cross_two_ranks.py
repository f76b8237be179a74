"""One step of a tiny Wav2CLIP, on one process or on one of several ranks.

Not a test: `test_cross_projection.py` runs it.

    python cross_two_ranks.py RANK RANKS FOLDER

Authors
 * The speechbrain_clap team 2026
"""

import sys

import torch

from speechbrain_clap.lobes.projection import MLPProjection
from speechbrain_clap.losses.cross_projection import CrossProjectionLoss
from speechbrain_clap.models.wav2clip import Wav2CLIP

ITEMS = 6


class Tower(torch.nn.Module):
    """A linear layer over waves of four samples."""

    sample_rate = 4
    clip_seconds = 1.0

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 5)

    def forward(self, wavs, lens=None):
        """Embeds waves."""
        return self.linear(wavs)


def gradients(rank, ranks, meeting=None):
    """Loss and gradients of this rank's share of the items."""
    torch.manual_seed(0)
    model = Wav2CLIP(Tower(), MLPProjection(5, 5), MLPProjection(5, 5))
    with torch.no_grad():
        model.logit_scale_audio.fill_(1.0)
        model.logit_scale_image.fill_(2.0)
    wavs, images = torch.randn(ITEMS, 4), torch.randn(ITEMS, 5)
    mine = slice(rank * ITEMS // ranks, (rank + 1) * ITEMS // ranks)
    step = model
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=ranks
        )
        step = torch.nn.parallel.DistributedDataParallel(model)
    loss = CrossProjectionLoss()(*step(wavs[mine], images[mine]))
    loss.backward()
    found = {name: p.grad for name, p in model.named_parameters()}
    return {"loss": loss.detach(), **found}


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    found = gradients(rank, ranks, f"file://{folder}/meeting")
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
