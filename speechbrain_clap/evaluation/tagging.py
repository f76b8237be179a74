"""Tagging: macro mAP over the classes, and `metrics.json`.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.metrics.average_precision import (
    Ranking,
    mean_average_precision,
)
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

RESAMPLES = 200  # each ranks all clips for all classes


def write_tagging(
    output_folder, ids, scores, targets, class_names, description, protocol
):
    """Scores clips against their labels and writes the result.

    `metrics.json` and `predictions.csv` go to the output folder; a line with
    the result goes to the log.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    ids : list of str
        Names of the N clips.
    scores : array_like
        On any scale, [N, C].
    targets : array_like
        0 or 1, [N, C].
    class_names : list of str
        C names.
    description : dict
        `dataset`, `split`, `clips`, `skipped` and `sounds`.
    protocol : dict
        All that another reader would need to get the same figure.

    Returns
    -------
    dict
        What `metrics.json` holds: the usual keys and `classes`, how many some
        clip has, `per_class`, None for the others, and `chance`. The interval
        is from a bootstrap over the clips.

    Example
    -------
    >>> metrics = write_tagging(
    ...     getfixture("tmp_path"),
    ...     ["a", "b"],
    ...     [[0.9, 0.2], [0.5, 0.3]],
    ...     [[1, 1], [0, 0]],
    ...     ["dog", "rain"],
    ...     dict(dataset="x", split="test", clips=2, skipped=0, sounds="real"),
    ...     {"crop": "10 s"},
    ... )
    >>> metrics["value"], metrics["per_class"], metrics["chance"]
    (0.75, {'dog': 1.0, 'rain': 0.5}, 0.5)
    """
    output_folder = pathlib.Path(output_folder)
    scores, targets = np.asarray(scores), np.asarray(targets, bool)
    found = mean_average_precision(scores, targets)
    heard = np.flatnonzero(targets.any(0))
    rankings = [Ranking(scores[:, c], targets[:, c]) for c in heard]

    def _statistic(drawn):
        # A class that a draw has no clip of is left out of that draw.
        each = np.array([r.average_precision(drawn) for r in rankings])
        known = each[~np.isnan(each)]
        return [known.mean() if len(known) else np.nan]

    interval = cluster_bootstrap(
        _statistic, np.arange(len(ids)), resamples=RESAMPLES
    )
    metrics = {
        **description,
        "classes": found["classes"],
        "metric": "macro mAP",
        "value": found["value"],
        "interval": interval[0].tolist(),
        "chance": float(targets[:, heard].mean()),
        "per_class": dict(zip(class_names, found["per_class"], strict=True)),
        "protocol": protocol,
    }
    with atomic_write(output_folder / "predictions.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["ID", "labels", *class_names])
            for name, target, row in zip(ids, targets, scores, strict=True):
                labels = [class_names[c] for c in np.flatnonzero(target)]
                logits = [f"{score:.6g}" for score in row]
                writer.writerow([name, "; ".join(labels), *logits])
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    logger.info(
        "%s, %s sounds: macro mAP %.3f (95 %% interval %.3f to %.3f, chance "
        "%.3f) over %d classes on %d clips, %d skipped; see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["value"],
        *metrics["interval"],
        metrics["chance"],
        metrics["classes"],
        metrics["clips"],
        metrics["skipped"],
        output_folder / "metrics.json",
    )
    return metrics
