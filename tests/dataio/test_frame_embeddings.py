"""Embeddings of frames: by time, resumed, refused if stale, shared by ranks.

Authors
 * The speechbrain_clap team 2026
"""

import pickle
import threading

import numpy
import pytest
import torch

from speechbrain_clap.dataio import frame_embeddings, frame_parts
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.frame_embeddings import (
    FrameEmbeddings,
    write_frame_embeddings,
)

RATE, SECONDS = 4, 3
COUNTS = {"clips_per_part": 2, "batch_size": 5}


class Encoder(torch.nn.Linear):
    """The red and the green of a picture's first pixel."""

    image_size, embedding_dim = 2, 2
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self):
        super().__init__(1, 1)
        torch.nn.init.ones_(self.weight)
        torch.nn.init.zeros_(self.bias)

    def preprocess(self, images):
        """To float."""
        return images.float()

    def forward(self, images):
        """From [B, 3, 2, 2] to [B, 2]."""
        return images[:, :2, 0, 0]


def rows(count=5):
    """Clips whose red is their number and whose green counts frames."""
    return {f"set/{i}": {"path": f"{i}.mp4"} for i in range(count)}


@pytest.fixture
def read(monkeypatch):
    """Gives the paths read so far; `bad` ones cannot be, at `kill` it dies."""
    read = type("Read", (list,), {"bad": (), "kill": None})()

    def _frames(path, rate, start, stop, short_side):
        if path == read.kill:
            raise KeyboardInterrupt
        read.append(path)
        if path in read.bad:
            raise BadClipError(f"{path}: cannot be decoded")
        assert (start, stop, short_side) == (None, None, 2)
        pictures = torch.zeros(SECONDS * int(rate), 3, 2, 2, dtype=torch.uint8)
        pictures[:, 0] = int(path.split(".")[0])
        pictures[:, 1] = torch.arange(len(pictures))[:, None, None]
        for first in range(0, len(pictures), 5):
            yield pictures[first : first + 5], None

    monkeypatch.setattr(frame_parts, "all_frames", _frames)
    return read


def everything(folder):
    """Clip to all of its rows."""
    embeddings = FrameEmbeddings(folder)
    return {clip: embeddings.slice(clip).tolist() for clip in embeddings.ids}


def test_rows_by_time(tmp_path, read):
    """A row is of what is shown from its time on; ends are cut."""
    report = write_frame_embeddings(
        tmp_path, rows(), Encoder(), RATE, **COUNTS, workers=2
    )
    assert report["clips"] == 5 and report["frames"] == 60
    assert report["bad"] == {} and 0 <= report["decoding"] <= 1
    found = FrameEmbeddings(tmp_path)
    assert (found.dim, found.rate, len(found)) == (2, 4.0, 5)
    assert "set/3" in found and "set/9" not in found
    assert found.count("set/3") == 12 and found.seconds("set/3") == 3.0
    assert found.times("set/3").tolist() == [i / 4 for i in range(12)]
    assert found.count("set/9") == 0

    def _frames(start, stop=None):
        part = found.slice("set/3", start, stop)
        assert part.dtype == numpy.float16 and (part[:, 0] == 3).all()
        return part[:, 1].tolist()

    assert _frames(1.0, 2.0) == [4, 5, 6, 7]
    assert _frames(1.01, 2.01) == [5, 6, 7, 8]  # those from 1.25 to 2.0 s
    assert _frames(0.1 + 0.2, 0.6) == [2]  # but for rounding
    assert _frames(1.3, 1.4) == [5]  # none begins there: the one shown
    assert _frames(2.0) == [8, 9, 10, 11]
    assert _frames(2.5, 9.0) == [10, 11]
    assert _frames(9.0, 10.0) == [11]
    mean = found.mean("set/3", 1.0, 2.0)
    assert mean.dtype == numpy.float32 and mean.tolist() == [3.0, 5.5]
    with pytest.raises(DataError, match="'set/9' has no embeddings"):
        found.mean("set/9")


def test_a_kill_costs_a_part(tmp_path, read):
    """The same call goes on; nothing is embedded twice."""
    read.kill = "3.mp4"
    with pytest.raises(KeyboardInterrupt):
        write_frame_embeddings(tmp_path / "a", rows(), Encoder(), **COUNTS)
    assert not list((tmp_path / "a").glob(".*"))  # nothing half-written
    read.clear()
    read.kill = None
    report = write_frame_embeddings(tmp_path / "a", rows(), Encoder(), **COUNTS)
    assert sorted(read) == ["2.mp4", "3.mp4", "4.mp4"]
    assert report["clips"] == 5 and report["frames"] == 3 * 90
    write_frame_embeddings(tmp_path / "b", rows(), Encoder())
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    # Done: nothing is decoded. More clips: these alone.
    read.clear()
    write_frame_embeddings(tmp_path / "a", rows(), Encoder(), **COUNTS)
    assert not read
    more = write_frame_embeddings(tmp_path / "a", rows(7), Encoder(), **COUNTS)
    assert sorted(read) == ["5.mp4", "6.mp4"] and more["clips"] == 7


