"""The page of captions: scores with their providers, examples to hear.

Authors
 * The speechbrain_clap team 2026
"""

import html
import json
import pathlib

import numpy as np

from speechbrain_clap.evaluation.checks import need_keys
from speechbrain_clap.evaluation.excerpts import Excerpts
from speechbrain_clap.evaluation.page import page, section, table
from speechbrain_clap.utils.files import atomic_write

KIND = "Captions: what the model writes of a sound"
EXAMPLES = 5  # of the best, of the middling and of the worst captions
RANKED_BY = ("SPIDEr", "CIDEr", "ROUGE-L")
HOW = (
    "Words compared: {tokens}. All references of a clip count. Intervals are "
    "of 95 %, by a bootstrap over clips (1,000 draws, percentiles; the rarity "
    "of words stays that of all references). CIDEr of a part of a set cannot "
    "be compared with that of the whole."
)


def write_captions_page(
    output_folder, metrics, ids, captions, references, each, files=None
):
    """Writes `report.html`; it needs no other file.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json, as
        ``speechbrain_clap.evaluation.captions.write_captions`` makes it.
    ids : list of str
        Names of the N clips.
    captions : list of str
        What the model wrote.
    references : list of list of str
        What people did.
    each : dict
        Name of a score to its values, [N].
    files : list of tuple or None
        (file, start, stop) of each clip, for the players.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If `metrics` lacks a key.

    Example
    -------
    >>> metrics = dict(dataset="x", split="test", clips=1, skipped=0)
    >>> metrics |= dict(references=1, sounds="real", tokens="simple")
    >>> score = {"value": 0.5, "interval": None, "provider": "us"}
    >>> metrics |= dict(scores={"ROUGE-L": score}, missing={}, protocol={})
    >>> path = write_captions_page(
    ...     getfixture("tmp_path"),
    ...     metrics,
    ...     ["a"],
    ...     ["A <dog>"],
    ...     [["a cat"]],
    ...     {"ROUGE-L": np.array([0.5])},
    ... )
    >>> "A &lt;dog&gt;" in path.read_text()
    True
    """
    keys = "dataset split clips skipped references sounds scores missing tokens"
    need_keys("metrics", metrics, [*keys.split(), "protocol"])
    how = html.escape(HOW.format(tokens=metrics["tokens"]))
    parts = [_scores(metrics["scores"]), f'<p class="note">{how}</p>']
    if metrics["missing"]:
        parts.append(
            table(["could not be computed", "why"], metrics["missing"].items())
        )
    sections = [section("Scores", *parts)]
    if "sources" in metrics:
        sections.append(section("Sources named", _sources(metrics["sources"])))
    sections += _examples(ids, captions, references, each, files)
    protocol = [
        [key, value if isinstance(value, str) else json.dumps(value)]
        for key, value in metrics["protocol"].items()
    ]
    sections.append(section("Protocol", table(["what", "how"], protocol)))
    shown = [x for x in (*RANKED_BY, "BLEU-4") if x in metrics["scores"]]
    tiles = [
        (f"{metrics['scores'][name]['value']:.3f}", name) for name in shown
    ]
    if "sources" in metrics:
        exact = 100 * metrics["sources"]["exact"]
        tiles.insert(0, (f"{exact:.1f} %", "of clips: the right sources named"))
    tiles.append(
        (f"{metrics['clips']:,}", f"clips ({metrics['skipped']:,} skipped)")
    )
    text = page(
        f"{metrics['dataset']}, {metrics['split']}",
        KIND,
        metrics["sounds"],
        tiles,
        sections,
    )
    path = pathlib.Path(output_folder) / "report.html"
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path


def _scores(scores):
    rows = [
        [name, f"{x['value']:.4f}", _between(x["interval"]), x["provider"]]
        for name, x in scores.items()
    ]
    return table(["score", "#value", "#95 %", "computed by"], rows)


def _between(interval):
    return "" if interval is None else "{:.4f} to {:.4f}".format(*interval)


def _sources(counts):
    rows = [
        [
            "just the sources heard, of all clips",
            f"{counts['exact']:.4f}",
            _between(counts["interval"]),
        ]
    ]
    rows += [
        [f"{name} of labels", f"{counts[name]:.4f}", ""]
        for name in ("precision", "recall", "f1")
    ]
    return table(["what", "#value", "#95 %"], rows)


def _examples(ids, captions, references, each, files):
    """Cards of the best, the middling and the worst captions."""
    name = next(x for x in RANKED_BY if x in each)
    values = np.nan_to_num(each[name])
    order = np.argsort(-values, kind="stable")
    middle = max(0, (len(order) - EXAMPLES) // 2)
    groups = {
        "best": order[:EXAMPLES],
        "middling": order[middle : middle + EXAMPLES],
        "worst": order[::-1][:EXAMPLES],
    }
    if len(order) <= EXAMPLES:
        groups = {"all": order}
    excerpts = Excerpts(files)
    cards = []
    for words, places in groups.items():
        parts = []
        for i in places.tolist():
            those = "".join(
                f"<li>{html.escape(text)}</li>" for text in references[i]
            )
            parts.append(
                f"<p><b>{html.escape(captions[i]) or '(nothing)'}</b> "
                f"<code>{html.escape(ids[i])}</code> {name} "
                f"{values[i]:.3f}</p>{excerpts.player(i, captions[i])}"
                f"<ul>{those}</ul>"
            )
        cards.append(section(f"Examples: {words}, by {name}", *parts))
    return cards
