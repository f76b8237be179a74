"""The page of a query modifier: tables, figure 3, examples to hear.

Authors
 * The speechbrain_clap team 2026
"""

import html
import pathlib

import numpy as np

from speechbrain_clap.evaluation.difference_map import difference_map
from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.page import page, picture, section, table
from speechbrain_clap.metrics.query_modifier import target_ranks, unit
from speechbrain_clap.utils.files import atomic_write

KIND = "Retrieval by a sound and a text that says what is to be changed in it"
EXAMPLES = 3  # of the best, of the middling and of the worst queries
TOP = 3  # candidates shown for each
DRAWN = 600  # pairs in a picture at most


def write_modifier_page(output_folder, metrics, rows, runs):
    """Writes `report.html`, which needs no other file, and the pictures.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json, as
        ``speechbrain_clap.evaluation.query_modifier`` makes it.
    rows : dict
        Id to row of the N pairs.
    runs : dict
        Method to a list, one a seed, of A(a), T(t) and A(b), each [N, D].

    Returns
    -------
    pathlib.Path
        The page.
    """
    output_folder = pathlib.Path(output_folder)
    last = list(runs)[-1]
    examples = _Examples(rows, runs[last][0])
    seed = metrics["protocol"]["seeds"][0]
    sections = [
        section("Recall (Table 2)", _recalls(metrics)),
        section(
            "R@1 by the sound that differs (Table 3)",
            _groups(metrics["per_class"]),
            '<p class="note">A pair with two differences counts under both of '
            "its sounds.</p>",
        ),
        section(
            "R@1 by difference",
            _groups(metrics["per_difference"]),
            '<p class="note">A pair with two differences counts under '
            "both.</p>",
        ),
        section(
            "Differences of sounds and their texts (figure 3)",
            *_pictures(output_folder, metrics, rows, runs),
            _agreement(metrics["agreement"]),
        ),
        section(
            f"Examples: {last}, seed {seed}",
            '<p class="note">Candidates are the targets of all pairs; the '
            f"right one is marked ✓. Players hold up to {SECONDS:g} s.</p>",
            *examples.html(),
        ),
        section(
            "Protocol",
            table(["", ""], _protocol(metrics)),
        ),
    ]
    methods = metrics["methods"]
    tiles = [
        (_share(methods[name]["R@1"]), f"R@1, {name}") for name in methods
    ][::-1]
    tiles.append((f"{metrics['clips']:,}", "pairs"))
    path = output_folder / "report.html"
    title = f"{metrics['dataset']} · {metrics['split']}"
    text = page(title, KIND, metrics["sounds"], tiles, sections)
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


class _Examples:
    """Queries of one run, with what they found among the targets."""

    def __init__(self, rows, run):
        self.ids, self.rows = list(rows), list(rows.values())
        self.ranks = target_ranks(*run)
        sounds, texts, targets = run
        self.queries, self.targets = unit(sounds + texts), unit(targets)
        keys = ("path", "target_path")
        self.players = Excerpts(
            [(row[key], None, None) for key in keys for row in self.rows]
        )

    def html(self):
        """Best, middling and worst queries, as HTML."""
        order = np.argsort(self.ranks, kind="stable").tolist()
        middle = len(order) // 2
        shown = set()
        for words, places in (
            ("Best", order),
            ("Middling", order[middle:]),
            ("Worst", order[::-1]),
        ):
            chosen = [i for i in places if i not in shown][:EXAMPLES]
            shown.update(chosen)
            if chosen:
                yield f"<h3>{words}</h3>"
                yield from (self.one(i) for i in chosen)

    def one(self, i):
        """A query, and a table of what it found."""
        cosines = self.targets @ self.queries[i]
        found = np.argsort(-cosines, kind="stable")[:TOP].tolist()
        rows = [(place, j) for place, j in enumerate(found, 1)]
        if i not in found:
            rows.append((int(self.ranks[i]), i))
        cells = "".join(
            f"<tr><td>{'<b>✓</b>' if j == i else ''}</td>"
            f'<td class="number">{place:,}</td>'
            f'<td class="number">{cosines[j]:.3f}</td>'
            f"<td>{self.player(len(self.ids) + j)}{self.note(j)}</td></tr>\n"
            for place, j in rows
        )
        return (
            '<div class="scroll" style="margin:0 0 1.25rem"><p><b>'
            f"“{html.escape(self.rows[i]['text'])}”</b></p>"
            f"{self.player(i)}<table>\n<thead><tr><th></th>"
            '<th class="number">rank</th><th class="number">cosine</th>'
            f"<th>target</th></tr></thead>\n<tbody>{cells}</tbody>\n</table>"
            "</div>"
        )

    def note(self, i):
        """What a target has beside its background."""
        row = self.rows[i]
        events = ", ".join(row["target_events"]) or "no event"
        return (
            f'<span class="note" style="display:block;margin:0">'
            f"{html.escape(self.ids[i])}: {html.escape(events)}</span>"
        )

    def player(self, place):
        """The player of a sound, on a line of its own."""
        name = self.ids[place % len(self.ids)]
        player = self.players.player(place, f"excerpt of {name}")
        return f"<div>{player}</div>" * bool(player)


