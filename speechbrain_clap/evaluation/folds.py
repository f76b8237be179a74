"""One fold, or all of them one after the other, by the same command.

Authors
 * The speechbrain_clap team 2026
"""

import json
import os
import pathlib
from statistics import fmean

from speechbrain.utils.distributed import ddp_barrier, if_main_process
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.report import write_fold_report
from speechbrain_clap.evaluation.running import parse, told_in_one_line
from speechbrain_clap.metrics.classification import fold_summary
from speechbrain_clap.utils.files import write_json
from speechbrain_clap.utils.hparams import (
    HparamsError,
    check_same_experiment,
    plain_values,
)

logger = get_logger(__name__)


def cross_validate(run_fold, arguments, folds):
    """Runs the fold that `test_fold` names, or every one for "all".

    With ``--test_fold=all`` each fold has its own folder `fold<k>` under the
    output folder, which gets the mean and the spread in `metrics.json` and
    `report.html`. Folds that are done are not run again, so that the same
    command goes on after a kill.

    Arguments
    ---------
    run_fold : callable
        Takes hparams_file, run_opts and overrides (a dict), trains and
        evaluates one fold into its output folder.
    arguments : list of str
        The command line after the script's name.
    folds : list of int or callable
        The folds of the data set, or what gives them from the plain values of
        the YAML, a dict.

    Raises
    ------
    SystemExit
        With one line that tells what is wrong, when it is the user's to
        mend: a mistyped key, a missing folder, a bad clip that is to stop.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> text = f"output_folder: {folder}\\ntest_fold: 1\\n"
    >>> _ = (folder / "a.yaml").write_text(text + "manifest_folder: x\\n")
    >>> def run_fold(hparams_file, run_opts, overrides):
    ...     print(overrides)
    >>> cross_validate(run_fold, [f"{folder}/a.yaml", "--test_fold=2"], [1, 2])
    {'test_fold': 2}
    """
    with told_in_one_line():
        _cross_validate(run_fold, *parse(arguments), folds)


def _cross_validate(run_fold, hparams_file, run_opts, overrides, folds):
    if not os.path.isfile(hparams_file):
        run_fold(hparams_file, run_opts, overrides)  # tells what is wrong
        return
    given = plain_values(hparams_file, overrides)
    folds = folds(given) if callable(folds) else folds
    test_fold = given["test_fold"]
    if test_fold != "all":
        if test_fold not in folds:
            raise HparamsError(
                f"--test_fold={test_fold}: expected one of "
                f"{', '.join(map(str, folds))}, or all"
            )
        run_fold(hparams_file, run_opts, overrides)
        return
    values = plain_values(hparams_file, {**overrides, "test_fold": "all"})
    root = pathlib.Path(values["output_folder"])
    for fold in folds:
        folder = root / f"fold{fold}"
        of_fold = {
            **overrides,
            "test_fold": fold,
            "output_folder": str(folder),
            # Clips are checked once, for all folds.
            "manifest_folder": str(root / "manifests"),
        }
        done = (folder / "metrics.json").is_file()
        if done and not run_opts.get("test_only"):
            check_same_experiment(folder, hparams_file, of_fold)
            logger.info("Fold %d is done: %s", fold, folder)
            continue
        run_fold(hparams_file, run_opts, of_fold)
    if if_main_process():
        summarise_folds(root, folds)
    ddp_barrier()


def summarise_folds(folder, folds):
    """Writes mean and spread over the folds of one experiment.

    Arguments
    ---------
    folder : pathlib.Path
        Holds `fold<k>/metrics.json` for each fold.
    folds : list of int
        The folds.

    Returns
    -------
    dict
        What its `metrics.json` holds.
    """
    of_folds = [
        json.loads((folder / f"fold{fold}" / "metrics.json").read_text("utf-8"))
        for fold in folds
    ]
    first = of_folds[0]
    protocol = {
        key: value
        for key, value in first["protocol"].items()
        if key not in ("checkpoint", "checkpoint_sha256", "epoch")
    }
    summary = {
        "dataset": first["dataset"],
        "sounds": first["sounds"],
        "split": "test",
        "metric": first["metric"],
        "skipped": sum(m["skipped"] for m in of_folds),
        **fold_summary(of_folds),
        "protocol": protocol,
    }
    summary["value"] = summary["mean"]
    if "kind" in first:
        summary["kind"] = first["kind"]
    if all("optimistic" in m for m in of_folds):
        rule = first["optimistic"]["rule"]
        values = [m["optimistic"]["value"] for m in of_folds]
        summary["optimistic"] = {"rule": rule, "mean": fmean(values)}
        summary["protocol"][rule] = f"{100 * fmean(values):.1f} % on the mean"
    write_fold_report(folder, summary, of_folds)
    write_json(folder / "metrics.json", summary)
    logger.info(
        "%s, %s sounds, %d folds: accuracy %.1f %% on the mean, standard "
        "deviation %.1f, by fold %s",
        summary["dataset"],
        summary["sounds"],
        len(folds),
        100 * summary["mean"],
        100 * summary["std"],
        " ".join(f"{100 * m['value']:.1f}" for m in of_folds),
    )
    return summary
