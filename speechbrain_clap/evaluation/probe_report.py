"""What probes found: `metrics.json`, tables, pictures and a page.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib
import statistics

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.figures import confusion_png, per_class_png
from speechbrain_clap.evaluation.page import page, picture, section, table
from speechbrain_clap.evaluation.probe_figures import fractions_png
from speechbrain_clap.metrics.average_precision import (
    Ranking,
    mean_average_precision,
)
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.classification import accuracy, wilson_interval
from speechbrain_clap.metrics.probe_scores import ranking_scores
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

RESAMPLES = 200  # of the clips, for the interval of a macro mAP
KIND = "Classifiers trained on labels"


def write_probe_report(
    folder, probe_set, fractions, metric, protocol, skipped=0, zero_shot=None
):
    """Writes `metrics.json` and all that shows the same to people.

    `fractions.csv` and `fractions.png` (where there are several fractions),
    `predictions.csv`, for clips with one label `confusion.png` and
    `per_class.png`, and `report.html`.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    probe_set : speechbrain_clap.dataio.probe_sets.ProbeSet
        The set.
    fractions : dict
        Share of the labels to the results of its splits, 1 with `logits`; see
        ``speechbrain_clap.evaluation.probes.load_fractions``.
    metric : str
        "accuracy" or "macro mAP".
    protocol : dict
        What the result is to say of itself.
    skipped : int
        Clips that could not be read, beside those that the preparation left
        out.
    zero_shot : dict or None
        See ``speechbrain_clap.evaluation.probes.zero_shot_part``.

    Returns
    -------
    dict
        What `metrics.json` holds: `value` is the mean over folds or trials,
        `std` their standard deviation, `pooled` the value over the clips of
        all folds together, `interval` belongs to that: Wilson's, or from a
        bootstrap over the clips; of trials it is that of the first.
    """
    folder = pathlib.Path(folder)
    whole = fractions[1]
    pooled = _pooled(probe_set, whole, metric)
    curve = [
        {"fraction": share, **_spread(results)}
        for share, results in fractions.items()
    ]
    metrics = {
        "dataset": probe_set.dataset,
        "split": "test",
        "clips": sum(r["clips"] for r in whole)
        if probe_set.folds
        else whole[0]["clips"],
        "skipped": probe_set.skipped + skipped,
        "metric": metric,
        "value": curve[-1]["mean"],
        "std": curve[-1]["std"],
        **pooled,
        "sounds": probe_set.sounds,
        "splits": [_plain(result) for result in whole],
        "fractions": curve,
        "class_names": probe_set.class_names,
        "protocol": protocol,
    }
    if zero_shot is not None:
        metrics["zero_shot"] = zero_shot
    _write_predictions(folder / "predictions.csv", probe_set, whole)
    _write_fractions(folder / "fractions.csv", fractions)
    _write_page(folder, metrics, fractions)
    # Last: who finds it knows that the evaluation is complete.
    write_json(folder / "metrics.json", metrics)
    logger.info(
        "%s, %s sounds: %s %.3f on the mean of %d splits (%s); see %s",
        metrics["dataset"],
        metrics["sounds"],
        metric,
        metrics["value"],
        len(whole),
        " ".join(f"{result['value']:.3f}" for result in whole),
        folder / "report.html",
    )
    return metrics


def _plain(result):
    """A split's result without what is as long as the set."""
    return {k: v for k, v in result.items() if k not in ("ids", "logits")}


def _spread(results):
    """Mean and deviation over the splits, and the clips that trained."""
    values = [result["value"] for result in results]
    return {
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "values": values,
        "train_clips": [result["train_clips"] for result in results],
    }


def _pooled(probe_set, results, metric):
    """Value over all clips, its interval, values by class, confusions."""
    used = results if probe_set.folds else results[:1]
    logits = np.concatenate([result["logits"] for result in used])
    targets = np.concatenate([probe_set.targets(r["ids"]) for r in used])
    names = probe_set.class_names
    found = {}
    if not probe_set.multi_label:
        guessed = logits.argmax(1)
        by_class = accuracy(guessed, targets, len(names))
        confusion = sum(
            accuracy(
                r["logits"].argmax(1),
                probe_set.targets(r["ids"]),
                len(names),
            )["confusion"]
            for r in results
        )
        found = {
            "per_class": dict(zip(names, by_class["per_class"], strict=True)),
            "confusion": confusion.tolist(),
        }
    if metric == "accuracy":
        right = int((logits.argmax(1) == targets).sum())
        return {
            "pooled": right / len(targets),
            "interval": wilson_interval(right, len(targets)),
            **found,
        }
    scores, wanted = ranking_scores(logits, targets)
    precision = mean_average_precision(scores, wanted)
    return {
        "pooled": precision["value"],
        "interval": _bootstrap(scores, wanted),
        "classes": precision["classes"],
        **found,
        "per_class": dict(zip(names, precision["per_class"], strict=True)),
    }


