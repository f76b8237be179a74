"""Gradient caching of a batch of 1,536 pairs: memory and time by chunk size.

    python benchmarks/gradcache.py [--device cpu|cuda]

On CPUs: a small CNN and the subword transformer, clips of half a second, in
float32. The peer is the ordinary step, which holds the activations of the
whole batch. Its memory is the goal's measure: five times less at chunks of
96, for a time of at most four thirds, since caching runs the forward (a third
of a step) once more.

On a card: HTSAT on clips of 7 s and GPT2 at the sizes of Microsoft CLAP 2023,
in bf16. Where the ordinary step does not fit, its time is that of small
batches, each of one chunk. Rates count three forwards' operations per step,
which is what training needs, however many are run; the limit is the rate of
large matrix products.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import json

import torch
from common import (
    describe_device,
    make_claim,
    print_report,
    time_in_turns,
)
from encoders import count_operations, matrix_rate
from memory import peak_bytes, run_in_child

from speechbrain_clap.brains.gradient_cache import cached_step
from speechbrain_clap.lobes.cnn14 import CNN6
from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.projection import LinearProjection, MLPProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses.blockwise import BlockwiseContrastiveLoss
from speechbrain_clap.models.clap import CLAP

THREADS = 2
BATCH = 1536
CHUNKS = {"cpu": [384, 96, 24], "cuda": [768, 384, 192, 96]}
REPORTED = {"cpu": 96, "cuda": 192}
MEMORY_GOAL, TIME_GOAL = 5.0, 0.75
CAPTION = "a dog barks while rain falls"


class GPT2Tokens(torch.nn.Module):
    """GPT2 small on tokens that are made already, the last one pooled."""

    def __init__(self):
        super().__init__()
        from transformers import GPT2Config, GPT2Model

        self.net = GPT2Model(GPT2Config())

    def encode(self, tokens):
        """Embeds tokens.

        Arguments
        ---------
        tokens : torch.Tensor
            int64, [B, 77].

        Returns
        -------
        torch.Tensor
            [B, 768].
        """
        return self.net(tokens).last_hidden_state[:, -1]


def make_clap(device):
    """A model and what it hears and reads.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".

    Returns
    -------
    speechbrain_clap.models.clap.CLAP
        In training mode.
    torch.Tensor
        Waves, [BATCH, T].
    list of str or torch.Tensor
        BATCH texts.
    """
    torch.manual_seed(0)
    if device == "cuda":
        clap = CLAP(
            HTSAT(LogMel(), clip_seconds=7.0),
            GPT2Tokens(),
            MLPProjection(768, 1024),
            MLPProjection(768, 1024),
        )
        waves = 0.1 * torch.randn(BATCH, 7 * 44100, device=device)
        tokens = torch.randint(50257, (BATCH, 77), device=device)
        return clap.to(device), waves, tokens
    text = SubwordTransformer(embedding_dim=32, nhead=2, d_ffn=64)
    text.fit_vocabulary([CAPTION])
    features = LogMel(16000, 512, 512, 160, f_max=8000.0)
    audio = CNN6(features, channels=[8, 16, 32], embedding_dim=64)
    clap = CLAP(audio, text, LinearProjection(64, 64), LinearProjection(32, 64))
    return clap, 0.1 * torch.randn(BATCH, 8000), [CAPTION] * BATCH


def make_steps(device):
    """A function that makes steps of training.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".

    Returns
    -------
    callable
        From the size of chunks, and whether each is a batch by itself, to a
        callable that does forward and backward of BATCH pairs. With one chunk
        of BATCH that is the ordinary step.
    callable
        The forward of a number of clips.
    """
    clap, waves, texts = make_clap(device)
    loss = BlockwiseContrastiveLoss(BATCH)
    context = torch.autocast(device, torch.bfloat16, device == "cuda")

    def _forward(chunk):
        return clap(waves[chunk], texts[chunk])

    def _make(size, apart=False):
        chunks = [slice(k, k + size) for k in range(0, BATCH, size)]

        def _step():
            clap.zero_grad(set_to_none=True)
            if not apart and size < BATCH:
                cached_step(_forward, loss, chunks, clap, context)
                return
            for chunk in chunks:
                with context:
                    value = loss(*_forward(chunk))
                value.backward()

        return _step

    def _embed(clips):
        with torch.no_grad(), context:
            _forward(slice(0, clips))

    return _make, _embed


def measure(size, device):
    """Measures one size of chunks in a process of its own.

    Arguments
    ---------
    size : int
        Clips of a chunk.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    float or None
        The peak in MiB; None where the memory is too small.
    """
    found = run_in_child(__file__, "--child", str(size), device)
    if found["bytes"] is None:
        print(f"chunks of {size:>4}: does not fit")
        return None
    how = "ordinary" if size == BATCH else "cached"
    peak = found["bytes"] / 2**20
    print(f"chunks of {size:>4}: {peak:.0f} MiB ({how})", flush=True)
    return peak


def child(size, device):
    """Prints the peak of one step as JSON.

    Arguments
    ---------
    size : int
        Clips of a chunk.
    device : str
        "cpu" or "cuda".
    """
    make, embed = make_steps(device)
    embed(2)  # what is made once is no part of it
    try:
        peak = peak_bytes(make(size), device)
    except torch.OutOfMemoryError:
        peak = None
    print(json.dumps({"bytes": peak}))


def compare(device):
    """Memory of each size, and the time of one.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".

    Returns
    -------
    tuple of list
        Claims, and whether their goals were reached.
    """
    sizes = [BATCH, *CHUNKS[device]]
    peaks = {size: measure(size, device) for size in sizes}
    size, whole = REPORTED[device], peaks[BATCH]
    about = {"benchmark": "gradcache", "device": describe_device(device)}
    claims, goals = [], []
    if whole is not None:
        claims.append(
            make_claim(
                "memory",
                peaks[size],
                whole,
                "MiB",
                peer=f"ordinary step of {BATCH}",
                **about,
            )
        )
        done = "reached" if claims[0]["ratio"] >= MEMORY_GOAL else "missed"
        goals.append(f"chunks of {size}, {MEMORY_GOAL:g} times less: {done}")
    make, embed = make_steps(device)
    apart = whole is None
    pair = time_in_turns(
        make(size),
        make(size if apart else BATCH, apart),
        rounds=5,
        warm_up=1,
        device=device,
    )
    operations = 3 * count_operations(lambda: embed(size)) / size
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    limit = matrix_rate(device, dtype) / operations
    claims.append(
        make_claim(
            "time",
            1000 * BATCH / pair[0],
            1000 * BATCH / pair[1],
            "clip/s",
            peer=f"ordinary steps of {size if apart else BATCH}",
            smaller_is_better=False,
            limit=float(f"{limit:.4g}"),
            **about,
        )
    )
    share = 100 * claims[-1]["ours"] / limit
    done = "reached" if claims[-1]["ratio"] >= TIME_GOAL else "missed"
    goals.append(
        f"chunks of {size}, {TIME_GOAL:g} of its speed: {done}; "
        f"{share:.0f} % of the matrix products' rate"
    )
    return claims, goals


def main():
    """Measures and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    if arguments.child:
        size, device = arguments.child
        child(int(size), device)
        return
    print_report(*compare(arguments.device))


if __name__ == "__main__":
    main()
