"""The frames of a video at given times, with as little decoding as can be.

Authors
 * The speechbrain_clap team 2026
"""

import bisect
import collections
import fractions
import math

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.media import (
    header_seconds,
    open_media,
    origin_of,
    require_av,
    video_seconds,
)

FAR = 5.0  # seconds ahead from which on the container is asked to seek
# Containers seek by the time of decoding, which comes before that of showing.
MARGIN = 1.0
# AVI tells no time of showing: frames follow each other at one rate.
COUNTED = "avi"
ROUNDING = fractions.Fraction(1, 2000)  # seconds: Matroska's times are in ms


class _NoPlan(Exception):
    """The file does not tell what has to be decoded."""


def frames_at(path, times):
    """Gives the frame that is shown at each of some times.

    A key frame is decoded only where a wanted frame needs it, and of the
    frames between the two only those that others refer to. Files that do not
    tell enough about their frames are decoded whole instead.

    Arguments
    ---------
    path : str or pathlib.Path
        The video.
    times : list of float or callable
        Seconds from the beginning of the file, ascending; or what gives them,
        called with the length of the video in seconds. Before the first frame
        that one is shown, after the last one the last.

    Yields
    ------
    tuple
        An ``av.VideoFrame``, and the time in seconds from which on it is
        shown.

    Raises
    ------
    BadClipError
        If the video cannot be read, or has no frame.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> import numpy
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, numpy.zeros((20, 32, 48, 3), numpy.uint8), rate=10)
    >>> [time for _, time in frames_at(path, [0.0, 0.55, 1.99, 60.0])]
    [0.0, 0.5, 1.9, 1.9]
    """
    given = 0
    try:
        with open_media(path, "video") as (container, stream):
            if callable(times):
                seconds = header_seconds(container, stream)
                times = times(
                    video_seconds(path) if seconds is None else seconds
                )
            seeker = _Seeker(container, stream)
            for pts, frame in seeker.frames(times):
                yield frame, seeker.clock.seconds(pts)
                given += 1
        return
    except _NoPlan:
        pass
    with open_media(path, "video") as (container, stream):
        clock = _Clock(container, stream)
        for pts, frame in _decode_forward(container, stream, clock, times):
            if frame is None:
                raise BadClipError(f"{path}: holds no frames")
            if given:
                given -= 1
            else:
                yield frame, clock.seconds(pts)


class _Clock:
    """Seconds of the file to ticks of a stream, and back."""

    def __init__(self, container, stream):
        self.base = stream.time_base
        self.origin = round(origin_of(container) / self.base)
        self.slack = float(min(fractions.Fraction(1, 2), ROUNDING / self.base))

    def tick(self, time):
        """The last tick that lies no later than a time."""
        return math.floor(time / self.base + self.slack) + self.origin

    def seconds(self, tick):
        """The time of a tick."""
        return float((tick - self.origin) * self.base)


