"""A trained classifier on the fold that is tested: `metrics.json`, the page.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
from speechbrain.utils.distributed import ddp_barrier, if_main_process
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.figures import confusion_png, per_class_png
from speechbrain_clap.evaluation.page import page, picture, section
from speechbrain_clap.evaluation.protocol import protocol_html
from speechbrain_clap.metrics.classification import classification_scores
from speechbrain_clap.models.export import write_weights
from speechbrain_clap.utils.digest import sha256
from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

KIND = "Sound classification by a network that was trained on these classes"


def class_numbers(data):
    """What gives the right classes of clips, by their ids.

    Arguments
    ---------
    data : speechbrain_clap.dataio.fold_data.FoldData
        A fold.

    Returns
    -------
    callable
        From a list of ids to int64, [B].
    """
    index = {name: i for i, name in enumerate(data.class_names)}
    numbers = {
        name: index[row["label"]]
        for part in (data.train, data.valid, data.test)
        if part is not None
        for name, row in part.data.items()
    }
    return lambda ids: np.array([numbers[name] for name in ids], np.int64)


def evaluate_classifier(brain, data, output_folder, facts):
    """Writes the weights, then what the test fold shows of them.

    Arguments
    ---------
    brain : speechbrain_clap.brains.fine_tuning.FineTuningBrain
        After ``evaluate`` on the test fold.
    data : speechbrain_clap.dataio.fold_data.FoldData
        The fold.
    output_folder : str or pathlib.Path
        Gets `model/`, `metrics.json`, `predictions.csv`, `report.html` and
        pictures.
    facts : dict
        What else the protocol is to say, such as what training began with.

    Returns
    -------
    dict or None
        What `metrics.json` holds, on the main process.
    """
    if not if_main_process():
        ddp_barrier()
        return None
    folder = pathlib.Path(output_folder)
    ids, scores = brain.results()
    right = brain.hparams.targets(ids)
    classifier = unwrap(brain.modules.classifier)
    metrics_of = {
        "dataset": data.report["dataset"],
        "split": "test",
        "fold": data.test_fold,
        "sounds": data.report["sounds"],
        "class_names": data.class_names,
    }
    weights = write_weights(
        folder / "model", "classifier", classifier, {**metrics_of, **facts}
    )
    lost = 0 if brain.debug else len(data.test) - len(ids)
    metrics = classifier_metrics(
        scores.numpy(),
        right,
        {**metrics_of, "skipped": data.report["skipped_test"] + lost},
        {
            "crop": data.policy_in_words(),
            "pooling": "one prediction per clip",
            "train_clips": len(data.train),
            "valid_fold": data.report["valid_fold"],
            "leaks_left_out": data.report["leaks"],
            "epoch": brain.evaluated.meta["epoch"],
            "epoch_choice": brain.epoch_choice(),
            **facts,
            "checkpoint": str(weights),
            "checkpoint_sha256": sha256(weights),
        },
    )
    names = [data.file_names[name] for name in ids]
    _write_csv(folder / "predictions.csv", names, metrics, right.tolist())
    _write_page(folder, metrics)
    # Last: who finds it knows that the evaluation is complete.
    write_json(folder / "metrics.json", metrics)
    logger.info(
        "%s, %s sounds, fold %s: accuracy %.1f %% on %d clips, %d skipped; "
        "see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["fold"],
        100 * metrics["value"],
        metrics["clips"],
        metrics["skipped"],
        folder / "report.html",
    )
    ddp_barrier()
    return metrics


def classifier_metrics(scores, targets, description, protocol):
    """Puts `metrics.json` together.

    Arguments
    ---------
    scores : ndarray
        [N, C].
    targets : ndarray
        int [N].
    description : dict
        `dataset`, `split`, `fold`, `skipped`, `sounds` and `class_names`.
    protocol : dict
        All that another reader would need to get the same figure.

    Returns
    -------
    dict
        The usual keys, `per_class`, `confusion` and `predictions`.

    Example
    -------
    >>> about = {"dataset": "x", "class_names": ["dog", "rain"]}
    >>> found = classifier_metrics(np.eye(2), np.array([0, 0]), about, {})
    >>> found["value"], found["kind"][:20]
    (0.5, 'Sound classification')
    """
    found = classification_scores(scores, targets, description["class_names"])
    return {
        **description,
        "kind": KIND,
        "clips": len(targets),
        "metric": "accuracy",
        **found,
        "protocol": protocol,
    }


def _write_csv(path, names, metrics, targets):
    """A row for each clip."""
    classes = metrics["class_names"]
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["ID", "label", "predicted"])
            for name, target, predicted in zip(
                names, targets, metrics["predictions"], strict=True
            ):
                writer.writerow([name, classes[target], classes[predicted]])


def _write_page(folder, metrics):
    """The page, with its pictures beside it."""
    names, low_high = metrics["class_names"], metrics["interval"]
    spread = " – ".join(f"{100 * limit:.1f}" for limit in low_high)
    tiles = [
        (
            f"{100 * metrics['value']:.1f} %",
            f"accuracy, 95 % interval {spread} %",
        ),
        (str(metrics["clips"]), f"clips ({metrics['skipped']} skipped)"),
        (str(len(names)), "classes"),
        (f"{100 / len(names):.1f} %", "by guessing"),
    ]
    pictures = [
        ("per_class", "Classes", "Accuracy of each class", per_class_png),
        ("confusion", "Confusions", "Confusion matrix", confusion_png),
    ]
    sections = [
        section(
            heading,
            picture(
                folder / f"{name}.png", draw(metrics["confusion"], names), alt
            ),
        )
        for name, heading, alt, draw in pictures
    ]
    sections.append(section("Protocol", protocol_html(metrics)))
    text = page(
        f"{metrics['dataset']} · fold {metrics['fold']}",
        KIND,
        metrics["sounds"],
        tiles,
        sections,
    )
    with atomic_write(folder / "report.html") as temporary:
        temporary.write_bytes(text.encode("utf-8"))