def _pictures(folder, metrics, rows, runs):
    """Figure 3, of the first seed of each method that reads the text."""
    kinds, chosen = [], []
    for i, row in enumerate(rows.values()):
        # Only of one difference it is clear what the text is about.
        if len(row["differences"]) == 1 and len(chosen) < DRAWN:
            chosen.append(i)
            kinds.append(" ".join(row["differences"][0]).replace("_", " "))
    names = sorted(
        set(kinds), key=lambda kind: kind.split()[1:] + kind.split()[:1]
    )
    places = np.array([names.index(kind) for kind in kinds])
    drawn = []
    for method, of_method in runs.items():
        sounds, texts, targets = (x[chosen] for x in of_method[0])
        if len(chosen) < 2 or not texts.any():
            continue
        png, how = difference_map(targets - sounds, texts, places, names)
        drawn.append(
            picture(
                folder / f"differences_{method}.png",
                png,
                f"A(b) − A(a) and T(t) of {method}",
                f"{method}, seed {metrics['protocol']['seeds'][0]}: A(b) − "
                f"A(a) and T(t) of the {len(chosen)} pairs with one "
                f"difference, by {how}; right: each with its mean taken out.",
            )
        )
    return drawn or ['<p class="note">No method reads the text.</p>']


def _recalls(metrics):
    """A row for each method."""
    names = list(metrics["chance"])
    lines = []
    for method, scores in metrics["methods"].items():
        cells = [_spread(scores[name]) for name in names]
        low, high = scores["R@1"]["interval"]
        interval = f"{100 * low:.1f} – {100 * high:.1f}"
        lines.append([method, *cells, interval])
    chance = [f"{100 * metrics['chance'][name]:.1f}" for name in names]
    lines.append(["by chance", *chance, "–"])
    heads = [f"#{name}, %" for name in names]
    return table(["method", *heads, "#95 % interval of R@1"], lines)


def _groups(methods):
    """A row for each method, a column for each group of pairs."""
    first = next(iter(methods.values()))
    lines = [
        [method, *(_spread(scores) for scores in of_method.values())]
        for method, of_method in methods.items()
    ]
    lines.append(["pairs", *(f"{x['pairs']:,}" for x in first.values())])
    return table(["R@1, %", *(f"#{name}" for name in first)], lines)


def _agreement(methods):
    """Mean cosines of differences and texts, over seeds."""
    names = ("own", "others", "own_centred", "others_centred")
    lines = [
        [
            method,
            *(
                f"{np.mean([each[name] for each in of_method]):.3f}"
                for name in names
            ),
        ]
        for method, of_method in methods.items()
        if None not in of_method
    ]
    heads = [
        "#own text",
        "#others",
        "#own, means out",
        "#others, means out",
    ]
    return table(["A(b) − A(a), mean cosine with", *heads], lines)


def _protocol(metrics):
    """How the numbers came to be."""
    lines = [["pairs skipped", metrics["skipped"]]]
    for key, value in metrics["protocol"].items():
        if isinstance(value, dict):
            value = "; ".join(f"{name}: {x}" for name, x in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        lines.append([key, value])
    return lines


def _spread(score):
    """Mean and standard deviation, in per cent."""
    mean = f"{100 * score['mean']:.1f}"
    return (
        mean if score["std"] is None else f"{mean} ± {100 * score['std']:.1f}"
    )


def _share(score):
    """A mean for a headline."""
    return f"{100 * score['mean']:.1f} %"
