"""Reading the few seconds that are needed out of a long sound file.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import math
import os
import pathlib

import numpy
import soundfile
import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.checks import BLOCK, SILENCE, check_clip
from speechbrain_clap.dataio.resampling import context_frames, resample

logger = get_logger(__name__)

UNKNOWN = 1 << 40  # more frames than any file has: its header tells none


class _ShortRead(Exception):
    """A file gave less than its header promised."""


class SegmentReader:
    """Reads a part of a sound file, as one channel at one rate.

    Only the frames that the part needs are decoded, with the few around them
    that the resampler looks at: the result is, but for the rounding of
    float32, as if the whole file were decoded, resampled and cut. Where a
    file cannot be read from its middle (it is truncated, say) it is decoded as
    a whole.

    Arguments
    ---------
    sample_rate : int
        The rate wanted, in Hz.
    clip_seconds : float or None
        Length of a crop. None: whole clips.
    on_bad_clip : str
        "skip": a bad clip is logged once and given as None (the collate
        leaves it out); "stop": it raises.
    cache_megabytes : float
        Decoded files are kept in memory up to this size, per process, at
        their own rate. What is read does not depend on it.

    Attributes
    ----------
    bad : dict
        Name of each bad clip that this process met to what is wrong with it.

    Raises
    ------
    ValueError
        If there is no such rule, or a clip has no length.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> soundfile.write(path, 0.1 * numpy.ones((44100, 2)), 44100)
    >>> reader = SegmentReader(16000, clip_seconds=0.25)
    >>> reader(path).shape, reader(path, position=0.5).shape
    (torch.Size([16000]), torch.Size([4000]))
    >>> reader(path, start=0.5, stop=0.6, position=0.5).shape
    torch.Size([1600])
    >>> reader(path.with_name("b.wav")) is None, len(reader.bad)
    (True, 1)
    """

    def __init__(
        self,
        sample_rate,
        clip_seconds=None,
        on_bad_clip="skip",
        cache_megabytes=0.0,
    ):
        if on_bad_clip not in ("skip", "stop"):
            raise ValueError(
                f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
            )
        if clip_seconds is not None and round(clip_seconds * sample_rate) < 1:
            raise ValueError(
                f"clip_seconds is {clip_seconds}, expected a length above 0, "
                "or None for whole clips"
            )
        self.sample_rate = sample_rate
        self.clip_seconds = clip_seconds
        self.on_bad_clip = on_bad_clip
        self.free_bytes = cache_megabytes * 1e6
        self.cache = {}
        self.bad = {}

    def __call__(self, file, start=None, stop=None, position=None):
        """Reads one clip, or a crop of it.

        Arguments
        ---------
        file : str, pathlib.Path or object
            A path, or what has a `name` (which no other file has) and a
            method `open` that gives a seekable binary stream.
        start : float or None
            Where the clip begins in the file, in seconds.
        stop : float or None
            Where it ends, in seconds.
        position : float or None
            Where a crop of `clip_seconds` lies in the clip: 0 at its
            beginning, 0.5 in the middle, 1 at its end. A clip that is no
            longer is given whole. None: the whole clip.

        Returns
        -------
        torch.Tensor or None
            Float32, [T]. None for a bad clip: missing, no sound, empty,
            silent from `start` to `stop`, or not finite where it was read.

        Raises
        ------
        BadClipError
            For a bad clip under the rule "stop".
        """
        try:
            return self._read(file, start, stop, position)
        except BadClipError as error:
            if self.on_bad_clip == "stop":
                raise BadClipError(
                    f"{error}. Mend or remove it, or set on_bad_clip: skip"
                ) from error
            key = _name(file)
            if start is not None or stop is not None:
                key = f"{key} [{start} to {stop} s]"
            if key not in self.bad:
                self.bad[key] = str(error)
                logger.warning("Bad clip left out: %s", error)
            return None

    def _read(self, file, start, stop, position):
        name = _name(file)
        sound = self.cache.get(name)
        if sound is not None:
            return self._segment(name, sound, start, stop, position)
        try:
            with _open(file) as stream:
                sound = _FileSound(stream)
                size = 4 * sound.frames  # float32
                if size > self.free_bytes:
                    return self._segment(name, sound, start, stop, position)
                sound = self.cache[name] = sound.decode()
                self.free_bytes -= size
        except _ShortRead:
            sound = _decode_whole(file)
        except (RuntimeError, OSError) as error:
            raise _undecodable(file, error) from error
        return self._segment(name, sound, start, stop, position)

    def _segment(self, name, sound, start, stop, position):
        """Cuts a sound as the whole of it at the wanted rate would be cut."""
        wanted, rate = self.sample_rate, sound.rate
        total = math.ceil(sound.frames * wanted / rate)
        first = round((start or 0.0) * wanted)
        last = total if stop is None else min(round(stop * wanted), total)
        if first >= last:
            part = ""
            if start is not None or stop is not None:
                part = f" from {start or 0} to {stop or 'its end'} s"
            raise BadClipError(
                f"{name}: holds no samples{part}, it has "
                f"{sound.frames / rate:.2f} s"
            )
        clip = first, last
        if position is not None and self.clip_seconds is not None:
            length = round(self.clip_seconds * wanted)
            # Rounded down, so that the middle is fit_clip's.
            first += int(position * max(0, last - first - length))
            last = min(last, first + length)
        wav = _resampled(sound, wanted, first, last)
        peak = float(wav.abs().max())
        if not math.isfinite(peak):
            raise BadClipError(f"{name}: holds NaN or infinite samples")
        if peak < SILENCE and (
            clip == (first, last) or _is_silent(sound, wanted, *clip)
        ):
            raise BadClipError(f"{name}: is silent (no sample above {SILENCE})")
        return wav


class _MemorySound:
    """A decoded file, float32 [frames]."""

    def __init__(self, wav, rate):
        self.wav = wav
        self.rate = rate
        self.frames = len(wav)

    def read(self, first, last):
        """Frames `first` to `last`, float32 [frames]."""
        return self.wav[first:last]


class _FileSound:
    """An open file, of which parts are decoded."""

    def __init__(self, stream):
        self.stream = stream
        self.rate = stream.samplerate
        self.frames = stream.frames
        if self.frames > UNKNOWN:
            raise OSError("its header does not tell its length")

    def read(self, first, last):
        """Frames `first` to `last`, float32 [frames], decoded."""
        try:
            self.stream.seek(first)
            wav = _mono(self.stream, last - first)
        except RuntimeError as error:
            raise _ShortRead from error
        if len(wav) < last - first:
            raise _ShortRead
        return wav

    def decode(self):
        """All of it, in memory."""
        return _MemorySound(self.read(0, self.frames), self.rate)


def _mono(stream, frames):
    values = stream.read(frames, dtype="float32", always_2d=True)
    if stream.channels == 1:
        return torch.from_numpy(values[:, 0])
    # A product is ten times as fast as a mean along a short axis.
    weights = numpy.full(stream.channels, 1 / stream.channels, numpy.float32)
    return torch.from_numpy(values @ weights)


def _decode_whole(file):
    """What there is of a file that has less than its header tells."""
    try:
        with _open(file) as stream:
            return _MemorySound(_mono(stream, stream.frames), stream.samplerate)
    except (RuntimeError, OSError) as error:
        raise _undecodable(file, error) from error


def _resampled(sound, wanted, first, last):
    """Samples first to last of the whole sound at another rate."""
    if sound.rate == wanted:
        return sound.read(first, last)
    divisor = math.gcd(sound.rate, wanted)
    frames, samples = sound.rate // divisor, wanted // divisor
    context = context_frames(sound.rate, wanted)
    # The two rates meet every `frames` frames: there the part must begin, for
    # its samples to lie where those of the whole lie.
    meeting = max(0, (first * frames // samples - context) // frames)
    end = min(math.ceil(last * frames / samples) + context, sound.frames)
    wav = resample(sound.read(meeting * frames, end), sound.rate, wanted)
    skipped = meeting * samples
    return wav[first - skipped : last - skipped]


def _is_silent(sound, wanted, first, last):
    """Whether the whole of a clip is silent, read in blocks."""
    scale = sound.rate / wanted
    end = min(math.ceil(last * scale), sound.frames)
    for block in range(math.floor(first * scale), end, BLOCK):
        wav = sound.read(block, min(block + BLOCK, end))
        if not float(wav.abs().max()) < SILENCE:  # NaN is no silence
            return False
    return True


def _name(file):
    if isinstance(file, (str, os.PathLike)):
        return os.fspath(file)
    return file.name


@contextlib.contextmanager
def _open(file):
    """An open sound file, of a path or of what opens a stream."""
    if isinstance(file, (str, os.PathLike)):
        with soundfile.SoundFile(file) as sound:
            yield sound
    else:
        with file.open() as stream, soundfile.SoundFile(stream) as sound:
            yield sound


def _undecodable(file, error):
    """Says what is wrong with a file that could not be decoded."""
    problem = None
    if isinstance(file, (str, os.PathLike)):
        problem = check_clip(pathlib.Path(file))["problem"]
    if problem is None:
        problem = f"cannot be decoded ({error})"
    return BadClipError(f"{_name(file)}: {problem}")
