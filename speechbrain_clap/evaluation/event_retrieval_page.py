"""The page of a retrieval of events: classes, thresholds, examples to hear.

Authors
 * The speechbrain_clap team 2026
"""

import html
import pathlib

import numpy as np

from speechbrain_clap.evaluation.canvas import (
    GREY,
    new_figure,
    style,
    to_png,
)
from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.page import page, picture, section, table
from speechbrain_clap.utils.files import atomic_write

KIND = "Retrieval of sound events: labelled segments look for frames like them"
BLUE = "#3b6fb6"
TOP = 5  # frames shown for each query


def write_event_retrieval_page(
    output_folder, metrics, number, curves, searched
):
    """Writes `report.html`, which needs no other file, and `thresholds.png`.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json, as
        ``speechbrain_clap.evaluation.event_retrieval`` makes it.
    number : list of int
        Queries of each class.
    curves : list of array_like
        Of each fold the F1 at thresholds from -1 to 1.
    searched : tuple
        The ``speechbrain_clap.evaluation.event_clips.ClipFrames``, its
        queries, right, wrong and missed segments of each, [Q, 3], and the
        rows of the manifest.

    Returns
    -------
    pathlib.Path
        The page.
    """
    output_folder = pathlib.Path(output_folder)
    first = next(iter(metrics["resolutions"].values()))
    png = threshold_png(curves, first["thresholds"], metrics["chance"])
    sections = [
        section("By length of a segment", _resolutions(metrics), _how()),
        section("By class", _classes(metrics, number)),
        section(
            "Thresholds",
            picture(
                output_folder / "thresholds.png",
                png,
                "F1 by threshold, a line for each fold",
                "F1 of each fold among its own clips, by the cosine that a "
                "frame has to reach; dots mark the thresholds taken. Dashed: "
                "who finds every frame.",
            ),
        ),
        section("Examples", *_examples(list(metrics["per_class"]), *searched)),
        section(
            "Protocol",
            table(["", ""], [[k, v] for k, v in metrics["protocol"].items()]),
        ),
    ]
    tiles = [
        (_percent(metrics["value"]), metrics["metric"]),
        (_percent(metrics["chance"]), "who finds every frame"),
        (f"{metrics['queries']:,}", "labelled segments"),
        (f"{metrics['clips']:,}", f"clips ({metrics['skipped']:,} skipped)"),
    ]
    title = f"{metrics['dataset']} · {metrics['split']}"
    text = page(title, KIND, metrics["sounds"], tiles, sections)
    path = output_folder / "report.html"
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


def threshold_png(curves, thresholds, chance):
    """Draws the F1 of each fold by threshold.

    Arguments
    ---------
    curves : list of array_like
        Of each fold the F1 at thresholds from -1 to 1.
    thresholds : list of float
        Those that were taken.
    chance : float
        F1 of who finds every frame.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> threshold_png([[0.5, 0.6, 0.0, 0.0]], [-0.5], 0.5)[1:4]
    b'PNG'
    """
    with style():
        figure, axes = new_figure(6.5, 3.2)
        axes.axhline(chance, color=GREY, linestyle="--", linewidth=1)
        for curve, threshold in zip(curves, thresholds, strict=True):
            x = 2 * np.arange(len(curve)) / len(curve) - 1
            axes.plot(x, curve, color=BLUE, linewidth=1, alpha=0.7)
            axes.plot(
                threshold, np.interp(threshold, x, curve), "o", color=BLUE
            )
        axes.set_xlabel("threshold of the cosine")
        axes.set_ylabel("F1")
        axes.set_ylim(bottom=0)
        return to_png(figure)


def _how():
    return (
        '<p class="note">F1 of segments found, over all queries together '
        "(micro), mean over the folds; intervals are of a bootstrap over the "
        "clips of the queries. Macro: mean over the classes. A random order "
        "does not beat who finds every frame.</p>"
    )


def _resolutions(metrics):
    rows = []
    for name, found in metrics["resolutions"].items():
        low, high = found["interval"]
        rows.append(
            [
                name,
                _percent(found["value"]),
                f"{100 * low:.1f} – {_percent(high)}",
                f"{100 * found['std']:.1f}",
                _percent(found["macro"]),
                _percent(found["precision"]),
                _percent(found["recall"]),
                _percent(found["chance"]),
            ]
        )
    heads = ["segment", "#F1", "#95 % interval", "#std over folds", "#macro"]
    heads += ["#precision", "#recall", "#every frame"]
    return table(heads, rows)


def _classes(metrics, number):
    rows = [
        [label, count, "–" if value is None else _percent(value)]
        for count, (label, value) in zip(
            number, metrics["per_class"].items(), strict=True
        )
    ]
    return table(["class", "#queries", "#F1"], rows)


def _examples(classes, clips, queries, counts, rows):
    """A query found well, a middling one and one found badly."""
    right, wrong, missed = counts.T
    f1 = 2 * right / np.maximum(2 * right + wrong + missed, 1)
    order = np.argsort(-f1, kind="stable")
    chosen = {"Best": 0, "Middling": len(order) // 2, "Worst": len(order) - 1}
    starts = np.concatenate(clips.spans)
    clip_of = np.repeat(np.arange(len(clips.ids)), np.diff(clips.first))
    done = set()
    for words, place in chosen.items():
        query = int(order[place])
        if query in done:
            continue
        done.add(query)
        own = queries["clips"][query]
        cosines = clips.vectors @ queries["vectors"][query]
        cosines[clip_of == own] = -np.inf
        best = np.argsort(-cosines, kind="stable")[:TOP].tolist()
        spans = [queries["spans"][query], *starts[best]]
        names = [clips.ids[own], *(clips.ids[clip_of[i]] for i in best)]
        players = Excerpts(
            [
                (rows[name]["path"], *map(float, span))
                for name, span in zip(names, spans, strict=True)
            ]
        )
        label = classes[queries["labels"][query]]
        title = f"{words}: {html.escape(label)}, F1 {_percent(f1[query])}"
        yield f"<h3>{title}</h3>"
        yield f"<p>{_sound(players, 0, names, spans)}</p>"
        yield _found(
            clips, clip_of, best, cosines, label, names, spans, players
        )
    yield (
        '<p class="note">✓: an event of the class is heard in the frame. '
        f"Players hold up to {SECONDS:g} s of a recording, whose licence is "
        "that of the data set.</p>"
    )


def _found(clips, clip_of, best, cosines, label, names, spans, players):
    """The table of the frames that come first."""
    body = ""
    for rank, i in enumerate(best, 1):
        start, stop = spans[rank]
        hit = any(
            name == label and onset < stop and offset > start
            for onset, offset, name in clips.events[clip_of[i]]
        )
        body += (
            f"<tr><td>{'<b title=right>✓</b>' * hit}</td>"
            f'<td class="number">{rank}</td>'
            f'<td class="number">{cosines[i]:.3f}</td>'
            f"<td>{_sound(players, rank, names, spans)}</td></tr>\n"
        )
    return (
        '<div class="scroll"><table>\n<thead><tr><th></th>'
        '<th class="number">rank</th><th class="number">cosine</th>'
        f"<th>frame</th></tr></thead>\n<tbody>{body}</tbody>\n</table></div>"
    )


def _sound(players, place, names, spans):
    name = html.escape(names[place])
    start, stop = spans[place]
    player = players.player(place, f"excerpt of {names[place]}")
    return f"{name}, {start:.2f} to {stop:.2f} s<div>{player}</div>"


def _percent(share):
    return f"{100 * share:.1f} %"
