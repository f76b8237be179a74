"""Videos of the embedded sounds, in the layouts of AudioSet and VGGSound.

They stand in for these sets where there are none of their videos: each is a
real file, H.264 with AAC, in which a drawn thing moves and sounds.

Authors
 * The speechbrain_clap team 2026
"""

import fractions
import json
import pathlib

import numpy as np
import soundfile

from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP
from speechbrain_clap.dataio.media import require_av
from speechbrain_clap.dataio.video import read_audio_track
from speechbrain_clap.synthesis.pictures import draw_frames
from speechbrain_clap.synthesis.sounds import CATEGORIES, synthesise_clip
from speechbrain_clap.synthesis.workers import run_tasks
from speechbrain_clap.utils.files import atomic_write, write_json

VERSION = 1  # goes up whenever a video changes
MADE_BY = "speechbrain_clap.synthesis.videos"
START = 30  # seconds: where the excerpts are said to begin
LISTS = {"train": "balanced_train", "test": "eval"}  # AudioSet's names

README = """\
These videos are made up: pictures and sounds were made by a program
({made_by}, version {version}, seed {seed}).
None of them was filmed, recorded or downloaded.

The folder has the layout of {layout}. Results on these videos say nothing
about results on that set: report them as results on made-up videos.
"""


def write_video(
    path, frames, rate, wave=None, sample_rate=None, key_interval=None
):
    """Writes a video: H.264, and AAC where there is a sound.

    The sound of `.mkv` and `.avi` is PCM of 16 bits.

    Arguments
    ---------
    path : str or pathlib.Path
        The file; its suffix says the container.
    frames : iterable of numpy.ndarray
        uint8, [H, W, 3] each, of even height and width.
    rate : float
        Frames per second.
    wave : numpy.ndarray or None
        The sound, float, [T], inside -1 and 1.
    sample_rate : int or None
        Of the sound, in Hz.
    key_interval : int or None
        Frames from a key frame to the next at most. None: x264's 250.

    Raises
    ------
    ValueError
        If there is no frame, or its height or width is odd.

    Example
    -------
    >>> import pytest
    >>> av = pytest.importorskip("av")
    >>> path = getfixture("tmp_path") / "a.mp4"
    >>> write_video(path, np.zeros((4, 16, 16, 3), np.uint8), rate=8)
    >>> with av.open(str(path)) as container:
    ...     sum(1 for _ in container.decode(video=0))
    4
    """
    av = require_av()
    with atomic_write(path) as temporary:
        with av.open(str(temporary), "w") as container:
            video = sound = None
            if wave is not None:
                is_exact = pathlib.Path(path).suffix in (".mkv", ".avi")
                codec = "pcm_s16le" if is_exact else "aac"
                sound = container.add_stream(
                    codec, rate=sample_rate, layout="mono"
                )
            for frame in frames:
                if video is None:
                    video = _video_stream(
                        container, frame, rate, key_interval, path
                    )
                picture = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(frame), format="rgb24"
                )
                container.mux(video.encode(picture))
            if video is None:
                raise ValueError(f"{path}: there is no frame to write")
            container.mux(video.encode(None))
            if sound is not None:
                samples = np.asarray(wave, np.float32)[None]
                block = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
                block.sample_rate = sample_rate
                block.pts = 0
                container.mux(sound.encode(block))
                container.mux(sound.encode(None))


def _video_stream(container, frame, rate, key_interval, path):
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(
            f"{path}: frames of {height} x {width}, expected even numbers"
        )
    stream = container.add_stream(
        "libx264", rate=fractions.Fraction(rate).limit_denominator(1001)
    )
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # The same bytes on every machine.
    stream.codec_context.thread_count = 1
    if key_interval is not None:
        stream.codec_context.gop_size = key_interval
    return stream


def synthesise_videos(
    folder,
    layout="AudioSet",
    seed=1234,
    clips_per_class=None,
    seconds=5.0,
    size=96,
    rate=10,
    sample_rate=44100,
    mixed=0.25,
    workers=1,
):
    """Writes a folder of made-up videos.

    `videos/` holds them and `audio/` their sounds, taken out of them (FLAC);
    the lists are as those of the real set: "AudioSet" has
    `balanced_train_segments.csv`, `eval_segments.csv` and
    `class_labels_indices.csv`, "VGGSound" `vggsound.csv` and `stat.csv`. The
    same arguments give the same videos, whatever the number of workers; a call
    that was cut off is taken up where it stopped.

    Arguments
    ---------
    folder : str or pathlib.Path
        A new or empty folder, or one made by this function with the same
        arguments.
    layout : str
        "AudioSet" or "VGGSound".
    seed : int
        Of everything.
    clips_per_class : dict or None
        "train" and "test" to the clips of each class. None: 40 and 10.
    seconds : float
        Length of a clip.
    size : int
        Height and width of the pictures, even.
    rate : float
        Frames per second.
    sample_rate : int
        Of the sounds, in Hz.
    mixed : float
        Share of AudioSet's clips that have a second thing and its sound.
    workers : int
        Processes, as for ``speechbrain_clap.synthesis.workers.run_tasks``.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        If there is no such layout.
    FileExistsError
        If the folder holds something else.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> folder = getfixture("tmp_path") / "made-up"
    >>> sizes = dict(seconds=0.5, size=16, sample_rate=8000)
    >>> clips = {"train": 1, "test": 0}
    >>> _ = synthesise_videos(folder, "VGGSound", 1, clips, **sizes)
    >>> print((folder / "vggsound.csv").read_text())
    madeup00000,30,dog,train
    madeup00001,30,rooster,train
    ...
    """
    if layout not in ("AudioSet", "VGGSound"):
        raise ValueError(f"layout is '{layout}', expected AudioSet or VGGSound")
    stamp = {
        "made_by": MADE_BY,
        "version": VERSION,
        "layout": layout,
        "seed": seed,
        "clips_per_class": clips_per_class or {"train": 40, "test": 10},
        "seconds": float(seconds),
        "size": size,
        "rate": rate,
        "sample_rate": sample_rate,
        "mixed": mixed if layout == "AudioSet" else 0.0,
    }
    folder = pathlib.Path(folder)
    _check_stamp(folder, stamp)
    rows = _rows(stamp)
    run_tasks(_write_clip, [(folder, row, stamp) for row in rows], workers)
    lists = _audioset_lists if layout == "AudioSet" else _vggsound_lists
    for name, lines in lists(rows, stamp).items():
        _write_text(folder / name, "".join(f"{line}\n" for line in lines))
    _write_text(folder / "README.txt", README.format(**stamp))
    return folder


