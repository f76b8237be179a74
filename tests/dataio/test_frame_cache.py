"""Tests of the frames that are kept as JPEG in tars.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import json
import tarfile

import numpy
import pytest
import torch

from speechbrain_clap.dataio import frame_cache
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.frame_cache import CachedFrames, write_frames
from speechbrain_clap.dataio.video import VideoFrames, equally_spaced
from speechbrain_clap.synthesis.pictures import draw_frames
from speechbrain_clap.synthesis.videos import write_video

pytest.importorskip("av")

CLIPS = 5


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Five videos of 2 s, the last of them cut."""
    folder = tmp_path_factory.mktemp("videos")
    rows = {}
    for number in range(CLIPS):
        rng = numpy.random.default_rng(number)
        frames = draw_frames("dog", rng, numpy.arange(20) / 10, 48)
        path = folder / f"{number}.mp4"
        write_video(path, frames, 10)
        rows[f"set/{number}"] = {"path": str(path), "captions": ["a dog"]}
    rows["set/4"] |= {"start": 0.5, "stop": 1.5}
    return rows


def digests(folder):
    """What each file of a folder holds."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
    }


def test_frames_are_those_of_the_videos(rows, tmp_path):
    """Up to JPEG's loss, and with their times."""
    report = write_frames(rows, tmp_path, n=3, clips_per_shard=2, quality=95)
    assert report == {"shards": 3, "clips": CLIPS, "bad": {}}
    cached, direct = CachedFrames(tmp_path), VideoFrames(rows, 3)
    for clip, row in rows.items():
        wanted, times = equally_spaced(
            row["path"], 3, row.get("start"), row.get("stop")
        )
        assert cached.count(clip) == direct.count(clip) == 3
        assert cached.times(clip) == pytest.approx(times)
        for k in range(3):
            found = cached.read(clip, k)
            assert found.dtype == torch.uint8
            assert torch.equal(direct.read(clip, k), wanted[k])
            difference = (found.float() - wanted[k].float()).abs()
            assert difference.mean() < 6
    with pytest.raises(IndexError, match="frame 3 was asked for"):
        cached.read("set/0", 3)
    assert cached.count("set/9") == 0 and cached.read("set/9", 0) is None


def test_the_same_rows_give_the_same_bytes(rows, tmp_path):
    """Whatever the threads, and however many processes share the work."""
    write_frames(rows, tmp_path / "a", n=2, clips_per_shard=2)
    write_frames(rows, tmp_path / "b", n=2, clips_per_shard=2, workers=3)
    for rank in (1, 0):
        part = write_frames(
            rows, tmp_path / "c", n=2, clips_per_shard=2, rank=rank,
            world_size=2,
        )  # fmt: skip
        assert part["shards"] == (2, 1)[rank]
    first = digests(tmp_path / "a")
    assert len(first) == 6
    assert first == digests(tmp_path / "b") == digests(tmp_path / "c")


def test_an_interrupted_run_goes_on(rows, tmp_path, monkeypatch):
    """What is finished is not made again; nothing half-made is left."""
    made = []
    encode = frame_cache._encode

    def _dies(row, about):
        made.append(row["path"])
        if len(made) == 4:
            raise KeyboardInterrupt
        return encode(row, about)

    monkeypatch.setattr(frame_cache, "_encode", _dies)
    with pytest.raises(KeyboardInterrupt):
        write_frames(rows, tmp_path, n=2, clips_per_shard=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "frames-000000.json",
        "frames-000000.tar",
    ]
    made[:] = [""] * 10
    write_frames(rows, tmp_path, n=2, clips_per_shard=2)
    assert len(made) == 13  # the clips 2, 3 and 4
    write_frames(rows, tmp_path, n=2, clips_per_shard=2)
    assert len(made) == 13
    write_frames(rows, tmp_path / "whole", n=2, clips_per_shard=2)
    whole = digests(tmp_path / "whole")
    assert (
        whole.items()
        <= {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in tmp_path.glob("frames-*")
        }.items()
    )


def test_bad_videos(rows, tmp_path):
    """Skipped and counted, or named; none at all is an error."""
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    mixed = {"bad": {"path": broken}, **rows}
    report = write_frames(mixed, tmp_path / "a", n=2)
    assert report["clips"] == CLIPS and list(report["bad"]) == ["bad"]
    cached = CachedFrames(tmp_path / "a")
    assert cached.count("bad") == 0 and "broken.mp4" in cached.bad["bad"]
    with pytest.raises(DataError, match=r"broken\.mp4.*row 'bad'"):
        write_frames(mixed, tmp_path / "b", n=2, on_bad_clip="stop")
    assert not list((tmp_path / "b").glob("*"))
    with pytest.raises(DataError, match="none of the 1 clips has frames"):
        write_frames({"bad": {"path": broken}}, tmp_path / "c", n=2)
    with pytest.raises(ValueError, match="on_bad_clip is 'no'"):
        write_frames(rows, tmp_path / "d", on_bad_clip="no")
    with pytest.raises(ValueError, match="n is 0"):
        write_frames(rows, tmp_path / "d", n=0)


def test_other_frames_are_not_mixed_in(rows, tmp_path):
    """Another number, size or list of clips asks for another folder."""
    write_frames(rows, tmp_path, n=2)
    fewer = {"set/0": rows["set/0"]}
    for call in ({"rows": rows, "n": 3}, {"rows": fewer, "n": 2}):
        with pytest.raises(DataError, match="holds frames of other clips"):
            write_frames(folder=tmp_path, **call)
    # Other processes' data may lie elsewhere: only the name counts.
    moved = {clip: dict(row) for clip, row in rows.items()}
    for row in moved.values():
        row["path"] = "/elsewhere/" + row["path"].rsplit("/", 1)[1]
    assert write_frames(moved, tmp_path, n=2)["clips"] == CLIPS


def test_damaged_tars_are_named(rows, tmp_path):
    """A missing or truncated tar at once, a changed one when it is read."""
    with pytest.raises(DataError, match="holds no frames"):
        CachedFrames(tmp_path)
    write_frames(rows, tmp_path, n=2)
    tar = tmp_path / "frames-000000.tar"
    data = tar.read_bytes()
    tar.write_bytes(data[:-100])
    with pytest.raises(DataError, match=r"frames-000000\.tar: is missing or"):
        CachedFrames(tmp_path)
    tar.write_bytes(bytes(len(data)))
    with pytest.raises(DataError, match="frame 1 of clip 'set/2'"):
        CachedFrames(tmp_path).read("set/2", 1)
    tar.write_bytes(data[:-100])
    write_frames(rows, tmp_path, n=2)
    assert tar.read_bytes() == data
    index = tar.with_suffix(".json")
    index.write_text(json.dumps({"format": "another"}))
    with pytest.raises(DataError, match="is no index of frames"):
        CachedFrames(tmp_path)
    index.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        CachedFrames(tmp_path)


def test_anybody_can_read_the_tars(rows, tmp_path):
    """They are plain tars of JPEGs."""
    write_frames(rows, tmp_path, n=2, short_side=24)
    with tarfile.open(tmp_path / "frames-000000.tar") as tar:
        names = tar.getnames()
        head = tar.extractfile(names[0]).read(2)
    assert names[:3] == ["000000.000.jpg", "000000.001.jpg", "000001.000.jpg"]
    assert head == b"\xff\xd8"
    assert CachedFrames(tmp_path).read("set/0", 0).shape == (3, 24, 24)
