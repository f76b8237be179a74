"""One table out of the runs of several seeds: mean and standard deviation.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json
import pathlib
import statistics

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.page import page, section, table
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)


def seed_scores(folder, seeds, rows):
    """Collects the zero-shot scores of all runs.

    Arguments
    ---------
    folder : str or pathlib.Path
        Holds ``seed<s>/<row>/zero_shot_<task>/metrics.json``.
    seeds : list of int
        The seeds.
    rows : list of str
        The rows of the table.

    Returns
    -------
    dict
        Task to row to a dict with `values` (one for each seed), `mean` and
        `std` (of the sample; None for one seed).

    Raises
    ------
    DataError
        If a run has no scores, or not those of the others.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> for seed, value in ((1, 0.8), (2, 0.9)):
    ...     to = folder / f"seed{seed}/teacher/zero_shot_ESC-50/metrics.json"
    ...     write_json(to, {"value": value})
    >>> scores = seed_scores(folder, [1, 2], ["teacher"])
    >>> round(scores["ESC-50"]["teacher"]["mean"], 3)
    0.85
    """
    folder = pathlib.Path(folder)
    scores, first = {}, None
    for row in rows:
        for seed in seeds:
            run = folder / f"seed{seed}" / row
            found = {
                path.parent.name.removeprefix("zero_shot_"): json.loads(
                    path.read_text("utf-8")
                )["value"]
                for path in sorted(run.glob("zero_shot_*/metrics.json"))
            }
            first = first or found
            if not found or found.keys() != first.keys():
                raise DataError(
                    f"{run}: has zero-shot scores of "
                    f"{', '.join(found) or 'no set'}, expected "
                    f"{', '.join(first) or 'those of a set: give a folder'}"
                )
            for task, value in found.items():
                of_row = scores.setdefault(task, {}).setdefault(row, {})
                of_row.setdefault("values", []).append(value)
    for of_task in scores.values():
        for of_row in of_task.values():
            values = of_row["values"]
            of_row["mean"] = statistics.fmean(values)
            of_row["std"] = (
                statistics.stdev(values) if len(values) > 1 else None
            )
    return scores


def write_seed_table(folder, seeds, rows):
    """Writes `metrics.json`, `table.csv` and `report.html`, and logs it.

    Arguments
    ---------
    folder : str or pathlib.Path
        As for ``seed_scores``; gets the files.
    seeds : list of int
        The seeds.
    rows : list of str
        The rows of the table.

    Returns
    -------
    dict
        The scores.
    """
    folder = pathlib.Path(folder)
    scores = seed_scores(folder, seeds, rows)
    head = ["row", "task", "mean", "std", *(f"seed {seed}" for seed in seeds)]
    lines = [
        [
            row,
            task,
            f"{100 * of_row['mean']:.1f}",
            "" if of_row["std"] is None else f"{100 * of_row['std']:.1f}",
            *(f"{100 * value:.1f}" for value in of_row["values"]),
        ]
        for task, of_task in scores.items()
        for row, of_row in of_task.items()
    ]
    with atomic_write(folder / "table.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([head, *lines])
    first = next(folder.glob(f"seed{seeds[0]}/*/zero_shot_*/metrics.json"))
    sounds = json.loads(first.read_text("utf-8"))["sounds"]
    numbers = [head[0], head[1], *(f"#{name}" for name in head[2:])]
    html = page(
        "Students and their teacher",
        "zero-shot accuracy in %, over seeds",
        sounds,
        [(str(len(seeds)), "seeds"), (str(len(rows)), "rows")],
        [section("Scores", table(numbers, lines))],
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_text(html, "utf-8")
    facts = {"seeds": seeds, "sounds": sounds, "scores": scores}
    write_json(folder / "metrics.json", facts)
    for line in lines:
        logger.info("%s, %s: %s %% (standard deviation %s)", *line[:4])
    return scores
