"""Cached gradients of a tiny CLAP, on one process or on one of several ranks.

Not a test: `test_gradient_cache.py` imports it and runs it.

    python cache_two_ranks.py RANK RANKS FOLDER

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import sys

import torch

from speechbrain_clap.brains.gradient_cache import cached_step
from speechbrain_clap.lobes.projection import LinearProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses.blockwise import BlockwiseContrastiveLoss
from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.sigmoid import SigmoidLoss
from speechbrain_clap.models.clap import CLAP

TEXTS = ["a dog barks", "rain falls", "a bell", "wind", "a door", "birds"] * 2
CLIPS, SAMPLES = len(TEXTS), 32
LOSSES = {
    "plain": ContrastiveLoss(),
    "blockwise": BlockwiseContrastiveLoss(4),
    "sigmoid": SigmoidLoss(5),
}


class Encoder(torch.nn.Module):
    """Linear layers with dropout, and with batch norm where it is wanted."""

    sample_rate, clip_seconds, embedding_dim = SAMPLES, 1.0, 8

    def __init__(self, dropout, norm):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(SAMPLES, 16),
            torch.nn.BatchNorm1d(16) if norm else torch.nn.Identity(),
            torch.nn.Tanh(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(16, 8),
        )

    def forward(self, wavs, lens=None):
        """Embeds waves."""
        return self.net(wavs)


def make_clap(loss="plain", dropout=0.3, norm=False):
    """A CLAP whose every parameter the loss uses, in training mode."""
    torch.manual_seed(0)
    text = SubwordTransformer(
        embedding_dim=8, nhead=2, d_ffn=16, dropout=dropout
    )
    text.fit_vocabulary(TEXTS)
    clap = CLAP(
        Encoder(dropout, norm),
        text,
        LinearProjection(8, 6),
        LinearProjection(8, 6),
        initial_bias=-2.0 if loss == "sigmoid" else None,
    )
    with torch.no_grad():  # the transformer begins with branches of zeros
        for parameter in clap.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    return clap


def make_chunks(size, batch=0):
    """What ``forward`` of the model takes, by chunk."""
    generator = torch.Generator().manual_seed(batch)
    wavs = torch.randn(CLIPS, SAMPLES, generator=generator)
    return [
        (wavs[k : k + size], TEXTS[k : k + size]) for k in range(0, CLIPS, size)
    ]


def ordinary_loss(forward, loss, chunks):
    """With all activations held, of the same dropout masks."""
    outputs = zip(*[forward(chunk) for chunk in chunks], strict=True)
    return loss(*(torch.cat(x) if x[0].ndim else x[0] for x in outputs))


def gradients(rank, ranks, meeting=None):
    """By loss, the gradient of two batches accumulated, by the cache."""
    if meeting:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=ranks
        )
    found = {}
    for name, loss in LOSSES.items():
        clap = step = make_clap(name)
        if meeting:
            step = torch.nn.parallel.DistributedDataParallel(clap)
        torch.manual_seed(5)
        values = []
        for batch in range(2):
            chunks = make_chunks(3, batch)
            share = len(chunks) // ranks
            with torch.no_grad():  # the random numbers of the ranks before
                for chunk in chunks[: rank * share]:
                    clap(*chunk)
            value, finite = cached_step(
                lambda chunk, step=step: step(*chunk),
                loss,
                chunks[rank * share : (rank + 1) * share],
                step,
                no_sync=lambda use, step=step: (
                    step.no_sync()
                    if use and meeting
                    else contextlib.nullcontext()
                ),
                sync=batch == 1,
                factor=2,
            )
            assert finite
            values.append(value)
            with torch.no_grad():  # and of those after
                for chunk in chunks[(rank + 1) * share :]:
                    clap(*chunk)
        found[name] = {"loss": torch.stack(values)}
        for key, parameter in clap.named_parameters():
            found[name][key] = parameter.grad
    return found


if __name__ == "__main__":
    rank, ranks, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    found = gradients(rank, ranks, f"file://{folder}/meeting")
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
