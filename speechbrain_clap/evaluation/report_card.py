"""The report card: a model of sounds and texts on all tasks that are there.

"Natural language supervision for general-purpose audio representations",
Elizalde et al. 2023, https://arxiv.org/abs/2309.05767, has 26 of them.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib
from statistics import fmean

from speechbrain.utils.distributed import ddp_barrier, if_main_process
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import held_out_sources
from speechbrain_clap.evaluation.card_results import CardResults
from speechbrain_clap.evaluation.report_card_page import write_card_page
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

NAMED = 5  # leaks named for each set


def write_report_card(
    cache, sets, tasks, output_folder, protocol, sweep=(), none_of_these=False,
    training_lists=None, caption=None,
):  # fmt: skip
    """Scores a model on the tasks whose data are there.

    On several ranks all call; they share the embedding, and the first one
    scores. The same model and clips give the same bytes.

    Arguments
    ---------
    cache : speechbrain_clap.evaluation.card_embed.CardCache
        Embeds clips and texts, or finds them.
    sets : dict
        Name to ``speechbrain_clap.evaluation.card_sets.CardSet``, loaded.
    tasks : list of speechbrain_clap.evaluation.card_sets.CardTask
        In the card's order.
    output_folder : str or pathlib.Path
        Gets `metrics.json`, `tasks.csv`, `report.html` and `tasks.png`.
    protocol : dict
        What names the model, as ``CardCache.facts`` gives.
    sweep : list of str
        Templates that are tried on each task of classes beside its own.
    none_of_these : bool
        Fit a threshold for "none of these" on clips that are not tested, for
        each task of one class a clip.
    training_lists : dict or None
        Name of a list to its file, as
        ``speechbrain_clap.dataio.leaks.held_out_sources`` reads it: what the
        model was trained on. None: nobody knows.
    caption : callable or None
        Takes a list of files, gives a caption of each: for the tasks of
        captioning. None leaves these out.

    Returns
    -------
    dict or None
        What `metrics.json` holds, on the main process: `value`, the mean over
        exactly the tasks that are there, `tasks`, `absent`,
        `published_means`, `leaks` and `protocol`.

    Raises
    ------
    DataError
        If there is no task to score, or two have one id.
    """
    ids = [task.id for task in tasks]
    if len(set(ids)) < len(ids):
        raise DataError(f"two tasks have one id: {', '.join(ids)}")
    absent, present = _sort_out(tasks, sets, caption)
    if not present:
        raise DataError(
            "none of the report card's tasks can be scored: "
            + "; ".join(f"{each['id']}: {each['reason']}" for each in absent)
            + ". Pass the folder of a set, such as --esc50_folder"
        )
    card = CardResults(cache, sets, sweep, none_of_these, caption)
    results = [card.result(task) for task in present]
    if not if_main_process():
        ddp_barrier()
        return None
    scored = [result for result in results if result["value"] is not None]
    made_up = any(result["sounds"] == "made-up" for result in results)
    metrics = {
        "dataset": "report card",
        "split": "test",
        "metric": "zero-shot score: plain mean over the tasks that are there",
        "value": fmean(r["value"] for r in scored) if scored else None,
        "interval": None,
        "clips": sum(len(each) for each in card.heard.values()),
        "skipped": sum(
            sets[name].listed() - len(each) for name, each in card.heard.items()
        ),
        "sounds": "made-up" if made_up else "real",
        "mean_of": [result["id"] for result in scored],
        "published_means": _published_means(scored),
        "leaks": _leaks(sets, card.heard, training_lists),
        "protocol": {**protocol, "templates tried": list(sweep)},
        "absent": absent,
        "tasks": results,
    }
    folder = pathlib.Path(output_folder)
    _write_csv(folder / "tasks.csv", results)
    write_card_page(folder, metrics)
    # Last: who finds it knows that the evaluation is complete.
    write_json(folder / "metrics.json", metrics)
    _log(metrics, folder)
    ddp_barrier()
    return metrics


def _sort_out(tasks, sets, caption):
    """The tasks that cannot be scored, and why; and the others."""
    absent, present = [], []
    for task in tasks:
        if task.set not in sets:
            raise DataError(
                f"task {task.id} is about the set '{task.set}', expected one "
                f"of {', '.join(sets)}"
            )
        of_set, reason = sets[task.set], sets[task.set].absent
        if reason is None and task.kind == "captioning" and caption is None:
            reason = "no captioner is given (--captioner)"
        if reason is None:
            present.append(task)
        else:
            absent.append(
                {
                    "id": task.id,
                    "name": task.name,
                    "metric": task.metric,
                    "reason": reason,
                    "where": of_set.where,
                }
            )
    return absent, present


def _published_means(scored):
    """For each system its mean over the tasks here that it has, and ours."""
    names = dict.fromkeys(n for r in scored for n in r["published"])
    means = {}
    for name in names:
        shared = [r for r in scored if r["published"].get(name) is not None]
        if shared:
            means[name] = {
                "value": fmean(r["published"][name] for r in shared),
                "ours": fmean(r["value"] for r in shared),
                "tasks": [r["id"] for r in shared],
            }
    return means


def _leaks(sets, heard, training_lists):
    """Set to how many of its tested recordings the model was trained on."""
    if not training_lists:
        return None
    trained = {n: held_out_sources(path) for n, path in training_lists.items()}
    found = {}
    for name, ids in heard.items():
        rows = sets[name].rows
        told = {i: rows[i]["source"] for i in ids if rows[i].get("source")}
        found[name] = {"clips": len(ids), "with_source": len(told)}
        for of_list, sources in trained.items():
            leaked = [i for i, source in told.items() if source in sources]
            found[name][of_list] = {
                "in_training": len(leaked),
                "first": leaked[:NAMED],
            }
            if leaked:
                logger.warning(
                    "%s: %d of %d tested clips are of recordings in the "
                    "training list %s (%s ...)",
                    name,
                    len(leaked),
                    len(ids),
                    of_list,
                    ", ".join(leaked[:NAMED]),
                )
            else:
                logger.info(
                    "%s: none of %d clips that tell their recording is in the "
                    "training list %s",
                    name,
                    len(told),
                    of_list,
                )
    return found


def _write_csv(path, results):
    """A row for each task."""
    systems = list(dict.fromkeys(n for r in results for n in r["published"]))
    columns = "id domain dataset metric value low high clips skipped sounds"
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                [*columns.split(), "mAP@10", "best_template", "best_value"]
                + systems
            )
            for result in results:
                best = result.get("sweep", {}).get("best", {})
                low, high = result["interval"] or (None, None)
                writer.writerow(
                    [
                        *(result[k] for k in columns.split()[:4]),
                        *map(_number, (result["value"], low, high)),
                        *(result[k] for k in ("clips", "skipped", "sounds")),
                        _number(result.get("mAP@10")),
                        " | ".join(best.get("templates", [])),
                        _number(best.get("value")),
                        *(result["published"].get(name) for name in systems),
                    ]
                )


def _number(value):
    return None if value is None else f"{value:.6f}"


def _log(metrics, folder):
    """A line for each task, and one for all."""
    for result in metrics["tasks"]:
        logger.info(
            "%s: %s %s on %d clips, %d skipped, %s sounds",
            result["name"],
            result["metric"],
            "missing" if result["value"] is None else f"{result['value']:.3f}",
            result["clips"],
            result["skipped"],
            result["sounds"],
        )
    for each in metrics["absent"]:
        logger.info("%s: absent: %s", each["name"], each["reason"])
    logger.info(
        "Zero-shot score %s over %d tasks; %d are absent; see %s",
        "missing" if metrics["value"] is None else f"{metrics['value']:.3f}",
        len(metrics["mean_of"]),
        len(metrics["absent"]),
        folder / "report.html",
    )
