"""The exact similarity join: its rate, and time and memory to the plain form.

    python benchmarks/join.py [--full]

Embeddings are made up in clusters, so that the threshold keeps one pair in
800 and lies where pairs are densest: 5 million of 200k x 20k with ``--full``.
The peer is what one writes by hand: products of blocks in float32,
``nonzero``, a list of dicts, a DataFrame (where pandas is there) to CSV.
Each runs in a process of its own.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import csv
import importlib.util
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from common import describe_device, make_claim, print_report

from speechbrain_clap.curation.join import SimilarityJoin
from speechbrain_clap.curation.store import EmbeddingStore, EmbeddingWriter

DIM, CLUSTERS, THRESHOLD, SPREAD = 1024, 400, 0.7, 0.65
GOALS = {"rate": 0.8, "time": 3.0, "memory": 5.0}
PEAK_GOAL = 2.0  # GiB, of the whole process
LARGE = 2_000_000, 128_000


def write_store(folder, rows, seed):
    """Makes up a store of clustered embeddings.

    Arguments
    ---------
    folder : pathlib.Path
        Where to write.
    rows : int
        How many.
    seed : int
        Of the rows; the clusters are the same for all.
    """
    centres = np.random.default_rng(0).standard_normal(
        (CLUSTERS, DIM), np.float32
    )
    generator = np.random.default_rng(seed)
    with EmbeddingWriter(folder, DIM) as writer:
        for start in range(0, rows, writer.part_rows):
            count = min(writer.part_rows, rows - start)
            noise = generator.standard_normal((count, DIM), np.float32)
            made = centres[generator.integers(0, CLUSTERS, count)]
            made += SPREAD * noise
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            names = [f"r{start + i}" for i in range(count)]
            writer.append(made, {"id": names})


def join_plainly(left, right, path):
    """As one writes it by hand.

    Arguments
    ---------
    left : speechbrain_clap.curation.store.EmbeddingStore
        M rows.
    right : speechbrain_clap.curation.store.EmbeddingStore
        N rows.
    path : pathlib.Path
        The CSV to write.

    Returns
    -------
    int
        How many pairs were kept.
    """
    a, b = (
        torch.nn.functional.normalize(
            torch.from_numpy(s.read(0, len(s))).float()
        )
        for s in (left, right)
    )
    found = []
    for start in range(0, len(a), 1000):
        scores = a[start : start + 1000] @ b.T
        i, j = (scores >= THRESHOLD).nonzero(as_tuple=True)
        values = scores[i, j].tolist()
        pairs = zip((i + start).tolist(), j.tolist(), values, strict=True)
        found += [
            {"left": x, "right": y, "similarity": value}
            for x, y, value in pairs
        ]
    if importlib.util.find_spec("pandas"):
        import pandas

        pandas.DataFrame(found).to_csv(path, index=False)
    else:
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, ["left", "right", "similarity"])
            writer.writeheader()
            writer.writerows(found)
    return len(found)


def sgemm_rate():
    """This machine's own rate of large float32 products, the better of two.

    Returns
    -------
    float
        In 1e9 operations a second, of torch or of NumPy.
    """
    a = torch.rand(2048, DIM)
    b = torch.rand(8192, DIM)
    rates = []
    for multiply in (
        lambda: a @ b.T,
        lambda: a.numpy() @ b.numpy().T,
    ):
        multiply()
        turns = []
        for _ in range(10):
            start = time.perf_counter()
            multiply()
            turns.append(time.perf_counter() - start)
        rates.append(2e-9 * len(a) * len(b) * DIM / statistics.median(turns))
    return max(rates)


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


def child(way, folder):
    """Does one thing once and prints what it took as JSON.

    Arguments
    ---------
    way : str
        "sgemm", "ours", "plain" or "cuda".
    folder : pathlib.Path
        Where the stores are.
    """
    if way == "sgemm":
        print(json.dumps({"rate": sgemm_rate()}))
        return
    left, right = (
        EmbeddingStore.open(folder / side) for side in ("left", "right")
    )
    device, memory = ("cuda", 4096) if way == "cuda" else ("cpu", 256)
    join = SimilarityJoin(
        THRESHOLD, memory_megabytes=memory, device=device, progress=False
    )
    with tempfile.TemporaryDirectory(dir=folder) as out:
        out = pathlib.Path(out)
        if way == "cuda":  # the card's own libraries start at the first product
            torch.ones(64, 64, device="cuda") @ torch.ones(
                64, 64, device="cuda"
            )
        before, start = held_bytes(), time.perf_counter()
        if way == "plain":
            pairs = join_plainly(left, right, out / "pairs.csv")
        else:
            pairs = join.run(left, right, out)["pairs"]
        seconds = time.perf_counter() - start
    found = {"seconds": seconds, "pairs": pairs, "peak": peak_bytes()}
    print(json.dumps({**found, "bytes": found["peak"] - before}))


def run_child(way, folder):
    """Runs `child` in a process of its own.

    Arguments
    ---------
    way : str
        See `child`.
    folder : str or pathlib.Path
        Where the stores are.

    Returns
    -------
    dict
        What it printed.
    """
    command = [sys.executable, __file__, "--child", way, str(folder)]
    printed = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return json.loads(printed.splitlines()[-1])


def main():
    """Joins in turns and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="200k x 20k")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        way, folder = arguments.child
        child(way, pathlib.Path(folder))
        return
    rows, columns = (200_000, 20_000) if arguments.full else (40_000, 20_000)
    ways = ["sgemm", "ours", "plain"]
    if torch.cuda.is_available():
        ways.append("cuda")
    found = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_store(folder / "left", rows, 1)
        write_store(folder / "right", columns, 2)
        guess = SimilarityJoin(THRESHOLD).estimate(
            EmbeddingStore.open(folder / "left"),
            EmbeddingStore.open(folder / "right"),
            sample=500,
        )
        for _ in range(3):
            for way, results in found.items():
                results.append(run_child(way, folder))

    def _median(way, key):
        return statistics.median(result[key] for result in found[way])

    work = 2e-9 * rows * columns * DIM
    seconds = _median("ours", "seconds")
    about = {"benchmark": "join", "device": describe_device("cpu")}
    pandas = "DataFrame" if importlib.util.find_spec("pandas") else "csv"
    plain = {**about, "peer": f"float32 blocks, nonzero, dicts, {pandas}"}
    claims = [
        make_claim(
            "rate",
            work / seconds,
            _median("sgemm", "rate"),
            "GF/s",
            **about,
            peer="sgemm alone, the better of torch and NumPy",
            smaller_is_better=False,
        ),
        make_claim("time", seconds, _median("plain", "seconds"), "s", **plain),
        make_claim(
            "memory",
            _median("ours", "bytes") / 2**20,
            _median("plain", "bytes") / 2**20,
            "MiB",
            **plain,
        ),
    ]
    goals = [
        f"{goal:g}x or more"
        + (": reached" if claim["ratio"] >= goal else ": missed")
        if arguments.full
        else f"{goal:g}x or more with --full"
        for goal, claim in zip(GOALS.values(), claims, strict=True)
    ]
    peak = _median("ours", "peak") / 2**30
    kept = f"{_median('ours', 'pairs') / 1e6:.3f}"
    off = guess["pairs"], guess["standard_error"]
    print(f"{rows} x {columns} x {DIM}: {kept} million pairs kept;")
    print(
        "the dry run said {:.3f} +- {:.3f} million".format(
            *(x / 1e6 for x in off)
        )
    )
    print(
        f"the plain form's rounding keeps {_median('plain', 'pairs'):.0f}, "
        f"ours {_median('ours', 'pairs'):.0f}"
    )
    print(
        f"peak of the whole process: {peak:.2f} GiB, at most {PEAK_GOAL:g}: "
        + ("reached" if peak <= PEAK_GOAL else "missed")
    )
    for way in set(ways) & {"ours", "cuda"}:
        scale = LARGE[0] * LARGE[1] / (rows * columns)
        device = describe_device("cuda" if way == "cuda" else "cpu")
        print(
            f"2 M x 128 k, from this slice: "
            f"{scale * _median(way, 'seconds') / 60:.1f} minutes on {device}"
        )
    print_report(claims, goals)


if __name__ == "__main__":
    main()
