"""Frames and sound of video files.

Times are seconds from the beginning of the file. Needs PyAV, which the extra
``vision`` installs.

Authors
 * The speechbrain_clap team 2026
"""

import itertools
import math

import numpy
import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.checks import SILENCE
from speechbrain_clap.dataio.frame_seeking import frames_at
from speechbrain_clap.dataio.media import open_media, origin_of, require_av
from speechbrain_clap.dataio.resampling import resample

logger = get_logger(__name__)


def equally_spaced(path, n, start=None, stop=None, short_side=None):
    """Reads n frames: those in the middle of n equal parts of a clip.

    Arguments
    ---------
    path : str or pathlib.Path
        The video.
    n : int
        How many. A video of fewer frames repeats them.
    start : float or None
        Where the clip begins, in seconds.
    stop : float or None
        Where it ends, in seconds; cut to the end of the video.
    short_side : int or None
        Frames are shrunk until their shorter side has this many pixels; they
        are never enlarged. None: as they are.

    Returns
    -------
    tuple
        The frames, uint8 [n, 3, H, W], and the times at which they begin to
        be shown, float64 [n], in seconds.

    Raises
    ------
    BadClipError
        If the video cannot be read, or has no frame from `start` to `stop`.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, numpy.zeros((40, 32, 48, 3), numpy.uint8), rate=10)
    >>> frames, times = equally_spaced(path, 4, short_side=16)
    >>> frames.shape, times.tolist()
    (torch.Size([4, 3, 16, 24]), [0.5, 1.5, 2.5, 3.5])
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected 1 or more frames")

    def _middles(seconds):
        first, last = _span(path, seconds, start, stop)
        return [first + (last - first) * (k + 0.5) / n for k in range(n)]

    return _stack(frames_at(path, _middles), short_side)


def all_frames(
    path, rate, start=None, stop=None, short_side=None, batch_size=64
):
    """Reads a clip at a rate, some frames at a time.

    Row k, counted over all batches, is what is shown at ``start + k / rate``
    seconds, whatever the video's own rate.

    Arguments
    ---------
    path : str or pathlib.Path
        The video.
    rate : float
        Frames per second.
    start : float or None
        Where the clip begins, in seconds.
    stop : float or None
        Where it ends, in seconds; cut to the end of the video.
    short_side : int or None
        Frames are shrunk until their shorter side has this many pixels.
    batch_size : int
        Frames held at once.

    Yields
    ------
    tuple
        Frames, uint8 [B, 3, H, W], and the times at which they begin to be
        shown, float64 [B], in seconds.

    Raises
    ------
    BadClipError
        If the video cannot be read, or has no frame from `start` to `stop`.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, numpy.zeros((40, 32, 48, 3), numpy.uint8), rate=10)
    >>> [times.tolist() for _, times in all_frames(path, 2, batch_size=5)]
    [[0.0, 0.5, 1.0, 1.5, 2.0], [2.5, 3.0, 3.5]]
    """
    if not rate > 0 or batch_size < 1:
        raise ValueError(
            f"rate is {rate} and batch_size {batch_size}, expected more than "
            "0 frames per second, and 1 or more at a time"
        )

    def _grid(seconds):
        first, last = _span(path, seconds, start, stop)
        # What is a frame too long by rounding is not.
        count = max(1, math.ceil((last - first) * rate - 0.01))
        return [first + k / rate for k in range(count)]

    frames = frames_at(path, _grid)
    for first in frames:
        rest = itertools.islice(frames, batch_size - 1)
        yield _stack(itertools.chain([first], rest), short_side)


def _span(path, seconds, start, stop):
    """The part of a video that is asked for, in seconds."""
    first = start or 0.0
    last = seconds if stop is None else min(stop, seconds)
    # A single frame may be said to last no time at all.
    if first < last or (seconds == first == 0.0):
        return first, last
    raise BadClipError(
        f"{path}: holds no frames from {first} to {stop or 'its end'} s, it "
        f"has {seconds:.2f} s"
    )


def _stack(frames, short_side):
    """Frames of PyAV and their times as arrays."""
    av = require_av()
    # One for all: each frame's own would be set up anew, which takes longer
    # than to convert it.
    reformatter = av.video.reformatter.VideoReformatter()
    size, pictures, times = None, [], []
    for frame, time in frames:
        # A stream may change its size on its way.
        size = size or _shrunk(frame.width, frame.height, short_side)
        picture = reformatter.reformat(
            frame, *size, "rgb24", interpolation="BICUBIC", threads=1
        )
        pictures.append(picture.to_ndarray())
        times.append(time)
    stacked = torch.from_numpy(numpy.stack(pictures))
    return stacked.permute(0, 3, 1, 2), numpy.array(times)


def _shrunk(width, height, short_side):
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return round(width * scale), round(height * scale)


def read_audio_track(path, sample_rate, start=None, stop=None):
    """Reads the sound of a video as one channel at one rate.

    The first sample is at the beginning of the file, or at `start`: a track
    that begins later than the pictures has zeros before it. All before `stop`
    is decoded.

    Arguments
    ---------
    path : str or pathlib.Path
        The video.
    sample_rate : int
        The rate wanted, in Hz.
    start : float or None
        Where the clip begins, in seconds.
    stop : float or None
        Where it ends, in seconds.

    Returns
    -------
    torch.Tensor
        Float32, [T], the mean of the channels.

    Raises
    ------
    BadClipError
        If the video cannot be read, has no audio track, or one that is
        silent, empty or not finite from `start` to `stop`.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> pictures = numpy.zeros((10, 32, 48, 3), numpy.uint8)
    >>> tone = 0.5 * numpy.sin(numpy.arange(16000) / 5).astype(numpy.float32)
    >>> write_video(path, pictures, 10, tone, 16000)
    >>> read_audio_track(path, 8000, start=0.25, stop=0.75).shape
    torch.Size([4000])
    """
    av = require_av()
    parts, rate, first = [], 1, None
    with open_media(path, "audio") as (container, stream):
        origin = origin_of(container)
        planar = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            time = None if frame.time is None else frame.time - origin
            if first is None:
                rate, first = frame.sample_rate, time or 0.0
            elif stop is not None and time is not None and time > stop:
                break
            parts += [f.to_ndarray().mean(0) for f in planar.resample(frame)]
    wav = torch.from_numpy(numpy.concatenate(parts or [numpy.zeros(0, "f4")]))
    shift = round((first or 0.0) * rate)
    wav = torch.nn.functional.pad(wav, (shift, 0)) if len(wav) else wav
    first = round((start or 0.0) * sample_rate)
    last = None if stop is None else round(stop * sample_rate)
    wav = resample(wav, rate, sample_rate)[first:last] if len(wav) else wav
    part = f" from {start or 0} to {stop or 'its end'} s"
    if not len(wav):
        raise BadClipError(f"{path}: its audio track holds no samples{part}")
    if not bool(torch.isfinite(wav).all()):
        raise BadClipError(f"{path}: its sound holds NaN or infinite samples")
    if float(wav.abs().max()) < SILENCE:
        raise BadClipError(
            f"{path}: its sound is silent{part} (no sample above {SILENCE})"
        )
    return wav


class VideoFrames:
    """Frame k of n of each clip, read out of its video when it is asked for.

    Has what ``speechbrain_clap.dataio.frame_cache.CachedFrames`` has.

    Arguments
    ---------
    rows : dict
        Id of a clip to its row: `path`, and `start` and `stop` in seconds
        where the clip is a part of the video.
    n : int
        Equally spaced frames of each clip.
    on_bad_clip : str
        "skip": a clip that cannot be read is logged once and has no frames;
        "stop": it raises.
    short_side : int or None
        Frames are shrunk until their shorter side has this many pixels.

    Attributes
    ----------
    bad : dict
        Id of each bad clip that this process met to what is wrong with it.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, numpy.zeros((40, 32, 48, 3), numpy.uint8), rate=10)
    >>> frames = VideoFrames({"a": {"path": path}}, n=10)
    >>> frames.count("a"), frames.read("a", 5).shape, frames.count("b")
    (10, torch.Size([3, 32, 48]), 0)
    """

    def __init__(self, rows, n, on_bad_clip="skip", short_side=None):
        if on_bad_clip not in ("skip", "stop"):
            raise ValueError(
                f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
            )
        self.rows = rows
        self.n = n
        self.on_bad_clip = on_bad_clip
        self.short_side = short_side
        self.bad = {}

    def count(self, clip_id):
        """How many frames a clip has.

        Arguments
        ---------
        clip_id : str
            Of the manifest.

        Returns
        -------
        int
            0 where there is no such clip, or it was found to be bad.
        """
        return 0 if clip_id not in self.rows or clip_id in self.bad else self.n

    def read(self, clip_id, k):
        """Reads a frame.

        Arguments
        ---------
        clip_id : str
            Of the manifest.
        k : int
            From 0 to n - 1.

        Returns
        -------
        torch.Tensor or None
            uint8, [3, H, W]. None for a clip without frames.

        Raises
        ------
        BadClipError
            If it cannot be read and the rule is "stop".
        """
        check_frame(clip_id, k, self.n)
        if not self.count(clip_id):
            return None
        row = self.rows[clip_id]

        def _middle(seconds):
            first, last = _span(
                row["path"], seconds, row.get("start"), row.get("stop")
            )
            return [first + (last - first) * (k + 0.5) / self.n]

        try:
            frames, _ = _stack(frames_at(row["path"], _middle), self.short_side)
        except BadClipError as error:
            if self.on_bad_clip == "stop":
                raise BadClipError(
                    f"{error}. Mend or remove it, or set on_bad_clip: skip"
                ) from error
            self.bad[clip_id] = str(error)
            logger.warning("Clip '%s' has no frames: %s", clip_id, error)
            return None
        return frames[0]


def check_frame(clip_id, k, n):
    """Refuses the number of a frame that no clip has.

    Arguments
    ---------
    clip_id : str
        For the message.
    k : int
        Counted from 0.
    n : int
        Frames of a clip.

    Raises
    ------
    IndexError
        If there is no such frame.

    Example
    -------
    >>> check_frame("a", 10, 10)
    Traceback (most recent call last):
    ...
    IndexError: clip 'a': frame 10 was asked for, of frames 0 to 9
    """
    if not 0 <= k < n:
        raise IndexError(
            f"clip '{clip_id}': frame {k} was asked for, of frames 0 to {n - 1}"
        )
