"""The page of a report card: each task beside what others have scored.

Authors
 * The speechbrain_clap team 2026
"""

import html
import pathlib

import numpy as np

from speechbrain_clap.evaluation.canvas import (
    GREY,
    INK,
    new_figure,
    style,
    to_png,
)
from speechbrain_clap.evaluation.figures import BLUE
from speechbrain_clap.evaluation.page import page, picture, section, table
from speechbrain_clap.utils.files import atomic_write

KIND = "Zero-shot report card: classes and captions by text, nothing trained"
SHOWN = ("CLAP 2023", "CNN14+BERT", "benchmark")  # in the table of tasks
MARKS = {"CLAP 2023": ("D", "#c8553d"), "benchmark": ("|", INK)}
NO_VALUE = "–"


def write_card_page(folder, metrics):
    """Writes `report.html` and `tasks.png`.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    metrics : dict
        From ``speechbrain_clap.evaluation.report_card.write_report_card``.

    Returns
    -------
    pathlib.Path
        The page; it needs no other file.
    """
    folder = pathlib.Path(folder)
    results, absent = metrics["tasks"], metrics["absent"]
    scored = [result for result in results if result["value"] is not None]
    tiles = [
        (_share(metrics["value"]), "zero-shot score: mean over the tasks here"),
        (f"{len(scored)} of {len(results) + len(absent)}", "tasks scored"),
        (f"{metrics['clips']:,}", f"clips, {metrics['skipped']:,} skipped"),
    ]
    theirs = metrics["published_means"].get("CLAP 2023")
    if theirs:
        words = f"CLAP 2023, published, on {len(theirs['tasks'])} of them"
        tiles.append((_share(theirs["value"]), words))
    sections = [
        _tasks(folder, scored, results),
        _means(metrics),
        _templates(results),
        _beside(results),
        _none(results),
        _absent(absent),
        _leaks(metrics["leaks"]),
        _protocol(metrics),
    ]
    text = page(
        f"Report card: {metrics['protocol'].get('model', 'a model')}",
        KIND,
        metrics["sounds"],
        tiles,
        [each for each in sections if each],
    )
    with atomic_write(folder / "report.html") as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return folder / "report.html"


def tasks_png(results):
    """Draws the score of each task with its interval, and published ones.

    Arguments
    ---------
    results : list of dict
        With `name`, `metric`, `value`, `interval` and `published`.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> result = {"name": "ESC-50", "metric": "accuracy", "value": 0.5}
    >>> result |= {"interval": [0.4, 0.6], "published": {"CLAP 2023": 0.9}}
    >>> tasks_png([result])[1:4]
    b'PNG'
    """
    with style():
        figure, axes = new_figure(8, 1.6 + 0.32 * len(results))
        for place, result in enumerate(results):
            value, interval = result["value"], result["interval"]
            if interval is not None:
                axes.plot(interval, [place] * 2, color=BLUE, linewidth=2.5)
            axes.plot(value, place, "o", color=BLUE, markersize=7)
            for name, (marker, colour) in MARKS.items():
                theirs = result["published"].get(name)
                if theirs is not None:
                    axes.plot(theirs, place, marker, color=colour, markersize=8)
        # The legend, whatever the first task has.
        axes.plot([], [], "o", color=BLUE, label="this model, 95 % interval")
        for name, (marker, colour) in MARKS.items():
            axes.plot([], [], marker, color=colour, label=f"{name}, published")
        axes.set_ylim(len(results) - 0.4, -0.6)
        axes.set_xlim(-0.02, 1.02)
        axes.set_yticks(
            range(len(results)),
            [f"{r['name']}, {r['metric']}" for r in results],
            fontsize=8,
        )
        axes.grid(True, axis="x", color="#e3e6ea")
        axes.tick_params(colors=INK)
        axes.set_xlabel("score", color=GREY)
        figure.legend(
            loc="outside upper left", ncols=3, fontsize=8, frameon=False
        )
        return to_png(figure)


def _tasks(folder, scored, results):
    """The picture and the table of all tasks."""
    rows = []
    for result in results:
        low, high = result["interval"] or (None, None)
        spread = NO_VALUE if low is None else f"{_share(low)} – {_share(high)}"
        rows.append(
            [
                result["name"],
                result["domain"],
                result["metric"],
                _share(result["value"]),
                spread,
                result["clips"],
                result["skipped"],
                *(_share(result["published"].get(name)) for name in SHOWN),
                result.get("benchmark_source", ""),
            ]
        )
    columns = ["task", "domain", "metric", "#score", "#95 % interval"]
    columns += ["#clips", "#skipped", "#CLAP 2023", "#CLAP 2022 (CNN14+BERT)"]
    numbers = table([*columns, "#benchmark", "whose"], rows)
    drawing = ""
    if scored:
        drawing = picture(
            folder / "tasks.png",
            tasks_png(scored),
            f"Scores of {len(scored)} tasks",
            "Published scores are of the sets as their authors had them; what "
            "was tested here is told by the clips and the notes.",
        )
    return section("Tasks", drawing, numbers)


