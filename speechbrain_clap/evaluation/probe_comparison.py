"""Several models on one set: one curve, one table, differences of confusions.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json
import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.page import page, picture, section, table
from speechbrain_clap.evaluation.probe_figures import (
    confusion_difference_png,
    fractions_png,
)
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)


def compare_probes(output_folder, results, pairs=()):
    """Puts the results of several models side by side.

    Writes `comparison.csv`, `fractions.png` (figure 2 of Wav2CLIP),
    `difference_<one>_<other>.png` (figure 3) for each pair, `report.html` and
    `metrics.json`.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    results : dict
        Name of a model to the output folder of its probes, or of its
        supervised training, all on the same set.
    pairs : list of list of str
        Pairs of names whose confusions are subtracted.

    Returns
    -------
    dict
        What `metrics.json` holds: `dataset`, `metric`, `sounds` and `models`,
        name to `value`, `std` and `fractions`.

    Raises
    ------
    FileNotFoundError
        If a folder holds no `metrics.json`.
    DataError
        If the sets, classes or metrics differ, or a pair names no model.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> found = {"dataset": "two", "metric": "accuracy", "sounds": "made-up"}
    >>> found |= {"class_names": ["a", "b"], "confusion": [[1, 0], [1, 0]]}
    >>> found |= {"value": 0.5, "std": None}
    >>> found["fractions"] = [{"fraction": 1, "mean": 0.5, "std": None}]
    >>> for name in ("x", "y"):
    ...     write_json(folder / name / "metrics.json", found)
    >>> folders = {name: folder / name for name in ("x", "y")}
    >>> _ = compare_probes(folder / "out", folders, [["x", "y"]])
    >>> sorted(path.name for path in (folder / "out").iterdir())
    ['comparison.csv', 'difference_x_y.png', 'fractions.png', ...]
    """
    folder = pathlib.Path(output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = {name: _read(name, path) for name, path in results.items()}
    if not found:
        raise DataError("results names no model, expected name: folder")
    first = next(iter(found.values()))
    for name, metrics in found.items():
        for key in ("dataset", "metric", "sounds", "class_names"):
            if metrics[key] != first[key]:
                raise DataError(
                    f"{name}: its {key} is {metrics[key]}, that of the others "
                    f"{first[key]}: they cannot be compared"
                )
    curves = {name: metrics["fractions"] for name, metrics in found.items()}
    drawing = picture(
        folder / "fractions.png",
        fractions_png(curves, first["metric"]),
        f"{first['metric']} of each model over the share of the labels",
        "The band is the standard deviation over folds or trials.",
    )
    sections = [section("Label fractions", drawing)]
    shares = sorted({p["fraction"] for curve in curves.values() for p in curve})
    rows = [
        [name, *(_cell(curve, share) for share in shares)]
        for name, curve in curves.items()
    ]
    head = ["model", *(f"#{100 * share:g} %" for share in shares)]
    sections.append(section("Numbers", table(head, rows)))
    for pair in pairs:
        sections.append(_difference(folder, found, pair))
    _write_csv(folder / "comparison.csv", curves)
    summary = {
        "dataset": first["dataset"],
        "metric": first["metric"],
        "sounds": first["sounds"],
        "models": {
            name: {key: metrics[key] for key in ("value", "std", "fractions")}
            for name, metrics in found.items()
        },
    }
    html = page(
        f"{first['dataset']}: {len(found)} models",
        f"{first['metric']} in %, mean ± standard deviation over splits",
        first["sounds"],
        [],
        sections,
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_bytes(html.encode("utf-8"))
    write_json(folder / "metrics.json", summary)
    for row in rows:
        logger.info("%s: %s", row[0], "  ".join(row[1:]))
    return summary


def _read(name, folder):
    path = pathlib.Path(folder, "metrics.json")
    if not path.is_file():
        raise FileNotFoundError(
            f"results of {name}: {path} is not there; expected the output "
            "folder of probe.py or train_supervised.py, finished"
        )
    metrics = json.loads(path.read_text("utf-8"))
    if "fractions" not in metrics:
        raise DataError(f"{path}: holds no probes, for it has no 'fractions'")
    return metrics


def _cell(curve, share):
    """Mean and deviation at one share, in %."""
    for point in curve:
        if point["fraction"] == share:
            spread = point["std"]
            return f"{100 * point['mean']:.1f}" + (
                "" if spread is None else f" ± {100 * spread:.1f}"
            )
    return "–"


def _difference(folder, found, pair):
    """The section of one pair."""
    unknown = [name for name in pair if name not in found]
    if unknown or len(pair) != 2:
        raise DataError(
            f"pairs has {list(pair)}, expected two of {', '.join(found)}"
        )
    one, other = (found[name] for name in pair)
    if not ("confusion" in one and "confusion" in other):
        raise DataError(f"{pair}: clips with several labels have no confusions")
    name = "_".join("".join(c if c.isalnum() else "-" for c in n) for n in pair)
    drawing = picture(
        folder / f"difference_{name}.png",
        confusion_difference_png(
            one["confusion"], other["confusion"], pair, one["class_names"]
        ),
        f"Confusions of {pair[0]} minus those of {pair[1]}",
        "Shares of the true class, in points: on the diagonal blue is where "
        f"{pair[0]} is right more often, elsewhere red is where it errs less.",
    )
    return section(f"{pair[0]} minus {pair[1]}", drawing)


def _write_csv(path, curves):
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["model", "fraction", "mean", "std"])
            for name, curve in curves.items():
                for point in curve:
                    writer.writerow(
                        [name, point["fraction"], point["mean"], point["std"]]
                    )
