"""The page of a curation: what was paired, how sure, and how it sounds.

Authors
 * The speechbrain_clap team 2026
"""

import html
import json
import math
import pathlib

import numpy as np
import pyarrow.parquet as pq
from speechbrain.utils.distributed import if_main_process

from speechbrain_clap.curation.curated_files import CURATION
from speechbrain_clap.curation.duplicates import near_duplicates
from speechbrain_clap.dataio.curated import PAIRS, CuratedPairs
from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP
from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.histogram import histogram
from speechbrain_clap.evaluation.page import page, section, table
from speechbrain_clap.utils.files import atomic_write

KIND = {
    "DU": "Domain-unspecific curation: all captions with wild audio",
    "DS": "Domain-specific curation: captions near the task's labels",
    "ADS": "Augmented domain-specific curation: captions near the task's "
    "labels with wild audio",
}
BINS = 50
EXAMPLES = 4  # of the surest, of the middling and of the least sure pairs
LOOKED_AT = 1000  # pairs of each of these groups at most
NAMED = 20  # near-duplicates
WORDS = {
    "captions": "captions",
    "captions_chosen": "of them near a label",
    "wild": "wild sounds that could be read",
    "no_direction": "embeddings that are zero or not finite",
    "wild_paired": "wild sounds in a pair",
    "sounds_paired": "sounds in a pair",
    "captions_paired": "captions in a pair",
}
COSINES = (
    ("Cosines of sound and caption", "similarity", "threshold"),
    ("Cosines of caption and label", "label_similarity", "text_threshold"),
)


