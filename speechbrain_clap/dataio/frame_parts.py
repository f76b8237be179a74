"""Files of frame embeddings: whose they are, what made them, how they are made.

Each part is some clips: `part-<hash>.f16` has the embeddings of their frames
(raw float16, [frames, D]), `part-<hash>.json`, which is written last, tells of
which clips and by which encoder.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import hashlib
import json
import time

import numpy
import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import LOGGED_CLIPS
from speechbrain_clap.dataio.video import all_frames
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

FORMAT = "speechbrain_clap frame embeddings 1"
FINGERPRINT = ("encoder", "image_size", "mean", "std", "dim", "rate")
HOW_TO_MAKE = "recipes/VGGSound/extract_clip.py makes such a folder"


def fingerprint(encoder, rate):
    """What embeddings depend on beside the videos.

    Arguments
    ---------
    encoder : torch.nn.Module
        As for ``PartWriter``.
    rate : float
        Frames per second.

    Returns
    -------
    dict
        Of JSON's types.

    Example
    -------
    >>> encoder = torch.nn.Linear(1, 2)
    >>> encoder.image_size, encoder.embedding_dim = 8, 2
    >>> encoder.mean, encoder.std = (0.5,), (0.5,)
    >>> sorted(fingerprint(encoder, 30))
    ['dim', 'encoder', 'format', 'image_size', 'mean', 'rate', 'std']
    """
    return {
        "format": FORMAT,
        "encoder": weights_digest(encoder),
        "image_size": encoder.image_size,
        "mean": list(encoder.mean),
        "std": list(encoder.std),
        "dim": encoder.embedding_dim,
        "rate": float(rate),
    }


def part_indices(folder, about=None):
    """What each part of a folder says of itself.

    Arguments
    ---------
    folder : pathlib.Path
        With the parts.
    about : dict or None
        From ``fingerprint``: what they must come from. None: all from one.

    Yields
    ------
    dict
        `ids`, `counts` (frames of each), `bad` (id to what is wrong), `path`
        of the embeddings, and what ``fingerprint`` gives.

    Raises
    ------
    DataError
        If a part is damaged, or another encoder or rate made it.

    Example
    -------
    >>> list(part_indices(getfixture("tmp_path")))
    []
    """
    for path in sorted(folder.glob("part-*.json")):
        try:
            index = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: is not JSON ({error})") from error
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise DataError(
                f"{path}: is no index of frame embeddings, expected format "
                f"'{FORMAT}'; {HOW_TO_MAKE}"
            )
        about = about or {key: index[key] for key in FINGERPRINT}
        for key, wanted in about.items():
            if index[key] != wanted:
                raise DataError(
                    f"{path} is stale: its {key} is {index[key]!r}, but "
                    f"{wanted!r} is wanted. Remove the folder, or choose "
                    "another one"
                )
        data = path.with_suffix(".f16")
        size = 2 * sum(index["counts"]) * index["dim"]
        if not data.is_file() or data.stat().st_size != size:
            raise DataError(
                f"{data}: is missing or truncated, expected {size} bytes; "
                f"remove {path}, and the same command makes both again"
            )
        yield {**index, "path": data}


class PartWriter:
    """Embeds the frames of some clips into a part, and counts.

    Arguments
    ---------
    encoder : torch.nn.Module
        Frozen, in eval mode, on its device; has `preprocess` too.
    about : dict
        From ``fingerprint``.
    batch_size : int
        Frames embedded at once.
    on_bad_clip : str
        "skip" or "stop".

    Attributes
    ----------
    frames : int
        How many were embedded.
    waited : float
        Seconds that were spent waiting for frames.

    Example
    -------
    >>> writer = PartWriter(None, {"rate": 30.0}, 64, "skip")
    >>> writer.frames, writer.waited
    (0, 0.0)
    """

    def __init__(self, encoder, about, batch_size, on_bad_clip):
        self.encoder = encoder
        self.about = about
        self.batch_size = batch_size
        self.on_bad_clip = on_bad_clip
        self.frames, self.waited, self.bad = 0, 0.0, 0

    def write(self, folder, clips, pool, ahead, bar):
        """Writes one part.

        Arguments
        ---------
        folder : pathlib.Path
            Where to.
        clips : dict
            Id to row, with `path` and, for a part of the video, `start` and
            `stop` in seconds.
        pool : concurrent.futures.Executor
            Its threads decode.
        ahead : int
            So many clips are decoded while one is embedded.
        bar : object
            Is told of each clip by `update`.

        Raises
        ------
        DataError
            If a clip is bad and the rule is "stop", or an embedding is not
            finite.
        """
        index = {**self.about, "ids": [], "counts": [], "bad": {}}
        names = list(clips)
        name = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        path = folder / f"part-{name}.f16"
        rows, running = iter(clips.values()), collections.deque()
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            for name in names:
                while len(running) <= ahead and (row := next(rows, None)):
                    running.append(pool.submit(self._decode, row))
                began = time.monotonic()
                try:
                    frames = running.popleft().result()
                except BadClipError as error:
                    self._note(index["bad"], name, error, running)
                    continue
                finally:
                    self.waited += time.monotonic() - began
                    bar.update()
                embeddings = self._embed(frames)
                _check(embeddings, name)
                file.write(embeddings.astype(numpy.float16).tobytes())
                index["ids"].append(name)
                index["counts"].append(len(embeddings))
                self.frames += len(embeddings)
        write_json(path.with_suffix(".json"), index)

    def _decode(self, row):
        """All frames of a clip, uint8 [N, 3, H, W]."""
        batches = all_frames(
            row["path"],
            self.about["rate"],
            row.get("start"),
            row.get("stop"),
            self.about["image_size"],
        )
        return torch.cat([frames for frames, _ in batches])

    @torch.no_grad()
    def _embed(self, frames):
        device = next(self.encoder.parameters()).device
        made = [
            self.encoder(self.encoder.preprocess(batch.to(device))).float()
            for batch in frames.split(self.batch_size)
        ]
        return torch.cat(made).cpu().numpy()

    def _note(self, bad, name, error, running):
        if self.on_bad_clip == "stop":
            for clip in running:
                clip.cancel()
            raise DataError(
                f"{error} (row '{name}'): mend or remove it, or set "
                "on_bad_clip: skip; then the same command goes on"
            ) from error
        self.bad += 1
        if self.bad <= LOGGED_CLIPS:
            logger.warning("Clip '%s' has no frames: %s", name, error)
        bad[name] = str(error)


def _check(embeddings, name):
    limit = numpy.finfo(numpy.float16).max
    if not (numpy.abs(embeddings) <= limit).all():  # NaN is not, either
        raise DataError(
            f"clip '{name}': an embedding of a frame is not finite, or beyond "
            f"float16 ({limit:g}): the encoder's weights are not sound"
        )
