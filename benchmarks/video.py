"""Ten frames of a clip of 10 s by seeking, against decoding all frames.

H.264 of x264's defaults, 320 x 240, 30 frames per second, a drawn scene with
a camera's noise, made in a temporary folder; a key frame every 250 frames
(x264's default) or every 30. One thread on both sides, as in a worker of a
data loader. There are two peers, both PyAV: the usual one makes an array of
every frame and picks ten; the frugal one ("pick") decodes all frames and makes
arrays of the ten alone. The goal: 3 times as fast as the usual one, with the
same frames within one frame period.

What can be gained has a bound that no seeking moves: up to a wanted frame all
frames that others refer to have to be decoded, from the key frame before it.
With a key frame every 250 frames that is half of the video, and its dearer
half, wherever the ten frames lie.

Run: ``python benchmarks/video.py``.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import tempfile
from importlib.metadata import version

import av
import numpy
import torch
from common import describe_device, make_claim, print_report, time_in_turns

from speechbrain_clap.dataio.video import equally_spaced
from speechbrain_clap.synthesis.pictures import draw_frames
from speechbrain_clap.synthesis.videos import write_video

RATE = 30
SECONDS = 10
WIDTH, HEIGHT = 320, 240
NOISE = 3.0
FRAMES = 10
KEY_INTERVALS = (250, 30)
ROUNDS = 15
FASTER_GOAL = 3.0


def make_pictures():
    """Draws a moving scene, with noise that differs from frame to frame.

    Returns
    -------
    list of numpy.ndarray
        Frames, uint8 [HEIGHT, WIDTH, 3].
    """
    rng = numpy.random.default_rng(0)
    times = numpy.arange(RATE * SECONDS) / RATE
    top = (WIDTH - HEIGHT) // 2
    pictures = []
    for frame in draw_frames(["dog", "rain"], rng, times, WIDTH):
        part = frame[top : top + HEIGHT] + rng.normal(
            0, NOISE, (HEIGHT, WIDTH, 3)
        )
        pictures.append(part.clip(0, 255).astype(numpy.uint8))
    return pictures


def decode_all(path, picks_first):
    """Decodes every frame and picks those in the middle of ten parts.

    Arguments
    ---------
    path : pathlib.Path
        The video.
    picks_first : bool
        Makes arrays of the picked frames alone.

    Returns
    -------
    tuple
        The frames, uint8 [FRAMES, 3, H, W], and their times in seconds.
    """
    step = RATE * SECONDS // FRAMES
    arrays, times = [], []
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if picks_first and number % step != step // 2:
                continue
            arrays.append(
                frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
            )
            times.append(frame.time)
    first, step = (0, 1) if picks_first else (step // 2, step)
    frames = torch.from_numpy(numpy.stack(arrays[first::step]))
    return frames.permute(0, 3, 1, 2), numpy.array(times[first::step])


def check_frames(path):
    """Compares what both sides give.

    Arguments
    ---------
    path : pathlib.Path
        The video.

    Raises
    ------
    AssertionError
        If a frame is more than a period away, or is not the same picture.
    """
    ours, our_times = equally_spaced(path, FRAMES)
    theirs, their_times = decode_all(path, picks_first=False)
    late = numpy.abs(our_times - their_times).max()
    assert late <= 1 / RATE, f"a frame is {late:.3f} s away"
    difference = (ours.float() - theirs.float()).abs().max()
    assert late > 0 or difference == 0, f"pictures differ by {difference}"


def main():
    """Makes the videos, compares both ways and prints the report."""
    torch.set_num_threads(1)
    device = describe_device("cpu").replace("threads", "thread")
    name = f"PyAV {version('av')}, all frames"
    peers = (
        ("", False, f"{name}, all as arrays"),
        (" pick", True, f"{name}, ten as arrays"),
    )
    pictures = make_pictures()
    claims, goals = [], []
    with tempfile.TemporaryDirectory() as folder:
        for interval in KEY_INTERVALS:
            path = pathlib.Path(folder) / f"{interval}.mp4"
            write_video(path, pictures, RATE, key_interval=interval)
            check_frames(path)
            for suffix, picks_first, peer in peers:
                times = time_in_turns(
                    lambda path=path: equally_spaced(path, FRAMES),
                    lambda path=path, first=picks_first: decode_all(
                        path, first
                    ),
                    rounds=ROUNDS,
                )
                claim = make_claim(
                    f"key {interval}{suffix}",
                    *times,
                    "ms",
                    benchmark="video",
                    peer=peer,
                    device=device,
                )
                claims.append(claim)
                reached = claim["ratio"] >= FASTER_GOAL
                goals.append(
                    "no goal of its own"
                    if picks_first
                    else f"{FASTER_GOAL:g} times as fast: "
                    + ("reached" if reached else "missed")
                )
            size = path.stat().st_size / 1000
            print(f"a key frame every {interval} frames: {size:.0f} kB")
    print(f"{FRAMES} frames of {SECONDS} s, {WIDTH} x {HEIGHT}, per clip")
    print_report(claims, goals)


if __name__ == "__main__":
    main()