class _Seeker:
    """Decodes what is needed, and no more.

    Packets are read ahead until it is known which of them holds the frame
    that is shown at a time. Reading is cheap: what costs is decoding.
    """

    def __init__(self, container, stream):
        self.container = container
        self.stream = stream
        self.clock = _Clock(container, stream)
        self.far = FAR / stream.time_base
        self.packets = container.demux(stream)
        self.may_seek = True
        self.ahead = collections.deque()  # packets, read and not decoded
        self.known = []  # times of frames that may be wanted, ascending
        self.read_to = self.clock.tick(0.0)  # all frames before it are known
        self.wanted = collections.deque()  # frames that are being decoded
        self.decoded = {}  # time to frame, those that may be wanted
        self.ready = collections.deque()
        if container.format.name == COUNTED:
            raise _NoPlan

    def frames(self, times):
        """Yields the ticks and frames that are shown at some times."""
        for time in times:
            tick = self.clock.tick(time)
            self._read_ahead(tick)
            self._decode_to(self._shown_at(tick))
            while self.ready:
                yield self.ready.popleft()
        self._drain()
        yield from self.ready

    def _read_ahead(self, tick):
        if self.may_seek and tick > self.read_to + self.far:
            self._seek(tick)
        while self.read_to <= tick:
            packet = self._next_packet()
            if packet is None:
                self.read_to = math.inf
            else:
                self._append(packet)

    def _next_packet(self):
        packet = next(self.packets, None)
        # The last packet of PyAV holds nothing.
        if packet is None or packet.size == 0:
            return None
        if packet.pts is None:
            raise _NoPlan
        return packet

    def _append(self, packet):
        self.ahead.append(packet)
        if not packet.is_discard:
            bisect.insort(self.known, packet.pts)
        # Nothing is shown before it is decoded.
        if packet.dts is not None:
            self.read_to = packet.dts

    def _seek(self, tick):
        """Goes to the key frame before a time, if that is ahead."""
        self._drain()
        before = self.read_to
        self.ahead.clear()
        self.known.clear()
        start = tick - math.ceil(MARGIN / self.stream.time_base)
        packet = self._key_packet(start)
        if packet is None or packet.dts is None or packet.pts > tick:
            raise _NoPlan  # the container cannot seek
        # Key frames are farther apart than the times: on from here, then.
        self.may_seek = packet.dts > before
        self._append(packet)

    def _key_packet(self, tick):
        try:
            self.container.seek(tick, stream=self.stream)
        except require_av().FFmpegError as error:
            raise _NoPlan from error
        self.packets = self.container.demux(self.stream)
        packet = self._next_packet()
        while packet is not None and not packet.is_keyframe:
            packet = self._next_packet()
        return packet

    def _shown_at(self, tick):
        place = bisect.bisect_right(self.known, tick)
        del self.known[: max(0, place - 1)]
        if not self.known:
            raise _NoPlan
        return self.known[0]

    def _decode_to(self, pts):
        """Decodes what is needed for a frame, up to that frame."""
        last, key = -1, 0
        for place, packet in enumerate(self.ahead):
            if packet.is_keyframe and packet.pts <= pts:
                key = place
            if packet.pts == pts:
                last = place
        if last >= 0 and key > 0:
            self._drain()
            for _ in range(key):
                self.ahead.popleft()
            last -= key
        self.wanted.append(pts)
        self._give()
        for _ in range(last + 1):
            packet = self.ahead.popleft()
            is_wanted = packet.pts == pts
            self.stream.codec_context.skip_frame = (
                "DEFAULT" if is_wanted else "NONREF"
            )
            self._take(self.stream.decode(packet))

    def _drain(self):
        """Takes the frames that the decoder holds; it then begins anew."""
        self._take(self.stream.decode(None))
        self.stream.codec_context.flush_buffers()
        if self.wanted:
            raise _NoPlan

    def _take(self, frames):
        for frame in frames:
            if frame.pts is None:
                raise _NoPlan
            self.decoded[frame.pts] = frame
            self._give()
            if self.wanted and frame.pts > self.wanted[0]:
                raise _NoPlan  # it should have come before this one

    def _give(self):
        while self.wanted and self.wanted[0] in self.decoded:
            pts = self.wanted.popleft()
            self.ready.append((pts, self.decoded[pts]))
            for other in [key for key in self.decoded if key < pts]:
                del self.decoded[other]


def _decode_forward(container, stream, clock, times):
    """Decodes all frames, and yields the ticks and frames at some times."""
    period = 1 / (stream.average_rate or 25) / stream.time_base
    is_counted = container.format.name == COUNTED
    upcoming = enumerate(container.decode(stream))

    def _next():
        number, frame = next(upcoming, (None, None))
        if frame is None:
            return math.inf, None
        if is_counted or frame.pts is None:
            return clock.origin + round(number * period), frame
        return frame.pts, frame

    shown, later = _next(), _next()
    for time in times:
        tick = clock.tick(time)
        while later[0] <= tick:
            shown, later = later, _next()
        yield shown
