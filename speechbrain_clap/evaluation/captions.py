"""Captions of a test part: scores, `metrics.json`, the report.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.captions_page import write_captions_page
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.captions import caption_scores
from speechbrain_clap.metrics.classification import wilson_interval
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

HEADLINES = ("SPIDEr", "CIDEr", "ROUGE-L")  # the first that there is
# Are not the mean of what each clip gives: no interval by drawing clips.
OF_THE_WHOLE = "METEOR"


def write_captions(
    output_folder,
    ids,
    captions,
    references,
    description,
    protocol,
    source=None,
    name_sources=None,
    java=None,
):
    """Compares captions with what people wrote, and writes the result.

    `metrics.json`, `captions.csv` and `report.html` go to the output folder;
    a line with the result goes to the log.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    ids : list of str
        Names of the N clips; with a source "set/id".
    captions : list of str
        What the model wrote of each.
    references : list of list of str
        What people did, at least one for each.
    description : dict
        `dataset`, `split`, `skipped` and `sounds` ("real" or "made-up").
    protocol : dict
        Crop, prompt, search, checkpoint ...
    source : speechbrain_clap.dataio.pairs.ManifestPairs or None
        The test part: the page then plays the examples.
    name_sources : callable or None
        From a caption to the set of labels that it names; with rows that have
        `labels`, it is counted how often just these are named.
    java : bool or None
        As for ``speechbrain_clap.metrics.captions.caption_scores``.

    Returns
    -------
    dict
        What `metrics.json` holds: beside the usual keys `references`,
        `scores` (name to `value`, `interval` and `provider`), `missing` (name
        to reason), `tokens`, and `sources` where they are counted.

    Raises
    ------
    ValueError
        If there are not as many captions as clips, or a reference is empty.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> metrics = write_captions(
    ...     folder,
    ...     ["a", "b"],
    ...     ["A dog barks", "It rains"],
    ...     [["a dog barks"], ["rain falls", "it rains"]],
    ...     dict(dataset="x", split="test", skipped=0, sounds="made-up"),
    ...     {"crop": "whole clips"},
    ...     java=False,
    ... )
    >>> round(metrics["scores"]["ROUGE-L"]["value"], 3), metrics["metric"]
    (1.0, 'CIDEr')
    >>> sorted(path.name for path in folder.iterdir())
    ['captions.csv', 'metrics.json', 'report.html']
    """
    output_folder = pathlib.Path(output_folder)
    if len(ids) != len(captions):
        raise ValueError(f"{len(captions)} captions for {len(ids)} clips")
    found = caption_scores(captions, references, java)
    scores = _with_intervals(found)
    headline = next(name for name in HEADLINES if name in scores)
    metrics = {
        **description,
        "clips": len(ids),
        "references": sum(len(those) for those in references),
        "metric": headline,
        "value": scores[headline]["value"],
        "interval": scores[headline]["interval"],
        "scores": scores,
        "missing": found["missing"],
        "tokens": found["tokens"],
        "protocol": protocol,
    }
    rows = _rows(ids, source)
    heard = [None if row is None else row.get("labels") for row in rows]
    if name_sources is not None and all(heard):
        named = [name_sources(caption) for caption in captions]
        metrics["sources"] = count_sources(named, heard)
    files = None
    if source is not None:
        places = _places(ids, source)
        files = [(source.file(i), *source.span(i)) for i in places]
    _write_csv(output_folder, ids, captions, references, found["each"])
    write_captions_page(
        output_folder, metrics, ids, captions, references, found["each"], files
    )
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    logger.info(
        "%s, %s sounds, %d clips (%d skipped): %s; not computed: %s; see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["clips"],
        metrics["skipped"],
        ", ".join(f"{name} {x['value']:.3f}" for name, x in scores.items()),
        ", ".join(found["missing"]) or "none",
        output_folder / "report.html",
    )
    return metrics


def count_sources(named, heard):
    """How often captions name what is heard, and nothing else.

    Arguments
    ---------
    named : list of set of str
        Labels that each caption names.
    heard : list of list of str
        Labels of each clip.

    Returns
    -------
    dict
        `exact` (share of clips of which just the sources heard are named),
        its 95 % `interval` (Wilson's), `precision`, `recall` and `f1` over all
        labels of all clips.

    Example
    -------
    >>> counts = count_sources([{"dog"}, {"dog", "rain"}], [["dog"], ["rain"]])
    >>> counts["exact"], round(counts["precision"], 3), counts["recall"]
    (0.5, 0.667, 1.0)
    """
    pairs = [(set(a), set(b)) for a, b in zip(named, heard, strict=True)]
    exact = sum(a == b for a, b in pairs)
    right = sum(len(a & b) for a, b in pairs)
    said, wanted = (sum(len(each[i]) for each in pairs) for i in (0, 1))
    return {
        "exact": exact / len(pairs),
        "interval": wilson_interval(exact, len(pairs)),
        "precision": right / max(said, 1),
        "recall": right / max(wanted, 1),
        "f1": 2 * right / max(said + wanted, 1),
    }


def _with_intervals(found):
    """Score to value, interval (over clips, idf as it is) and provider."""
    drawn_of = [name for name in found["each"] if name != OF_THE_WHOLE]
    each = np.nan_to_num(np.stack([found["each"][x] for x in drawn_of], 1))
    limits = cluster_bootstrap(
        lambda drawn: drawn @ each / drawn.sum(), np.arange(len(each))
    ).tolist()
    intervals = dict(zip(drawn_of, limits, strict=True))
    return {
        name: {
            "value": value,
            "interval": intervals.get(name),
            "provider": found["providers"][name],
        }
        for name, value in found["scores"].items()
    }


def _places(ids, source):
    place = {f"{source.name}/{key}": i for i, key in enumerate(source.ids)}
    return [place[name] for name in ids]


def _rows(ids, source):
    """The manifest's row of each clip, or None."""
    if source is None:
        return [None] * len(ids)
    return [source.rows[i] for i in _places(ids, source)]


def _write_csv(folder, ids, captions, references, each):
    with atomic_write(folder / "captions.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["id", "caption", *each, "references"])
            for i, name in enumerate(ids):
                values = [f"{values[i]:.6f}" for values in each.values()]
                those = " | ".join(references[i])
                writer.writerow([name, captions[i], *values, those])