def _means(metrics):
    """Means of systems over the same tasks."""
    rows = [
        [
            name,
            len(mean["tasks"]),
            _share(mean["value"]),
            _share(mean["ours"]),
            ", ".join(mean["tasks"]),
        ]
        for name, mean in metrics["published_means"].items()
    ]
    if not rows:
        return ""
    note = (
        '<p class="note">The score is the plain mean over exactly the tasks '
        f"{html.escape(', '.join(metrics['mean_of']))}; R@1 counts for "
        "retrieval. A system is compared on those of them that it has.</p>"
    )
    columns = ["system", "#tasks", "#its mean", "#this model", "which"]
    return section("Means over the same tasks", table(columns, rows), note)


def _templates(results):
    """The task's own prompts and the best of those tried."""
    rows = []
    for result in results:
        if "templates" not in result:
            continue
        sweep = result.get("sweep")
        best = sweep["best"] if sweep else {}
        rows.append(
            [
                result["name"],
                " | ".join(result["templates"]),
                _share(result["value"]),
                " | ".join(best.get("templates", [NO_VALUE])),
                _share(best.get("value")),
                result["prompts"][0],
                result["prompt_source"],
            ]
        )
    if not rows:
        return ""
    columns = ["task", "default prompt", "#default", "best prompt tried"]
    columns += ["#best (optimistic)", "as it is read", "default is from"]
    note = (
        '<p class="note">The default counts. The best is chosen on the test '
        "clips themselves: an upper bound, not a result.</p>"
    )
    return section("Prompts", table(columns, rows), note)


def _beside(results):
    """What a metric has beside its value."""
    rows = []
    for result in results:
        name = result["name"]
        if "folds" in result:
            folds = result["folds"]
            spread = NO_VALUE if folds["std"] is None else _share(folds["std"])
            rows.append([name, "mean over folds", _share(folds["mean"])])
            rows.append([name, "standard deviation of folds", spread])
        if "mAP@10" in result:
            theirs = result.get("published_mAP@10", {})
            told = "; ".join(f"{k} {_share(v)}" for k, v in theirs.items())
            rows.append([name, f"mAP@10 ({told})", _share(result["mAP@10"])])
        if "classes_with_clips" in result:
            heard, of = result["classes_with_clips"], result["classes"]
            rows.append([name, "classes that some clip has", f"{heard}/{of}"])
        if "best_on_test" in result:
            chosen = result["threshold_from"]
            rows.append([name, "threshold from", chosen])
            rows.append(
                [name, "F1 at probability 0.5", _share(result["at_half"])]
            )
            rows.append(
                [
                    name,
                    "F1 at the best threshold of the test clips (optimistic)",
                    _share(result["best_on_test"]["value"]),
                ]
            )
        for metric, why in result.get("missing", {}).items():
            rows.append([name, f"{metric} is missing", why])
        for metric, value in result.get("scores", {}).items():
            if not isinstance(value, dict):
                rows.append([name, metric, f"{value:.3f}"])
        for key in ("published_note", "note"):
            if result.get(key):
                rows.append([name, "note", result[key]])
    if not rows:
        return ""
    return section("Beside the scores", table(["task", "what", "is"], rows))


def _none(results):
    """Thresholds for "none of these"."""
    rows = [
        [
            result["name"],
            found["fitted_part"],
            f"{found['threshold']:.3f}",
            found["tested_on"],
            *(_share(found[key]) for key in ("right", "kept", "rejected")),
        ]
        for result in results
        if (found := result.get("none_of_these")) and "threshold" in found
    ]
    if not rows:
        return ""
    columns = ["task", "fitted on", "#cosine", "#tested clips"]
    columns += ["#right", "#answered", "#rejected"]
    note = (
        '<p class="note">Below the cosine the answer is "none of these". '
        "Right: clips that get their class all the same. Answered: clips "
        "that get a class. Rejected: clips that get none when their own class "
        "is not among the choices.</p>"
    )
    return section("None of these", table(columns, rows), note)


def _absent(absent):
    """Tasks that were not scored, and where their data are."""
    if not absent:
        return ""
    rows = [[a["name"], a["metric"], a["reason"], a["where"]] for a in absent]
    columns = ["task", "metric", "why", "where to get it"]
    return section("Absent", table(columns, rows))


def _leaks(leaks):
    """Tested recordings that the model was trained on."""
    if leaks is None:
        text = (
            "No training list was given (--training_lists): whether the model "
            "was trained on recordings that are tested here is not known."
        )
        return section("Leaks", f"<p>{html.escape(text)}</p>")
    rows = []
    for name, found in leaks.items():
        for of_list, each in found.items():
            if isinstance(each, dict):
                rows.append(
                    [
                        name,
                        found["clips"],
                        found["with_source"],
                        of_list,
                        each["in_training"],
                        ", ".join(each["first"]),
                    ]
                )
    columns = ["set", "#clips", "#that tell their recording"]
    columns += ["training list", "#in it", "the first ones"]
    return section("Leaks", table(columns, rows))


def _protocol(metrics):
    """How the numbers came to be."""
    rows = [
        [key, " | ".join(value) if isinstance(value, list) else value]
        for key, value in metrics["protocol"].items()
    ]
    note = (
        '<p class="note">A clip takes the class whose text has the highest '
        "cosine with it. Intervals: Wilson's for accuracy, a bootstrap over "
        "clips for the others.</p>"
    )
    return section("Protocol", table(["what", "is"], rows), note)


def _share(value):
    """A score for people, in percent."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return NO_VALUE
    return f"{100 * value:.1f} %"
