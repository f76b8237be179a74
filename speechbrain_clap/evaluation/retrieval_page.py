"""The page of a retrieval: scores, recall curves, example queries to hear.

Authors
 * The speechbrain_clap team 2026
"""

import html
import pathlib

import numpy as np

from speechbrain_clap.evaluation.checks import need_keys
from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.page import page, section, table
from speechbrain_clap.evaluation.recall_curve import recall_curve
from speechbrain_clap.metrics.retrieval import random_recall
from speechbrain_clap.utils.files import atomic_write

KIND = "Retrieval: captions look for sounds, sounds look for captions"
EXAMPLES = 3  # of the best, of the middling and of the worst queries
TOP = 3  # candidates shown for each
TITLES = {
    "text_to_audio": "Text to audio: a caption looks for its clip",
    "audio_to_text": "Audio to text: a clip looks for its captions",
}
NAMES = {
    "R@1": "R@1",
    "R@5": "R@5",
    "R@10": "R@10",
    "median_rank": "median rank",
    "MRR": "MRR",
    "mAP@10_dcase": "mAP@10, as DCASE and Microsoft: 1 / rank, 0 past rank 10",
    "mAP@10_microsoft": (
        "mAP@10, as Microsoft: all captions of the clip count, divided by "
        "their number"
    ),
    "mAP@10_laion": "mAP@10, as LAION: 1 / rank of the best caption",
}
WORDS = {
    "crop": "Crop",
    "pooling": "Pooling",
    "texts": "Texts",
    "checkpoint": "Checkpoint",
    "checkpoint_sha256": "SHA-256 of the checkpoint",
    "epoch": "Epoch",
    "epoch_choice": "How the epoch was chosen",
}
HOW = (
    "Candidates are all {clips:,} clips, or all {captions:,} captions, of the "
    "part. Each caption is a query with one right clip; each clip is a query, "
    "and its best-ranked caption counts, except in Microsoft's mAP@10. A rank "
    "is by cosine, equal cosines by the order of the data set. {shared}"
    "Intervals are of 95 %, by a bootstrap over clips together with their "
    "captions (1,000 draws, percentiles; Wilson's over clips where every query "
    "is found or none). By chance: the mean over random orders of the "
    "candidates."
)


def write_retrieval_page(
    output_folder, metrics, ids, texts, clip_of, tables, files=None
):
    """Writes `report.html`; it needs no other file.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Made when missing.
    metrics : dict
        The content of metrics.json, as
        ``speechbrain_clap.evaluation.retrieval.write_retrieval`` makes it.
    ids : list of str
        Names of the N clips.
    texts : list of str
        The M captions.
    clip_of : ndarray
        The place of the clip of each caption, int [M].
    tables : dict
        `text_to_audio` and `audio_to_text`, each with arrays of a row for
        each query: `query`, `right`, `rank`, `score`, `found` and
        `found_scores`.
    files : list of tuple or None
        (file, start, stop) of each clip, for the players.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ValueError
        If `metrics` lacks a key or names no known kind of sounds.
    """
    keys = "dataset split clips skipped captions shared_captions protocol"
    need_keys("metrics", metrics, [*keys.split(), "sounds", *TITLES])
    excerpts = Excerpts(files)
    right_of = {
        "text_to_audio": (np.ones(len(texts), int), len(ids)),
        "audio_to_text": (np.bincount(clip_of), len(texts)),
    }
    sections = []
    for direction, title in TITLES.items():
        found = tables[direction]
        guessed = random_recall(*right_of[direction])
        drawing = recall_curve(
            found["rank"], guessed, f"Recall at every K, {title}"
        )
        caption = (
            "Share of the queries with a right candidate among the first K; "
            "dashed: by chance."
        )
        sections.append(
            section(
                title,
                _scores_table(metrics[direction]),
                f'<p class="note" style="margin-bottom:1rem">'
                f"{len(found['rank']):,} queries, "
                f"{len(guessed):,} candidates.</p>",
                f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>",
            )
        )
    for direction, asked in (
        ("text_to_audio", "captions that look for their clip"),
        ("audio_to_text", "clips that look for their captions"),
    ):
        shown = _Examples(
            direction, tables[direction], ids, texts, clip_of, excerpts
        )
        sections.append(
            section(f"Examples: {asked}", _note(files), *shown.html())
        )
    sections.append(section("Protocol", _protocol(metrics)))
    to_audio, to_text = metrics["text_to_audio"], metrics["audio_to_text"]
    tiles = [
        (_value("R@1", to_audio["R@1"]["value"]), _under("text", to_audio)),
        (_value("R@1", to_text["R@1"]["value"]), _under("audio", to_text)),
        (f"{metrics['clips']:,}", f"clips ({metrics['skipped']:,} skipped)"),
        (f"{metrics['captions']:,}", "captions"),
    ]
    path = pathlib.Path(output_folder) / "report.html"
    title = f"{metrics['dataset']} · {metrics['split']}"
    text = page(title, KIND, metrics["sounds"], tiles, sections)
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


