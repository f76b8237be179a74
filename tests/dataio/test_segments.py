"""A part of a file is what the whole file would have given there.

Authors
 * The speechbrain_clap team 2026
"""

import io
import logging

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio import segments
from speechbrain_clap.dataio.audio import BadClipError, read_audio
from speechbrain_clap.dataio.clips import fit_clip
from speechbrain_clap.dataio.resampling import resample
from speechbrain_clap.dataio.segments import SegmentReader

FORMATS = (
    ("wav", "PCM_16"),
    ("wav", "FLOAT"),
    ("flac", "PCM_16"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
)


def write(path, seconds=4.0, rate=44100, channels=1, subtype=None):
    """Noise whose level rises, so that no two places are alike."""
    frames = round(seconds * rate)
    values = numpy.random.default_rng(frames).standard_normal(
        (frames, channels)
    )
    values *= numpy.linspace(0.02, 0.15, frames)[:, None]
    with soundfile.SoundFile(path, "w", rate, channels, subtype) as file:
        for first in range(0, frames, rate):  # libvorbis wants small bites
            file.write(values[first : first + rate])
    return path


def whole(path, rate):
    values, own = soundfile.read(path, dtype="float32", always_2d=True)
    wav = torch.from_numpy(values).mean(1)
    return resample(wav, own, rate)


@pytest.fixture
def decoded(monkeypatch):
    """The number of frames of every read."""
    seen = []
    mono = segments._mono

    def spy(stream, frames):
        seen.append(frames)
        return mono(stream, frames)

    monkeypatch.setattr(segments, "_mono", spy)
    return seen


class Opened:
    """A file that lies in something else, such as a tar."""

    def __init__(self, path):
        self.name = f"shard.tar/{path.name}"
        self.data = path.read_bytes()
        self.streams = []

    def open(self):
        self.streams.append(io.BytesIO(self.data))
        return self.streams[-1]


@pytest.mark.parametrize("rate", [44100, 32000, 48000, 44056])
@pytest.mark.parametrize("suffix, subtype", FORMATS)
def test_crop_equals_that_of_the_whole(tmp_path, suffix, subtype, rate):
    path = write(tmp_path / f"a.{suffix}", channels=2, subtype=subtype)
    all_of_it = whole(path, rate)
    reader = SegmentReader(rate, clip_seconds=0.5)
    length = round(0.5 * rate)
    for position in (0, 0.123, 0.5, 0.77, 1):
        first = int(position * (len(all_of_it) - length))
        expected = all_of_it[first : first + length]
        wav = reader(path, position=position)
        assert wav.shape == expected.shape and wav.dtype == torch.float32
        assert float((wav - expected).abs().max()) < 1e-6


def test_spans_lie_on_the_grid_of_the_whole_file(tmp_path):
    path = write(tmp_path / "a.flac")
    all_of_it = whole(path, 32000)
    reader = SegmentReader(32000, clip_seconds=0.5)
    wav = reader(path, 1.0, 2.5)
    assert torch.allclose(wav, all_of_it[32000:80000], atol=1e-6)
    wav = reader(path, 1.0, 2.5, position=1.0)
    assert torch.allclose(wav, all_of_it[64000:80000], atol=1e-6)
    # Beyond the end of the file there is nothing; a short clip is whole.
    wav = reader(path, start=3.75, stop=99.0, position=0.3)
    assert torch.allclose(wav, all_of_it[120000:], atol=1e-6)


def test_whole_clip_and_center_are_those_of_the_other_reader(tmp_path):
    path = write(tmp_path / "a.wav", seconds=2.0001)
    reader = SegmentReader(16000, clip_seconds=0.7)
    all_of_it = read_audio(path, 16000)
    assert torch.equal(reader(path), all_of_it)
    center = fit_clip(all_of_it, 11200)
    assert torch.allclose(reader(path, position=0.5), center, atol=1e-6)


def test_decodes_no_more_than_it_needs(tmp_path, decoded):
    path = write(tmp_path / "a.flac", seconds=10)
    SegmentReader(44100, 1.0)(path, position=0.5)
    SegmentReader(32000, 1.0)(path, position=0.5)
    SegmentReader(32000, 1.0)(path)
    assert decoded[0] == 44100
    assert 44100 < decoded[1] < 44100 + 441 + 50
    assert decoded[2] == 441000


def test_streams_of_shards_are_read_and_closed(tmp_path):
    path = write(tmp_path / "a.ogg")
    opened = Opened(path)
    reader = SegmentReader(32000, 0.5)
    assert torch.equal(reader(opened, position=0.4), reader(path, position=0.4))
    assert all(stream.closed for stream in opened.streams)
    opened.data = b"no sound at all"
    assert reader(opened) is None
    assert "shard.tar/a.ogg: cannot be decoded" in reader.bad[opened.name]
    assert all(stream.closed for stream in opened.streams)


def test_memory_changes_nothing_but_the_reading(tmp_path, decoded):
    paths = [write(tmp_path / f"{i}.wav", seconds=1 + i / 4) for i in range(2)]
    plain = SegmentReader(32000, 0.2)
    # Room for the first alone.
    cached = SegmentReader(32000, 0.2, cache_megabytes=0.2)
    for position in (0.1, 0.6, 0.9):
        for path in paths:
            one, other = (
                plain(path, None, None, position),
                cached(path, None, None, position),
            )
            assert torch.equal(one, other)
    assert list(cached.cache) == [str(paths[0])]
    assert decoded.count(44100) == 1  # whole, once


@pytest.mark.parametrize("suffix", ["wav", "ogg", "mp3"])
def test_truncated_file_is_used_as_far_as_it_goes(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    there = whole(path, 32000)
    wav = SegmentReader(32000, 0.5)(path, position=0.9)
    first = int(0.9 * (len(there) - 16000))
    assert torch.allclose(wav, there[first : first + 16000], atol=1e-6)


def test_file_without_seeking_is_decoded_whole(tmp_path, monkeypatch):
    path = write(tmp_path / "a.flac")
    expected = SegmentReader(32000, 0.5)(path, position=0.7)

    def broken(self, frames):
        raise soundfile.LibsndfileError(39)

    monkeypatch.setattr(segments.soundfile.SoundFile, "seek", broken)
    monkeypatch.setattr(
        segments.soundfile.SoundFile, "seekable", lambda self: False
    )
    wav = SegmentReader(32000, 0.5)(path, position=0.7)
    assert torch.allclose(wav, expected, atol=1e-6)


def test_bad_clips_are_named_once_and_counted(tmp_path, caplog):
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, numpy.zeros(8000), 8000)
    nan = tmp_path / "nan.wav"
    values = numpy.full(8000, 0.1, dtype="float32")
    values[4000] = numpy.nan
    soundfile.write(nan, values, 8000, subtype="FLOAT")
    empty = tmp_path / "empty.wav"
    empty.touch()
    pointer = tmp_path / "pointer.wav"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n")
    flac = write(tmp_path / "cut.flac")
    flac.write_bytes(flac.read_bytes()[:20000])
    unknown = write(tmp_path / "unknown.flac")
    data = bytearray(unknown.read_bytes())
    data[21] &= 0xF0  # the number of samples in FLAC's STREAMINFO
    data[22:26] = bytes(4)
    unknown.write_bytes(data)
    problems = {
        tmp_path / "missing.wav": "there is no such file",
        empty: "is empty",
        pointer: "Git LFS pointer",
        silent: "is silent",
        nan: "NaN or infinite",
        flac: "decoded",
        unknown: "decoded",
    }
    reader = SegmentReader(8000, 0.5)
    with caplog.at_level(logging.WARNING):
        for path in problems:
            assert reader(path, position=0.5) is None
            assert reader(path, position=0.5) is None
    assert len(reader.bad) == len(problems)
    for path, words in problems.items():
        assert reader.bad[str(path)].startswith(f"{path}: ")
        assert words in reader.bad[str(path)]
        assert caplog.text.count(f"{path}: ") == 1
    strict = SegmentReader(8000, 0.5, on_bad_clip="stop")
    with pytest.raises(BadClipError, match="is silent.*on_bad_clip: skip"):
        strict(silent, position=0.2)


def test_silent_part_of_a_sounding_clip_is_fine(tmp_path):
    path = tmp_path / "a.wav"
    values = numpy.zeros(80000)
    values[79000:] = 0.1
    soundfile.write(path, values, 8000)
    reader = SegmentReader(16000, 1.0)
    wav = reader(path, position=0.2)
    assert wav.shape == (16000,) and not wav.any()
    # The same seconds are all of this clip.
    assert reader(path, 0.0, 5.0, position=0.2) is None
    assert reader(path, 11.0, 12.0) is None
    assert sorted(reader.bad) == [
        f"{path} [0.0 to 5.0 s]",
        f"{path} [11.0 to 12.0 s]",
    ]
    assert (
        "holds no samples from 11.0 to 12.0 s, it has 10.00 s"
        in (reader.bad[f"{path} [11.0 to 12.0 s]"])
    )


def test_wrong_options_are_named():
    with pytest.raises(ValueError, match="on_bad_clip is 'ignore'"):
        SegmentReader(8000, on_bad_clip="ignore")
    with pytest.raises(ValueError, match="clip_seconds is 0"):
        SegmentReader(8000, clip_seconds=0)
