"""What a model that answers in words got right, task by task.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.captions import count_sources
from speechbrain_clap.metrics.answers import (
    KINDS,
    answer_scores,
    names,
    plain,
    recall_by_name,
)
from speechbrain_clap.metrics.captions import caption_scores
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)


def write_answers(
    output_folder, ids, answers, references, description, protocol, source,
    name_sources=None,
):  # fmt: skip
    """Writes `answers.csv` and, last, `metrics.json` of one task.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to.
    ids : list of str
        "task/clip".
    answers : list of str
        What the model wrote.
    references : list of list of str
        The right answers.
    description : dict
        `dataset`, `split`, `clips`, `skipped` and `sounds`.
    protocol : dict
        How it was trained and asked.
    source : speechbrain_clap.dataio.task_sets.TaskPairs
        What was asked about.
    name_sources : callable or None
        From a caption to the labels that it names, for captions of clips that
        have `labels`.

    Returns
    -------
    dict
        What `metrics.json` holds: beside the usual keys `majority`, `names`
        (precision, recall, F1 of what is named), `per_name`, and of captions
        `scores`.

    Example
    -------
    >>> from speechbrain_clap.dataio.task_rules import NameLabels
    >>> from speechbrain_clap.dataio.task_sets import TaskPairs
    >>> rows = {"a": {"path": "a.wav", "captions": ["-"], "label": "dog"}}
    >>> source = TaskPairs("naming", rows, NameLabels("label", "what?"))
    >>> about = dict(
    ...     dataset="x", split="test", clips=1, skipped=0, sounds="real"
    ... )
    >>> metrics = write_answers(
    ...     getfixture("tmp_path"),
    ...     ["naming/a"],
    ...     ["Dog"],
    ...     [["dog"]],
    ...     about,
    ...     {},
    ...     source,
    ... )
    >>> metrics["value"], metrics["per_name"]["dog"]["recall"]
    (1.0, 1.0)
    """
    output_folder, kind = pathlib.Path(output_folder), source.rule.kind
    found = answer_scores(answers, references, kind)
    places = {f"{source.name}/{key}": i for i, key in enumerate(source.ids)}
    places = [places[name] for name in ids]
    metrics = {
        **description,
        "task": source.name,
        "metric": "answer accuracy",
        "value": found["accuracy"],
        "interval": found["interval"],
        "majority": found["majority"],
        "protocol": {
            **protocol,
            "answers": f"written freely, not chosen; right: {KINDS[kind]}",
        },
    }
    rows = [source.rows[i] for i in places]
    named, heard = _named(answers, references, kind, rows, name_sources)
    if named is not None:
        metrics["names"] = count_sources(named, heard)
        metrics["per_name"] = recall_by_name(named, heard)
    if kind == "captions":
        scores = caption_scores(answers, references, java=False)
        metrics["scores"] = scores["scores"]
    questions = [source.ask(i)[0] for i in places]
    _write_csv(output_folder, ids, questions, answers, references, found)
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    logger.info(
        "%s (%s, %s sounds): %.1f %% of %d answers are right, the commonest "
        "alone would be in %.1f %%",
        source.name,
        metrics["dataset"],
        metrics["sounds"],
        100 * metrics["value"],
        len(answers),
        100 * metrics["majority"],
    )
    return metrics


def _named(answers, references, kind, rows, name_sources):
    """What each answer names and what is right, or None twice."""
    if kind == "captions":
        if name_sources is None or not all(row.get("labels") for row in rows):
            return None, None
        named = [name_sources(answer) for answer in answers]
        return named, [set(row["labels"]) for row in rows]

    def _of(text):
        return names(text) if kind == "labels" else {plain(text)}

    return [_of(x) for x in answers], [_of(those[0]) for those in references]


def _write_csv(folder, ids, questions, answers, references, found):
    with atomic_write(folder / "answers.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["id", "question", "answer", "right", "answers"])
            for i, name in enumerate(ids):
                writer.writerow(
                    [
                        name,
                        questions[i],
                        answers[i],
                        int(found["right"][i]),
                        " | ".join(references[i]),
                    ]
                )
