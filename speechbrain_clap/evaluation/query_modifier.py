"""Tables 2 and 3 and figure 3 of the text query-modifier, over seeds.

D. Takeuchi et al., "Introducing Auxiliary Text Query-modifier to Content-based
Audio Retrieval", Interspeech 2022, https://arxiv.org/abs/2207.09732.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.modifier_runs import (
    embed_pairs,
    model_digest,
    model_folders,
    read_pairs,
)
from speechbrain_clap.evaluation.query_modifier_page import write_modifier_page
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.classification import wilson_interval
from speechbrain_clap.metrics.query_modifier import (
    agreement,
    spread,
    target_ranks,
)
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

CUTS = (1, 5, 10)  # the K of R@K
POOLS = {
    "targets": "the targets of all pairs of the split",
    "all": "the targets of all pairs of the split, and the sounds that are "
    "asked with but for the query's own",
}


def evaluate_query_modifier(
    output_folder,
    load_model,
    model,
    methods,
    seeds,
    data_folder,
    scene,
    split="eval",
    candidates="targets",
    batch_size=16,
    device=None,
):
    """Lets trained models look for the targets of a scene's pairs.

    `metrics.json`, `retrieval.csv`, `report.html` and pictures go to the
    output folder. Embeddings are kept there: a call that was cut off is
    taken up where it stopped.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    load_model : callable
        As for ``speechbrain_clap.evaluation.modifier_runs.embed_pairs``.
    model : str
        Folder of a model, with {method} and {seed} where these go.
    methods : list of str
        The rows of the tables, the baseline first.
    seeds : list
        The seeds.
    data_folder : str or pathlib.Path
        Holds ``<scene>_<split>.json`` and ``prepare_<scene>.json``.
    scene : str
        Name of the scene.
    split : str
        "eval".
    candidates : str
        "targets" or "all", as for
        ``speechbrain_clap.metrics.query_modifier.target_ranks``.
    batch_size : int
        Sounds, or texts, embedded at once.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    FileNotFoundError
        If a model or the pairs are not there.
    DataError
        If there is no pair, or `candidates` is unknown.
    """
    output_folder = pathlib.Path(output_folder)
    if candidates not in POOLS:
        raise DataError(
            f"candidates is '{candidates}', expected {' or '.join(POOLS)}"
        )
    folders = model_folders(model, methods, seeds)
    rows, told = read_pairs(data_folder, scene, split)
    runs, ranks = {}, {}
    for method, of_method in folders.items():
        runs[method] = [
            embed_pairs(
                load_model,
                folder,
                rows,
                output_folder / "embeddings" / f"{method}_{seed}.npz",
                batch_size,
                device,
            )
            for seed, folder in zip(seeds, of_method, strict=True)
        ]
        ranks[method] = np.stack(
            [target_ranks(*run, candidates) for run in runs[method]]
        )
    labels = [told["background"], *told["events"]]
    tables = modifier_tables(ranks, list(rows.values()), labels)
    first = tables["methods"][methods[-1]]["R@1"]
    pool = len(rows) if candidates == "targets" else 2 * len(rows) - 1
    metrics = {
        "dataset": told["dataset"],
        "split": split,
        "clips": len(rows),
        "skipped": told["skipped"][split],
        "metric": f"R@1 of {methods[-1]}, mean over seeds",
        "value": first["mean"],
        "interval": first["interval"],
        "candidates": candidates,
        "chance": {f"R@{k}": min(k, pool) / pool for k in CUTS},
        **tables,
        "agreement": {
            method: [agreement(*run) for run in of_method]
            for method, of_method in runs.items()
        },
        "protocol": {
            "query": "A(a) + T(t), by cosine with A(b); equal cosines by order",
            "candidates": f"{pool}: {POOLS[candidates]}",
            "crop": "by the model's own policy for its length",
            "pairs with two differences": "count under both of their sounds",
            "interval": "95 %, bootstrap over pairs of the mean over seeds",
            "seeds": list(seeds),
            "checkpoint": str(model),
            "checkpoint_sha256": {
                f"{method} {seed}": model_digest(folder)
                for method, of_method in folders.items()
                for seed, folder in zip(seeds, of_method, strict=True)
            },
        },
        "sounds": told["sounds"],
    }
    _write_csv(output_folder / "retrieval.csv", rows, ranks, seeds)
    write_modifier_page(output_folder, metrics, rows, runs)
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    for method, scores in tables["methods"].items():
        said = ", ".join(
            f"{name} {100 * score['mean']:.1f} %"
            + ("" if score["std"] is None else f" ± {100 * score['std']:.1f}")
            for name, score in scores.items()
        )
        logger.info("%s, %s: %s", told["dataset"], method, said)
    return metrics


def modifier_tables(ranks, rows, labels):
    """Recall by method, by sound, and by kind of difference.

    Arguments
    ---------
    ranks : dict
        Method to the ranks of the targets, int [seeds, N].
    rows : list of dict
        The N pairs, each with `differences` and `background`.
    labels : list of str
        The background and the events of the scene.

    Returns
    -------
    dict
        - `methods` (Table 2): method to R@1, R@5, R@10, each with `values`
          (one a seed), `mean`, `std` and the 95 % `interval` of the mean;
        - `per_class` (Table 3): method to label to R@1 of the pairs that
          differ in this sound, with `pairs`, their number;
        - `per_difference`: the same by the six differences.

    Example
    -------
    >>> row = {"differences": [["add", "dog"]], "background": "rain"}
    >>> ranks = {"rho1": np.array([[1, 2], [1, 1]])}
    >>> tables = modifier_tables(ranks, [row, row], ["rain", "dog"])
    >>> tables["methods"]["rho1"]["R@1"]["mean"]
    0.75
    >>> tables["per_difference"]["rho1"]
    {'add event': {'pairs': 2, 'values': [0.5, 1.0], 'mean': 0.75, ...}}
    """
    sounds = {label: np.zeros(len(rows), bool) for label in labels}
    kinds = {}
    for i, row in enumerate(rows):
        for action, label in row["differences"]:
            sounds[label][i] = True
            what = "background" if label == row["background"] else "event"
            here = kinds.setdefault(
                f"{action} {what}", np.zeros_like(sounds[label])
            )
            here[i] = True

    def _groups(found, groups):
        return {
            name: {"pairs": int(chosen.sum())}
            | spread((found[:, chosen] == 1).mean(1))
            for name, chosen in groups.items()
            if chosen.any()
        }

    return {
        "methods": {
            method: {
                f"R@{k}": spread((found <= k).mean(1))
                | {"interval": _interval(found <= k)}
                for k in CUTS
            }
            for method, found in ranks.items()
        },
        "per_class": {m: _groups(found, sounds) for m, found in ranks.items()},
        "per_difference": {
            method: _groups(found, dict(sorted(kinds.items())))
            for method, found in ranks.items()
        },
    }


def _interval(hits):
    """95 % of the mean over seeds, by pairs; Wilson's at 0 and 1."""
    share = hits.mean(0)
    if share.min() == share.max() and share[0] in (0.0, 1.0):
        return wilson_interval(int(share.sum()), len(share))

    def _mean(drawn):
        return [float(drawn @ share / drawn.sum())]

    return cluster_bootstrap(_mean, np.arange(len(share)))[0].tolist()


def _write_csv(path, rows, ranks, seeds):
    """A row for each pair, with the ranks of its target."""
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream)
        runs = [f"{method} {seed}" for method in ranks for seed in seeds]
        writer.writerow(["id", "text", "differences", *runs])
        found = np.concatenate(list(ranks.values())).T.tolist()
        for (name, row), places in zip(rows.items(), found, strict=True):
            said = "; ".join(" ".join(each) for each in row["differences"])
            writer.writerow([name, row["text"], said, *places])
