"""Classification by text prompts: scores, `metrics.json` and the report.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import torch
from speechbrain.utils.distributed import ddp_barrier, if_main_process
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.report import write_report
from speechbrain_clap.metrics.classification import classification_scores
from speechbrain_clap.utils.digest import sha256
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)


def write_zero_shot(
    output_folder,
    ids,
    targets,
    audio_embeddings,
    class_embeddings,
    class_names,
    description,
    protocol,
):
    """Scores clips against class prompts and writes all that is shown.

    `metrics.json`, `predictions.csv`, `report.html` and its PNGs go to the
    output folder; a line with the result goes to the log.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    ids : list of str
        Names of the clips.
    targets : torch.Tensor
        Right class of each, int64, [N].
    audio_embeddings : torch.Tensor
        L2-normalised, [N, D].
    class_embeddings : torch.Tensor
        L2-normalised, [C, D].
    class_names : list of str
        C names.
    description : dict
        `dataset`, `split`, `fold`, `skipped` and `sounds` ("real" or
        "made-up").
    protocol : dict
        Prompts, crop, checkpoint ...: all that another reader would need to
        get the same figure.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Example
    -------
    >>> import torch
    >>> folder = getfixture("tmp_path")
    >>> eye = torch.eye(3)
    >>> metrics = write_zero_shot(
    ...     folder,
    ...     ["a", "b", "c"],
    ...     torch.tensor([0, 1, 1]),
    ...     eye,
    ...     eye,
    ...     ["dog", "rain", "clock_tick"],
    ...     dict(
    ...         dataset="x", split="test", fold=1, skipped=0, sounds="made-up"
    ...     ),
    ...     {"templates": ["{}"]},
    ... )
    >>> metrics["clips"], round(metrics["value"], 3)
    (3, 0.667)
    """
    output_folder = pathlib.Path(output_folder)
    scores = (audio_embeddings @ class_embeddings.T).numpy()
    result = classification_scores(scores, targets.numpy(), class_names)
    metrics = {
        **description,
        "clips": len(ids),
        "metric": "accuracy",
        "value": result["value"],
        "interval": result["interval"],
        "per_class": result["per_class"],
        "confusion": result["confusion"],
        "protocol": protocol,
    }
    with atomic_write(output_folder / "predictions.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["ID", "label", "predicted", *class_names])
            for name, target, row in zip(ids, targets, scores, strict=True):
                predicted = class_names[int(row.argmax())]
                cosines = [f"{score:.6f}" for score in row]
                writer.writerow(
                    [name, class_names[int(target)], predicted, *cosines]
                )
    write_report(
        output_folder,
        metrics,
        scores,
        targets.numpy(),
        class_names,
        ids,
        audio_embeddings.numpy(),
        class_embeddings.numpy(),
    )
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    low, high = result["interval"]
    logger.info(
        "%s, %s sounds, fold %s: accuracy %.1f %% (95 %% interval %.1f to "
        "%.1f) on %d clips, %d skipped; see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["fold"],
        100 * result["value"],
        100 * low,
        100 * high,
        metrics["clips"],
        metrics["skipped"],
        output_folder / "report.html",
    )
    return metrics


def evaluate_fold(
    brain, data, output_folder, export, facts=None, optimistic=None
):
    """Writes the model's folder, then what the test fold shows of it.

    Arguments
    ---------
    brain : speechbrain_clap.brains.clap.CLAPBrain
        After ``evaluate`` on the test fold.
    data : speechbrain_clap.dataio.fold_data.FoldData
        The fold.
    output_folder : str
        Gets `model/`, `metrics.json`, `report.html` and pictures.
    export : callable
        Takes a folder and facts, writes the model there.
    facts : dict or None
        What else the protocol is to say.
    optimistic : dict or None
        `rule`, `value` and `epoch` of another choice of the epoch, one that
        looked at the test fold: it is told beside the result, never as it.

    Returns
    -------
    dict or None
        What `metrics.json` holds, on the main process.
    """
    if not if_main_process():
        ddp_barrier()
        return None
    checkpoint = f"{output_folder}/model/{brain.model_name}.ckpt"
    protocol = {
        "templates": list(brain.hparams.templates),
        "crop": data.policy_in_words(),
        "pooling": "one embedding per clip",
        "train_clips": len(data.train) if brain.evaluated else 0,
        "valid_fold": data.report["valid_fold"],
        "leaks_left_out": data.report["leaks"],
        **_epoch(brain, data),
        **(facts or {}),
        "checkpoint": checkpoint,
    }
    metrics_of = {
        "dataset": data.report["dataset"],
        "split": "test",
        "fold": data.test_fold,
        "sounds": data.report["sounds"],
    }
    export(f"{output_folder}/model", {**metrics_of, **protocol})
    protocol["checkpoint_sha256"] = sha256(checkpoint)
    ids = [data.file_names[name] for name in brain.ids]
    # Beside the clips that preparation left out, any that broke since.
    lost = 0 if brain.debug else len(data.test) - len(ids)
    description = {
        **metrics_of,
        "skipped": data.report["skipped_test"] + lost,
    }
    if optimistic:
        description["optimistic"] = optimistic
        protocol[optimistic["rule"]] = (
            f"{100 * optimistic['value']:.1f} %, epoch {optimistic['epoch']}"
        )
    metrics = write_zero_shot(
        output_folder,
        ids,
        torch.cat(brain.targets),
        torch.cat(brain.audio_embeddings),
        brain.class_embeddings.cpu(),
        data.class_names,
        description,
        protocol,
    )
    ddp_barrier()
    return metrics


def _epoch(brain, data):
    """Which epoch is tested, and why."""
    if brain.evaluated is None:
        return {"epoch": 0, "epoch_choice": "none: not trained on this set"}
    if data.valid is None:
        choice = (
            "the schedule was fixed beforehand and its last epoch is tested; "
            "there is no validation fold"
        )
    else:
        choice = (
            f"the epoch with the best {brain.hparams.selection} "
            f"({brain.hparams.epoch_counter.direction}) on the validation "
            f"fold {data.report['valid_fold']}"
        )
    return {"epoch": brain.evaluated.meta["epoch"], "epoch_choice": choice}
