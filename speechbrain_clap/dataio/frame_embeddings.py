"""What a frozen image encoder makes of the frames of videos, kept on disk.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499, is taught by means over such frames.

Authors
 * The speechbrain_clap team 2026
"""

import concurrent.futures
import math
import pathlib
import time

import numpy
from speechbrain.utils.distributed import ddp_barrier
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.frame_parts import (
    HOW_TO_MAKE,
    PartWriter,
    fingerprint,
    part_indices,
)
from speechbrain_clap.utils.distributed import rank, ranks

logger = get_logger(__name__)


def write_frame_embeddings(
    folder,
    clips,
    encoder,
    rate=30.0,
    batch_size=64,
    clips_per_part=500,
    on_bad_clip="skip",
    workers=1,
):
    """Embeds the frames of all clips that the folder does not hold yet.

    On several ranks all call, and each takes a share of the parts. After a
    kill the same call goes on with the parts that are not there. Clips may be
    added later, but a folder is of one encoder and one rate.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    clips : dict
        Id of a clip to its row: `path` of the video, and `start` and `stop`
        in seconds where the clip is a part of it.
    encoder : torch.nn.Module
        Frozen, on its device, such as
        ``speechbrain_clap.lobes.vision.OpenClipVision``: has `image_size`,
        `embedding_dim`, `mean`, `std` and `preprocess`.
    rate : float
        Frames per second, whatever the videos' own rate; 30 in the paper.
    batch_size : int
        Frames embedded at once.
    clips_per_part : int
        Clips written at once: what a kill can cost a rank.
    on_bad_clip : str
        What to do about a video that cannot be read: "skip" names and counts
        it; "stop" raises.
    workers : int
        Threads that decode; each holds the frames of a clip, their shorter
        side shrunk to `image_size`.

    Returns
    -------
    dict
        Of all clips given: `clips`, how many have embeddings; `bad`: id to
        what is wrong. Of this process and this call: `frames` embedded,
        `seconds`, and `decoding`, the share of these spent waiting for frames.

    Raises
    ------
    DataError
        If the folder holds what another encoder or rate made, a clip is bad
        and the rule is "stop", or no clip has frames.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av"), pytest.importorskip("open_clip")
    >>> from speechbrain_clap.lobes.vision import OpenClipVision
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> folder = getfixture("tmp_path")
    >>> black = numpy.zeros((20, 32, 48, 3), numpy.uint8)
    >>> write_video(folder / "a.mp4", black, rate=10)
    >>> sizes = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
    >>> encoder = OpenClipVision({"embed_dim": 16, "vision_cfg": sizes})
    >>> clips = {"a": {"path": folder / "a.mp4"}}
    >>> report = write_frame_embeddings(folder / "e", clips, encoder, rate=5)
    >>> report["clips"], report["frames"], report["bad"]
    (1, 10, {})
    >>> FrameEmbeddings(folder / "e").mean("a", 0.5, 1.5).shape
    (16,)
    """
    if on_bad_clip not in ("skip", "stop"):
        raise ValueError(
            f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
        )
    if not rate > 0 or min(batch_size, clips_per_part, workers) < 1:
        raise ValueError(
            f"rate is {rate}, batch_size {batch_size}, clips_per_part "
            f"{clips_per_part} and workers {workers}, expected more than 0 "
            "frames per second, and 1 or more of the others"
        )
    folder = pathlib.Path(folder)
    about = fingerprint(encoder, rate)
    missing = _missing(folder, clips, about)
    ddp_barrier()  # all have seen the same before anything changes
    parts = [
        missing[first : first + clips_per_part]
        for first in range(0, len(missing), clips_per_part)
    ][rank() :: ranks()]
    writer = PartWriter(encoder.eval(), about, batch_size, on_bad_clip)
    began = time.monotonic()
    with (
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
        tqdm(desc="Frames", total=sum(map(len, parts)), unit="clip") as bar,
    ):
        for names in parts:
            part = {name: clips[name] for name in names}
            writer.write(folder, part, pool, workers, bar)
    seconds = time.monotonic() - began
    ddp_barrier()
    report = {"clips": 0, "bad": {}}
    for index in part_indices(folder, about):
        found = clips.keys() & set(index["ids"])
        report["clips"] += len(found)
        report["bad"] |= {k: v for k, v in index["bad"].items() if k in clips}
    if report["bad"]:
        logger.warning(
            "%s: %d of %d clips have no frames",
            folder,
            len(report["bad"]),
            len(clips),
        )
    if not report["clips"]:
        name, problem = next(iter(report["bad"].items()), ("", "none given"))
        raise DataError(
            f"{folder}: none of the {len(clips)} clips has frames; the first "
            f"one, '{name}': {problem}"
        )
    report |= {"frames": writer.frames, "seconds": seconds}
    report["decoding"] = writer.waited / seconds if parts else 0.0
    return report


def _missing(folder, clips, about):
    """Clips of which no part tells, in an order that is always the same."""
    known = set()
    for index in part_indices(folder, about):
        known.update(index["ids"], index["bad"])
    return sorted(clips.keys() - known)


