"""One training for each split and label fraction, by the same command.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import numpy as np
from speechbrain.utils.distributed import (
    ddp_barrier,
    if_main_process,
    run_on_main,
)
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.probe_report import write_probe_report
from speechbrain_clap.evaluation.probes import (
    check_fractions,
    load_fractions,
    save_fraction,
    split_result,
)
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)


def train_all(train_split, hparams, hparams_file, run_opts, overrides):
    """Trains and tests on every split at every label fraction.

    Each training has a folder of its own, `<percent>/<split>` under the
    output folder, and is done when it holds `result.json`: the same command
    goes on after a kill. In the end the output folder gets what probes give,
    so that ``speechbrain_clap.evaluation.probe_comparison`` takes both.

    Arguments
    ---------
    train_split : callable
        Takes hparams_file, run_opts, overrides (a dict), the loaded
        ``ProbeSet`` and the ``Split``; trains, and gives ids and logits of the
        test clips and a dict of facts, such as the `epoch`.
    hparams : dict
        The loaded hyperparameters of the experiment.
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.

    Returns
    -------
    dict or None
        What `metrics.json` holds, on the main process.
    """
    root = pathlib.Path(hparams["output_folder"])
    while "experiment" in hparams:  # a row of a table
        hparams = hparams["experiment"]
    check_fractions(hparams["fractions"])
    probe_set = hparams["probe_set"]
    manifests = hparams["save_folder"]
    run_on_main(probe_set.write_manifests, args=[manifests])
    probe_set.load(manifests)
    splits = probe_set.splits(hparams["seed"])
    for fraction in hparams["fractions"]:
        results = []
        for number, whole in enumerate(splits):
            split = probe_set.reduce(whole, fraction)
            folder = root / f"{100 * fraction:g}" / split.name.replace(" ", "")
            if not (folder / "result.json").is_file():
                given = {
                    **overrides,
                    "seed": split.seed,
                    "output_folder": str(folder),
                }
                found = train_split(
                    hparams_file, run_opts, given, probe_set, split
                )
                if if_main_process():
                    _save(folder, found, probe_set, split, hparams["metric"])
                ddp_barrier()
            results.append(_load(folder))
            logger.info("%d of %d splits are done", number + 1, len(splits))
        if if_main_process():
            save_fraction(root, fraction, results)
    if not if_main_process():
        ddp_barrier()
        return None
    metrics = write_probe_report(
        root,
        probe_set,
        load_fractions(root, hparams["fractions"]),
        hparams["metric"],
        {
            "training": "encoder and classifier together, from scratch",
            "encoder": type(hparams["encoder"]).__name__,
            "hidden": list(hparams["hidden"]),
            "clip_seconds": hparams["encoder"].clip_seconds,
            "seed": hparams["seed"],
        },
    )
    ddp_barrier()
    return metrics


def _save(folder, found, probe_set, split, metric):
    """Writes what one training gave."""
    ids, logits, facts = found
    facts = {
        "train_clips": len(split.train),
        "valid_clips": len(split.valid),
        **facts,
    }
    result = split_result(probe_set, split, ids, logits, metric, facts)
    np.save(folder / "logits.npy", result.pop("logits"))
    write_json(folder / "result.json", result)  # last: now it is done


def _load(folder):
    """Reads it."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    return {**result, "logits": np.load(folder / "logits.npy")}
