"""Tests of the drawn pictures and of the videos made of them.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile

from speechbrain_clap.dataio.video import equally_spaced, read_audio_track
from speechbrain_clap.synthesis.drawings import DRAWINGS, Canvas
from speechbrain_clap.synthesis.pictures import draw_frames, draw_picture
from speechbrain_clap.synthesis.sounds import CATEGORIES
from speechbrain_clap.synthesis.videos import synthesise_videos, write_video

av = pytest.importorskip("av")

SIZES = {"seconds": 0.5, "size": 16, "rate": 8, "sample_rate": 8000}


def test_each_sound_has_a_drawing():
    """And no drawing is without a sound."""
    assert list(DRAWINGS) == list(CATEGORIES)


def test_pictures_are_varied_and_seeded():
    """The same seed gives the same picture, another one another."""
    for name in CATEGORIES:
        rngs = [np.random.default_rng(seed) for seed in (3, 3, 4)]
        first, same, other = (draw_picture(name, rng, 48) for rng in rngs)
        assert first.shape == (48, 48, 3) and first.dtype == np.uint8
        assert (first == same).all()
        assert np.abs(first.astype(int) - other).mean() > 5


def test_things_move():
    """From frame to frame a little, and never the background."""
    for name in CATEGORIES:
        times = [0.0, 0.1, 0.5]
        rng = np.random.default_rng(1)
        frames = np.stack(list(draw_frames(name, rng, times, 64)))
        moved = (frames != frames[:1]).any(-1).mean((1, 2))
        assert 0 < moved[1] < 0.5 and 0 < moved[2] < 0.7


def shapes(name, count, first):
    """What a nearest-neighbour learner sees: edges, in a coarse grid."""
    found = []
    for seed in range(first, first + count):
        picture = draw_picture(name, np.random.default_rng([seed, 7]), 64)
        grey = picture.astype(float).mean(-1)
        spectrum = np.abs(np.fft.fft2(grey - grey.mean()))
        found.append(np.log(1 + spectrum[:12, :12]).ravel())
    return np.array(found)


def test_classes_are_told_apart_by_shape():
    """Even a crude learner does far better than one in ten."""
    train = [shapes(name, 40, 0) for name in CATEGORIES]
    test = [shapes(name, 10, 1000) for name in CATEGORIES]
    labels = np.repeat(np.arange(10), 40)
    flat = np.concatenate(train)
    right = 0
    for label, rows in enumerate(test):
        for row in rows:
            nearest = np.argsort(((flat - row) ** 2).sum(1))[:9]
            right += np.bincount(labels[nearest]).argmax() == label
    assert right > 25


def test_colour_says_nothing():
    """The mean colour of a class is that of the others."""
    means = np.array(
        [
            [
                draw_picture(name, np.random.default_rng([i, 9]), 16).mean()
                for i in range(80)
            ]
            for name in CATEGORIES
        ]
    )
    errors = means.std(1) / np.sqrt(80)
    assert np.abs(means.mean(1) - means.mean()).max() < 4 * errors.max()


def test_two_things_lie_side_by_side():
    """Both are drawn: the picture differs from that of either."""
    pictures = [
        draw_picture(names, np.random.default_rng(2), 48)
        for names in (["clock_tick", "dog"], ["clock_tick"], ["dog"])
    ]
    for other in pictures[1:]:
        assert (pictures[0] != other).any(-1).mean() > 0.05


def test_faults_of_pictures():
    """Unknown things and tiny pictures are refused."""
    rng = np.random.default_rng(0)
    for names in ("cat", [], ["dog", "cat"]):
        with pytest.raises(ValueError, match="expected some of dog"):
            draw_picture(names, rng)
    with pytest.raises(ValueError, match="size is 8"):
        draw_picture("dog", rng, 8)


def test_shapes_have_their_areas():
    """Pixels covered, against geometry."""
    areas = []
    for draw in (
        lambda canvas: canvas.ellipse(0.1, 0, 0.5, 0.3, [1, 1, 1]),
        lambda canvas: canvas.box(0, 0.1, 0.5, 0.3, [1, 1, 1]),
        lambda canvas: canvas.line(-0.5, 0, 0.5, 0, 0.1, [1, 1, 1]),
        lambda canvas: canvas.triangle((0, 0), (0.5, 0), (0, 0.5), [1, 1, 1]),
        lambda canvas: canvas.triangle((0, 0), (0, 0.5), (0.5, 0), [1, 1, 1]),
    ):
        image = np.zeros((200, 200, 3))
        draw(Canvas(image, (0.05, 0.0), 0.9, 0.3, -1))
        areas.append(image[..., 0].mean() * 4 / 0.81)
    wanted = [np.pi * 0.15, 0.6, 0.2 + np.pi * 0.01, 0.125, 0.125]
    assert areas == pytest.approx(wanted, rel=0.02)


def test_a_video_holds_its_frames_and_its_sound(tmp_path):
    """Size, number, rate and length; keys where they are asked for."""
    rng = np.random.default_rng(0)
    frames = list(draw_frames("rain", rng, np.arange(20) / 10, 32))
    tone = 0.3 * np.sin(np.arange(32000) / 9)
    write_video(tmp_path / "a.mp4", frames, 10, tone, 16000, key_interval=5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264" and video.average_rate == 10
        assert container.streams.audio[0].codec_context.name == "aac"
        packets = [p for p in container.demux(video) if p.size]
    assert len(packets) == 20
    assert sum(packet.is_keyframe for packet in packets) >= 4
    shown, _ = equally_spaced(tmp_path / "a.mp4", 20)
    wanted = np.stack(frames).transpose(0, 3, 1, 2)
    assert np.abs(shown.numpy().astype(int) - wanted).mean() < 12
    track = read_audio_track(tmp_path / "a.mp4", 16000)
    assert abs(len(track) - 32000) < 1100
    assert float(track.square().mean().sqrt()) == pytest.approx(0.212, rel=0.05)


def test_nothing_half_written_is_left(tmp_path):
    """No frames, odd sizes, and a source that fails."""

    def _fails():
        yield np.zeros((16, 16, 3), np.uint8)
        raise RuntimeError("no more")

    with pytest.raises(ValueError, match=r"a\.mp4: there is no frame"):
        write_video(tmp_path / "a.mp4", [], 10)
    with pytest.raises(ValueError, match="frames of 15 x 16, expected even"):
        write_video(tmp_path / "a.mp4", np.zeros((1, 15, 16, 3), np.uint8), 10)
    with pytest.raises(RuntimeError, match="no more"):
        write_video(tmp_path / "a.mp4", _fails(), 10)
    assert not list(tmp_path.iterdir())


def test_layout_of_audioset(tmp_path):
    """Lists as the real ones, each clip with its video and its sound."""
    folder = synthesise_videos(
        tmp_path / "set", "AudioSet", 1, {"train": 2, "test": 1}, **SIZES
    )
    lines = (folder / "balanced_train_segments.csv").read_text().splitlines()
    assert [line[0] for line in lines[:3]] == ["#"] * 3 and len(lines) == 23
    assert lines[3] == 'madeup00000, 30.000, 30.500, "/m/0made_dog"'
    with open(folder / "class_labels_indices.csv") as file:
        classes = {row["mid"]: row["index"] for row in csv.DictReader(file)}
    used = {
        mid
        for line in lines[3:]
        for mid in line.split('"')[1].split(",")
    }  # fmt: skip
    assert used == set(classes) and len(classes) == 10
    assert sum("," in line.split('"')[1] for line in lines[3:]) > 0
    names = {path.stem for path in (folder / "videos").iterdir()}
    assert len(names) == 30 and "madeup00000_30_30.5" in names
    assert names == {path.stem for path in (folder / "audio").iterdir()}
    wave, rate = soundfile.read(folder / "audio" / "madeup00000_30_30.5.flac")
    assert rate == 8000 and np.abs(wave).max() > 1e-3
    assert json.loads((folder / "synthesis.json").read_text())["seed"] == 1
    assert "made up" in (folder / "README.txt").read_text()


def test_layout_of_vggsound_and_resuming(tmp_path):
    """What is missing is made again, the same; other arguments are refused."""

    def _digests():
        return {
            path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((tmp_path / "set").rglob("*.*"))
        }

    clips = {"train": 1, "test": 1}
    folder = synthesise_videos(tmp_path / "set", "VGGSound", 1, clips, **SIZES)
    lines = (folder / "vggsound.csv").read_text().splitlines()
    assert lines[3] == "madeup00003,30,sea waves,train" and len(lines) == 20
    assert lines[-1] == "madeup50009,30,chainsaw,test"
    assert (folder / "stat.csv").read_text().startswith("dog,2,made up\n")
    before = _digests()
    assert len(before) == 44
    (folder / "videos" / "madeup00003_000030.mp4").unlink()
    (folder / "audio" / "madeup00003_000030.flac").unlink()
    (folder / "audio" / "madeup50003_000030.flac").unlink()
    (folder / "vggsound.csv").unlink()
    synthesise_videos(folder, "VGGSound", 1, clips, **SIZES)
    assert _digests() == before
    with pytest.raises(FileExistsError, match="other arguments"):
        synthesise_videos(folder, "VGGSound", 2, clips, **SIZES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not made by this program"):
        synthesise_videos(tmp_path / "mine", "VGGSound", 1, clips, **SIZES)
    with pytest.raises(ValueError, match="layout is 'UCF'"):
        synthesise_videos(tmp_path / "other", "UCF")
