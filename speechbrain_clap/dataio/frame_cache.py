"""Frames of videos as JPEG in tars, written once and read by number.

A folder of frames holds `frames-000000.tar` and so on, for the clips of a
manifest in its order, and beside each tar a JSON that tells where each frame
lies in it.

Authors
 * The speechbrain_clap team 2026
"""

import concurrent.futures
import hashlib
import io
import json
import pathlib
import tarfile

import numpy
import torch
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import LOGGED_CLIPS
from speechbrain_clap.dataio.shard_files import opened, read_member
from speechbrain_clap.dataio.video import check_frame, equally_spaced
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

FORMAT = "speechbrain_clap frames 1"
HOW_TO_MAKE = (
    "speechbrain_clap.dataio.frame_cache.write_frames makes such a folder"
)


def write_frames(
    rows,
    folder,
    n=10,
    short_side=256,
    quality=90,
    clips_per_shard=1000,
    on_bad_clip="skip",
    workers=1,
    rank=0,
    world_size=1,
):
    """Writes n equally spaced frames of each clip as JPEG into tars.

    The same rows give the same frames under the same names. A tar that is
    there is not made again: after a kill the same call goes on where it was,
    and several processes may share the tars among them.

    Arguments
    ---------
    rows : dict
        Id of a clip to its row: `path`, and `start` and `stop` in seconds
        where the clip is a part of the video.
    folder : str or pathlib.Path
        For the tars.
    n : int
        Frames of each clip.
    short_side : int or None
        Frames are shrunk until their shorter side has this many pixels. None:
        as they are.
    quality : int
        Of the JPEG, 1 to 95.
    clips_per_shard : int
        Clips of a tar.
    on_bad_clip : str
        What to do about a video that cannot be read: "skip" names and counts
        it; "stop" raises.
    workers : int
        Threads; decoding and encoding leave Python's lock.
    rank : int
        Which of the processes this is; it writes every `world_size`-th tar.
    world_size : int
        How many processes share the work.

    Returns
    -------
    dict
        Of the tars of this process: `shards`, `clips`: how many; `bad`: id to
        what is wrong.

    Raises
    ------
    DataError
        If a clip is bad and the rule is "stop", no clip can be used, or the
        folder holds the frames of something else.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> folder = getfixture("tmp_path")
    >>> black = numpy.zeros((40, 32, 48, 3), numpy.uint8)
    >>> write_video(folder / "a.mp4", black, rate=10)
    >>> rows = {"a": {"path": folder / "a.mp4"}}
    >>> write_frames(rows, folder / "frames", n=4)
    {'shards': 1, 'clips': 1, 'bad': {}}
    >>> sorted(path.name for path in (folder / "frames").iterdir())
    ['frames-000000.json', 'frames-000000.tar']
    """
    if on_bad_clip not in ("skip", "stop"):
        raise ValueError(
            f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
        )
    if n < 1 or clips_per_shard < 1:
        raise ValueError(
            f"n is {n} and clips_per_shard {clips_per_shard}, expected 1 or "
            "more of each"
        )
    folder = pathlib.Path(folder)
    names = list(rows)
    report = {"shards": 0, "clips": 0, "bad": {}}
    how = {"n": n, "short_side": short_side, "quality": quality}
    starts = range(0, len(names), clips_per_shard)
    with (
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
        tqdm(desc="Frames", total=len(names[rank::world_size])) as bar,
    ):
        for number in range(rank, len(starts), world_size):
            first = starts[number]
            part = {
                name: rows[name] for name in names[first:][:clips_per_shard]
            }
            path = folder / f"frames-{number:06d}.tar"
            about = {"format": FORMAT, **how, "clips": _hash_of(part)}
            shard = _earlier(path, about)
            if shard is None:
                shard = _write_shard(path, part, about, on_bad_clip, pool, bar)
            report["shards"] += 1
            report["clips"] += len(shard["ids"])
            report["bad"] |= shard["bad"]
    if report["bad"]:
        logger.warning("%d clips have no frames", len(report["bad"]))
    if report["shards"] and not report["clips"]:
        name, problem = next(iter(report["bad"].items()))
        raise DataError(
            f"{folder}: none of the {len(report['bad'])} clips has frames; "
            f"the first one, '{name}': {problem}"
        )
    return report


def _hash_of(rows):
    """Tells one list of clips from another, wherever the videos lie."""
    digest = hashlib.sha256()
    for name, row in rows.items():
        video = pathlib.Path(row["path"]).name
        line = [name, video, row.get("start"), row.get("stop")]
        digest.update(json.dumps(line).encode())
    return digest.hexdigest()


def _earlier(path, about):
    """What an earlier run wrote of a tar, None where it did not finish."""
    index = path.with_suffix(".json")
    if not index.is_file() or not path.is_file():
        return None
    shard = _read_index(index)
    found = {key: shard.get(key) for key in about}
    if found != about:
        raise DataError(
            f"{path}: holds frames of other clips, or made in another way "
            f"({found}, expected {about}); choose another folder, or remove it"
        )
    return shard if path.stat().st_size == shard["bytes"] else None


def _read_index(path):
    try:
        shard = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error})") from error
    if not isinstance(shard, dict) or shard.get("format") != FORMAT:
        raise DataError(
            f"{path}: is no index of frames, expected format '{FORMAT}'; "
            f"{HOW_TO_MAKE}"
        )
    return shard


