"""Soundscapes a minute, against the same mix in plain loops.

Soundscapes of 10 s at 44.1 kHz of one background and three events, in LUFS,
written as 16-bit WAV with a JAMS beside each; the sources are noise and tones
of 44.1 kHz and 32 kHz in a temporary folder. Both sides use two processes,
which start before the clock does. The peer is pydub, which mixes in dBFS
(RMS), where that is installed, else soundfile, torchaudio's resampler and
NumPy: each source decoded whole, resampled whole, cut, scaled by its RMS,
added, and written. Neither peer measures LUFS, nor writes how it was made.
The goal: 300 a minute. The claim "rms" is like for like; "lufs" is what we do
unless told otherwise, and the peer still goes by RMS.

Run: ``python benchmarks/soundscape.py`` (``--full`` for five times as many).

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import concurrent.futures
import multiprocessing
import pathlib
import statistics
import tempfile
import time

import numpy as np
import soundfile
import torch
import torchaudio
from common import make_claim, print_report

from speechbrain_clap.synthesis.rendering import write_group
from speechbrain_clap.synthesis.soundscape import Mixer
from speechbrain_clap.synthesis.sources import SourceBank, rows_of_folder

try:
    from importlib.metadata import version

    from pydub import AudioSegment

    PEER = f"pydub {version('pydub')}"
except ImportError:
    AudioSegment = None
    PEER = f"soundfile {soundfile.__version__}, NumPy {np.__version__}"

RATE = 44100
MIXES = 40
ROUNDS = 3
WORKERS = 2
GOAL = 300


def make_sources(folder):
    """Writes backgrounds of 30 s and events of 5 s.

    Arguments
    ---------
    folder : pathlib.Path
        Gets one folder a label.
    """
    rng = np.random.default_rng(0)
    for label, seconds, count in (("rain", 30, 8), ("dog", 5, 16)):
        (folder / label).mkdir()
        for index in range(count):
            rate = 32000 if index % 4 == 3 else RATE
            wav = 0.1 * rng.standard_normal(seconds * rate)
            path = folder / label / f"{index}.wav"
            soundfile.write(path, wav, rate)


def plan_mixes(sources, level, count):
    """Draws what both sides mix.

    Arguments
    ---------
    sources : pathlib.Path
        From ``make_sources``.
    level : str
        "lufs" or "rms".
    count : int
        Soundscapes.

    Returns
    -------
    list of dict
        Plans.
    """
    mixer = Mixer(SourceBank(rows_of_folder(sources)), level=level)
    plans = []
    for index in range(count):
        rng = np.random.default_rng([1, index])
        layers = [mixer.background(rng, "rain")]
        layers += [mixer.event(rng, "dog") for _ in range(3)]
        plans.append(mixer.plan(rng, layers))
    return plans


def mix_plainly(task):
    """Mixes one plan with soundfile and NumPy.

    Arguments
    ---------
    task : tuple
        A path and a plan.
    """
    path, plan = task
    mix = np.zeros(int(plan["duration"] * RATE))
    for layer in plan["layers"]:
        wav, rate = soundfile.read(layer["source_file"], dtype="float32")
        if rate != RATE:
            wav = torchaudio.functional.resample(
                torch.from_numpy(wav), rate, RATE
            ).numpy()
        first = int(layer["source_time"] * RATE)
        wav = wav[first : first + int(layer["event_duration"] * RATE)]
        level = 20 * np.log10(np.sqrt(np.mean(wav**2)))
        wav = wav * 10 ** ((plan["ref_db"] + layer["snr"] - level) / 20)
        fade = np.linspace(0, 1, 441)
        wav[:441] *= fade
        wav[-441:] *= fade[::-1]
        first = int(layer["event_time"] * RATE)
        mix[first : first + len(wav)] += wav[: len(mix) - first]
    soundfile.write(path, mix / max(1.0, np.abs(mix).max()), RATE)


def mix_with_pydub(task):
    """Mixes one plan with pydub.

    Arguments
    ---------
    task : tuple
        A path and a plan.
    """
    path, plan = task
    mix = AudioSegment.silent(1000 * plan["duration"], RATE)
    for layer in plan["layers"]:
        wav = AudioSegment.from_wav(layer["source_file"]).set_frame_rate(RATE)
        first = 1000 * layer["source_time"]
        wav = wav[first : first + 1000 * layer["event_duration"]]
        wav = wav.apply_gain(plan["ref_db"] + layer["snr"] - wav.dBFS)
        wav = wav.fade_in(10).fade_out(10)
        mix = mix.overlay(wav, 1000 * layer["event_time"])
    mix.export(path, "wav")


def _one_thread():
    torch.set_num_threads(1)


def compare(folder, level, count):
    """Times both sides in turns, on the same plans.

    Arguments
    ---------
    folder : pathlib.Path
        Has ``sources``; soundscapes are written there.
    level : str
        "lufs" or "rms", of our side.
    count : int
        Soundscapes a round.

    Returns
    -------
    tuple of float
        Soundscapes a minute: ours and theirs.
    """
    plans = plan_mixes(folder / "sources", level, count)
    peer = mix_plainly if AudioSegment is None else mix_with_pydub
    context = multiprocessing.get_context("spawn")
    rates = ([], [])
    with concurrent.futures.ProcessPoolExecutor(
        WORKERS, context, _one_thread
    ) as pool:
        for turn in range(ROUNDS + 1):
            place = folder / f"{level}_{turn}"
            place.mkdir()
            # The first turn warms up, and starts the processes. Our cache of
            # sources lasts for a call of ours, so each turn has a new one.
            ours = [
                ([(place / f"{i}.wav", plan)], None, f"turn {turn}")
                for i, plan in enumerate(plans)
            ]
            theirs = [
                (place / f"peer_{i}.wav", plan) for i, plan in enumerate(plans)
            ]
            for function, tasks, record in (
                (write_group, ours, rates[0]),
                (peer, theirs, rates[1]),
            ):
                start = time.perf_counter()
                list(pool.map(function, tasks, chunksize=4))
                if turn:
                    taken = time.perf_counter() - start
                    record.append(60 * count / taken)
    return statistics.median(rates[0]), statistics.median(rates[1])


def main():
    """Compares, and prints the table and one JSON line per claim."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="five times longer")
    count = MIXES * (5 if parser.parse_args().full else 1)
    claims, goals = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "sources").mkdir()
        make_sources(folder / "sources")
        for level in ("rms", "lufs"):
            ours, theirs = compare(folder, level, count)
            claims.append(
                make_claim(
                    level,
                    ours,
                    theirs,
                    "/min",
                    "soundscape",
                    PEER,
                    f"cpu, {WORKERS} processes",
                    smaller_is_better=False,
                )
            )
            reached = "reached" if ours >= GOAL else "missed"
            goals.append(f"{GOAL} a minute or more: {reached}")
    print_report(claims, goals)


if __name__ == "__main__":
    main()
