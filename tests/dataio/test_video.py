"""Tests of the frames and the sound of videos.

Each frame shows its own number in black and white blocks, which survive any
encoder: a wrong frame cannot go unseen.

Authors
 * The speechbrain_clap team 2026
"""

import fractions

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio import frame_seeking
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.frame_seeking import frames_at
from speechbrain_clap.dataio.media import video_seconds
from speechbrain_clap.dataio.video import (
    VideoFrames,
    all_frames,
    equally_spaced,
    read_audio_track,
)
from speechbrain_clap.synthesis.videos import write_video

av = pytest.importorskip("av")

BITS, BLOCK = 8, 16


def picture(number):
    """The number in blocks, [32, 128, 3]: the lower row is the inverse."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    blocks = 255 * numpy.array([bits, [1 - bit for bit in bits]])
    rows = blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)
    return numpy.stack([rows] * 3, -1).astype(numpy.uint8)


def numbers(frames):
    """The numbers that frames [N, 3, 32, 128] show."""
    grey = frames.float().mean(1).unflatten(2, (BITS, BLOCK))
    bits = grey[:, 4:12, :, 4:12].mean((1, 3)) > 127
    return (bits.long() * 2 ** torch.arange(BITS)).sum(1).tolist()


def write(path, count=150, rate=25, codec="libx264", options=None, times=None):
    """A video of numbered frames, at times in ms if they are given."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = BITS * BLOCK, 2 * BLOCK
        stream.pix_fmt = "yuv420p"
        if times is not None:
            stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            if times is not None:
                frame.time_base = fractions.Fraction(1, 1000)
                frame.pts = times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


# Containers and encoders that tell their frames apart in every way: B frames
# that others refer to, key frames that are none, frames without a time.
KINDS = {
    "250.mp4": {},
    "30.mp4": {"options": {"g": "30"}},
    "short.mp4": {"options": {"g": "12", "bf": "0"}},
    "all-key.mp4": {"options": {"g": "1"}},
    "open.mp4": {"options": {"x264-params": "open-gop=1:keyint=20:bframes=5"}},
    "refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=30"}},
    "30.mkv": {"options": {"g": "30"}},
    "30.ts": {"options": {"g": "30"}},
    "30.avi": {"options": {"g": "30"}},
    "4.avi": {"codec": "mpeg4", "options": {"g": "40"}},
    "bare.h264": {"options": {"g": "30"}},
    "9.webm": {
        "codec": "libvpx-vp9",
        "options": {"g": "40", "deadline": "realtime", "cpu-used": "8"},
    },
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("far", [5.0, 1.0])
def test_frames_are_those_of_decoding_all(tmp_path, monkeypatch, name, far):
    """Whatever the container, and whether it is asked to seek or not."""
    monkeypatch.setattr(frame_seeking, "FAR", far)
    monkeypatch.setattr(frame_seeking, "MARGIN", 0.2)
    path = write(tmp_path / name, **KINDS[name])
    with av.open(str(path)) as container:
        origin = (container.start_time or 0) / 1e6
        shown = [frame.time for frame in container.decode(video=0)]
    # Of AVI, PyAV gives times that are not in order.
    has_times = None not in shown and shown == sorted(shown)
    assert len(shown) == 150
    for count in (1, 4, 10, 149):
        frames, times = equally_spaced(path, count)
        wanted = [6 * (k + 0.5) / count for k in range(count)]
        found = numbers(frames)
        if has_times:
            seen = [shown[number] - origin for number in found]
            assert numpy.abs(times - seen).max() < 1e-6
        # What is shown then, within one period, or Matroska's rounding of it.
        late = [
            w - number / 25 for w, number in zip(wanted, found, strict=True)
        ]
        assert -0.002 <= min(late) and max(late) < 0.042, (count, late)


def test_seeking_decodes_little(tmp_path, monkeypatch):
    """Ten frames of ten seconds: a fraction of the packets is decoded."""
    path = write(tmp_path / "a.mp4", 250, options={"g": "25", "bf": "3"})
    taken = []
    take = frame_seeking._Seeker._take
    monkeypatch.setattr(
        frame_seeking._Seeker,
        "_take",
        lambda self, frames: (taken.extend(frames), take(self, frames)),
    )
    frames, _ = equally_spaced(path, 10)
    assert numbers(frames) == [12 + 25 * k for k in range(10)]
    assert len(taken) < 125
    taken.clear()
    equally_spaced(path, 1)
    assert len(taken) < 25


def test_a_container_that_cannot_seek_is_decoded(tmp_path, monkeypatch):
    """The rest of the frames comes from decoding everything."""
    path = write(tmp_path / "a.mp4", 200, options={"g": "20"})
    monkeypatch.setattr(frame_seeking, "FAR", 1.0)
    monkeypatch.setattr(
        frame_seeking._Seeker, "_key_packet", lambda self, tick: None
    )
    times = [0.0, 0.5, 5.0, 7.0]
    found = [time for _, time in frames_at(path, times)]
    assert found == [0.0, 0.48, 5.0, 7.0]


