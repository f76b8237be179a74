"""Opening video files with PyAV, the faults named.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import pathlib

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.checks import LFS_POINTER

# What downloaders write videos of the sets as, best first.
VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".ts")


def require_av():
    """The optional dependency, or one clear error.

    Returns
    -------
    module
        av.

    Raises
    ------
    ImportError
        If it is not installed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> require_av().__name__
    'av'
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            f"reading video needs PyAV ({error}): "
            'pip install "speechbrain_clap[vision]"'
        ) from error
    return av


@contextlib.contextmanager
def open_media(path, kind):
    """Opens the first stream of a kind; decoding uses one thread.

    One thread, because whoever reads many files has many processes already.
    Whatever PyAV raises inside the block becomes a ``BadClipError``.

    Arguments
    ---------
    path : str or pathlib.Path
        Anything that FFmpeg reads.
    kind : str
        "video" or "audio". The cover of a piece of music is no video.

    Yields
    ------
    tuple
        The container and the stream.

    Raises
    ------
    BadClipError
        If the file is missing, empty, a pointer of Git LFS, no such media
        file or damaged, or has no stream of the kind.
    ImportError
        If PyAV is not installed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> with open_media("/no/such/a.mp4", "video") as (container, stream):
    ...     pass
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.audio.BadClipError: /no/such/a.mp4: there is no ...
    """
    av = require_av()
    path = pathlib.Path(path)
    if not path.is_file():
        raise BadClipError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size == 0:
        raise BadClipError(f"{path}: the file is empty (0 bytes)")
    if size < 1024 and path.read_bytes().startswith(LFS_POINTER):
        raise BadClipError(
            f"{path}: is a Git LFS pointer, not the video itself: run git lfs "
            "pull where it was cloned"
        )
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = _first_stream(av, container, kind)
            if stream is None:
                wanted = "video stream" if kind == "video" else "audio track"
                raise BadClipError(f"{path}: has no {wanted}")
            stream.codec_context.thread_count = 1
            yield container, stream
    except (av.FFmpegError, OSError, UnicodeDecodeError) as error:
        raise BadClipError(
            f"{path}: cannot be decoded, expected a video file that FFmpeg "
            f"reads ({error})"
        ) from error


def _first_stream(av, container, kind):
    for stream in container.streams:
        is_cover = stream.disposition & av.stream.Disposition.attached_pic
        # A codec that this FFmpeg lacks has no context.
        if stream.type == kind and not is_cover and stream.codec_context:
            return stream
    return None


def origin_of(container):
    """When a file begins, on the clock of its streams.

    Arguments
    ---------
    container : av.container.InputContainer
        Opened.

    Returns
    -------
    float
        Seconds; what all times of this package are counted from.

    Example
    -------
    >>> import types
    >>> origin_of(types.SimpleNamespace(start_time=1400000))
    1.4
    """
    return (container.start_time or 0) / 1e6


def video_seconds(path):
    """How long a video's pictures last.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    float
        Seconds from the beginning of the file to the end of the last frame.

    Raises
    ------
    BadClipError
        If the file cannot be read, or has no video stream.

    Example
    -------
    >>> import numpy, pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, numpy.zeros((5, 32, 48, 3), numpy.uint8), rate=10)
    >>> video_seconds(path)
    0.5
    """
    with open_media(path, "video") as (container, stream):
        seconds = header_seconds(container, stream)
        if seconds is not None:
            return seconds
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [packet.pts for packet in packets if packet.pts is not None]
        period = 1 / (stream.average_rate or 25)
        if not times:
            return float(len(packets) * period)
        end = max(times) * stream.time_base + period
        return float(end) - origin_of(container)


def header_seconds(container, stream):
    """How long a video lasts by what its header says.

    Arguments
    ---------
    container : av.container.InputContainer
        Opened.
    stream : av.video.stream.VideoStream
        Of the container.

    Returns
    -------
    float or None
        Seconds; None where the header does not say.

    Example
    -------
    >>> from types import SimpleNamespace as Fake
    >>> stream = Fake(duration=30, start_time=15, time_base=0.1)
    >>> header_seconds(Fake(start_time=500000), stream)
    4.0
    """
    if stream.duration:
        end = ((stream.start_time or 0) + stream.duration) * stream.time_base
        return float(end) - origin_of(container)
    if container.duration:
        return container.duration / 1e6
    return None