def write_curation_page(folder, title, sounds, duplicates=None):
    """Writes `report.html`; it needs no other file.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of a curation, with `pairs.parquet` and `curation.json`.
    title : str
        What was curated, plain text.
    sounds : str
        "real" or "made-up".
    duplicates : list of tuple or None
        As ``speechbrain_clap.curation.duplicates.near_duplicates`` gives;
        None: nobody looked.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder = pathlib.Path(folder)
    found = json.loads((folder / CURATION).read_text("utf-8"))
    columns = ["similarity", "label_similarity"]
    values = {
        name: column.drop_null().to_numpy()
        for name, column in zip(
            columns,
            pq.read_table(folder / PAIRS, columns=columns).columns,
            strict=True,
        )
    }
    sections = [
        section(words, _histogram(words, values[name], found["made_of"][key]))
        for words, name, key in COSINES
        if len(values[name])
    ]
    sections.append(_labels(found["counts"]["pairs_per_label"]))
    if found["pairs"]:
        sections.append(_examples(folder, found["method"]))
    sections.append(_duplicates(duplicates))
    sections.append(_settings(found))
    counts = found["counts"]
    heard = counts.get("wild_paired", counts.get("sounds_paired"))
    tiles = [
        (f"{found['pairs']:,}", "pairs"),
        (f"{heard:,}", "sounds in a pair"),
        (f"{counts['captions_paired']:,}", "captions in a pair"),
        (f"{sum(found['held_out'].values()):,}", "sounds held out"),
    ]
    path = folder / "report.html"
    text = page(
        title, KIND[found["method"]], sounds, tiles, [s for s in sections if s]
    )
    with atomic_write(path) as temporary:
        # Bytes, so that line ends are the same on every system.
        temporary.write_bytes(text.encode("utf-8"))
    return path


def report_curation(folder, wild, own, cosine, join, places):
    """Looks for near-duplicates, writes the page; on several ranks, all call.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of a curation.
    wild : speechbrain_clap.curation.store.EmbeddingStore or None
        The wild sounds; None: nobody looks for near-duplicates.
    own : speechbrain_clap.curation.store.EmbeddingStore or None
        The captions' own sounds.
    cosine : float or None
        From which on two sounds are named.
    join : dict
        More arguments of ``speechbrain_clap.curation.join.SimilarityJoin``.
    places : list
        Folders of the sounds, or None: one of made-up sounds says so.

    Returns
    -------
    pathlib.Path or None
        The page, on the main process.
    """
    duplicates = None
    if wild is not None:
        duplicates = near_duplicates(folder, wild, own, cosine, join)
    if not if_main_process():
        return None
    made_up = any(
        place is not None and pathlib.Path(place, MADE_UP_STAMP).is_file()
        for place in places
    )
    sounds = "made-up" if made_up else "real"
    title = f"Curation · {pathlib.Path(folder).name}"
    return write_curation_page(folder, title, sounds, duplicates)


def _histogram(title, values, threshold):
    # Hundredths at both ends: equal values have no range of their own.
    low = math.floor(100 * float(values.min())) / 100
    high = max(low + 0.01, math.ceil(100 * float(values.max())) / 100)
    counts, edges = np.histogram(values, BINS, (low, high))
    middle = float(np.median(values))
    caption = (
        f"{len(values):,} pairs from {values.min():.3f} to "
        f"{values.max():.3f}, median {middle:.3f}; threshold {threshold}."
    )
    return (
        f"<figure>{histogram(counts, edges, title)}"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _labels(per_label):
    """Pairs of each label, most first; nothing without a task."""
    if not per_label:
        return ""
    rows = sorted(per_label.items(), key=lambda pair: (-pair[1], pair[0]))
    empty = [label for label, pairs in rows if not pairs]
    words = (
        f"{len(empty)} of {len(rows)} labels have no pair."
        if empty
        else "Every label has a pair."
    )
    rows = [[label, f"{pairs:,}"] for label, pairs in rows]
    return section(
        "Pairs per label",
        table(["nearest label of the caption", "#pairs"], rows),
        f'<p class="note">{words}</p>',
    )


def _examples(folder, method):
    """The surest, the middling and the least sure pairs, to hear."""
    name = "label_similarity" if method == "DS" else "similarity"
    columns = ["audio_id", "caption", "label", name]
    values = pq.read_table(folder / PAIRS, columns=[name])[name].to_numpy()
    ids = pq.read_table(folder / PAIRS, columns=["audio_id"])["audio_id"]
    order = np.argsort(-values, kind="stable")
    middle = len(order) // 2
    groups = {
        "Surest": order,
        "Middling": np.concatenate([order[middle:], order[:middle]]),
        "Least sure": order[::-1],
    }
    pairs = CuratedPairs("pairs", folder)
    # The surest of a small curation are not to be half of it.
    most = min(LOOKED_AT, max(3 * EXAMPLES, len(order) // 20))
    shown, heard = {}, set()
    for words, candidates in groups.items():
        shown[words], told = [], set()
        # Other captions if there are any, and no sound twice.
        for other in (True, False):
            for i in candidates[:most].tolist():
                sound, caption = ids[i].as_py(), pairs.captions(i)[0]
                full = len(shown[words]) == EXAMPLES
                if full or sound in heard or (other and caption in told):
                    continue
                heard.add(sound)
                told.add(caption)
                shown[words].append(i)
    rows = [i for group in shown.values() for i in group]
    files = [(pairs.file(i), *pairs.span(i)) for i in rows]
    excerpts = Excerpts(files)
    told = pq.read_table(folder / PAIRS, columns=columns).take(rows)
    told = dict(zip(rows, told.to_pylist(), strict=True))
    parts, place = [], 0
    for words, group in shown.items():
        lines = []
        for i in group:
            about = told[i]
            label = html.escape(about["label"] or "")
            lines.append(
                f'<tr><td class="number">{about[name]:.3f}</td>'
                f"<td>{html.escape(about['caption'])}</td><td>{label}</td>"
                f"<td>{html.escape(about['audio_id'])}<br>"
                f"{excerpts.player(place, about['audio_id'])}</td></tr>\n"
            )
            place += 1
        if lines:
            parts.append(
                f'<h3>{words}</h3><div class="scroll"><table>\n<thead><tr>'
                '<th class="number">cosine</th><th>caption</th><th>label</th>'
                f"<th>sound</th></tr></thead>\n<tbody>{''.join(lines)}</tbody>"
                "\n</table></div>"
            )
    note = (
        f'<p class="note">Players give at most {SECONDS:g} s from the middle '
        "of a sound.</p>"
    )
    return section("Examples", note, *parts)


def _duplicates(duplicates):
    title = "Near-duplicates"
    if duplicates is None:
        return section(title, "<p>Nobody looked for them.</p>")
    kinds = [row[0] for row in duplicates]
    words = (
        f"{kinds.count('wild'):,} times two wild sounds paired with one "
        f"caption, and {kinds.count('training'):,} times a wild sound and its "
        "nearest training sound, are nearly the same. They are in "
        "duplicates.csv; none is left out."
    )
    rows = [[*row[:3], f"{row[3]:.4f}"] for row in duplicates[:NAMED]]
    shown = table(["kind", "wild sound", "other sound", "#cosine"], rows)
    return section(title, f"<p>{words}</p>", shown if rows else "")


def _settings(found):
    """Counts and settings, as they are in curation.json."""
    rows = [
        [WORDS.get(key, key), value]
        for key, value in found["counts"].items()
        if key != "pairs_per_label"
    ]
    rows += [
        [f"held out: {name}", count]
        for name, count in found["held_out"].items()
    ]
    rows += [[key, value] for key, value in found["made_of"].items()]
    return section("Counts and settings", table(["", ""], rows))
