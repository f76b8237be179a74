"""Searching an index of 100,000 sounds: time, memory, recall, upkeep.

    python benchmarks/search.py [--full]

Embeddings of 1024 numbers are made up, with a spectrum that falls as 1 / i,
so that there are no clusters that would make faiss's work easy. Queries are a
row plus a share of another, as a sound and a modifier. The peer is what one
writes by hand: a normalised copy in memory, a matrix product, an argsort;
and faiss's own exact index, where that package is installed.

Upkeep is timed on 4,000 small files (100,000 with ``--full``) with a model
that costs nothing: hashing, storing and checking is all there is. Its peer
keeps nothing for a kill: hash each file, collect, ``np.save``.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

import numpy as np
import torch
from common import describe_device, make_claim, print_report, time_in_turns

from speechbrain_clap.inference import SoundIndex
from speechbrain_clap.inference.index_files import SoundRow, write_index
from speechbrain_clap.inference.nearest import ApproximateSearch, ExactSearch
from speechbrain_clap.utils.digest import sha256

ROWS, DIM, K, QUERIES, BLOCK = 100_000, 1024, 10, 50, 4096
FILES, ALL_FILES = 4_000, 100_000
QUERY_GOAL = 50.0  # ms
RECALL_GOAL = 0.95


class FreeModel(torch.nn.Module):
    """Gives vectors without listening."""

    sample_rate = 16000

    def __init__(self):
        super().__init__()
        self.hparams = types.SimpleNamespace(clip_policy={})
        self.ready = torch.rand(1000, DIM)

    def embed_audio_files(self, paths, batch_size):
        """Gives a vector for each file.

        Arguments
        ---------
        paths : list of str
            The files; not opened.
        batch_size : int
            Not used.

        Returns
        -------
        torch.Tensor
            [len(paths), D].
        """
        return self.ready[: len(paths)]


def write_made_up(folder):
    """Makes an index of made-up embeddings.

    Arguments
    ---------
    folder : pathlib.Path
        Where to.
    """
    draw = np.random.default_rng(0)
    spectrum = np.arange(1, DIM + 1, dtype=np.float32) ** -0.5
    vectors = np.empty((ROWS, DIM), np.float32)
    for first in range(0, ROWS, BLOCK):
        block = vectors[first : first + BLOCK]
        block[:] = spectrum * draw.standard_normal(block.shape, np.float32)
    rows = [SoundRow(f"{i:06}.wav", 1, 1, 1, "", None) for i in range(ROWS)]
    about = {"sounds": "", "fingerprint": {}, "model": None, "weights": None}
    folder.mkdir()
    write_index(folder, None, about, rows, list(range(ROWS)), vectors)


def make_queries(vectors):
    """Makes up queries: a row plus a share of another.

    Arguments
    ---------
    vectors : np.ndarray
        [N, D].

    Returns
    -------
    list of np.ndarray
        [D] each.
    """
    draw = np.random.default_rng(1)
    pairs = draw.integers(0, ROWS, (QUERIES, 2))
    shares = draw.uniform(0, 1, QUERIES)
    return [
        vectors[i].astype(np.float64) + share * vectors[j]
        for (i, j), share in zip(pairs, shares, strict=True)
    ]


class PlainSearch:
    """As one writes it by hand.

    Arguments
    ---------
    vectors : np.ndarray
        [N, D].
    """

    def __init__(self, vectors):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.normalized = vectors / norms

    def __call__(self, query, k):
        """Finds the best rows.

        Arguments
        ---------
        query : np.ndarray
            [D].
        k : int
            How many.

        Returns
        -------
        np.ndarray
            Rows, [k].
        """
        query = (query / np.linalg.norm(query)).astype(np.float32)
        return np.argsort(-(self.normalized @ query), kind="stable")[:k]


def private_bytes():
    """The memory that this process has for itself (Linux).

    Returns
    -------
    int
        Bytes. Pages of mapped files, which all processes share and the
        system may drop, are not among them.
    """
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def child(way, folder):
    """Opens, searches once and prints what that took, as JSON.

    Arguments
    ---------
    way : str
        "ours" or "plain".
    folder : str
        Of the index.
    """
    query = np.random.default_rng(2).standard_normal(DIM)
    np.ones((64, 64)) @ np.ones((64, 64))  # starts the library's threads
    before, start = private_bytes(), time.perf_counter()
    if way == "ours":
        index = SoundIndex(folder)
        ExactSearch(index.vectors)(query, K)
    else:
        vectors = np.load(f"{folder}/plain.npy")
        with open(f"{folder}/plain.json") as file:
            names = json.load(file)
        search = PlainSearch(vectors)
        del vectors
        [names[row] for row in search(query, K)]
    seconds = time.perf_counter() - start
    print(json.dumps({"s": seconds, "bytes": private_bytes() - before}))


def run_child(way, folder):
    """Runs `child` in a process of its own, three times.

    Arguments
    ---------
    way : str
        See `child`.
    folder : pathlib.Path
        See `child`.

    Returns
    -------
    tuple of float
        The medians: seconds, and MiB.
    """
    command = [sys.executable, __file__, "--child", way, str(folder)]
    found = [
        json.loads(subprocess.run(command, check=True, stdout=-1).stdout)
        for _ in range(3)
    ]
    return (
        statistics.median(one["s"] for one in found),
        statistics.median(one["bytes"] for one in found) / 2**20,
    )


def time_upkeep(folder, files):
    """Times making an index, and updates of nothing and of one percent.

    Arguments
    ---------
    folder : pathlib.Path
        Where to work.
    files : int
        How many files.

    Returns
    -------
    dict
        Seconds.
    """
    sounds = folder / "sounds"
    for i in range(files):
        path = sounds / f"{i // 1000}" / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % i)
    seconds = {}

    def _timed(name, function):
        start = time.perf_counter()
        function()
        seconds[name] = time.perf_counter() - start

    def _plain():
        ready, paths = torch.rand(16, DIM).numpy(), []
        for path in sounds.rglob("*.wav"):
            paths.append((str(path), sha256(path)))
        collected = [ready[i % 16] for i in range(len(paths))]
        np.save(folder / "plain.npy", np.stack(collected))
        (folder / "plain.json").write_text(json.dumps(paths))

    index = SoundIndex(folder / "kept", FreeModel())
    _timed("plain", _plain)
    _timed("build", lambda: index.update(sounds))
    _timed("nothing", index.update)
    for i in range(0, files, 100):
        (sounds / f"{i // 1000}" / f"{i}.wav").write_bytes(b"changed %d" % i)
    _timed("one percent", index.update)
    assert len(index) == files
    return seconds


def try_faiss(folder, vectors, queries, exact):
    """Compares the search by faiss with the exact one, and faiss's own.

    Arguments
    ---------
    folder : pathlib.Path
        Where its index goes.
    vectors : np.ndarray
        [N, D].
    queries : list of np.ndarray
        [D] each.
    exact : ExactSearch
        Ours.

    Returns
    -------
    tuple
        Recall, seconds to build, bytes of its file, ms of (the exact search,
        faiss's exact one) and of (the approximate search, ours).
    """
    import faiss

    flat = faiss.IndexFlatIP(DIM)
    for first in range(0, ROWS, BLOCK):
        block = vectors[first : first + BLOCK]
        flat.add(block / np.linalg.norm(block, axis=1, keepdims=True))

    def _flat(query):
        query = query / np.linalg.norm(query)
        return flat.search(query[None].astype(np.float32), K)[1][0]

    of_flat = time_in_turns(
        in_turn(lambda query: exact(query, K), queries),
        in_turn(_flat, queries),
    )
    path = folder / "approximate.faiss"
    start = time.perf_counter()
    search = ApproximateSearch(vectors, path)
    build = time.perf_counter() - start
    recall = statistics.mean(
        len({*search(query, K)[0]} & {*exact(query, K)[0]}) / K
        for query in queries
    )
    of_cells = time_in_turns(
        in_turn(lambda query: search(query, K), queries),
        in_turn(lambda query: exact(query, K), queries),
    )
    return recall, build, path.stat().st_size, of_flat, of_cells


def in_turn(function, queries):
    """A function without arguments that takes one query after the other.

    Arguments
    ---------
    function : callable
        Takes a query.
    queries : list
        Taken over and over.

    Returns
    -------
    callable
        To be timed.
    """
    turn = iter(range(10**9))
    return lambda: function(queries[next(turn) % len(queries)])


def main():
    """Measures and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="100,000 files")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    about = {"benchmark": "search", "device": describe_device("cpu")}
    plain = {**about, "peer": f"NumPy {np.__version__} by hand"}
    claims, goals = [], []

    def _claim(name, ours, theirs, unit, goal="no goal of its own", **options):
        claims.append(make_claim(name, ours, theirs, unit, **options))
        goals.append(goal)

    def _reached(words, reached):
        return f"{words}: {'reached' if reached else 'missed'}"

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        made = folder / "index"
        write_made_up(made)
        index = SoundIndex(made)
        vectors, queries = index.vectors, make_queries(index.vectors)
        np.save(made / "plain.npy", vectors)
        (made / "plain.json").write_text(json.dumps(index.paths))
        (ours, ours_mib), (theirs, their_mib) = (
            run_child(way, made) for way in ("ours", "plain")
        )
        _claim("first answer", ours, theirs, "s", **plain)
        _claim("memory", ours_mib, their_mib, "MiB", **plain)

        exact, by_hand = ExactSearch(vectors), PlainSearch(vectors)
        for query in queries:
            assert (exact(query, K)[0] == by_hand(query, K)).all()
        one = np.ones(DIM, np.float32)
        product, _ = time_in_turns(
            lambda: by_hand.normalized @ one,
            in_turn(lambda query: exact(query, K), queries),
        )
        times = time_in_turns(
            in_turn(lambda query: exact(query, K), queries),
            in_turn(lambda query: by_hand(query, K), queries),
            rounds=30,
        )
        goal = f"under {QUERY_GOAL:g} ms"
        goal = _reached(goal, times[0] < QUERY_GOAL)
        _claim("query", *times, "ms", goal, **plain, limit=round(product, 1))

        if importlib.util.find_spec("faiss"):
            recall, build, size, of_flat, of_cells = try_faiss(
                folder, vectors, queries, exact
            )
            import faiss

            name = f"faiss {faiss.__version__} IndexFlatIP"
            _claim("query, flat", *of_flat, "ms", **about, peer=name)
            ways = {**about, "peer": "our exact search"}
            _claim("faiss query", *of_cells, "ms", **ways)
            goal = _reached(f"{RECALL_GOAL:g}", recall >= RECALL_GOAL)
            ways["smaller_is_better"] = False
            _claim("faiss recall", recall, 1.0, "of 10", goal, **ways)
            print(
                f"faiss's cells took {build:.1f} s to make, and "
                f"{size / 2**20:.0f} MiB; the vectors "
                f"{vectors.nbytes / 2**20:.0f} MiB"
            )
        files = ALL_FILES if arguments.full else FILES
        seconds = time_upkeep(folder, files)
        peer = {**about, "peer": "hash, collect, np.save"}
        _claim("build", seconds["build"], seconds["plain"], "s", **peer)
        peer = {**about, "peer": "our build of all"}
        for name in ("nothing", "one percent"):
            _claim(name, seconds[name], seconds["build"], "s", **peer)
        print(f"{ROWS:,} x {DIM}; build and updates: {files:,} small files")
    print_report(claims, goals)


if __name__ == "__main__":
    main()
