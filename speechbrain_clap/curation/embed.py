"""Embedding any set of sounds or captions into a store on disk.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib

import numpy as np
import pyarrow as pa
import torch

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
from speechbrain_clap.utils.digest import weights_digest

PLACE = {
    "path": pa.string(),
    "start": pa.float64(),
    "stop": pa.float64(),
    "audio_offset": pa.int64(),
    "audio_bytes": pa.int64(),
}


def embed_sounds(
    model,
    sounds,
    folder,
    padding="repeat",
    clip_seconds=None,
    on_bad_clip="skip",
    batch_size=64,
    num_workers=0,
    rows_per_part=2048,
):
    """Embeds the centre of every sound; on several ranks, all call.

    What was embedded before is found: the whole at once, or the parts that
    an earlier run finished. Each rank takes a share of the parts.

    Arguments
    ---------
    model : torch.nn.Module
        Has `sample_rate` and `encode_audio`, from [B, T] to L2-normalised
        [B, D], such as ``speechbrain_clap.models.clap.CLAP``, on its device.
    sounds : object
        From ``speechbrain_clap.dataio.sounds.open_sounds``.
    folder : str or pathlib.Path
        Of the store. Its rows have `id`, `path`, `start`, `stop`,
        `audio_offset`, `audio_bytes` (of a sound in a tar), `source` and
        `captions`. `bad.json` counts and names the sounds left out.
    padding : str
        What fills shorter sounds, as for
        ``speechbrain_clap.dataio.clips.fit_clip``.
    clip_seconds : float or None
        What the model hears; None: its own `clip_seconds`.
    on_bad_clip : str
        What to do about a sound that cannot be read: "skip" or "stop".
    batch_size : int
        Sounds embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    rows_per_part : int
        Sounds written at once: what a kill can cost a rank.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        A row for each sound that could be read, in the order of `sounds`.

    Raises
    ------
    ValueError
        If the folder holds what another model, other lengths or other sounds
        made: the message names what differs.
    DataError
        If no sound could be read.
    BadClipError
        If one could not and the rule is "stop".

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.dataio.sounds import open_sounds
    >>> folder = getfixture("tmp_path")
    >>> soundfile.write(folder / "a.wav", 0.1 * np.ones(800), 8000)
    >>> class Model(torch.nn.Linear):
    ...     sample_rate, clip_seconds = 8000, 0.1
    ...     encode_audio = torch.nn.Linear.forward
    >>> sounds = open_sounds(folder)
    >>> store = embed_sounds(Model(800, 4), sounds, folder / "store")
    >>> len(store), store.dim, store.ids([0])
    (1, 4, ['a.wav'])
    """
    if on_bad_clip not in ("skip", "stop"):
        raise ValueError(
            f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
        )
    seconds = model.clip_seconds if clip_seconds is None else clip_seconds
    policy = clip_policy(seconds, model.sample_rate, padding)
    fingerprint = {
        "kind": "sounds",
        "weights": weights_digest(model),
        "sample_rate": model.sample_rate,
        "policy": {**policy, "crop": "center"},
        "rows": _digest(sounds.listing()),
    }
    # "stop", so that what is wrong comes out of the worker that met it.
    reader = SegmentReader(model.sample_rate, seconds, on_bad_clip="stop")
    clips = ReadableClips(ClipPairs(sounds, reader, policy))

    def _embed(parts):
        batches = [cut(part, batch_size) for part in parts]
        loader = torch.utils.data.DataLoader(
            clips,
            batch_sampler=[list(batch) for part in batches for batch in part],
            num_workers=num_workers,
            collate_fn=list,
        )
        loaded = iter(loader)
        with progress_bar(
            f"{sounds.name}: sounds", sum(map(len, parts))
        ) as bar:
            for part in batches:
                vectors, bad = [], {}
                for batch in part:
                    read = next(loaded)
                    bad |= bad_clips(
                        ((i, why) for i, _, why in read),
                        sounds.ids,
                        on_bad_clip,
                    )
                    vectors.append(_embed_batch(model, read))
                    bar.update(len(batch))
                yield stack_batches(vectors), bad

    return embed_parts(
        folder,
        fingerprint,
        len(sounds),
        rows_per_part,
        _embed,
        lambda rows: _sound_rows(sounds, rows),
    )


def embed_texts(model, texts, folder, batch_size=64, rows_per_part=8192):
    """Embeds texts; on several ranks, all call.

    Arguments
    ---------
    model : torch.nn.Module
        Its `encode_text` takes a list of str and gives L2-normalised [B, D].
    texts : speechbrain_clap.curation.texts.Texts
        What to embed.
    folder : str or pathlib.Path
        Of the store, whose rows have `id`, `text` and `rows`.
    batch_size : int
        Texts embedded at once.
    rows_per_part : int
        Texts written at once.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        A row for each text, in order.

    Raises
    ------
    ValueError
        If the folder holds what another model or other texts made.
    DataError
        If there is no text.

    Example
    -------
    >>> class Model(torch.nn.Embedding):
    ...     def encode_text(self, texts):
    ...         return self(torch.tensor([len(text) for text in texts]))
    >>> from speechbrain_clap.curation.texts import Texts
    >>> texts = Texts(["x", "y"], ["rain", "a dog"], [["a"], ["a", "b"]])
    >>> folder = getfixture("tmp_path")
    >>> store = embed_texts(Model(8, 4), texts, folder)
    >>> store.rows(["text", "rows"]).to_pylist()[1]
    {'text': 'a dog', 'rows': ['a', 'b']}
    """
    columns = zip(texts.ids, texts.texts, texts.rows, strict=True)
    fingerprint = {
        "kind": "texts",
        "weights": weights_digest(model),
        "rows": _digest("\t".join((a, b, *c)) for a, b, c in columns),
    }

    def _embed(parts):
        with progress_bar("captions", sum(map(len, parts))) as bar:
            for part in parts:
                # Texts of like length share a batch: less padding to compute.
                order = sorted(part, key=lambda i: len(texts.texts[i]))
                made = []
                for batch in cut(order, batch_size):
                    with torch.no_grad():
                        these = [texts.texts[i] for i in batch]
                        made.append(_numpy(model.eval().encode_text(these)))
                    bar.update(len(batch))
                vectors = np.concatenate(made)
                yield vectors[np.argsort(order)], {}

    def _rows(numbers):
        return {
            "id": pa.array([texts.ids[i] for i in numbers], pa.string()),
            "text": pa.array([texts.texts[i] for i in numbers], pa.string()),
            "rows": pa.array(
                [texts.rows[i] for i in numbers], pa.list_(pa.string())
            ),
        }

    count = len(texts.ids)
    return embed_parts(folder, fingerprint, count, rows_per_part, _embed, _rows)


def _embed_batch(model, read):
    """Embeddings of a batch, NaN where there is no sound; [B, D]."""
    good = [k for k, (_, wav, _) in enumerate(read) if wav is not None]
    if not good:
        return np.zeros((len(read), 0), np.float32)
    device = next(model.parameters()).device
    wavs = torch.stack([read[k][1] for k in good]).to(device)
    with torch.no_grad():
        made = _numpy(model.eval().encode_audio(wavs))
    vectors = np.full((len(read), made.shape[1]), np.nan, np.float32)
    vectors[good] = made
    return vectors


def _numpy(embeddings):
    return embeddings.float().cpu().numpy()


def _digest(lines):
    """A hash of a list of rows."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _sound_rows(sounds, rows):
    """Columns of some rows of a store of sounds."""
    places = list(zip(*(sounds.place(i) for i in rows), strict=True))
    return {
        "id": pa.array([sounds.ids[i] for i in rows], pa.string()),
        **{
            name: pa.array(values, kind)
            for (name, kind), values in zip(PLACE.items(), places, strict=True)
        },
        "source": pa.array([sounds.sources[i] for i in rows], pa.string()),
        "captions": pa.array(
            [sounds.captions(i) for i in rows], pa.list_(pa.string())
        ),
    }
