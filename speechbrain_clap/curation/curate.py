"""Three ways to pair captions with sounds by what a teacher makes of them.

"Unsupervised Improvement of Audio-Text Cross-Modal Representations", Wang et
al. 2023, https://arxiv.org/abs/2305.01864: domain-unspecific curation (DU),
domain-specific (DS) and augmented domain-specific (ADS). Every result is the
same on one rank or several; a run that was killed goes on where it was.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import json
import pathlib

import numpy as np
import pyarrow as pa
from speechbrain.utils.distributed import ddp_barrier

from speechbrain_clap.curation.curated_files import (
    CURATION,
    join_pairs,
    own_pairs,
    write_curation,
)
from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.curation.join import SimilarityJoin
from speechbrain_clap.curation.pair_files import read_pairs
from speechbrain_clap.curation.store import (
    ABOUT,
    EmbeddingStore,
    EmbeddingWriter,
)
from speechbrain_clap.utils.distributed import rank


def curate_du(
    captions, wild, folder, threshold=0.7, held_out=None, dry_run=False,
    join=None,
):  # fmt: skip
    """Domain-unspecific: all captions meet all wild sounds.

    Arguments
    ---------
    captions : speechbrain_clap.curation.store.EmbeddingStore
        Of ``speechbrain_clap.curation.embed.embed_texts``.
    wild : speechbrain_clap.curation.store.EmbeddingStore
        Of ``speechbrain_clap.curation.embed.embed_sounds``.
    folder : str or pathlib.Path
        Gets `pairs.parquet` and, last, `curation.json`.
    threshold : float
        Least cosine of a sound and a caption. The paper has 0.7, the code
        that was published with it 0.75.
    held_out : dict or None
        Name of a list to a set of sources: no wild sound of them is paired.
    dry_run : bool
        Only say from a sample how many pairs there will be.
    join : dict or None
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.

    Returns
    -------
    dict
        What `curation.json` holds: `method`, `made_of`, `pairs`, `counts`
        and `held_out`. With `dry_run` what ``SimilarityJoin.estimate`` gives,
        held-out sounds included; on several ranks, on the first alone.

    Raises
    ------
    ValueError
        If the folder holds another curation.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder / "captions", 2) as writer:
    ...     rows = {"id": ["x/0"], "text": ["rain"], "rows": [["x"]]}
    ...     writer.append([[1, 0]], rows)
    >>> with EmbeddingWriter(folder / "wild", 2) as writer:
    ...     rows = {"id": ["a", "b"], "path": ["a.wav", "b.wav"]}
    ...     writer.append([[4, 3], [0, 1]], rows)
    >>> captions = EmbeddingStore.open(folder / "captions")
    >>> wild = EmbeddingStore.open(folder / "wild")
    >>> quiet = {"progress": False}
    >>> found = curate_du(captions, wild, folder / "DU", join=quiet)
    >>> found["pairs"], found["counts"]["wild_paired"]
    (1, 1)
    """
    plan = _plan(
        "DU", held_out, threshold=threshold, captions=captions, wild=wild
    )
    done = _done(folder, plan)
    if done:
        return done
    # Section "domain-unspecific curation": the similarity of every wild sound
    # with every caption of the training set; pairs at the threshold or above
    # are kept. A sound may have several captions, and a caption many sounds.
    return _meet(captions, wild, folder, plan, held_out, dry_run, join)


def curate_ds(
    captions, labels, sounds, folder, text_threshold, held_out=None, join=None
):
    """Domain-specific: captions near a task's labels, with their own sounds.

    Arguments
    ---------
    captions : speechbrain_clap.curation.store.EmbeddingStore
        Of ``speechbrain_clap.curation.embed.embed_texts``.
    labels : speechbrain_clap.curation.store.EmbeddingStore
        Of the prompted labels; `id` is the label.
    sounds : object
        From ``speechbrain_clap.dataio.sounds.open_sounds``: what the captions
        belong to.
    folder : str or pathlib.Path
        Gets `pairs.parquet`, whose `similarity` is null, and `curation.json`.
    text_threshold : float
        Least cosine of a caption with a prompted label.
    held_out : dict or None
        Name of a list to a set of sources: no sound of them is paired.
    join : dict or None
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.

    Returns
    -------
    dict
        As of `curate_du`.

    Raises
    ------
    ValueError
        If the folder holds another curation, or captions have no sounds.

    Example
    -------
    >>> from speechbrain_clap.dataio.sounds import FileSounds
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder / "captions", 2) as writer:
    ...     rows = {"id": ["x/0", "y/0"], "text": ["rain", "a dog"]}
    ...     writer.append([[1, 0], [0, 1]], {**rows, "rows": [["x"], ["y"]]})
    >>> with EmbeddingWriter(folder / "labels", 2) as writer:
    ...     writer.append([[3, 4]], {"id": ["bark"]})
    >>> captions = EmbeddingStore.open(folder / "captions")
    >>> labels = EmbeddingStore.open(folder / "labels")
    >>> sounds = FileSounds("s", {i: {"path": f"{i}.wav"} for i in "xy"})
    >>> parts = captions, labels, sounds, folder / "DS"
    >>> found = curate_ds(*parts, 0.7, join={"progress": False})
    >>> found["counts"]["pairs_per_label"]
    {'bark': 1}
    """
    plan = _plan(
        "DS",
        held_out,
        text_threshold=text_threshold,
        captions=captions,
        labels=labels,
    )
    done = _done(folder, plan)
    if done:
        return done
    # Section "domain-specific curation": of the captions those that are near
    # one of the task's labels, put into the prompt, text to text ...
    chosen = choose_captions(
        captions, labels, folder, text_threshold, join=join
    )
    # ... and each stays with the sounds that it was written for.
    write = None
    if rank() == 0:
        write = write_curation(
            folder,
            plan,
            own_pairs(chosen, sounds, held_out),
            {"captions": len(captions), "captions_chosen": len(chosen)},
            labels.ids(range(len(labels))),
        )
    return _shared(folder, write)


def curate_ads(
    captions, labels, wild, folder, text_threshold, threshold, held_out=None,
    dry_run=False, join=None,
):  # fmt: skip
    """Augmented domain-specific: those captions meet all wild sounds.

    Arguments
    ---------
    captions : speechbrain_clap.curation.store.EmbeddingStore
        Of ``speechbrain_clap.curation.embed.embed_texts``.
    labels : speechbrain_clap.curation.store.EmbeddingStore
        Of the prompted labels; `id` is the label.
    wild : speechbrain_clap.curation.store.EmbeddingStore
        Of ``speechbrain_clap.curation.embed.embed_sounds``.
    folder : str or pathlib.Path
        Gets `pairs.parquet` and, last, `curation.json`.
    text_threshold : float
        Least cosine of a caption with a prompted label.
    threshold : float
        Least cosine of a sound and a caption.
    held_out : dict or None
        Name of a list to a set of sources: no wild sound of them is paired.
    dry_run : bool
        Only say from a sample how many pairs there will be.
    join : dict or None
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.

    Returns
    -------
    dict
        As of `curate_du`.

    Raises
    ------
    ValueError
        If the folder holds another curation.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder / "captions", 2) as writer:
    ...     rows = {"id": ["x/0", "y/0"], "text": ["rain", "a dog"]}
    ...     writer.append([[1, 0], [0, 1]], {**rows, "rows": [["x"], ["y"]]})
    >>> with EmbeddingWriter(folder / "labels", 2) as writer:
    ...     writer.append([[3, 4]], {"id": ["bark"]})
    >>> with EmbeddingWriter(folder / "wild", 2) as writer:
    ...     rows = {"id": ["a", "b"], "path": ["a.wav", "b.wav"]}
    ...     writer.append([[0, 1], [1, 0]], rows)
    >>> names = "captions", "labels", "wild"
    >>> stores = [EmbeddingStore.open(folder / name) for name in names]
    >>> quiet = {"progress": False}
    >>> found = curate_ads(*stores, folder / "ADS", 0.7, 0.7, join=quiet)
    >>> found["pairs"], found["counts"]["captions_chosen"]
    (1, 1)
    """
    plan = _plan(
        "ADS",
        held_out,
        threshold=threshold,
        text_threshold=text_threshold,
        captions=captions,
        labels=labels,
        wild=wild,
    )
    done = _done(folder, plan)
    if done:
        return done
    # Section "domain-specific curation": the captions of DS ...
    chosen = choose_captions(
        captions, labels, folder, text_threshold, join=join
    )
    # ... and, augmented, every wild sound that is near one of them.
    return _meet(
        chosen, wild, folder, plan, held_out, dry_run, join,
        {"captions": len(captions), "captions_chosen": len(chosen)},
        labels.ids(range(len(labels))),
    )  # fmt: skip


def choose_captions(captions, labels, folder, text_threshold, join=None):
    """The captions that are near a label, as a store of their own.

    Arguments
    ---------
    captions : speechbrain_clap.curation.store.EmbeddingStore
        Of texts.
    labels : speechbrain_clap.curation.store.EmbeddingStore
        Of the prompted labels; `id` is the label.
    folder : str or pathlib.Path
        Gets `labels_join` and `captions`.
    text_threshold : float
        Least cosine of a caption with a label.
    join : dict or None
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        Of the chosen ones, in order, with `label`, the nearest label (of
        equals the first), and `label_similarity` beside their own columns.
    """
    folder = pathlib.Path(folder)
    near = SimilarityJoin(text_threshold, **(join or {}))
    near.run(captions, labels, folder / "labels_join")
    fingerprint = {
        "captions": captions.about["fingerprint"],
        "labels": labels.about["fingerprint"],
        "text_threshold": text_threshold,
    }
    there = (folder / "captions" / ABOUT).exists()
    ddp_barrier()  # all have looked before it is there
    if rank() == 0 and not there:
        rows, places, values = _nearest(folder / "labels_join")
        names = pa.array(labels.ids(range(len(labels))), pa.string())
        table = captions.rows().take(pa.array(rows))
        table = table.append_column("label", names.take(pa.array(places)))
        table = table.append_column(
            "label_similarity", pa.array(values, pa.float32())
        )
        with EmbeddingWriter(
            folder / "captions", captions.dim, fingerprint
        ) as writer:
            ahead = writer.written  # by a run that was killed here
            for start in range(ahead, len(rows), 4096):
                part = slice(start, start + 4096)
                columns = table.slice(start, 4096)
                writer.append(
                    captions.embeddings[rows[part]],
                    dict(zip(table.column_names, columns, strict=True)),
                )
    ddp_barrier()
    return EmbeddingStore.open(folder / "captions", fingerprint)


def _nearest(folder):
    """Captions near any label, the nearest label of each, its cosine."""
    found = [np.zeros(0, np.int64)] * 2 + [np.zeros(0, np.float32)]
    parts = [found, *read_pairs(folder)]
    rows, places, values = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((places, -values, rows))
    first = np.unique(rows[order], return_index=True)[1]
    best = order[first]
    return rows[best], places[best], values[best]


def _plan(method, held_out, **made_of):
    """What the result depends on, flat, so that a message can name it."""
    plan = {"method": method}
    for name, value in made_of.items():
        if isinstance(value, EmbeddingStore):
            for key, part in value.about["fingerprint"].items():
                plan[f"{name}: {key}"] = part
        else:
            plan[name] = value
    for name, sources in (held_out or {}).items():
        lines = "\n".join(sorted(sources))
        plan[f"held out: {name}"] = hashlib.sha256(lines.encode()).hexdigest()
    return plan


def _done(folder, plan):
    """What an earlier run wrote; an error if that was another curation."""
    path = pathlib.Path(folder) / CURATION
    if not path.exists():
        return None
    found = json.loads(path.read_text("utf-8"))
    check_fingerprint(found["made_of"], plan, folder)
    return found


def _meet(
    captions, wild, folder, plan, held_out, dry_run, join, counts=None,
    labels=(),
):  # fmt: skip
    """Joins wild sounds with captions and writes the pairs."""
    folder = pathlib.Path(folder)
    meeting = SimilarityJoin(plan["threshold"], **(join or {}))
    if dry_run:
        found = meeting.estimate(wild, captions) if rank() == 0 else {}
        ddp_barrier()
        return found
    joined = meeting.run(wild, captions, folder / "join")
    write = None
    if rank() == 0:
        counts = {"captions": len(captions), **(counts or {})}
        counts |= {"wild": len(wild), "no_direction": joined["left_out"]}
        pairs = join_pairs(wild, captions, folder / "join", held_out)
        write = write_curation(folder, plan, pairs, counts, labels)
    return _shared(folder, write)


def _shared(folder, written):
    """What the first rank has written, on all ranks."""
    ddp_barrier()
    if written is not None:
        return written
    return json.loads((pathlib.Path(folder) / CURATION).read_text("utf-8"))
