"""Losses by blocks against the B x B form: memory and time.

    python benchmarks/contrastive.py [--full] [--device cpu|cuda]

Forward and backward on unit vectors of 1024 numbers, float32. The peers are
our plain ``ContrastiveLoss`` and, where installed, open_clip's ``ClipLoss``
and ``SigLipLoss``. Memory is the peak above the inputs, in a process of its
own for each. At the batch of 32768 the plain form takes some 17 GB; where the
machine has not that much, a smaller batch is measured. On CPUs that batch has
vectors of 256 numbers, which ``--full`` makes 1024 (a quarter of an hour).

Goals: an eighth of the memory at 32768, and no slower at 2048.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import json
import time
from importlib.metadata import version

import torch
from common import (
    describe_device,
    make_claim,
    print_report,
    time_in_turns,
)
from memory import available_bytes, peak_bytes, run_in_child
from torch.nn.functional import normalize

from speechbrain_clap.losses.blockwise import BlockwiseContrastiveLoss
from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.sigmoid import SigmoidLoss

THREADS = 2
DIM, SMALL_DIM = 1024, 256
LARGE_BATCH = 32768
MEMORY_GOAL, TIME_GOAL = 8.0, 1.0
PLAIN_MATRICES = 4.5  # of B x B float32, held by the plain form at its peak


def make_losses():
    """Losses by name, those of the peers as far as they are installed.

    Returns
    -------
    dict
        Name to a callable of embeddings, scale and bias.
    """
    ours, plain = BlockwiseContrastiveLoss(), ContrastiveLoss()
    losses = {
        "ours": lambda a, t, scale, bias: ours(a, t, scale),
        "plain": lambda a, t, scale, bias: plain(a, t, scale),
        "sigmoid": SigmoidLoss(),
    }
    try:
        from open_clip.loss import ClipLoss, SigLipLoss
    except ImportError:
        return losses
    clip = ClipLoss()
    losses["open_clip"] = lambda a, t, scale, bias: clip(a, t, scale)
    losses["open_clip sigmoid"] = SigLipLoss()
    return losses


def make_job(loss, batch, dim, device):
    """Forward and backward of one loss.

    Arguments
    ---------
    loss : callable
        Of embeddings, scale and bias.
    batch : int
        Pairs.
    dim : int
        Of the embeddings.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    callable
        To be called with no argument.
    """
    torch.manual_seed(0)
    given = [
        normalize(torch.randn(batch, dim, device=device), dim=-1),
        normalize(torch.randn(batch, dim, device=device), dim=-1),
        torch.tensor(14.3, device=device),
        torch.tensor(-10.0, device=device),
    ]
    for x in given:
        x.requires_grad_()

    def _step():
        for x in given:
            x.grad = None
        loss(*given).backward()

    return _step


def child(name, batch, dim, device):
    """Measures one loss once and prints bytes and seconds as JSON.

    Arguments
    ---------
    name : str
        As in `make_losses`.
    batch : int
        Pairs.
    dim : int
        Of the embeddings.
    device : str
        "cpu" or "cuda".
    """
    loss = make_losses()[name]
    make_job(loss, 64, dim, device)()  # what is made once is no part of it
    job = make_job(loss, batch, dim, device)
    start = time.perf_counter()
    peak = peak_bytes(job, device)
    took = time.perf_counter() - start
    print(json.dumps({"bytes": peak, "seconds": took}))


def compare_times(batch, rounds, device):
    """Our losses against their peers, in turns.

    Arguments
    ---------
    batch : int
        Pairs.
    rounds : int
        Timed turns of each.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    tuple of list
        Claims, and whether their goals were reached.
    """
    losses, claims, goals = make_losses(), [], []
    for ours, theirs in (
        ("ours", "plain"),
        ("ours", "open_clip"),
        ("sigmoid", "open_clip sigmoid"),
    ):
        if theirs not in losses:
            continue
        pair = time_in_turns(
            *(make_job(losses[x], batch, DIM, device) for x in (ours, theirs)),
            rounds,
            warm_up=1,
            device=device,
        )
        claims.append(
            make_claim(
                f"time {batch}",
                *pair,
                "ms",
                "contrastive",
                name_peer(theirs),
                describe_device(device),
            )
        )
        done = "reached" if claims[-1]["ratio"] >= TIME_GOAL else "missed"
        goals.append(f"no slower than {theirs}: {done}")
    return claims, goals


def name_peer(name):
    """A peer's name and version.

    Arguments
    ---------
    name : str
        As in `make_losses`.

    Returns
    -------
    str
        In words.
    """
    if name == "plain":
        return "ContrastiveLoss, the B x B form"
    which = "SigLipLoss" if "sigmoid" in name else "ClipLoss"
    return f"open_clip {version('open_clip_torch')} {which}"


def compare_memory(batch, dim, device):
    """Peaks of our losses and of the plain form, each in its own process.

    Arguments
    ---------
    batch : int
        Pairs.
    dim : int
        Of the embeddings.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    tuple of list
        Claims, and whether their goals were reached.
    """
    found = {}
    for name in ("ours", "sigmoid", "plain"):
        arguments = (name, str(batch), str(dim), device)
        found[name] = run_in_child(__file__, "--child", *arguments)
        print(
            f"{name}: {found[name]['bytes'] / 2**20:.0f} MiB, "
            f"{found[name]['seconds']:.1f} s ({batch} x {dim}, one turn)",
            flush=True,
        )
    claims, goals = [], []
    for name in ("ours", "sigmoid"):
        claims.append(
            make_claim(
                f"memory {batch}",
                found[name]["bytes"] / 2**20,
                found["plain"]["bytes"] / 2**20,
                "MiB",
                "contrastive",
                name_peer("plain"),
                describe_device(device),
            )
        )
        text = f"{name}, {dim} numbers"
        if batch == LARGE_BATCH:
            done = claims[-1]["ratio"] >= MEMORY_GOAL
            text += f", {MEMORY_GOAL:g} times less: "
            text += "reached" if done else "missed"
        goals.append(text)
    return claims, goals


def main():
    """Measures and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="larger, longer")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    device = arguments.device
    if arguments.child:
        name, batch, dim, device = arguments.child
        child(name, int(batch), int(dim), device)
        return
    whole = arguments.full or device == "cuda"
    results = [compare_times(2048, 9, device)]
    if whole:
        results.append(compare_times(8192, 3, device))
    free = available_bytes()
    if device == "cuda":
        free = torch.cuda.mem_get_info()[0]
    batch = LARGE_BATCH
    while PLAIN_MATRICES * 4 * batch**2 > free:
        batch //= 2
    if batch < LARGE_BATCH:
        print(f"no room for the plain form at {LARGE_BATCH}: {batch} is tried")
    results.append(compare_memory(batch, DIM if whole else SMALL_DIM, device))
    claims, goals = (sum(x, []) for x in zip(*results, strict=True))
    print_report(claims, goals)


if __name__ == "__main__":
    main()