def _write_shard(path, rows, about, on_bad_clip, pool, bar):
    shard = {**about, "bytes": 0, "bad": {}, "ids": [], "times": []}
    shard |= {"offsets": [], "sizes": []}
    clips = [pool.submit(_encode, row, about) for row in rows.values()]
    with atomic_write(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for number, name in enumerate(rows):
                try:
                    pictures, times = clips[number].result()
                except BadClipError as error:
                    _note_bad(shard["bad"], name, error, on_bad_clip, clips)
                    continue
                finally:
                    clips[number] = None  # its pictures are in the tar
                    bar.update()
                members = [
                    _add(tar, f"{number:06d}.{k:03d}.jpg", picture)
                    for k, picture in enumerate(pictures)
                ]
                shard["ids"].append(name)
                shard["times"].append(times)
                shard["offsets"].append([offset for offset, _ in members])
                shard["sizes"].append([size for _, size in members])
        shard["bytes"] = temporary.stat().st_size
    write_json(path.with_suffix(".json"), shard)
    return shard


def _encode(row, about):
    """The JPEGs of a clip and their times."""
    from PIL import Image

    frames, times = equally_spaced(
        row["path"],
        about["n"],
        row.get("start"),
        row.get("stop"),
        about["short_side"],
    )
    pictures = []
    for frame in frames:
        stream = io.BytesIO()
        image = Image.fromarray(frame.permute(1, 2, 0).numpy())
        image.save(stream, "JPEG", quality=about["quality"])
        pictures.append(stream.getvalue())
    return pictures, times.round(6).tolist()


def _note_bad(bad, name, error, on_bad_clip, clips):
    if on_bad_clip == "stop":
        for clip in clips:
            if clip is not None:
                clip.cancel()
        raise DataError(
            f"{error} (row '{name}'): mend or remove it, or set on_bad_clip: "
            "skip; then the same command goes on"
        ) from error
    if len(bad) < LOGGED_CLIPS:
        logger.warning("Clip '%s' has no frames: %s", name, error)
    bad[name] = str(error)


def _add(tar, name, data):
    """Adds a member, of nobody and at no time; gives its place and size."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    offset = tar.offset + tarfile.BLOCKSIZE
    tar.addfile(member, io.BytesIO(data))
    return offset, len(data)


class CachedFrames:
    """Frames that ``write_frames`` wrote, read without the videos.

    Arguments
    ---------
    folder : str or pathlib.Path
        With the tars and their indices.

    Attributes
    ----------
    bad : dict
        Id of each clip that had no frames to what was wrong with its video.

    Raises
    ------
    DataError
        If the folder holds no frames, or a tar is missing or changed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> folder = getfixture("tmp_path")
    >>> black = numpy.zeros((40, 32, 48, 3), numpy.uint8)
    >>> write_video(folder / "a.mp4", black, rate=10)
    >>> report = write_frames({"a": {"path": folder / "a.mp4"}}, folder, n=4)
    >>> frames = CachedFrames(folder)
    >>> frames.count("a"), frames.read("a", 3).shape, frames.times("a").tolist()
    (4, torch.Size([3, 32, 48]), [0.5, 1.5, 2.5, 3.5])
    >>> frames.count("b")
    0
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.bad = {}
        self._tars, self._rows = [], {}
        offsets, sizes, times = [], [], []
        for path in sorted(folder.glob("frames-*.json")):
            shard = _read_index(path)
            self._add_tar(path.with_suffix(".tar"), shard)
            for clip in shard["ids"]:
                self._rows[clip] = len(self._rows), len(self._tars) - 1
            offsets += shard["offsets"]
            sizes += shard["sizes"]
            times += shard["times"]
            self.bad |= shard["bad"]
        if not self._rows:
            raise DataError(f"{folder}: holds no frames; {HOW_TO_MAKE}")
        if len(self._rows) != len(offsets) or len(set(map(len, sizes))) > 1:
            raise DataError(
                f"{folder}: holds the frames of several manifests; write each "
                "into a folder of its own"
            )
        # Arrays: lists of a million clips would take gigabytes.
        self._offsets = numpy.array(offsets)
        self._sizes = numpy.array(sizes)
        self._times = numpy.array(times)

    def _add_tar(self, path, shard):
        if not path.is_file() or path.stat().st_size != shard["bytes"]:
            raise DataError(
                f"{path}: is missing or truncated, expected {shard['bytes']} "
                "bytes; the same call of write_frames makes it again"
            )
        self._tars.append((str(path), path.stat().st_mtime_ns))

    def count(self, clip_id):
        """How many frames a clip has.

        Arguments
        ---------
        clip_id : str
            Of the manifest.

        Returns
        -------
        int
            0 where none were written.
        """
        return self._sizes.shape[1] if clip_id in self._rows else 0

    def times(self, clip_id):
        """When the frames of a clip begin to be shown.

        Arguments
        ---------
        clip_id : str
            Of the manifest.

        Returns
        -------
        numpy.ndarray
            [n], in seconds of the video.
        """
        return self._times[self._rows[clip_id][0]]

    def read(self, clip_id, k):
        """Reads a frame.

        Arguments
        ---------
        clip_id : str
            Of the manifest.
        k : int
            From 0 to n - 1.

        Returns
        -------
        torch.Tensor or None
            uint8, [3, H, W]. None for a clip without frames.

        Raises
        ------
        DataError
            If the tar is not what its index says, there.
        """
        from PIL import Image

        check_frame(clip_id, k, self._sizes.shape[1])
        if clip_id not in self._rows:
            return None
        row, number = self._rows[clip_id]
        tar = self._tars[number]
        place = int(self._offsets[row, k]), int(self._sizes[row, k])
        try:
            data = read_member(opened(*tar), *place)
            with Image.open(io.BytesIO(data)) as image:
                picture = numpy.array(image.convert("RGB"))
        except OSError as error:
            raise DataError(
                f"{tar[0]}: frame {k} of clip '{clip_id}' cannot be read "
                f"({error}); remove the tar, and the same call of "
                "write_frames makes it again"
            ) from error
        return torch.from_numpy(picture).permute(2, 0, 1)
