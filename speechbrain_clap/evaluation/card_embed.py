"""Embeddings for a report card, computed once for a model and a set.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import pathlib

import numpy as np
import pyarrow as pa
import torch

from speechbrain_clap.checkpoints.published import fetch
from speechbrain_clap.curation.batches import (
    ReadableClips,
    bad_clips,
    cut,
    progress_bar,
    stack_batches,
)
from speechbrain_clap.curation.embed_parts import embed_parts
from speechbrain_clap.dataio.clips import clip_policy
from speechbrain_clap.dataio.pairs import ClipPairs
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.sounds import FileSounds
from speechbrain_clap.evaluation.retrieval_part import LONG, PADDING
from speechbrain_clap.utils.digest import weights_digest

SOUNDS_PER_PART = 512  # what a kill can cost a rank, and what ranks share
TEXTS_PER_PART = 256


class CardCache:
    """Embeds sets and lists of texts, or finds what was embedded before.

    What is kept is named by the model's weights and policy, and by what was
    embedded: nothing of it can be stale. Parts of a run that was killed are
    taken over; ranks share the parts.

    Arguments
    ---------
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        The model.
    folder : str or pathlib.Path
        Gets a folder for each model, for any number of report cards.
    batch_size : int
        Clips, or texts, embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    on_bad_clip : str
        What to do about a clip that cannot be read: "skip" or "stop".

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> cache = CardCache(clap, getfixture("tmp_path") / "cache")
    >>> cache.texts(["a dog", "rain", "a dog"]).shape
    (3, 12)
    """

    def __init__(
        self, embedder, folder, batch_size=16, num_workers=0, on_bad_clip="skip"
    ):
        self.embedder = embedder
        self.weights = weights_digest(embedder)
        model = embedder.model
        self.policy = {
            "sample_rate": model.sample_rate,
            "clip_seconds": model.clip_seconds,
            **dict(embedder.hparams.clip_policy),
        }
        self.folder = pathlib.Path(folder) / _digest(
            [self.weights, str(sorted(self.policy.items()))]
        )
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.on_bad_clip = on_bad_clip

    def facts(self, model, weights=None):
        """What names the model and says how it hears, for a protocol.

        Arguments
        ---------
        model : str
            As for ``speechbrain_clap.inference.opening.open_model``.
        weights : str or None
            As for ``speechbrain_clap.inference.opening.open_model``.

        Returns
        -------
        dict
            `model`, `weights_sha256` (of the tensors), `crop`, `pooling` and
            `kept_as`.
        """
        embedder = self.embedder
        if not pathlib.Path(str(model)).is_dir():
            model = f"{model}: {pathlib.Path(weights or fetch(model)).name}"
        short = PADDING.get(embedder.padding, embedder.padding)
        return {
            "model": str(model),
            "weights_sha256": self.weights,
            "crop": f"{embedder.model.clip_seconds:g} s: "
            f"{LONG[embedder.long]}, {short}",
            "pooling": "embeddings of windows averaged"
            if embedder.long == "windows"
            else "one embedding per clip",
            "embeddings kept as": "float16",
        }

    def sounds(self, name, rows):
        """The embeddings of clips.

        Arguments
        ---------
        name : str
            Of the set.
        rows : dict
            Id to row with `path` and, where known, `start` and `stop`.

        Returns
        -------
        list of str
            Ids of the clips that could be read, N, in their order.
        ndarray
            L2-normalised, float32, [N, D].

        Raises
        ------
        DataError
            If none could be read.
        BadClipError
            If one could not and the rule is "stop".
        """
        sounds = FileSounds(name, rows)
        store = embed_parts(
            self.folder / f"{name}-{_digest(sounds.listing())}",
            {"kind": "sounds", "weights": self.weights, "policy": self.policy},
            len(sounds),
            SOUNDS_PER_PART,
            lambda parts: self._embed_sounds(sounds, parts),
            lambda places: {"id": [sounds.ids[i] for i in places]},
        )
        return store.ids(range(len(store))), _read(store)

    def texts(self, texts):
        """The embeddings of texts, each distinct one computed once.

        Arguments
        ---------
        texts : list of str
            M texts.

        Returns
        -------
        ndarray
            L2-normalised, float32, [M, D].
        """
        distinct = sorted(set(texts))
        store = embed_parts(
            self.folder / f"texts-{_digest(distinct)}",
            {"kind": "texts", "weights": self.weights},
            len(distinct),
            TEXTS_PER_PART,
            lambda parts: self._embed_texts(distinct, parts),
            lambda places: {"id": pa.array([distinct[i] for i in places])},
        )
        place = {text: i for i, text in enumerate(distinct)}
        return _read(store)[[place[text] for text in texts]]

    def _embed_sounds(self, sounds, parts):
        """Vectors of each part, and which clips are bad, by row."""
        embedder, seconds, policy = self.embedder, None, None
        if embedder.long == "center":  # nothing else is read then
            seconds = embedder.model.clip_seconds
            policy = clip_policy(
                seconds, embedder.sample_rate, embedder.padding
            )
        reader = SegmentReader(embedder.sample_rate, seconds, "stop")
        batches = [cut(part, self.batch_size) for part in parts]
        loaded = iter(
            torch.utils.data.DataLoader(
                ReadableClips(ClipPairs(sounds, reader, policy)),
                batch_sampler=[list(b) for part in batches for b in part],
                num_workers=self.num_workers,
                collate_fn=list,
            )
        )
        with progress_bar(sounds.name, sum(map(len, parts))) as bar:
            for part in batches:
                vectors, bad = [], {}
                for _ in part:
                    read = next(loaded)
                    bad |= bad_clips(
                        ((i, why) for i, _, why in read),
                        sounds.ids,
                        self.on_bad_clip,
                    )
                    vectors.append(self._embed_batch(read))
                    bar.update(len(read))
                yield stack_batches(vectors), bad

    def _embed_batch(self, read):
        """Embeddings of a batch, NaN where there is no sound; [B, D]."""
        good = [k for k, (_, wav, _) in enumerate(read) if wav is not None]
        if not good:
            return np.zeros((len(read), 0), np.float32)
        waves = [read[k][1] for k in good]
        longest = max(map(len, waves))
        lens = torch.tensor([len(w) / longest for w in waves]).double()
        batch = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
        made = self.embedder.encode_audio(batch, lens).float().cpu().numpy()
        vectors = np.full((len(read), made.shape[1]), np.nan, np.float32)
        vectors[good] = made
        return vectors

    def _embed_texts(self, texts, parts):
        """Vectors of each part."""
        with progress_bar("texts", sum(map(len, parts))) as bar:
            for part in parts:
                # Texts of like length share a batch: less padding to compute.
                order = sorted(part, key=lambda i: len(texts[i]))
                made = {}
                for first in range(0, len(order), self.batch_size):
                    batch = order[first : first + self.batch_size]
                    vectors = self.embedder.encode_text(
                        [texts[i] for i in batch]
                    )
                    pairs = zip(batch, vectors.cpu().numpy(), strict=True)
                    made |= dict(pairs)
                    bar.update(len(batch))
                yield np.stack([made[i] for i in part]), {}


def _read(store):
    """All vectors, of norm one again after their rounding."""
    vectors = store.read(0, len(store)).astype(np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def _digest(lines):
    """A short name for a list of lines."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]
