"""Reading 5 s out of files of 60 s, against decoding these whole.

FLAC, Ogg Vorbis and WAV of 44.1 kHz, 16 bits, mono, made in a temporary
folder; the disk's cache holds them, so that decoding is what is measured, on
one thread, as in a worker of a data loader. Both sides cut at the same random
places. At 32 kHz there are two peers: the usual one resamples what it decoded
and then cuts; the frugal one ("cut") cuts first and resamples 5 s. The goal:
4 times as fast as the usual one. Decoding alone can gain 12 at most, if each
second of a file costs alike. The last line is the resampler alone, on 5 s.

Run: ``python benchmarks/segments.py``.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import random
import tempfile
from importlib.metadata import version

import numpy
import soundfile
import torch
import torchaudio
from common import describe_device, make_claim, print_report, time_in_turns

from speechbrain_clap.dataio.resampling import resample
from speechbrain_clap.dataio.segments import SegmentReader

FILE_RATE = 44100
RESAMPLED = 32000
FILE_SECONDS = 60
SECONDS = 5
FILES = 4
ROUNDS = 15
FORMATS = ("flac", "ogg", "wav")
FASTER_GOAL = 4.0
DIFFERENCE_ALLOWED = 1e-4


def make_files(folder):
    """Writes noise under rising tones in every format.

    Arguments
    ---------
    folder : pathlib.Path
        Where to.

    Returns
    -------
    dict
        Format to a list of paths.
    """
    seconds = numpy.arange(FILE_RATE * FILE_SECONDS) / FILE_RATE
    paths = {suffix: [] for suffix in FORMATS}
    for i in range(FILES):
        noise = numpy.random.default_rng(i).standard_normal(len(seconds))
        tone = numpy.sin(
            2 * numpy.pi * (100 * (i + 1) + 20 * seconds) * seconds
        )
        values = 0.3 * tone + 0.05 * noise
        for suffix in FORMATS:
            path = folder / f"{i}.{suffix}"
            paths[suffix].append(path)
            with soundfile.SoundFile(path, "w", FILE_RATE, 1) as file:
                for first in range(0, len(values), FILE_RATE):
                    file.write(values[first : first + FILE_RATE])
    return paths


class WholeReader:
    """Decodes a file whole and cuts, as most recipes do.

    Arguments
    ---------
    sample_rate : int
        The rate wanted, in Hz.
    cut_first : bool
        Resamples only what it keeps.
    """

    def __init__(self, sample_rate, cut_first):
        self.resample = torch.nn.Identity()
        if sample_rate != FILE_RATE:
            self.resample = torchaudio.transforms.Resample(
                FILE_RATE, sample_rate
            )
        self.rate = FILE_RATE if cut_first else sample_rate
        self.cut_first = cut_first

    def __call__(self, path, position):
        """Reads a crop.

        Arguments
        ---------
        path : pathlib.Path
            The file.
        position : float
            Where in the slack the crop lies.

        Returns
        -------
        torch.Tensor
            Float32, [T].
        """
        values, _ = soundfile.read(path, dtype="float32")
        wav = torch.from_numpy(values)
        if not self.cut_first:
            wav = self.resample(wav)
        length = SECONDS * self.rate
        first = int(position * (len(wav) - length))
        wav = wav[first : first + length]
        return self.resample(wav) if self.cut_first else wav


def compare(paths, sample_rate, cut_first):
    """Times both readers on the same crops of the same files.

    Arguments
    ---------
    paths : list of pathlib.Path
        Files of one format.
    sample_rate : int
        The rate wanted, in Hz.
    cut_first : bool
        Which peer.

    Returns
    -------
    tuple
        Our median and the peer's, in milliseconds per crop.

    Raises
    ------
    AssertionError
        If the two do not read the same.
    """
    reader = SegmentReader(sample_rate, SECONDS)
    peer = WholeReader(sample_rate, cut_first)

    def _ours(path, position):
        return reader(path, position=position)

    def _turns(read):
        # Each side has its own, equal, sequence of places.
        draw = random.Random(0)

        def _turn():
            for path in paths:
                read(path, draw.random())

        return _turn

    if not cut_first:  # which starts between two samples of the other rate
        difference = (_ours(paths[0], 0.3) - peer(paths[0], 0.3)).abs().max()
        assert difference <= DIFFERENCE_ALLOWED, f"differ by {difference}"
    times = time_in_turns(_turns(_ours), _turns(peer), rounds=ROUNDS)
    return tuple(time / len(paths) for time in times)


def main():
    """Makes the files, compares the readers and prints the report."""
    torch.set_num_threads(1)
    device = describe_device("cpu").replace("threads", "thread")
    soundfile_name = f"soundfile {version('soundfile')}, whole file"
    torchaudio_name = f"torchaudio {version('torchaudio')}"
    both = f"{soundfile_name}, {torchaudio_name}"
    cases = (
        (FILE_RATE, False, "", soundfile_name, FILE_SECONDS / SECONDS),
        (RESAMPLED, False, " 32k", both, None),
        (RESAMPLED, True, " 32k cut", f"{both} on the crop", None),
    )
    claims, goals = [], []
    with tempfile.TemporaryDirectory() as folder:
        for suffix, paths in make_files(pathlib.Path(folder)).items():
            for sample_rate, cut_first, name, peer, limit in cases:
                times = compare(paths, sample_rate, cut_first)
                claim = make_claim(
                    suffix + name,
                    *times,
                    "ms",
                    benchmark="segments",
                    peer=peer,
                    device=device,
                    limit=limit,
                )
                reached = claim["ratio"] >= FASTER_GOAL
                claims.append(claim)
                goals.append(
                    "no goal of its own"
                    if cut_first
                    else f"{FASTER_GOAL:g} times as fast: "
                    + ("reached" if reached else "missed")
                )
    wav = torch.rand(FILE_RATE * SECONDS)
    peer = torchaudio.transforms.Resample(FILE_RATE, RESAMPLED)
    times = time_in_turns(
        lambda: resample(wav, FILE_RATE, RESAMPLED), lambda: peer(wav), 100
    )
    claims.append(
        make_claim(
            "resample 32k",
            *times,
            "ms",
            benchmark="segments",
            peer=torchaudio_name,
            device=device,
        )
    )
    goals.append("no goal of its own")
    print(
        f"{SECONDS} s out of {FILE_SECONDS} s at {FILE_RATE} Hz, per crop, "
        f"at that rate and at {RESAMPLED} Hz"
    )
    print_report(claims, goals)


if __name__ == "__main__":
    main()
