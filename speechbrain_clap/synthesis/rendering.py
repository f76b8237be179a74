"""Soundscapes from plans to files: no randomness, the same bytes each time.

The plan of a soundscape lies as JAMS beside its audio (see ``jams.py``), and
``remake`` makes the audio again of it.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import hashlib
import os
import pathlib
import time

import numpy as np
import soundfile
import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.synthesis.jams import SUFFIX, read_jams, write_jams
from speechbrain_clap.synthesis.loudness import level_db
from speechbrain_clap.synthesis.stretch import stretch_and_shift
from speechbrain_clap.synthesis.workers import run_tasks
from speechbrain_clap.utils.files import atomic_write

logger = get_logger(__name__)

CACHE_MEGABYTES = 256  # of decoded sources, in each process
CROSS_FADE = 0.05  # seconds, where a source that is too short begins anew
FULL_SCALE = 32767  # of 16 bits


def render(plan, source_root=None, reader=None):
    """Mixes a soundscape, as loud as it comes out.

    Arguments
    ---------
    plan : dict
        From ``Mixer.plan`` or ``read_jams``.
    source_root : str or pathlib.Path or None
        What the plan's relative paths begin at. None: the working folder.
    reader : SegmentReader or None
        At the plan's rate, under the rule "stop". None: a new one.

    Returns
    -------
    numpy.ndarray
        Float64, [T]. It may exceed 1: ``save`` scales it.

    Raises
    ------
    BadClipError
        If a source is missing, undecodable, or silent where it is cut.

    Example
    -------
    >>> layers = []
    >>> plan = {"duration": 1.0, "sample_rate": 8000, "layers": layers}
    >>> render(plan).shape
    (8000,)
    """
    rate = plan["sample_rate"]
    reader = reader or SegmentReader(rate, on_bad_clip="stop")
    mix = np.zeros(round(plan["duration"] * rate))
    for layer in plan["layers"]:
        wav = _layer(plan, layer, source_root, reader)
        first = round(layer["event_time"] * rate)
        wav = wav[: len(mix) - first]
        mix[first : first + len(wav)] += wav
    return mix


def _layer(plan, layer, source_root, reader):
    """One layer [T], at its level and with its fades."""
    rate = plan["sample_rate"]
    path = pathlib.Path(source_root or "", layer["source_file"])
    length = round(layer["event_duration"] * rate)
    try:
        wav = _excerpt(reader, path, layer, length)
    except BadClipError as error:
        raise BadClipError(
            f"{error.__cause__ or error}. Mend the file, or leave it out of "
            "the sources by an exclusion list"
        ) from error
    shift, stretch = layer["pitch_shift"], layer["time_stretch"]
    if shift is not None or stretch is not None:
        wav = stretch_and_shift(wav, stretch, shift)
    wav = wav.numpy().astype(np.float64)
    target = plan["ref_db"] + layer["snr"]
    wav *= 10 ** ((target - level_db(wav, rate, plan["level"])) / 20)
    fade = min(round(plan["fade_seconds"] * rate), len(wav) // 2)
    if fade:
        curve = np.sin(np.linspace(0, np.pi / 2, fade))
        wav[:fade] *= curve
        wav[-fade:] *= curve[::-1]
    return wav


def _excerpt(reader, path, layer, length):
    """The samples of a source that a layer takes, as a tensor."""
    begin = layer["source_time"]
    if layer["loop"] is None:
        # Half a sample further, so that rounding loses none.
        stop = begin + (length + 0.5) / reader.sample_rate
        wav = reader(path, begin, stop)[:length]
        # A sample may be missing where the end of a file was rounded down.
        if len(wav) >= length - 2 or layer["role"] != "background":
            return wav
        loop = [0.0, None]
    else:
        loop = layer["loop"]
    wav = reader(path, *loop).clone()
    fade = min(round(CROSS_FADE * reader.sample_rate), len(wav) // 2)
    if fade:
        curve = torch.linspace(0, torch.pi / 2, fade).sin()
        wav[:fade] = wav[:fade] * curve + wav[-fade:] * curve.flip(0)
        wav = wav[:-fade]
    offset = round((begin - loop[0]) * reader.sample_rate)
    return wav[(offset + np.arange(length)) % len(wav)]


def save(path, plan, mix, scale=1.0):
    """Writes 16-bit audio and the JAMS that tells how it came about.

    Arguments
    ---------
    path : str or pathlib.Path
        The audio; .wav or .flac. The JAMS gets the same name with .jams.
    plan : dict
        From ``Mixer.plan``.
    mix : numpy.ndarray
        From ``render``.
    scale : float
        Factor on the mix, noted in the JAMS: below 1 where it would clip.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> plan = {"duration": 1.0, "sample_rate": 8000, "ref_db": -20.0}
    >>> plan |= {"level": "lufs", "fade_seconds": 0.0, "layers": []}
    >>> save(path, plan, render(plan))
    >>> sorted(file.name for file in path.parent.iterdir())
    ['a.jams', 'a.wav']
    """
    path = pathlib.Path(path)
    samples = np.round(mix * scale * FULL_SCALE).astype("<i2")
    with atomic_write(path) as temporary:
        soundfile.write(
            temporary, samples, plan["sample_rate"], subtype="PCM_16"
        )
    # Last, for it says that the audio is there.
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    write_jams(path.with_suffix(SUFFIX), plan, scale, digest)


def remake(jams_path, path, source_root=None, check=True):
    """Makes a soundscape again, byte for byte, of its JAMS and its sources.

    It reads what Scaper wrote, too (without reverberation); then the bytes
    are not Scaper's, but times and levels are.

    Arguments
    ---------
    jams_path : str or pathlib.Path
        Written by ``save``.
    path : str or pathlib.Path
        Where to.
    source_root : str or pathlib.Path or None
        Where the sources lie.
    check : bool
        False: samples that differ from the noted ones are only logged, such
        as those of another machine that rounds otherwise.

    Raises
    ------
    ValueError
        If the samples are others than the JAMS has noted.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> plan = {"duration": 1.0, "sample_rate": 8000, "ref_db": -20.0}
    >>> plan |= {"level": "lufs", "fade_seconds": 0.0, "layers": []}
    >>> save(folder / "a.wav", plan, render(plan))
    >>> remake(folder / "a.jams", folder / "b.wav")
    >>> (folder / "a.wav").read_bytes() == (folder / "b.wav").read_bytes()
    True
    """
    plan, scale, digest = read_jams(jams_path)
    mix = render(plan, source_root)
    if scale is None:
        scale = _common_scale([mix])
    samples = np.round(mix * scale * FULL_SCALE).astype("<i2")
    found = hashlib.sha256(samples.tobytes()).hexdigest()
    if digest not in (None, found):
        problem = (
            f"{jams_path}: the samples come out otherwise than when it was "
            "written: a source has changed, or another machine or version of "
            "PyTorch, NumPy or SciPy rounds otherwise"
        )
        if check:
            raise ValueError(
                f"{problem}. Nothing was written; check=False writes it as it "
                "comes out"
            )
        logger.warning("%s", problem)
    save(path, plan, mix, scale)


def write_mixes(tasks, source_root=None, workers=1):
    """Renders and writes planned soundscapes; complete ones are kept.

    Arguments
    ---------
    tasks : list of list of tuple
        Groups of (path, plan). The soundscapes of a group are scaled by one
        factor, that of the one which would clip most.
    source_root : str or pathlib.Path or None
        What the plans' relative paths begin at.
    workers : int
        Processes. The files do not depend on it.

    Returns
    -------
    dict
        Counts: `written`, `kept` and `scaled` (of `written`, those that
        would have clipped, or whose group would have).

    Example
    -------
    >>> write_mixes([])
    {'written': 0, 'kept': 0, 'scaled': 0}
    """
    run = f"{os.getpid()} {time.monotonic_ns()}"
    tasks = [(group, source_root, run) for group in tasks]
    counts = {"written": 0, "kept": 0, "scaled": 0}
    for outcome in run_tasks(write_group, tasks, workers):
        for key, count in outcome.items():
            counts[key] += count
    _reader.cache_clear()
    logger.info("Soundscapes: %s", counts)
    return counts


@functools.lru_cache(maxsize=1)
def _reader(sample_rate, run):
    """One reader a process; a new run must not find old files in its cache."""
    return SegmentReader(
        sample_rate, on_bad_clip="stop", cache_megabytes=CACHE_MEGABYTES
    )


def _common_scale(mixes):
    """The factor at which the loudest sample of all just fits."""
    peak = max(float(np.abs(mix).max(initial=0.0)) for mix in mixes)
    return 1.0 if peak <= 1 else 1 / peak


def write_group(task):
    """Renders and writes some soundscapes, scaled by one factor.

    Arguments
    ---------
    task : tuple
        A list of (path, plan), the source root, and a text that names the
        run: decoded sources are kept in memory as long as it is the same.

    Returns
    -------
    dict
        Counts, of those of ``write_mixes``.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> plan = {"duration": 1.0, "sample_rate": 8000, "ref_db": -20.0}
    >>> plan |= {"level": "lufs", "fade_seconds": 0.0, "layers": []}
    >>> write_group(([(path, plan)], None, "a run"))
    {'written': 1, 'scaled': 0}
    >>> write_group(([(path, plan)], None, "a run"))
    {'kept': 1}
    """
    group, source_root, run = task
    if all(_is_complete(path, plan) for path, plan in group):
        return {"kept": len(group)}
    mixes = [
        render(plan, source_root, _reader(plan["sample_rate"], run))
        for _, plan in group
    ]
    scale = _common_scale(mixes)
    for (path, plan), mix in zip(group, mixes, strict=True):
        save(path, plan, mix, scale)
    return {"written": len(group), "scaled": len(group) * (scale < 1)}


def _is_complete(path, plan):
    jams = pathlib.Path(path).with_suffix(SUFFIX)
    try:
        return pathlib.Path(path).is_file() and read_jams(jams)[0] == plan
    except (OSError, ValueError):
        return False