def test_what_another_encoder_made_is_refused(tmp_path, read):
    """Other weights, rate or preprocessing: the message names which."""
    write_frame_embeddings(tmp_path, rows(), Encoder(), RATE)
    other = Encoder()
    torch.nn.init.constant_(other.bias, 2.0)
    with pytest.raises(DataError, match="is stale: its encoder is '"):
        write_frame_embeddings(tmp_path, rows(), other, RATE)
    with pytest.raises(DataError, match="its rate is 4.0, but 30.0 is wanted"):
        write_frame_embeddings(tmp_path, rows(), Encoder())
    other = Encoder()
    other.std = (2.0, 2.0, 2.0)
    with pytest.raises(DataError, match="its std is"):
        write_frame_embeddings(tmp_path, rows(), other, RATE)


def test_bad_videos(tmp_path, read):
    """Counted and named, or refused; all bad is an error."""
    read.bad = ("1.mp4", "4.mp4")
    report = write_frame_embeddings(tmp_path, rows(), Encoder(), **COUNTS)
    assert report["clips"] == 3
    assert report["bad"]["set/4"] == "4.mp4: cannot be decoded"
    found = FrameEmbeddings(tmp_path)
    assert sorted(found.bad) == ["set/1", "set/4"] and "set/1" not in found
    with pytest.raises(DataError, match="'set/1' has .* cannot be decoded"):
        found.slice("set/1")
    with pytest.raises(DataError, match="row 'set/1'.*on_bad_clip: skip"):
        write_frame_embeddings(
            tmp_path / "b", rows(), Encoder(), on_bad_clip="stop"
        )
    with pytest.raises(DataError, match="none of the 1 clips has frames"):
        one = {"set/4": {"path": "4.mp4"}}
        write_frame_embeddings(tmp_path / "c", one, Encoder())
    with pytest.raises(DataError, match="holds no embeddings.*extract_clip"):
        FrameEmbeddings(tmp_path / "none")


def test_damage_is_named(tmp_path, read):
    """A truncated part, an index that is none, weights that overflow."""
    write_frame_embeddings(tmp_path, rows(1), Encoder())
    [part] = tmp_path.glob("*.f16")
    part.write_bytes(part.read_bytes()[:-2])
    with pytest.raises(DataError, match="missing or truncated, expected 360"):
        FrameEmbeddings(tmp_path)
    part.with_suffix(".json").write_text("[")
    with pytest.raises(DataError, match="is not JSON"):
        FrameEmbeddings(tmp_path)
    wild = Encoder()
    wild.forward = lambda images: 1e6 + images[:, :2, 0, 0]
    with pytest.raises(DataError, match="'set/0': .* beyond float16"):
        write_frame_embeddings(tmp_path / "b", rows(1), wild)


def test_ranks_share_the_parts(tmp_path, read, monkeypatch):
    """Two take turns by parts; together they make what one makes."""
    meeting, mine = threading.Barrier(2), threading.local()
    monkeypatch.setattr(frame_embeddings, "rank", lambda: mine.rank)
    monkeypatch.setattr(frame_embeddings, "ranks", lambda: 2)
    monkeypatch.setattr(frame_embeddings, "ddp_barrier", meeting.wait)
    reports = {}

    def _run(rank):
        mine.rank = rank
        reports[rank] = write_frame_embeddings(
            tmp_path, rows(), Encoder(), RATE, **COUNTS
        )

    threads = [threading.Thread(target=_run, args=[i]) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    # Three parts: two of the first rank, which has three clips.
    assert [reports[i]["frames"] for i in range(2)] == [36, 24]
    assert [reports[i]["clips"] for i in range(2)] == [5, 5]
    assert sorted(read) == [f"{i}.mp4" for i in range(5)]
    assert len(everything(tmp_path)) == 5


def test_workers_get_no_copy_of_the_numbers(tmp_path, read):
    """What is sent to a process is the index alone."""
    write_frame_embeddings(tmp_path, rows(), Encoder(), RATE)
    found = FrameEmbeddings(tmp_path)
    before = found.mean("set/2")
    sent = pickle.dumps(found)
    assert pickle.loads(sent)._maps == {}
    assert (pickle.loads(sent).mean("set/2") == before).all()