def test_variable_rate(tmp_path):
    """The frame that is shown at a time, however long it stays."""
    times = [0, 100, 150, 1000, 3000, 3040]
    path = write(tmp_path / "a.mkv", len(times), times=times)
    wanted = [0.05, 0.1, 0.99, 1.0, 2.9, 3.02, 3.1]
    found = list(frames_at(path, wanted))
    assert [time for _, time in found] == [0, 0.1, 0.15, 1, 1, 3, 3.04]


def test_all_frames_at_a_rate(tmp_path):
    """Rates below and above the video's own, in batches, and a part of it."""
    path = write(tmp_path / "a.mp4", 100, options={"g": "30"})
    batches = list(all_frames(path, 25, batch_size=32))
    assert [len(frames) for frames, _ in batches] == [32, 32, 32, 4]
    assert sum((numbers(f) for f, _ in batches), []) == list(range(100))
    ((frames, times),) = all_frames(path, 5, start=1.0, stop=3.0)
    assert numbers(frames) == [25 + 5 * k for k in range(10)]
    assert times.tolist() == [1 + k / 5 for k in range(10)]
    ((frames, _),) = all_frames(path, 50, start=0.4, stop=0.52)
    assert numbers(frames) == [10, 10, 11, 11, 12, 12]
    ((frames, _),) = all_frames(path, 30, stop=0.5)
    assert numbers(frames) == [int(k / 30 * 25 + 1e-6) for k in range(15)]


def test_batches_are_streamed(tmp_path, monkeypatch):
    """The first batch comes before the rest is decoded."""
    path = write(tmp_path / "a.mp4", 200, options={"g": "20"})
    sent = []
    append = frame_seeking._Seeker._append
    monkeypatch.setattr(
        frame_seeking._Seeker,
        "_append",
        lambda self, packet: (sent.append(packet.pts), append(self, packet)),
    )
    batches = all_frames(path, 25, batch_size=20)
    assert numbers(next(batches)[0]) == list(range(20))
    assert len(sent) < 40


