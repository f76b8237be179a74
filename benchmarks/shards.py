"""Reading clips from shards against loose files and against webdataset.

One shuffled epoch of many short clips (FLAC of 2 s at 16 kHz and a JSON each,
or the manifest in memory), decoded into batches, with 0 and 2 workers, with
the files in memory (warm) and dropped from it before (cold, where the system
allows). Ours reads by the index, in the order of ``MixtureBatches``; loose
files are read by the same code from the manifest; webdataset reads its tars
from end to end through its shuffling buffer, which is no whole permutation,
and decodes with the same reader. Each turn reads every clip once. The goals:
not slower than either.

Run: ``python benchmarks/shards.py`` (`--full`: ten times as many clips; the
extra ``shards`` for webdataset, else it is left out).

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import importlib.util
import io
import json
import os
import pathlib
import statistics
import tempfile
import time
from importlib.metadata import version

import numpy
import soundfile
import torch
from common import describe_device, make_claim, print_report

from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ManifestPairs, PairDataset
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.shard_packing import pack
from speechbrain_clap.dataio.shards import ShardPairs

SAMPLE_RATE = 16000
SECONDS = 2
CLIPS = 2000
SHARD_MEGABYTES = 10
BATCH = 50
ROUNDS = 5
BUFFER = 1000  # webdataset's default for shuffling, in samples


def make_clips(folder, clips):
    """Writes noises, in folders of a thousand as large sets have them.

    Arguments
    ---------
    folder : pathlib.Path
        For the files.
    clips : int
        How many.

    Returns
    -------
    dict
        Their manifest.
    """
    rows = {}
    noise = numpy.random.default_rng(0).normal(0, 0.05, SAMPLE_RATE * 60)
    for i in range(clips):
        path = folder / f"{i // 1000}" / f"{i}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = 271 * i % (len(noise) - SAMPLE_RATE * SECONDS)
        part = noise[start : start + SAMPLE_RATE * SECONDS]
        soundfile.write(path, part, SAMPLE_RATE)
        rows[f"clip{i}"] = {"path": str(path), "captions": [f"noise {i}"]}
    return rows


def drop_from_memory(folder):
    """Asks the system to forget the contents of the files in a folder.

    Arguments
    ---------
    folder : pathlib.Path
        With all that it holds.

    Returns
    -------
    bool
        Whether the system can be asked.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def loader(pairs, workers):
    """The loader that recipes use.

    Arguments
    ---------
    pairs : object
        A source of pairs.
    workers : int
        Processes.

    Returns
    -------
    torch.utils.data.DataLoader
        Batches with `sig` [BATCH, T].
    """
    return torch.utils.data.DataLoader(
        PairDataset([pairs], SegmentReader(SAMPLE_RATE, SECONDS), seed=0),
        batch_sampler=MixtureBatches([pairs], BATCH, seed=0),
        num_workers=workers,
        collate_fn=ClipCollate(fill=True),
    )


def webdataset_loader(tars, workers):
    """The peer's loader, as its manual shows it.

    Arguments
    ---------
    tars : list of str
        The shards.
    workers : int
        Processes.

    Returns
    -------
    torch.utils.data.DataLoader
        Batches with `sig` [BATCH, T].
    """
    import webdataset

    samples = webdataset.WebDataset(tars, shardshuffle=len(tars), seed=0)
    return torch.utils.data.DataLoader(
        samples.shuffle(BUFFER).map(_decode),
        batch_size=BATCH,
        num_workers=workers,
        collate_fn=ClipCollate(fill=True),
    )


def _decode(sample):
    wav, _ = soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")
    row = json.loads(sample["json"])
    return {"id": row["id"], "sig": torch.from_numpy(wav), **row}


def read_epoch(loader, clips):
    """Reads one epoch.

    Arguments
    ---------
    loader : torch.utils.data.DataLoader
        Of a part of the clips or of all.
    clips : int
        How many there must be.

    Returns
    -------
    float
        Clips per second.
    """
    start = time.perf_counter()
    names = [name for batch in loader for name in batch.id]
    seconds = time.perf_counter() - start
    if len(set(names)) != clips or len(names) != clips:
        raise RuntimeError(f"{len(names)} clips were read, expected {clips}")
    return clips / seconds


def main():
    """Writes the clips, packs them, reads them in turns, prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--full", action="store_true", help="ten times as many clips"
    )
    clips = CLIPS * (10 if parser.parse_args().full else 1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows = make_clips(folder / "clips", clips)
        start = time.perf_counter()
        report = pack(rows, folder / "shards", SHARD_MEGABYTES)
        seconds = time.perf_counter() - start
        print(
            f"{clips} clips of {SECONDS} s, {report['bytes'] / 1e6:.0f} MB in "
            f"{report['shards']} shards, packed at {clips / seconds:.0f} "
            "clips/s"
        )
        loose = ManifestPairs("noise", rows)
        packed = ShardPairs("noise", folder / "shards")
        tars = [path for path, _ in packed.tars]
        readers = {
            "ours": lambda workers: loader(packed, workers),
            "loose files": lambda workers: loader(loose, workers),
        }
        if importlib.util.find_spec("webdataset"):
            peer = f"webdataset {version('webdataset')}"
            readers[peer] = lambda workers: webdataset_loader(tars, workers)
        claims = []
        for workers in (0, 2):
            for state in ("warm", "cold"):
                claims += compare(readers, workers, state, clips, folder)
    goals = [
        f"not slower: {'reached' if claim['ratio'] >= 1 else 'missed'}"
        for claim in claims
    ]
    print_report(claims, goals)


def compare(readers, workers, state, clips, folder):
    """Reads epochs in turns.

    Arguments
    ---------
    readers : dict
        Name to what makes a loader for a number of workers; "ours" and peers.
    workers : int
        Processes.
    state : str
        "warm", or "cold": the files are dropped from memory before each turn.
    clips : int
        In an epoch.
    folder : pathlib.Path
        Holds all files.

    Returns
    -------
    list of dict
        A claim for each peer; none where the system cannot drop files.
    """
    rates = {name: [] for name in readers}
    for turn in range(ROUNDS + 1):
        for name, make in readers.items():
            if state == "cold" and not drop_from_memory(folder):
                return []
            rate = read_epoch(make(workers), clips)
            if turn:  # the first one warms up
                rates[name].append(rate)
    medians = {name: statistics.median(rates[name]) for name in rates}
    return [
        make_claim(
            f"{workers} w. {state}",
            medians["ours"],
            medians[peer],
            "clip/s",
            benchmark="shards",
            peer=peer,
            device=f"{describe_device('cpu')} a process",
            smaller_is_better=False,
        )
        for peer in list(readers)[1:]
    ]


if __name__ == "__main__":
    main()
