"""What is heard and what is seen are of the same seconds.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.distillation import (
    CentredClips,
    DistillationClips,
    SeenSounds,
)
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.video_pairs import VideoPairs

SAMPLE_RATE, CLIP = 1000, 2.0


class Embeddings:
    """Each tells the middle of the seconds that were asked for."""

    def __init__(self, **seconds):
        self.of = {f"garden/{clip}": x for clip, x in seconds.items()}

    def __contains__(self, clip):
        return clip in self.of

    def seconds(self, clip):
        """How long it was seen."""
        return self.of[clip]

    def mean(self, clip, start, stop):
        """[1]."""
        return numpy.float32([(start + stop) / 2])


@pytest.fixture
def source(tmp_path):
    """A sound of 10 s whose value is the time, /20, and a part of it."""
    times = numpy.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    soundfile.write(tmp_path / "a.wav", times / 20, SAMPLE_RATE, "FLOAT")
    row = {"path": str(tmp_path / "a.wav"), "captions": ["x"], "label": "x"}
    rows = {"whole": row, "part": {**row, "start": 3.0, "stop": 9.0}}
    return VideoPairs("garden", rows, SAMPLE_RATE)


READER = SegmentReader(SAMPLE_RATE, CLIP)


def heard(clip, start=0.0):
    """The middle of what is heard, in seconds of the clip."""
    assert len(clip["sig"]) == CLIP * SAMPLE_RATE
    return 20 * clip["sig"].mean().item() - start


def test_one_draw_for_both(source):
    """Whatever the epoch, also where the clip begins in its file."""
    sounds = SeenSounds(source, Embeddings(whole=10.0, part=6.0), CLIP)
    clips = DistillationClips([sounds], READER, seed=1)
    assert len(clips) == 2
    seen = []
    for epoch in range(1, 9):
        for row, start in enumerate((0.0, 3.0)):
            clip = clips[epoch, 0, row]
            assert abs(heard(clip, start) - clip["image"].item()) < 0.002
            assert torch.equal(clips[epoch, 0, row]["image"], clip["image"])
            seen.append(clip["image"].item())
    assert len(set(seen)) == 16
    assert min(seen[::2]) < 3 and max(seen[::2]) > 7  # of 1 to 9
    assert 1 <= min(seen[1::2]) and max(seen[1::2]) <= 5
    other = DistillationClips([sounds], READER, seed=2)
    assert other[1, 0, 0]["image"] != clips[1, 0, 0]["image"]


def test_the_middle_in_evaluation(source):
    """With its labels; a short video is seen and heard whole."""
    sounds = SeenSounds(source, Embeddings(whole=10.0, part=1.0), CLIP)
    clips = CentredClips(sounds, READER, {"samples": 2000})
    assert heard(clips[0]) == pytest.approx(5, abs=0.002)
    assert clips[0]["image"].item() == 5 and clips[0]["labels"] == ["x"]
    short = clips[1]
    assert short["sig"][1000:].abs().max() == 0  # 1 s and silence
    assert short["sig"][:1000].min() > 0.14


def test_sounds_longer_than_their_video(source):
    """Only what was seen is heard."""
    sounds = SeenSounds(source, Embeddings(whole=4.0), CLIP)
    clips = DistillationClips([sounds], READER, seed=1)
    middles = [clips[epoch, 0, 0]["image"].item() for epoch in range(1, 30)]
    assert 1 <= min(middles) and 2.5 < max(middles) <= 3
    clip = clips[1, 0, 0]
    assert abs(heard(clip) - clip["image"].item()) < 0.002


def test_clips_without_frames_are_left_out(source):
    """And what validates has the frames of its set."""
    sounds = SeenSounds(source, Embeddings(part=6.0), CLIP)
    assert len(sounds) == 1 and sounds.unseen == 1
    assert sounds.id(0) == "garden/part" and sounds.span(0) == (3.0, 9.0)
    rows = {"garden/part": source.rows[1]}
    valid = VideoPairs("valid", rows, SAMPLE_RATE)
    assert SeenSounds(valid, Embeddings(part=6.0), CLIP).image(0, 0.0) == 1.0
    with pytest.raises(DataError, match="garden: none of the 2 clips has"):
        SeenSounds(source, Embeddings(), CLIP)
    with pytest.raises(ValueError, match="two sets have one name: garden"):
        DistillationClips([sounds, sounds], READER, seed=1)
