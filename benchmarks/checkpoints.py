"""Loading the largest published family: seconds, and memory to its file.

    python benchmarks/checkpoints.py [--full]

A file of ClapCap's official layout and size is made of random numbers in a
temporary folder (0.9 GB). Each way loads it in a process of its own. The peer
is what one writes by hand: torch.load, a network that first fills itself,
load_state_dict. ``--full`` takes more turns.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from common import describe_device, make_claim, print_report

from speechbrain_clap.checkpoints import load_published, save_published
from speechbrain_clap.checkpoints.building import NoInitialisation
from speechbrain_clap.checkpoints.networks import build
from speechbrain_clap.checkpoints.reading import read_state

FAMILY = "msclap_clapcap"
SECONDS_GOAL, MEMORY_GOAL = 10.0, 1.3


def write_file(path):
    """Writes a file of the family's layout, filled with small numbers.

    Arguments
    ---------
    path : pathlib.Path
        The file.
    """
    with NoInitialisation():
        model = build(FAMILY, "published", None, set())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.01, 0.01)
    save_published(model, FAMILY, path)


def load_plainly(path):
    """As one writes it by hand.

    Arguments
    ---------
    path : pathlib.Path
        The file.

    Returns
    -------
    speechbrain_clap.checkpoints.models.PublishedModel
        In eval mode.
    """
    state = read_state(path, ("model",))
    model = build(FAMILY, "published", None, set(state))
    filled = {k: v.clone() for k, v in model.net.state_dict().items()}
    for key, value in state.items():
        target = model.keys.ours(key)
        if target in filled:  # not the Fourier kernels
            filled[target].copy_(value)
    model.net.load_state_dict(filled)
    return model.eval()


def peak_bytes():
    """The most memory that this process has held.

    Returns
    -------
    int
        Bytes.
    """
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def held_bytes():
    """The memory that this process holds now (Linux).

    Returns
    -------
    int
        Bytes.
    """
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def child(way, path):
    """Loads once and prints seconds and bytes as JSON.

    Arguments
    ---------
    way : str
        "ours" or "plain".
    path : pathlib.Path
        The file.
    """
    with NoInitialisation():  # what is imported on the way is no part of it
        build(FAMILY, "published", None, set())
    start, before = time.perf_counter(), held_bytes()
    model = {"ours": lambda: load_published(FAMILY, path)}.get(
        way, lambda: load_plainly(path)
    )()
    # Some versions of torch map the file and read it when it is used.
    assert all(x.sum().isfinite() for x in model.parameters())
    took = time.perf_counter() - start
    print(json.dumps({"seconds": took, "bytes": peak_bytes() - before}))


def main():
    """Loads in turns and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more turns")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "clapcap.pth"
        write_file(path)
        size = path.stat().st_size
        found = {"ours": [], "plain": []}
        for _ in range(5 if arguments.full else 2):
            for way, results in found.items():
                command = [sys.executable, __file__, "--child", way, str(path)]
                printed = subprocess.run(
                    command, check=True, capture_output=True, text=True
                ).stdout
                results.append(json.loads(printed.splitlines()[-1]))
    about = {
        "benchmark": "checkpoints",
        "peer": "torch.load, build, load_state_dict",
        "device": describe_device("cpu"),
    }
    claims = []
    for claim, key, scale, unit in (
        ("time", "seconds", 1.0, "s"),
        ("memory", "bytes", size, "file"),
    ):
        ours, theirs = (
            statistics.median(result[key] for result in found[way]) / scale
            for way in ("ours", "plain")
        )
        claims.append(make_claim(claim, ours, theirs, unit, **about))
    print(f"{FAMILY}: a file of {size / 1e6:.0f} MB")
    goals = [
        f"at most {goal:g} {claim['unit']}: "
        + ("reached" if claim["ours"] <= goal else "missed")
        for goal, claim in zip((SECONDS_GOAL, MEMORY_GOAL), claims, strict=True)
    ]
    print_report(claims, goals)


if __name__ == "__main__":
    main()