def _bootstrap(scores, wanted):
    """Interval of a macro mAP over clips."""
    wanted = np.asarray(wanted, bool)
    rankings = [
        Ranking(scores[:, c], wanted[:, c])
        for c in np.flatnonzero(wanted.any(0))
    ]

    def _statistic(drawn):
        each = np.array([r.average_precision(drawn) for r in rankings])
        # A class that a draw has no clip of is left out of that draw.
        return [np.nanmean(each) if not np.isnan(each).all() else np.nan]

    clips = np.arange(len(scores))
    return cluster_bootstrap(_statistic, clips, resamples=RESAMPLES)[0].tolist()


def _write_predictions(path, probe_set, results):
    """A row for each clip of each split: labels, and the three best."""
    names = probe_set.class_names
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["split", "ID", "labels", *("best second third".split())]
            )
            for result in results:
                order = np.argsort(-result["logits"], kind="stable")[:, :3]
                for clip, best in zip(result["ids"], order, strict=True):
                    labels = "; ".join(probe_set.labels(clip))
                    row = [result["split"], clip, labels]
                    writer.writerow([*row, *(names[c] for c in best)])


def _write_fractions(path, fractions):
    """A row for each fraction and split."""
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            columns = ["split", "value", "train_clips", "valid_clips", "epoch"]
            writer.writerow(["fraction", *columns])
            for share, results in fractions.items():
                for result in results:
                    writer.writerow([share, *(result[c] for c in columns)])


def _write_page(folder, metrics, fractions):
    """`report.html` and its pictures."""
    sections = []
    if len(fractions) > 1:
        drawing = picture(
            folder / "fractions.png",
            fractions_png({"this": metrics["fractions"]}, metrics["metric"]),
            f"{metrics['metric']} over the share of the labels",
            "Training and validation clips are reduced alike. The band is the "
            "standard deviation over folds or trials.",
        )
        sections.append(section("Label fractions", drawing))
    rows = [
        [
            f"{100 * point['fraction']:g} %",
            round(statistics.fmean(point["train_clips"])),
            _percent(point["mean"]),
            "–" if point["std"] is None else _percent(point["std"]),
            " ".join(f"{100 * value:.1f}" for value in point["values"]),
        ]
        for point in metrics["fractions"]
    ]
    columns = ["labels", "#training clips", f"#{metrics['metric']}"]
    columns += ["#standard deviation", "by split"]
    sections.append(section("Numbers", table(columns, rows)))
    if "confusion" in metrics:
        names, counts = metrics["class_names"], metrics["confusion"]
        drawings = [
            picture(
                folder / "confusion.png",
                confusion_png(counts, names),
                "Confusion matrix",
                "A row for each true class; clips of all splits together.",
            ),
            picture(
                folder / "per_class.png",
                per_class_png(counts, names),
                "Accuracy of each class",
                "With its 95 % Wilson interval; number of clips in brackets.",
            ),
        ]
        sections += [
            section(title, drawing)
            for title, drawing in zip(
                ("Confusions", "Classes"), drawings, strict=True
            )
        ]
    said = [[key, value] for key, value in metrics["protocol"].items()]
    sections.append(section("Protocol", table(["what", "how"], said)))
    low, high = metrics["interval"]
    spread = metrics["std"]
    deviation = "" if spread is None else f" ± {100 * spread:.1f}"
    tiles = [
        (
            f"{100 * metrics['value']:.1f}{deviation} %",
            f"mean {metrics['metric']} over {len(metrics['splits'])} splits"
            + " ± standard deviation" * (spread is not None),
        ),
        (
            _percent(metrics["pooled"]),
            f"pooled, 95 % interval {_percent(low)} to {_percent(high)}",
        ),
        (str(metrics["clips"]), f"clips ({metrics['skipped']} skipped)"),
        (str(len(metrics["class_names"])), "classes"),
    ]
    if "zero_shot" in metrics:
        shot = metrics["zero_shot"]
        words = f"zero-shot, {shot['clips']} clips"
        tiles.insert(1, (_percent(shot["value"]), words))
    html = page(metrics["dataset"], KIND, metrics["sounds"], tiles, sections)
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_bytes(html.encode("utf-8"))


def _percent(share):
    return f"{100 * share:.1f} %"