def test_a_part_of_the_video(tmp_path):
    """start and stop cut; what lies outside is an error that says so."""
    path = write(tmp_path / "a.mp4", 100)
    frames, times = equally_spaced(path, 4, start=1.0, stop=2.0)
    assert numbers(frames) == [28, 34, 40, 46]
    assert times == pytest.approx([1.12, 1.36, 1.6, 1.84])
    frames, _ = equally_spaced(path, 2, start=3.0, stop=9.0)
    assert numbers(frames) == [81, 93]
    with pytest.raises(BadClipError, match=r"a\.mp4: holds no frames from 4"):
        equally_spaced(path, 2, start=4.5, stop=9.0)
    with pytest.raises(ValueError, match="n is 0"):
        equally_spaced(path, 0)
    with pytest.raises(ValueError, match="rate is 0"):
        next(all_frames(path, 0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_one_frame_fills_all(tmp_path, suffix):
    """A picture with a sound is a video of one frame."""
    path = tmp_path / f"a.{suffix}"
    wave = 0.1 * numpy.random.default_rng(0).standard_normal(32000)
    write_video(path, [picture(5)], 25, wave, 16000)
    frames, times = equally_spaced(path, 10)
    assert numbers(frames) == [5] * 10 and times.tolist() == [0.0] * 10
    assert len(read_audio_track(path, 16000)) / 16000 == pytest.approx(2, 0.05)


def test_shrunk_frames(tmp_path):
    """The shorter side is as wanted; nothing is enlarged."""
    path = write(tmp_path / "a.mp4", 10)
    frames, _ = equally_spaced(path, 3, short_side=16)
    assert frames.shape == (3, 3, 16, 64) and frames.dtype == torch.uint8
    assert equally_spaced(path, 3, short_side=100)[0].shape == (3, 3, 32, 128)


def bad_files(folder):
    """Name to what the message must say."""
    whole = write(folder / "whole.mkv", 100, options={"g": "10"}).read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no video at all " * 100)
    (folder / "head.mkv").write_bytes(whole[:100])
    (folder / "pointer.mp4").write_text("version https://git-lfs.github.com/")
    soundfile.write(folder / "sound.wav", numpy.full(800, 0.1), 8000)
    return {
        "missing.mp4": "there is no such file",
        "empty.mp4": "the file is empty",
        "text.mp4": "cannot be decoded",
        "head.mkv": "cannot be decoded|has no video stream|holds no frames",
        "pointer.mp4": "is a Git LFS pointer",
        "sound.wav": "has no video stream",
    }


def test_bad_videos_are_named(tmp_path):
    """Each with the file and the reason; skip and stop are obeyed."""
    for name, reason in bad_files(tmp_path).items():
        path = tmp_path / name
        with pytest.raises(BadClipError, match=f"{name}: ({reason})"):
            equally_spaced(path, 10)
        rows = {"a": {"path": path}}
        frames = VideoFrames(rows, 10)
        assert frames.count("a") == 10
        assert frames.read("a", 0) is None and frames.count("a") == 0
        assert list(frames.bad) == ["a"]
        with pytest.raises(BadClipError, match="on_bad_clip: skip"):
            VideoFrames(rows, 10, on_bad_clip="stop").read("a", 0)
    with pytest.raises(ValueError, match="on_bad_clip is 'no'"):
        VideoFrames({}, 10, on_bad_clip="no")


def test_a_header_without_frames(tmp_path):
    """A video stream in which nothing is."""
    path = tmp_path / "a.mkv"
    wave = 0.1 * numpy.ones(8000, numpy.float32)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        block = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
        block.sample_rate, block.pts = 8000, 0
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    with pytest.raises(BadClipError, match=r"a\.mkv: holds no frames"):
        equally_spaced(path, 3)
    assert len(read_audio_track(path, 8000)) == 8000


def test_a_damaged_video_is_bad(tmp_path):
    """A file that a download cut off: its index promises more."""
    path = write(tmp_path / "a.mkv", 200, options={"g": "10"})
    mp4 = tmp_path / "a.mp4"
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        flags = {"movflags": "faststart"}
        with av.open(str(mp4), "w", options=flags) as container:
            copy = container.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    container.mux(packet)
    data = mp4.read_bytes()
    mp4.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadClipError, match=r"a\.mp4: "):
        equally_spaced(mp4, 10)


def test_video_frames_are_the_equally_spaced_ones(tmp_path):
    """Frame k alone is frame k of all; wrong numbers are refused."""
    path = write(tmp_path / "a.mp4", 100, options={"g": "25"})
    wanted, _ = equally_spaced(path, 10, 1.0, 3.0)
    rows = {"a": {"path": path, "start": 1.0, "stop": 3.0}}
    frames = VideoFrames(rows, 10, on_bad_clip="stop")
    for k in (0, 5, 9):
        assert torch.equal(frames.read("a", k), wanted[k])
    assert frames.count("b") == 0 and frames.read("b", 0) is None
    with pytest.raises(IndexError, match="clip 'a': frame 10"):
        frames.read("a", 10)


def test_audio_track(tmp_path):
    """Exact where the sound is PCM, and AAC is not late."""
    rng = numpy.random.default_rng(0)
    wave = 0.3 * rng.standard_normal(44100).astype(numpy.float32)
    wave[:22050] = 0
    black = numpy.zeros((25, 32, 32, 3), numpy.uint8)
    write_video(tmp_path / "a.mkv", black, 25, wave, 44100)
    track = read_audio_track(tmp_path / "a.mkv", 44100)
    assert track.shape == (44100,) and track.dtype == torch.float32
    assert numpy.abs(track.numpy() - wave.clip(-1, 1)).max() < 2e-4
    part = read_audio_track(tmp_path / "a.mkv", 44100, 0.6, 0.7)
    assert torch.equal(part, track[26460:30870])
    assert read_audio_track(tmp_path / "a.mkv", 16000).shape == (16000,)
    # AAC keeps what is low and loud; its delay must not be left in.
    wave = numpy.convolve(wave, numpy.full(20, 0.05), "same")
    write_video(tmp_path / "a.mp4", black, 25, wave, 44100)
    track = read_audio_track(tmp_path / "a.mp4", 44100)[:44100].numpy()
    lags = numpy.correlate(track, wave[1000:-1000], "valid")
    assert lags.argmax() == 1000


def test_bad_sound_is_named(tmp_path):
    """No track, silence, a part in which there is nothing."""
    black = numpy.zeros((25, 32, 32, 3), numpy.uint8)
    write_video(tmp_path / "none.mp4", black, 25)
    with pytest.raises(BadClipError, match=r"none\.mp4: has no audio track"):
        read_audio_track(tmp_path / "none.mp4", 8000)
    silence = numpy.zeros(8000, numpy.float32)
    write_video(tmp_path / "mute.mkv", black, 25, silence, 8000)
    with pytest.raises(BadClipError, match=r"mute\.mkv: its sound is silent"):
        read_audio_track(tmp_path / "mute.mkv", 8000)
    with pytest.raises(BadClipError, match="holds no samples from 5 to 6 s"):
        read_audio_track(tmp_path / "mute.mkv", 8000, 5, 6)


def test_two_channels_are_averaged(tmp_path):
    """As read_audio averages them."""
    waves = numpy.stack([numpy.full(8000, 0.5), numpy.full(8000, 0.1)])
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="stereo")
        block = av.AudioFrame.from_ndarray(
            waves.astype(numpy.float32), "fltp", "stereo"
        )
        block.sample_rate, block.pts = 8000, 0
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    track = read_audio_track(tmp_path / "a.mkv", 8000)
    assert track.numpy() == pytest.approx(numpy.full(8000, 0.3), abs=1e-3)


def test_length(tmp_path):
    """Of containers that say it, and of one that says nothing."""
    for name in ("30.mp4", "30.mkv", "bare.h264"):
        path = write(tmp_path / name, 50)
        assert video_seconds(path) == pytest.approx(2.0, abs=0.05)