class _Examples:
    """Queries of one direction, with what they found."""

    def __init__(self, direction, found, ids, texts, clip_of, excerpts):
        self.by_text = direction == "text_to_audio"
        self.found = found
        self.ids, self.texts, self.clip_of = ids, texts, clip_of
        self.excerpts = excerpts

    def html(self):
        """Best, middling and worst queries, as HTML."""
        for words, queries in self.choose().items():
            if queries:
                yield f"<h3>{words}</h3>"
                yield from (self.one(query) for query in queries)

    def choose(self):
        """Which queries to show: words to list of rows, none twice."""
        scores = self.found["found_scores"]
        first, second = scores[:, 0], scores[:, min(1, scores.shape[1] - 1)]
        rank, score = self.found["rank"], self.found["score"]
        # Of the queries found at once the clearest comes first.
        lead = score - np.where(rank == 1, second, first)
        order = np.lexsort((np.arange(len(rank)), -lead, rank))
        middle = len(order) // 2
        clips, chosen = set(), {}
        for words, candidates in (
            ("Best", order),
            ("Worst", order[::-1]),
            ("Middling", np.concatenate([order[middle:], order[:middle]])),
        ):
            chosen[words] = []
            for query in candidates.tolist():
                clip = int(self.clip_of[query]) if self.by_text else query
                if len(chosen[words]) == EXAMPLES:
                    break
                if clip not in clips:
                    clips.add(clip)
                    chosen[words].append(query)
        return {words: chosen[words] for words in ("Best", "Middling", "Worst")}

    def one(self, query):
        """A query, and a table of what it found."""
        found = self.found
        right, rank = int(found["right"][query]), int(found["rank"][query])
        rows = [
            self.row(place, int(candidate), float(score), query)
            for place, (candidate, score) in enumerate(
                zip(
                    found["found"][query][:TOP],
                    found["found_scores"][query][:TOP],
                    strict=True,
                ),
                1,
            )
        ]
        if rank > TOP:
            rows.append(
                self.row(rank, right, float(found["score"][query]), query)
            )
        if self.by_text:
            asked, player = f"“{self.texts[query]}”", ""
        else:
            asked, player = self.ids[query], self.player(query)
        return (
            f'<div class="scroll" style="margin:0 0 1.25rem"><p><b>'
            f"{html.escape(asked)}</b></p>{player}<table>\n<thead><tr><th></th>"
            '<th class="number">rank</th><th class="number">cosine</th>'
            f"<th>{'clip' if self.by_text else 'caption'}</th></tr></thead>\n"
            f"<tbody>{''.join(rows)}</tbody>\n</table></div>"
        )

    def row(self, place, candidate, score, query):
        """One candidate."""
        if self.by_text:
            right = candidate == self.clip_of[query]
            caption = self.texts[int(np.argmax(self.clip_of == candidate))]
            words = (
                f"{html.escape(self.ids[candidate])}{self.player(candidate)}"
                f'<span class="note" style="display:block;margin:0">'
                f"{html.escape(caption)}</span>"
            )
        else:
            clip = int(self.clip_of[candidate])
            right = clip == query
            words = html.escape(self.texts[candidate])
            if not right:
                words += (
                    '<span class="note" style="display:block;margin:0">of '
                    f"{html.escape(self.ids[clip])}</span>"
                )
        mark = '<b title="right">✓</b>' if right else ""
        return (
            f'<tr><td>{mark}</td><td class="number">{place:,}</td>'
            f'<td class="number">{score:.3f}</td><td>{words}</td></tr>\n'
        )

    def player(self, clip):
        """The player of a clip, on a line of its own."""
        player = self.excerpts.player(clip, f"excerpt of {self.ids[clip]}")
        return f"<div>{player}</div>" * bool(player)


def _scores_table(scores):
    """A row for each score."""
    rows = [
        [
            words,
            _value(name, scores[name]["value"]),
            _range(name, scores[name]["interval"]),
            _value(name, scores[name]["chance"]),
        ]
        for name, words in NAMES.items()
        if name in scores
    ]
    return table(["score", "#value", "#95 % interval", "#by chance"], rows)


def _note(files):
    """What the examples are."""
    sounds = (
        f" Players hold up to {SECONDS:g} s from the middle of a recording, "
        "whose licence is that of the data set."
        if files is not None
        else " The recordings are not at hand: there is nothing to play."
    )
    return (
        '<p class="note">The right ones are marked ✓; where they are not among '
        f"the first {TOP}, the best of them stands in the last row with its "
        "rank. Of one clip there is one query. The best are those found at "
        "once with the clearest lead over all others."
        f"{sounds}</p>"
    )


def _protocol(metrics):
    """How the numbers came to be."""
    shared = metrics["shared_captions"]
    words = (
        f"{shared:,} captions are word for word those of another clip, too, "
        "which then counts as wrong. "
        if shared
        else ""
    )
    told = HOW.format(
        clips=metrics["clips"], captions=metrics["captions"], shared=words
    )
    protocol = metrics["protocol"]
    rows = [[name, protocol.get(key) or "–"] for key, name in WORDS.items()]
    rows += [
        [key, value] for key, value in protocol.items() if key not in WORDS
    ]
    return f"<p>{html.escape(told)}</p>\n{table(['', ''], rows)}"


def _under(asks, scores):
    """What stands under a headline."""
    other = "audio" if asks == "text" else "text"
    interval = _range("R@1", scores["R@1"]["interval"])
    return f"R@1, {asks} to {other}, 95 % interval {interval}"


def _value(name, value):
    """A score for people: a rank, or a share."""
    if name == "median_rank":
        return f"{value:,.1f}".removesuffix(".0")
    return f"{100 * value:.1f} %"


def _range(name, interval):
    """An interval for people."""
    low, high = (_value(name, limit) for limit in interval)
    return f"{low.removesuffix(' %')} – {high}"