def _check_stamp(folder, stamp):
    """Refuses a folder with other things; marks a new one."""
    path = folder / MADE_UP_STAMP
    if path.is_file():
        found = json.loads(path.read_text("utf-8"))
        if found != stamp:
            raise FileExistsError(
                f"{folder} holds made-up data of other arguments ({found}): "
                "give a new or empty folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} holds something that was not made by this program (no "
            f"{MADE_UP_STAMP}): it was left as it is. Give a new or empty "
            "folder"
        )
    else:
        write_json(path, stamp)


def _rows(stamp):
    """What each clip shows; a clip never depends on how many there are."""
    rows = []
    names = list(CATEGORIES)
    for part, (split, count) in enumerate(stamp["clips_per_class"].items()):
        for index in range(count):
            for place, name in enumerate(names):
                key = [stamp["seed"], part, place, index]
                rng = np.random.default_rng(key)
                shown = [name]
                if rng.uniform() < stamp["mixed"]:
                    step = 1 + int(rng.integers(len(names) - 1))
                    shown.append(names[(place + step) % len(names)])
                number = part * 50000 + index * len(names) + place
                rows.append(
                    {
                        "video": f"madeup{number:05d}",
                        "split": split,
                        "shown": shown,
                        "key": [*key, 1],
                    }
                )
    return rows


def _clip_name(row, stamp):
    if stamp["layout"] == "VGGSound":
        return f"{row['video']}_{START:06d}"
    return f"{row['video']}_{START}_{START + stamp['seconds']:g}"


def _write_clip(task):
    folder, row, stamp = task
    name = _clip_name(row, stamp)
    video = folder / "videos" / f"{name}.mp4"
    audio = folder / "audio" / f"{name}.flac"
    if not video.is_file():
        rng = np.random.default_rng(row["key"])
        seconds, rate = stamp["seconds"], stamp["sample_rate"]
        waves = [synthesise_clip(x, rng, seconds, rate) for x in row["shown"]]
        wave = np.sum(waves, 0)
        wave *= min(1.0, 0.98 / np.abs(wave).max())
        times = np.arange(round(seconds * stamp["rate"])) / stamp["rate"]
        frames = draw_frames(row["shown"], rng, times, stamp["size"])
        write_video(video, frames, stamp["rate"], wave, rate)
    if not audio.is_file():
        wave = read_audio_track(video, stamp["sample_rate"]).numpy()
        with atomic_write(audio) as temporary:
            soundfile.write(temporary, wave, stamp["sample_rate"])


def _display(name):
    """A class as AudioSet would spell it."""
    return name.replace("_", " ").capitalize()


def _audioset_lists(rows, stamp):
    mids = {name: f"/m/0made_{name}" for name in CATEGORIES}
    lists = {
        "class_labels_indices.csv": ["index,mid,display_name"]
        + [
            f'{index},{mids[name]},"{_display(name)}"'
            for index, name in enumerate(CATEGORIES)
        ]
    }
    for split, title in LISTS.items():
        own = [row for row in rows if row["split"] == split]
        labels = sum(len(row["shown"]) for row in own)
        stop = START + stamp["seconds"]
        lists[f"{title}_segments.csv"] = [
            f"# Segments csv made up by {MADE_BY}",
            f"# num_ytids={len(own)}, num_segs={len(own)}, "
            f"num_unique_labels={len(mids)}, num_positive_labels={labels}",
            "# YTID, start_seconds, end_seconds, positive_labels",
        ] + [
            f"{row['video']}, {START:.3f}, {stop:.3f}, "
            f'"{",".join(mids[name] for name in row["shown"])}"'
            for row in own
        ]
    return lists


def _vggsound_lists(rows, stamp):
    counts = sum(stamp["clips_per_class"].values())
    names = {name: name.replace("_", " ") for name in CATEGORIES}
    return {
        "vggsound.csv": [
            f"{row['video']},{START},{names[row['shown'][0]]},{row['split']}"
            for row in rows
        ],
        "stat.csv": [f"{name},{counts},made up" for name in names.values()],
    }


def _write_text(path, text):
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
