"""Embeddings for a report card, computed once for a model and a set.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import pathlib

import numpy as np
import pyarrow as pa
import torch
from tqdm import tqdm

from speechbrain_clap.checkpoints.published import fetch
from speechbrain_clap.curation.embed_parts import embed_parts
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.clips import clip_policy
from speechbrain_clap.dataio.pairs import ClipPairs
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.sounds import FileSounds
from speechbrain_clap.evaluation.retrieval_part import LONG, PADDING
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.distributed import rank

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
        clips = _Clips(ClipPairs(sounds, reader, policy), self.on_bad_clip)
        batches = [
            part[first : first + self.batch_size]
            for part in parts
            for first in range(0, len(part), self.batch_size)
        ]
        loaded = iter(
            torch.utils.data.DataLoader(
                clips,
                batch_sampler=[list(batch) for batch in batches],
                num_workers=self.num_workers,
                collate_fn=list,
            )
        )
        with _bar(sounds.name, parts) as bar:
            for part in parts:
                made, bad = {}, {}
                for _ in range(0, len(part), self.batch_size):
                    read = next(loaded)
                    good = [(i, wav) for i, wav, _ in read if wav is not None]
                    bad |= {i: why for i, wav, why in read if wav is None}
                    if good:
                        made |= self._embed_batch(good)
                    bar.update(len(read))
                yield _rows(made, part), bad

    def _embed_batch(self, good):
        """Row to vector."""
        waves = [wav for _, wav in good]
        longest = max(map(len, waves))
        lens = torch.tensor([len(w) / longest for w in waves]).double()
        batch = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
        vectors = self.embedder.encode_audio(batch, lens).cpu().numpy()
        return {i: v for (i, _), v in zip(good, vectors, strict=True)}

    def _embed_texts(self, texts, parts):
        """Vectors of each part."""
        with _bar("texts", parts) as bar:
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
                yield _rows(made, part), {}


class _Clips(torch.utils.data.Dataset):
    """Clips, or in their place words about what is wrong with them."""

    def __init__(self, clips, on_bad_clip):
        self.clips = clips
        self.on_bad_clip = on_bad_clip

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        try:
            return i, self.clips[i]["sig"], None
        except BadClipError as error:
            if self.on_bad_clip == "stop":
                raise
            return i, None, str(error.__cause__ or error)


def _rows(made, part):
    """Vectors of a part, NaN where there is none; of no width if all lack."""
    width = len(next(iter(made.values()))) if made else 0
    vectors = np.full((len(part), width), np.nan, np.float32)
    for i, vector in made.items():
        vectors[i - part.start] = vector
    return vectors


def _read(store):
    """All vectors, of norm one again after their rounding."""
    vectors = store.read(0, len(store)).astype(np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def _bar(words, parts):
    """A bar with the time left, on the first rank."""
    total = sum(map(len, parts))
    hidden = rank() != 0 or not total
    return tqdm(desc=words, total=total, dynamic_ncols=True, disable=hidden)


def _digest(lines):
    """A short name for a list of lines."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]
