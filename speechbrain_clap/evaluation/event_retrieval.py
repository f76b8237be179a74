"""Retrieval of sound events: each labelled segment looks for frames like it.

As in "Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al.
2021, https://arxiv.org/abs/2110.11499, on DESED.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json
import pathlib

import numpy as np
import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.pairs import FileRows
from speechbrain_clap.evaluation.event_clips import ClipFrames
from speechbrain_clap.evaluation.event_retrieval_page import (
    write_event_retrieval_page,
)
from speechbrain_clap.evaluation.frames import embed_frames, sound_tower
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.event_search import (
    SegmentGrid,
    class_scores,
    search_events,
)
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

METRIC = "segment-based F1"
MEANS = ("value", "macro", "precision", "recall")


def evaluate_event_retrieval(
    output_folder,
    load_model,
    model,
    weights,
    data_folder,
    manifest_folder,
    part,
    features_folder,
    frame_seconds=1.0,
    resolutions=(0.1, 1.0),
    folds=5,
    seed=1234,
    on_bad_clip="skip",
    batch_size=16,
    num_workers=0,
    device=None,
):
    """Embeds the frames of a part of a set, and lets its segments search.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Gets `metrics.json`, `retrieval.csv`, `report.html` and its picture.
    load_model : callable
        Takes `model`, `weights` and `device`, gives what
        ``speechbrain_clap.evaluation.frames.sound_tower`` takes, such as
        ``speechbrain_clap.inference.frozen.load_frozen``.
    model : str or None
        A folder that training left, or a name of published weights.
    weights : str or None
        The file of published weights; None downloads them once.
    data_folder : str
        Root of the paths in the manifest.
    manifest_folder : str
        Holds `<part>.json`, whose rows have `events`, and `prepare.json`.
    part : str
        Such as "validation".
    features_folder : str or pathlib.Path
        Where frames are kept; every model has a folder of its own in it.
    frame_seconds : float
        Length of the frames, which do not overlap.
    resolutions : tuple of float
        Length of the segments that are counted, in seconds; the first one's
        F1 is the headline.
    folds : int
        Into how many parts the clips are cut at random.
    seed : int
        Of that cut.
    on_bad_clip : str
        "skip" (and count) or "stop".
    batch_size : int
        Clips read and embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    DataError
        If the model has no frames, or there are too few clips.
    """
    folder = pathlib.Path(manifest_folder)
    report = json.loads((folder / "prepare.json").read_text("utf-8"))
    rows = read_manifest(
        folder / f"{part}.json",
        data_folder,
        needed=("path", "events"),
        on_bad_clip=on_bad_clip,
    )
    if len(rows) < 2 * folds:
        raise DataError(
            f"{report['dataset']}: the part '{part}' has {len(rows)} usable "
            f"clips in {data_folder}: expected two for each of {folds} folds"
        )
    model_here = load_model(model=model, weights=weights, device=device)
    parts = [each for each in sound_tower(model_here) if each is not None]
    digest = weights_digest(torch.nn.ModuleList(parts))
    name = f"{report['dataset']}-{part}-{digest[:16]}-{frame_seconds:g}s"
    store = embed_frames(
        model_here,
        FileRows(report["dataset"], rows),
        pathlib.Path(features_folder, name),
        frame_seconds,
        on_bad_clip,
        batch_size,
        num_workers,
    )
    protocol = {
        "queries": "each labelled segment: the mean of the frames that it "
        "overlaps, weighted by how long",
        "search": "in all clips of the same side but its own",
        "found": "frames whose cosine reaches the threshold, as events of the "
        "query's class; sums over all queries (micro)",
        "threshold": f"one for all classes, tuned on one fold of {folds}, "
        "tested on the others; each fold in turn, and the mean",
        "frame_seconds": frame_seconds,
        "folds": folds,
        "seed": seed,
        "model": "an untrained encoder" if model is None else str(model),
        "weights_sha256": digest,
    }
    return write_event_retrieval(
        output_folder,
        store,
        rows,
        report["classes"],
        {
            "dataset": report["dataset"],
            "split": part,
            "clips": len(set(store.ids(range(len(store))))),
            "listed": report["listed"][part],
            "sounds": report["sounds"],
        },
        protocol,
        resolutions,
        folds,
        seed,
    )


def write_event_retrieval(
    output_folder,
    store,
    rows,
    classes,
    description,
    protocol,
    resolutions=(0.1, 1.0),
    folds=5,
    seed=1234,
):
    """Lets the segments of embedded clips search, and writes the result.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    store : speechbrain_clap.curation.store.EmbeddingStore
        From ``speechbrain_clap.evaluation.frames.embed_frames``.
    rows : dict
        Id of a clip to its `path` and `events`, (onset, offset, label) each.
    classes : list of str
        The labels.
    description : dict
        `dataset`, `split`, `clips`, `listed` and `sounds`.
    protocol : dict
        All that another reader would need to get the same figures.
    resolutions : tuple of float
        Length of the segments that are counted, in seconds.
    folds : int
        Into how many parts the clips are cut at random.
    seed : int
        Of that cut.

    Returns
    -------
    dict
        What `metrics.json` holds: beside the usual keys `queries`, `frames`,
        `lost_queries` (that no frame overlaps), `per_class`, and
        `resolutions`: "0.1 s" and so on to the mean over the folds of the F1
        (`value`, with a 95 % `interval` from a bootstrap over the clips of the
        queries, and `std` over the folds), of its `macro` mean over the
        classes, of `precision` and `recall`, the `thresholds`, and `chance`:
        the F1 of who finds every frame.
    """
    output_folder = pathlib.Path(output_folder)
    clips = ClipFrames(store, rows)
    queries = clips.queries(classes)
    fold_of = np.random.default_rng(seed).permutation(len(clips.ids)) % folds
    by_resolution, curves = {}, None
    for resolution in resolutions:
        grid = SegmentGrid(clips.spans, clips.events, classes, resolution)
        found = search_events(
            queries["vectors"],
            clips.vectors,
            grid,
            queries["labels"],
            queries["clips"],
            fold_of,
        )
        name = f"{resolution:g} s"
        by_resolution[name] = _summary(found, queries, len(classes))
        if curves is None:
            curves, counts = found["curves"], found["counts"]
    first = by_resolution[f"{resolutions[0]:g} s"]
    number = np.bincount(queries["labels"], minlength=len(classes)).tolist()
    metrics = {
        **description,
        "skipped": description["listed"] - description["clips"],
        "queries": len(queries["labels"]),
        "lost_queries": queries["lost"],
        "frames": len(clips.vectors),
        "metric": f"{METRIC} at {resolutions[0]:g} s",
        **{key: first[key] for key in ("value", "interval", "std", "chance")},
        "per_class": dict(zip(classes, first.pop("per_class"), strict=True)),
        "resolutions": {
            name: {k: v for k, v in each.items() if k != "per_class"}
            for name, each in by_resolution.items()
        },
        "protocol": protocol,
    }
    _write_csv(output_folder / "retrieval.csv", metrics, number)
    write_event_retrieval_page(
        output_folder,
        metrics,
        number,
        curves,
        (clips, queries, np.sum(counts, 0), rows),
    )
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    logger.info(
        "%s, %s sounds: %s %.3f (95 %% interval %.3f to %.3f; who finds every "
        "frame has %.3f), %d segments of %d clips, %d skipped; see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["metric"],
        metrics["value"],
        *metrics["interval"],
        metrics["chance"],
        metrics["queries"],
        metrics["clips"],
        metrics["skipped"],
        output_folder / "report.html",
    )
    return metrics


def _summary(found, queries, classes):
    """The mean over the folds, and how sure it is."""
    scores = [
        class_scores(counts, queries["labels"], classes)
        for counts in found["counts"]
    ]
    every_frame = [
        class_scores(counts, queries["labels"], classes)["value"]
        for counts in found["all"]
    ]
    counts = np.array(found["counts"])  # [folds, Q, 3]

    def _statistic(drawn):
        right, wrong, missed = (drawn @ counts).T
        whole = 2 * right + wrong + missed
        return [np.mean(2 * right / np.maximum(whole, 1))]

    # Segments of one recording are not independent: whole clips are drawn.
    _, groups = np.unique(queries["clips"], return_inverse=True)
    interval = cluster_bootstrap(_statistic, groups)
    of_class = zip(*(score["per_class"] for score in scores), strict=True)
    return {
        **{name: float(np.mean([s[name] for s in scores])) for name in MEANS},
        "interval": interval[0].tolist(),
        "std": float(np.std([score["value"] for score in scores], ddof=1)),
        "chance": float(np.mean(every_frame)),
        "thresholds": found["thresholds"],
        "per_class": [_mean(values) for values in of_class],
    }


def _mean(values):
    """The mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _write_csv(path, metrics, number):
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["label", "queries", metrics["metric"]])
            for count, (label, value) in zip(
                number, metrics["per_class"].items(), strict=True
            ):
                shown = "" if value is None else f"{value:.4f}"
                writer.writerow([label, count, shown])