class FrameEmbeddings:
    """The embeddings that ``write_frame_embeddings`` wrote, by clip and time.

    Times are seconds from the beginning of the clip. Row k of a clip is of
    what its video shows at k / rate seconds. Nothing is read before it is
    asked for, and workers that read share the memory.

    Arguments
    ---------
    folder : str or pathlib.Path
        With the parts.

    Attributes
    ----------
    dim : int
        D, of an embedding.
    rate : float
        Rows per second.
    encoder : str
        Digest of the weights of the encoder.
    ids : list of str
        Clips that have embeddings.
    bad : dict
        Id of each clip that has none to what was wrong with its video.

    Raises
    ------
    DataError
        If the folder holds no embeddings, a part is missing or truncated, or
        parts are of different encoders.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("av")
    >>> from speechbrain_clap.synthesis.videos import write_video
    >>> import torch
    >>> class Brightness(torch.nn.Linear):
    ...     image_size, embedding_dim, mean, std = 16, 1, [0.0], [1.0]
    ...
    ...     def preprocess(self, images):
    ...         return images.float()
    ...
    ...     def forward(self, images):
    ...         return images.mean((1, 2, 3)).unsqueeze(1)
    >>> folder = getfixture("tmp_path")
    >>> levels = numpy.repeat(numpy.uint8([0, 100, 200]), 10)  # of a second
    >>> frames = numpy.ones((1, 16, 16, 3), "u1") * levels[:, None, None, None]
    >>> write_video(folder / "a.mp4", frames, rate=10)
    >>> clips = {"a": {"path": folder / "a.mp4"}}
    >>> _ = write_frame_embeddings(folder, clips, Brightness(1, 1), rate=4)
    >>> embeddings = FrameEmbeddings(folder)
    >>> embeddings.count("a"), embeddings.seconds("a")
    (12, 3.0)
    >>> embeddings.times("a")[:3].tolist()
    [0.0, 0.25, 0.5]
    >>> embeddings.slice("a", 1.0, 2.0).shape
    (4, 1)
    >>> embeddings.mean("a", 1.5, 2.5).round(-1)
    array([150.], dtype=float32)
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.bad, self._paths, self._places, self._maps = {}, [], {}, {}
        for index in part_indices(folder):
            first = 0
            for clip, count in zip(index["ids"], index["counts"], strict=True):
                self._places[clip] = len(self._paths), first, count
                first += count
            self._paths.append(index["path"])
            self.bad |= index["bad"]
        if not self._places:
            raise DataError(
                f"{folder}: holds no embeddings of frames; {HOW_TO_MAKE}"
            )
        self.dim, self.rate = index["dim"], index["rate"]
        self.encoder = index["encoder"]
        self.ids = list(self._places)

    def __contains__(self, clip_id):
        return clip_id in self._places

    def __len__(self):
        return len(self._places)

    def __getstate__(self):
        # A map would be sent to a worker as the gigabytes that it maps.
        return {**self.__dict__, "_maps": {}}

    def count(self, clip_id):
        """How many rows a clip has.

        Arguments
        ---------
        clip_id : str
            Of the clips that were embedded.

        Returns
        -------
        int
            0 for a clip without embeddings.
        """
        return self._places[clip_id][2] if clip_id in self._places else 0

    def seconds(self, clip_id):
        """How long the pictures of a clip last, up to a part of a frame.

        Arguments
        ---------
        clip_id : str
            Of the clips that were embedded.

        Returns
        -------
        float
            Seconds; 0 for a clip without embeddings.
        """
        return self.count(clip_id) / self.rate

    def times(self, clip_id):
        """When the rows of a clip are.

        Arguments
        ---------
        clip_id : str
            Of the clips that were embedded.

        Returns
        -------
        numpy.ndarray
            float64, [N], in seconds from the beginning of the clip.
        """
        return numpy.arange(self.count(clip_id)) / self.rate

    def slice(self, clip_id, start=0.0, stop=None):
        """The rows from one time to another.

        Arguments
        ---------
        clip_id : str
            Of the clips that were embedded.
        start : float
            In seconds from the beginning of the clip.
        stop : float or None
            In seconds; None: the end.

        Returns
        -------
        numpy.ndarray
            float16, [N, D], memory-mapped: the rows whose times are in
            [start, stop); where there is none, the one shown at `start`.

        Raises
        ------
        DataError
            If the clip has no embeddings.
        """
        if clip_id not in self._places:
            raise DataError(
                f"clip '{clip_id}' has no embeddings of frames: "
                f"{self.bad.get(clip_id, 'it was not among those embedded')}"
            )
        number, first, count = self._places[clip_id]
        # What is a frame too early by rounding is not.
        low = math.ceil(start * self.rate - 0.01)
        high = count if stop is None else math.ceil(stop * self.rate - 0.01)
        if low >= min(high, count):
            low = math.floor(start * self.rate + 0.01)
            high = low + 1
        low = max(0, min(low, count - 1))
        high = max(low + 1, min(high, count))
        if number not in self._maps:
            path = self._paths[number]
            # Flat: its length tells the frames of the part.
            self._maps[number] = numpy.memmap(path, numpy.float16, "r")
        rows = self._maps[number].reshape(-1, self.dim)
        return rows[first + low : first + high]

    def mean(self, clip_id, start=0.0, stop=None):
        """The mean of the rows from one time to another, as the paper takes it.

        Arguments
        ---------
        clip_id : str
            Of the clips that were embedded.
        start : float
            In seconds from the beginning of the clip.
        stop : float or None
            In seconds; None: the end.

        Returns
        -------
        numpy.ndarray
            float32, [D]; neither the rows nor the mean is normalised.

        Raises
        ------
        DataError
            If the clip has no embeddings.
        """
        return self.slice(clip_id, start, stop).mean(0, dtype=numpy.float32)
