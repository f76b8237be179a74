"""The page of a search between modalities: a 3 x 3 table, and examples.

Authors
 * The speechbrain_clap team 2026
"""

import html
import pathlib

import numpy as np

from speechbrain_clap.evaluation.checks import need_keys
from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.page import page, section, table
from speechbrain_clap.evaluation.thumbnails import Thumbnails
from speechbrain_clap.metrics.average_precision import Ranking
from speechbrain_clap.metrics.cross_modal import label_matrix
from speechbrain_clap.utils.files import atomic_write

KIND = "Search between sounds, images and texts: each looks for each other"
WORDS = {"audio": "sound", "image": "image", "text": "text"}
TOP = 3  # items shown for each query
LOOKED_AT = 500  # queries of which the examples are chosen


def write_cross_modal_page(
    output_folder, metrics, names, embeddings, labels, files=None, images=None
):
    """Writes `report.html`; it needs no other file.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json, as
        ``speechbrain_clap.evaluation.cross_modal.write_cross_modal`` has it.
    names : dict
        "audio", "image", "text" or some of them to the names of the items.
    embeddings : dict
        The same to L2-normalised embeddings, [N, D].
    labels : dict
        The same to a list of labels for each item.
    files : dict or None
        Name of a sound to (file, start, stop), for the players.
    images : callable or None
        From the name of an image to its pixels, uint8 [3, H, W], or None.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If `metrics` lacks a key or names no known kind of sounds.
    """
    keys = "dataset split clips skipped directions items protocol sounds"
    need_keys("metrics", metrics, keys.split())
    items = _Items(names, files, images)
    directions = metrics["directions"]
    sections = [
        section("All directions", _three_by_three(directions), _how()),
        section("With intervals", _scores(directions)),
    ]
    has = label_matrix(labels)
    for direction in directions:
        asks, answers = direction.split("_to_")
        shown = _examples(
            items,
            asks,
            answers,
            np.asarray(embeddings[asks], np.float32),
            np.asarray(embeddings[answers], np.float32),
            has[asks] @ has[answers].T > 0,
        )
        title = f"Examples: {WORDS[asks]} to {WORDS[answers]}"
        sections.append(section(title, *shown))
    sections.append(section("Protocol", _protocol(metrics)))
    skipped = metrics["skipped"]
    tiles = [
        (_percent(metrics["value"]), metrics["metric"]),
        (f"{metrics['clips']:,}", f"clips ({skipped:,} skipped)"),
        *(
            (f"{count:,}", f"{WORDS[name]}s")
            for name, count in metrics["items"].items()
        ),
    ]
    title = f"{metrics['dataset']} · {metrics['split']}"
    text = page(title, KIND, metrics["sounds"], tiles, sections)
    path = pathlib.Path(output_folder) / "report.html"
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


def _three_by_three(directions):
    """Rows ask, columns answer."""
    modalities = list(
        dict.fromkeys(x for name in directions for x in name.split("_to_"))
    )
    rows = []
    for asks in modalities:
        row = [f"{WORDS[asks]} asks"]
        for answers in modalities:
            scores = directions.get(f"{asks}_to_{answers}")
            if scores is None:
                row.append("–")
                continue
            row.append(
                f"P@1 {_percent(scores['P@1']['value'])}, "
                f"mAP {_percent(scores['mAP']['value'])} "
                f"(by chance {_percent(scores['mAP']['chance'])})"
            )
        rows.append(row)
    return table(["", *(f"#{WORDS[x]} answers" for x in modalities)], rows)


def _how():
    return (
        '<p class="note">P@1: share of the queries whose first answer shares a '
        "label with them. mAP: mean average precision over all that do. MRR: "
        "mean of one over the rank of the first that does. By chance: the mean "
        "over random orders. Queries for which nothing is right are left "
        "out.</p>"
    )


def _scores(directions):
    rows = []
    for name, scores in directions.items():
        asks, answers = (WORDS[x] for x in name.split("_to_"))
        for score, found in scores.items():
            if score == "queries":
                continue
            low, high = found["interval"]
            rows.append(
                [
                    f"{asks} to {answers}",
                    score,
                    _percent(found["value"]),
                    f"{100 * low:.1f} – {_percent(high)}",
                    _percent(found["chance"]),
                    f"{scores['queries']:,}",
                ]
            )
    heads = ["", "score", "#value", "#95 % interval", "#by chance", "#queries"]
    return table(heads, rows)


class _Items:
    """Shows an item of any modality."""

    def __init__(self, names, files, images):
        self.names = names
        files = files or {}
        self.place = {name: i for i, name in enumerate(files)}
        self.excerpts = Excerpts(list(files.values()))
        self.thumbnails = Thumbnails(images)

    def show(self, modality, row):
        """Its name, with a player or a picture, as HTML."""
        name = self.names[modality][row]
        if modality == "text":
            return f"“{html.escape(name)}”"
        if modality == "image":
            seen = self.thumbnails.picture(name)
        else:
            seen = ""
            if name in self.place:
                seen = self.excerpts.player(
                    self.place[name], f"excerpt of {name}"
                )
        return f"{html.escape(name)}{f'<div>{seen}</div>' if seen else ''}"


def _examples(items, asks, answers, queries, candidates, right):
    """A query found well, a middling one and one found badly."""
    asked = np.flatnonzero(right.any(1))
    asked = asked[:: max(1, -(-len(asked) // LOOKED_AT))]
    if not len(asked):
        yield "<p>No query has a right answer.</p>"
        return
    scores = queries[asked] @ candidates.T
    precision = np.array(
        [
            Ranking(each, right[query]).average_precision()
            for each, query in zip(scores, asked, strict=True)
        ]
    )
    order = np.argsort(-precision, kind="stable")
    chosen = {"Best": 0, "Middling": len(order) // 2, "Worst": len(order) - 1}
    done = set()
    for words, place in chosen.items():
        row = int(order[place])
        if row in done:
            continue
        done.add(row)
        query = int(asked[row])
        found = np.argsort(-scores[row], kind="stable")[:TOP].tolist()
        body = "".join(
            f"<tr><td>{'<b title=right>✓</b>' * bool(right[query, item])}</td>"
            f'<td class="number">{rank}</td>'
            f'<td class="number">{scores[row, item]:.3f}</td>'
            f"<td>{items.show(answers, item)}</td></tr>\n"
            for rank, item in enumerate(found, 1)
        )
        yield (
            f"<h3>{words}: average precision {_percent(precision[row])}</h3>"
            f'<div class="scroll"><p>{items.show(asks, query)}</p><table>\n'
            '<thead><tr><th></th><th class="number">rank</th>'
            f'<th class="number">cosine</th><th>{WORDS[answers]}</th></tr>'
            f"</thead>\n<tbody>{body}</tbody>\n</table></div>"
        )
    if asks == "audio" or answers == "audio":
        yield (
            f'<p class="note">Players hold up to {SECONDS:g} s from the middle '
            "of a recording, whose licence is that of the data set.</p>"
        )


def _protocol(metrics):
    rows = [[key, value] for key, value in metrics["protocol"].items()]
    return table(["", ""], rows)


def _percent(share):
    return f"{100 * share:.1f} %"
