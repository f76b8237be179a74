"""Clips of video: sounds out of them, their frames, their labels.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import pytest
import torch

from speechbrain_clap.dataio.media import VIDEO_SUFFIXES
from speechbrain_clap.dataio.pairs import ClipPairs, PairDataset
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.video import VideoFrames
from speechbrain_clap.dataio.video_pairs import (
    ClipPictures,
    Pictures,
    TrainingPictures,
    VideoPairs,
)
from speechbrain_clap.dataio.video_sets import open_frames

pytest.importorskip("av", reason="the extra vision is not installed")

SAMPLES = pathlib.Path(__file__).parents[1] / "samples" / "AudioSet"
VIDEO = SAMPLES / "videos" / "madeup00000_30_30.5.mp4"
AUDIO = SAMPLES / "audio" / "madeup00000_30_30.5.flac"
ALONE = SAMPLES / "audio" / "madeup00001_30_30.5.flac"


@pytest.fixture
def source(tmp_path):
    """A sound with a video, a video, a sound alone, and a broken video."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(VIDEO.read_bytes()[:500])
    rows = {
        "both": {"path": str(AUDIO), "video": f"../videos/{VIDEO.name}"},
        "video": {"path": str(VIDEO)},
        "sound": {"path": str(ALONE)},
        "broken": {"path": str(ALONE), "video": str(broken)},
    }
    for row in rows.values():
        row |= {"captions": ["Dog, Rain"], "labels": ["Dog", "Rain"]}
    return VideoPairs("set", rows, 16000)


def pictures(source, on_bad_clip="skip"):
    """Frames as they are, between 0 and 1."""
    frames = VideoFrames(source.videos(), n=10, on_bad_clip=on_bad_clip)
    return Pictures(frames, lambda x: x.float() / 255, image_size=32)


def test_sounds_of_files_and_of_videos(source):
    """The same sound, of the file that was taken out and of the video."""
    reader = SegmentReader(16000)
    clips = ClipPictures(ClipPairs(source, reader))
    first, second = clips[0]["sig"], clips[1]["sig"]
    assert len(first) > 7000
    size = min(len(first), len(second))
    torch.testing.assert_close(first[:size], second[:size], atol=1e-3, rtol=0)
    assert clips[1]["labels"] == ["Dog", "Rain"]
    assert VIDEO.suffix in VIDEO_SUFFIXES


def test_pictures_where_there_are_some(source):
    """A sound alone, and a broken video, have none; both are heard."""
    clips = ClipPictures(
        ClipPairs(source, SegmentReader(16000)), pictures(source)
    )
    found = [clips[i] for i in range(4)]
    assert [clip["has_image"] for clip in found] == [True, True, False, False]
    assert all(clip["image"].shape == (3, 32, 32) for clip in found)
    assert all(clip["sig"] is not None for clip in found)
    torch.testing.assert_close(found[0]["image"], found[1]["image"])
    assert found[0]["image"].std() > 0 and not found[2]["image"].any()
    assert list(source.videos()) == ["set/both", "set/video", "set/broken"]


def test_a_broken_video_may_stop(source):
    """By the rule of the set."""
    clips = ClipPictures(
        ClipPairs(source, SegmentReader(16000)), pictures(source, "stop")
    )
    with pytest.raises(ValueError, match="broken.mp4.*on_bad_clip: skip"):
        clips[3]


def test_the_drawn_frame(source):
    """From seed, epoch and clip; all frames come up in time."""

    class Noted:
        def __init__(self):
            self.seen = []

        def count(self, clip):
            return 10

        def read(self, clip, k):
            self.seen.append(k)
            return torch.zeros(3, 2, 2, dtype=torch.uint8)

    def frames(seed):
        noted = Noted()
        pairs = PairDataset([source], lambda *_, position: None, seed)
        data = TrainingPictures(pairs, Pictures(noted, lambda x: x, 2))
        for epoch in range(1, 60):
            assert data[epoch, 0, 0]["has_image"]
        return noted.seen

    assert frames(1) == frames(1) != frames(2)
    assert set(frames(1)) == set(range(10))


def test_frames_of_a_cache_are_those_of_the_videos(source, tmp_path):
    """But for what JPEG loses; a broken video has none there either."""
    rows = source.videos()
    ours = open_frames(rows, 10)
    theirs = open_frames(rows, 10, frames_folder=tmp_path / "frames")
    for clip in ("set/both", "set/video"):
        assert theirs.count(clip) == 10
        found, wanted = theirs.read(clip, 5), ours.read(clip, 5)
        assert (found.float() - wanted.float()).abs().mean() < 8
    assert theirs.count("set/broken") == 0
