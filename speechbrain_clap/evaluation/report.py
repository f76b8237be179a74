"""Reports of an evaluation: a page for people, pictures beside it.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import numpy as np

from speechbrain_clap.evaluation.checks import (
    check_embeddings,
    check_metrics,
    need_keys,
)
from speechbrain_clap.evaluation.embedding_map import (
    choose_clips,
    embedding_map,
)
from speechbrain_clap.evaluation.figures import (
    confusion_png,
    embeddings_png,
    folds_png,
    per_class_png,
)
from speechbrain_clap.evaluation.page import (
    page,
    picture,
    section,
    table,
)
from speechbrain_clap.evaluation.protocol import protocol_html
from speechbrain_clap.metrics.classification import (
    classification_scores,
    wilson_interval,
)
from speechbrain_clap.utils.files import atomic_write

MAX_MISTAKES = 20
KIND = (
    "Sound classification by text: a clip takes the class whose text is nearest"
)


def write_report(
    output_folder,
    metrics,
    scores,
    targets,
    class_names,
    clip_ids,
    audio_embeddings,
    text_embeddings,
):
    """Writes `report.html` and its pictures into `output_folder`.

    The pictures are `confusion.png`, `per_class.png` and `embeddings.png`;
    the page embeds them and needs no other file. The same inputs give the
    same bytes.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json: `dataset`, `split`, `fold`, `clips`,
        `skipped`, `metric`, `value`, `interval`, `protocol`, `sounds` ("real"
        or "made-up"), and, where there are several, `folds`, a list of such
        dicts.
    scores : array_like
        Higher is more likely, float [N, C].
    targets : array_like
        Number of the true class of each clip, int [N].
    class_names : list of str
        The C names.
    clip_ids : list of str
        File names of the N clips.
    audio_embeddings : array_like
        L2-normalised, [N, D].
    text_embeddings : array_like
        L2-normalised, one for each class, [C, D].

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, a key is missing, or
        `metrics` is not about these scores.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> metrics = {
    ...     "dataset": "Two",
    ...     "split": "test",
    ...     "fold": 1,
    ...     "clips": 2,
    ...     "skipped": 0,
    ...     "metric": "accuracy",
    ...     "value": 0.5,
    ...     "interval": [0.09, 0.91],
    ...     "protocol": {"templates": ["the sound of {}"]},
    ...     "sounds": "made-up",
    ... }
    >>> page = write_report(
    ...     folder,
    ...     metrics,
    ...     [[0.9, 0.1], [0.8, 0.2]],
    ...     [0, 1],
    ...     ["dog", "rain"],
    ...     ["a.wav", "b.wav"],
    ...     np.eye(2),
    ...     np.eye(2),
    ... )
    >>> sorted(path.name for path in folder.iterdir())
    ['confusion.png', 'embeddings.png', 'per_class.png', 'report.html']
    """
    folder = pathlib.Path(output_folder)
    class_names = [str(name) for name in class_names]
    found = classification_scores(scores, targets, class_names)
    scores, targets = np.asarray(scores, np.float64), np.asarray(targets)
    check_metrics(metrics, found["value"], len(targets))
    audio = check_embeddings("audio_embeddings", audio_embeddings, len(targets))
    text = check_embeddings(
        "text_embeddings", text_embeddings, len(class_names)
    )
    if audio.shape[1] != text.shape[1]:
        raise ValueError(
            f"audio_embeddings have {audio.shape[1]} dimensions, "
            f"text_embeddings {text.shape[1]}: expected one space"
        )
    if len(clip_ids) != len(targets):
        raise ValueError(
            f"{len(clip_ids)} clip_ids for {len(targets)} clips: expected one "
            "file name for each"
        )
    sections = [
        _embedding_section(folder, audio, text, targets, class_names),
        _per_class_section(folder, found, class_names),
        _confusion_section(folder, found, class_names),
        _mistakes_section(scores, targets, found, class_names, clip_ids),
    ]
    if metrics.get("folds"):
        sections.append(section("Folds", _fold_table(metrics["folds"])))
    sections.append(section("Protocol", protocol_html(metrics)))
    skipped = metrics["skipped"]
    tiles = [
        (
            _percent(metrics["value"]),
            f"{metrics['metric']}, 95 % interval {_range(metrics['interval'])}",
        ),
        (str(metrics["clips"]), f"clips ({skipped} skipped)"),
        (str(len(class_names)), "classes"),
        (_percent(1 / len(class_names)), "by guessing"),
    ]
    return _write_page(folder, _title(metrics), metrics, tiles, sections)


def write_fold_report(output_folder, summary, fold_metrics):
    """Writes `report.html` and `folds.png` of a cross-validation.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    summary : dict
        `dataset`, `sounds`, `metric`, `mean`, `std` (None for one fold),
        `pooled`, `interval` (of the pooled value) and `protocol`; see
        `speechbrain_clap.metrics.classification.fold_summary`.
    fold_metrics : list of dict
        The content of metrics.json of each fold.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If there is no fold or a key is missing.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> summary = {
    ...     "dataset": "Two",
    ...     "sounds": "real",
    ...     "metric": "accuracy",
    ...     "mean": 0.5,
    ...     "std": None,
    ...     "pooled": 0.5,
    ...     "interval": [0.15, 0.85],
    ...     "protocol": {},
    ... }
    >>> fold = {"fold": 1, "value": 0.5, "clips": 4, "skipped": 0}
    >>> _ = write_fold_report(folder, summary, [fold])
    >>> sorted(path.name for path in folder.iterdir())
    ['folds.png', 'report.html']
    """
    folder = pathlib.Path(output_folder)
    keys = "dataset sounds metric mean std pooled interval protocol"
    need_keys("summary", summary, keys.split())
    if not fold_metrics:
        raise ValueError("fold_metrics is empty: expected a dict for each fold")
    for number, fold in enumerate(fold_metrics, 1):
        need_keys(f"fold {number}", fold, ["fold", "value", "clips", "skipped"])
    mean, std = summary["mean"], summary["std"]
    clips = sum(fold["clips"] for fold in fold_metrics)
    skipped = sum(fold["skipped"] for fold in fold_metrics)
    spread = f"± {100 * std:.1f} " if std is not None else ""
    tiles = [
        (
            f"{100 * mean:.1f} {spread}%",
            f"mean {summary['metric']} over folds"
            + " ± standard deviation" * bool(spread),
        ),
        (
            _percent(summary["pooled"]),
            f"over all clips, 95 % interval {_range(summary['interval'])}",
        ),
        (str(len(fold_metrics)), "folds"),
        (str(clips), f"clips ({skipped} skipped)"),
    ]
    drawing = picture(
        folder / "folds.png",
        folds_png(fold_metrics, mean),
        "Accuracy of each fold",
        "Accuracy of each fold with its 95 % Wilson interval; the dashed line "
        "is their mean.",
    )
    sections = [
        section("Folds", drawing),
        section("Numbers", _fold_table(fold_metrics)),
        section("Protocol", protocol_html(summary)),
    ]
    title = f"{summary['dataset']}: {len(fold_metrics)} folds"
    return _write_page(folder, title, summary, tiles, sections)


def _embedding_section(folder, audio, text, targets, class_names):
    """The picture of the space."""
    chosen = choose_clips(len(audio))
    places, stars, how = embedding_map(audio[chosen], text)
    caption = (
        f"{how} of clips (small marks, coloured by their true class) and of "
        "the texts of the classes (stars). Sounds and texts lie in two "
        "separate regions of the space (the modality gap), so each modality "
        "was first centred on its own mean and scaled back to unit length: "
        "the picture shows which clips lie around which text, not how far "
        "apart the two modalities are."
    )
    if len(chosen) < len(audio):
        caption += f" {len(chosen)} of {len(audio)} clips, chosen at random."
    png = embeddings_png(places, stars, targets[chosen], class_names)
    alt = f"Map of {len(chosen)} clips and {len(text)} class texts"
    drawing = picture(folder / "embeddings.png", png, alt, caption)
    return section("Sounds and texts in one space", drawing)


def _per_class_section(folder, found, class_names):
    """Bars, and the numbers behind them."""
    confusion = np.array(found["confusion"])
    drawing = picture(
        folder / "per_class.png",
        per_class_png(confusion, class_names),
        "Accuracy of each class",
        "Accuracy of each class with its 95 % Wilson interval; number of "
        "clips in brackets.",
    )
    rows = []
    for number, name in enumerate(class_names):
        counts = confusion[number]
        clips, right = int(counts.sum()), int(counts[number])
        if not clips:
            rows.append([name, 0, "no clips", "", ""])
            continue
        wrong = counts.copy()
        wrong[number] = 0
        other = int(wrong.argmax())
        rows.append(
            [
                name,
                clips,
                _percent(right / clips),
                _range(wilson_interval(right, clips)),
                f"{class_names[other]} ({wrong[other]})" if wrong.any() else "",
            ]
        )
    columns = ["class", "#clips", "#accuracy", "#95 % interval"]
    numbers = table([*columns, "most often taken for"], rows)
    hidden = f"<details><summary>As a table</summary>{numbers}</details>"
    return section("Classes", drawing, f'<div class="note">{hidden}</div>')


def _confusion_section(folder, found, class_names):
    """The confusion matrix."""
    drawing = picture(
        folder / "confusion.png",
        confusion_png(found["confusion"], class_names),
        "Confusion matrix",
        "A row for each true class, a column for each predicted one; the "
        "colour is the share of the row. A row without clips is blank.",
    )
    return section("Confusions", drawing)


def _mistakes_section(scores, targets, found, class_names, clip_ids):
    """The mistakes the model was surest of."""
    rows = np.arange(len(targets))
    predictions = np.array(found["predictions"])
    best, true = scores[rows, predictions], scores[rows, targets]
    # Stable, so that equal margins stay in the order of the clips.
    order = np.argsort(true - best, kind="stable")
    wrong = [i for i in order if predictions[i] != targets[i]]
    if not wrong:
        return section("Worst mistakes", "<p>No clip was misclassified.</p>")
    shown = [
        [
            clip_ids[i],
            class_names[targets[i]],
            class_names[predictions[i]],
            f"{best[i]:.3f}",
            f"{true[i]:.3f}",
            f"{best[i] - true[i]:.3f}",
        ]
        for i in wrong[:MAX_MISTAKES]
    ]
    columns = ["file", "true", "predicted"]
    columns += ["#score of predicted", "#score of true", "#margin"]
    note = (
        f'<p class="note">{len(shown)} of {len(wrong)} mistakes, by the '
        "margin between the score of the predicted and of the true class.</p>"
    )
    return section("Worst mistakes", table(columns, shown), note)


def _fold_table(folds):
    """A row for each fold."""
    rows = []
    for fold in folds:
        right = round(fold["value"] * fold["clips"])
        protocol = fold.get("protocol") or {}
        epoch = protocol.get("epoch")
        rows.append(
            [
                fold["fold"],
                _percent(fold["value"]),
                _range(wilson_interval(right, fold["clips"])),
                fold["clips"],
                fold["skipped"],
                "–" if epoch is None else epoch,
                (protocol.get("checkpoint_sha256") or "–")[:12],
            ]
        )
    columns = ["fold", "#accuracy", "#95 % interval", "#clips", "#skipped"]
    return table([*columns, "#epoch", "checkpoint SHA-256"], rows)


def _write_page(folder, title, metrics, tiles, sections):
    """Writes the page and gives its path."""
    path = folder / "report.html"
    kind = metrics.get("kind", KIND)
    text = page(title, kind, metrics["sounds"], tiles, sections)
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


def _title(metrics):
    """The data set, and which part of it."""
    parts = [str(metrics["dataset"])]
    if metrics.get("split") is not None:
        parts.append(str(metrics["split"]))
    if metrics.get("fold") is not None:
        parts.append(f"fold {metrics['fold']}")
    return " · ".join(parts)


def _percent(share):
    """A share for people, with one decimal."""
    return f"{100 * share:.1f} %"


def _range(interval):
    """An interval of shares for people."""
    low, high = interval
    return f"{100 * low:.1f} – {100 * high:.1f} %"
