"""What a frozen encoder makes of the clips of a set, extracted once.

The vectors lie in a store of ``speechbrain_clap.curation.store``: a run that
was killed goes on, ranks share the work, and another encoder, another policy
or other clips have a folder of their own.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import json
import pathlib
import time

import numpy as np
import pyarrow as pa
import torch
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.curation.batches import bad_clips, cut, stack_batches
from speechbrain_clap.curation.embed_parts import BAD, embed_parts
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.distributed import rank
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

SPEED = "speed.json"
LARGEST = float(np.finfo(np.float16).max)


class Features:
    """The vectors of a set's clips, in memory.

    Arguments
    ---------
    store : speechbrain_clap.curation.store.EmbeddingStore
        What ``extract_features`` wrote.

    Attributes
    ----------
    vectors : numpy.ndarray
        float32, [N, D].
    index : dict
        Id of a clip to its row.
    skipped : int
        Clips that could not be read.
    speed : dict or None
        How fast they were extracted, see ``extract_features``.

    Example
    -------
    >>> from speechbrain_clap.curation.store import EmbeddingStore
    >>> from speechbrain_clap.curation.store import EmbeddingWriter
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder, 2) as writer:
    ...     writer.append([[1.0, 2.0], [3.0, 4.0]], {"id": ["a", "b"]})
    >>> features = Features(EmbeddingStore.open(folder))
    >>> features.vectors[features.rows(["b", "lost"])].tolist()
    [[3.0, 4.0]]
    """

    def __init__(self, store):
        self.folder = store.folder
        self.vectors = np.asarray(store.embeddings, np.float32)
        ids = store.ids(range(len(store)))
        self.index = {name: row for row, name in enumerate(ids)}
        self.skipped = _read(store.folder / BAD, {"bad": 0})["bad"]
        self.speed = _read(store.folder / SPEED, None)

    def kept(self, clips):
        """Those of some clips that have a vector.

        Arguments
        ---------
        clips : list of str
            Ids.

        Returns
        -------
        list of str
            Ids, in their order.
        """
        return [clip for clip in clips if clip in self.index]

    def rows(self, clips):
        """Where the vectors of some clips stand, without the bad ones.

        Arguments
        ---------
        clips : list of str
            Ids.

        Returns
        -------
        numpy.ndarray
            Rows of `vectors`, int64.
        """
        return np.array([self.index[c] for c in self.kept(clips)], np.int64)


def extract_features(
    embedder,
    name,
    rows,
    features_folder,
    on_bad_clip="skip",
    batch_size=16,
    num_workers=0,
    rows_per_part=1024,
):
    """Embeds all clips of a set, once; on several ranks, all call.

    Clips of any length become vectors as `embedder` does it for a user: its
    own policy says what is done with short and long ones.

    Arguments
    ---------
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        See ``speechbrain_clap.inference.frozen.load_frozen``.
    name : str
        Of the set.
    rows : dict
        Id to a dict with `path` and, where only a part of the file is meant,
        `start` and `stop` in seconds.
    features_folder : str or pathlib.Path
        Gets a folder ``<name>-<16 digits>`` with the vectors, named by a hash
        of weights, policy and clips; `bad.json` in it names what could not be
        read, and `speed.json` has, of the last run, `clips`, `seconds`,
        `clips_per_second`, `decoding_share` (of the time that all processes
        spent decoding, resampling and embedding), `waiting_share` (of the run
        that was spent waiting for clips) and `workers`.
    on_bad_clip : str
        What to do about a clip that cannot be read: "skip" or "stop".
    batch_size : int
        Clips embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    rows_per_part : int
        Clips written at once: what a kill can cost a rank.

    Returns
    -------
    Features
        Of the clips that could be read.

    Raises
    ------
    DataError
        If no clip could be read, or a vector is not finite or too large.
    BadClipError
        If a clip could not be read and the rule is "stop".

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.inference import CLAP
    >>> folder = getfixture("tmp_path")
    >>> soundfile.write(folder / "a.wav", 0.1 * np.ones(800), 8000)
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> rows = {"a": {"path": str(folder / "a.wav")}}
    >>> features = extract_features(clap, "one", rows, folder / "features")
    >>> features.vectors.shape, features.speed["clips"]
    ((1, 12), 1)
    """
    policy = dict(embedder.hparams.clip_policy)
    fingerprint = {
        "kind": "features",
        "encoder": type(embedder).__name__,
        "weights": weights_digest(embedder.model),
        "sample_rate": embedder.sample_rate,
        "clip_seconds": embedder.model.clip_seconds,
        "policy": policy,
        "rows": _digest(
            [key, row["path"], row.get("start"), row.get("stop")]
            for key, row in rows.items()
        ),
    }
    folder = pathlib.Path(
        features_folder, f"{name}-{_digest([fingerprint])[:16]}"
    )
    clips = _Clips(rows, embedder, cut=policy["long"] == "center")
    clock = _Clock(num_workers)

    def _embed(parts):
        batches = [cut(part, batch_size) for part in parts]
        loader = torch.utils.data.DataLoader(
            clips,
            batch_sampler=[list(batch) for part in batches for batch in part],
            num_workers=num_workers,
            collate_fn=list,
        )
        loaded = iter(loader)
        total = sum(map(len, parts))
        with tqdm(
            desc=f"{name}: features",
            total=total,
            dynamic_ncols=True,
            disable=rank() != 0 or not total,
        ) as bar:
            for part in batches:
                vectors, bad = [], {}
                for batch in part:
                    with _Timer(clock.spent, "waiting"):
                        read = next(loaded)
                    clock.add(read)
                    bad |= bad_clips(
                        ((i, why) for i, _, why, _ in read),
                        clips.ids,
                        on_bad_clip,
                    )
                    with _Timer(clock.spent, "embedding"):
                        vectors.append(_vectors(embedder, read, clips.ids))
                    bar.update(len(batch))
                yield stack_batches(vectors), bad

    store = embed_parts(
        folder,
        fingerprint,
        len(rows),
        rows_per_part,
        _embed,
        lambda numbers: {
            "id": pa.array([clips.ids[i] for i in numbers], pa.string()),
            "path": pa.array([clips.rows[i]["path"] for i in numbers]),
        },
    )
    if clock.clips and rank() == 0:
        write_json(folder / SPEED, clock.speed())
        logger.info(
            "%s: %.1f clips/s, %.0f %% of the work was decoding",
            folder,
            clock.speed()["clips_per_second"],
            100 * clock.speed()["decoding_share"],
        )
    return Features(store)


class _Clips(torch.utils.data.Dataset):
    """Waves, or words about what is wrong, with the seconds that it took."""

    def __init__(self, rows, embedder, cut):
        self.ids, self.rows = list(rows), list(rows.values())
        # "stop", so that what is wrong comes out of the worker that met it.
        self.reader = SegmentReader(
            embedder.sample_rate,
            embedder.model.clip_seconds if cut else None,
            on_bad_clip="stop",
        )
        # Of a clip whose centre is embedded, no more is decoded.
        self.position = 0.5 if cut else None

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        row = self.rows[i]
        began = time.perf_counter()
        wav = problem = None
        try:
            wav = self.reader(
                row["path"], row.get("start"), row.get("stop"), self.position
            )
        except BadClipError as error:
            # The cause is without the reader's advice, which is about a rule.
            problem = str(error.__cause__ or error)
        return i, wav, problem, time.perf_counter() - began


class _Clock:
    """Where the time of an extraction goes."""

    def __init__(self, workers):
        self.workers = workers
        self.clips = 0
        self.spent = {"waiting": 0.0, "embedding": 0.0, "decoding": 0.0}

    def add(self, read):
        """Counts the clips of a batch and what reading them took.

        Arguments
        ---------
        read : list of tuple
            Of each clip: row, wave, problem, seconds.
        """
        self.clips += len(read)
        self.spent["decoding"] += sum(seconds for *_, seconds in read)

    def speed(self):
        """Sums it up.

        Returns
        -------
        dict
            For ``speed.json``.
        """
        wall = self.spent["waiting"] + self.spent["embedding"]
        work = self.spent["decoding"] + self.spent["embedding"]
        return {
            "clips": self.clips,
            "seconds": round(wall, 3),
            "clips_per_second": round(self.clips / wall, 2),
            "decoding_share": round(self.spent["decoding"] / work, 4),
            "waiting_share": round(self.spent["waiting"] / wall, 4),
            "workers": self.workers,
        }


class _Timer:
    """Adds the seconds within a ``with`` to one entry of a dict."""

    def __init__(self, spent, name):
        self.spent, self.name = spent, name

    def __enter__(self):
        self.began = time.perf_counter()

    def __exit__(self, *_):
        self.spent[self.name] += time.perf_counter() - self.began


def _vectors(embedder, read, ids):
    """Embeddings of a batch, NaN where there is no sound; [B, D]."""
    good = [k for k, (_, wav, *_) in enumerate(read) if wav is not None]
    if not good:
        return np.zeros((len(read), 0), np.float32)
    wavs = [read[k][1] for k in good]
    longest = max(map(len, wavs))
    lens = torch.tensor([len(w) / longest for w in wavs], dtype=torch.float64)
    padded = torch.nn.utils.rnn.pad_sequence(wavs, batch_first=True)
    made = embedder.embed_audio(padded, lens).float().cpu().numpy()
    fits = (np.abs(made) <= LARGEST).all(1)  # NaN fits nowhere
    if not fits.all():
        clip = ids[read[good[int(np.argmin(fits))]][0]]
        raise DataError(
            f"the embedding of clip '{clip}' is not finite, or beyond "
            f"{LARGEST:g}: have its encoder's weights diverged?"
        )
    vectors = np.full((len(read), made.shape[1]), np.nan, np.float32)
    vectors[good] = made
    return vectors


def _digest(values):
    """A hash of what JSON can hold."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(json.dumps(value, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _read(path, default):
    return json.loads(path.read_text("utf-8")) if path.is_file() else default
