"""Retrieval between sounds and captions: scores, `metrics.json`, the report.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import csv
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.retrieval_page import write_retrieval_page
from speechbrain_clap.metrics.bootstrap import (
    cluster_bootstrap,
    weighted_median,
)
from speechbrain_clap.metrics.classification import wilson_interval
from speechbrain_clap.metrics.pair_scores import nearest, pair_scores
from speechbrain_clap.metrics.retrieval import (
    chance_scores,
    query_values,
    retrieval_ranks,
)
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

SHOWN = 5  # candidates listed for each query


def write_retrieval(
    output_folder,
    ids,
    captions,
    audio_embeddings,
    text_embeddings,
    description,
    protocol,
    files=None,
):
    """Lets captions look for clips and clips for captions; writes the result.

    `metrics.json`, `retrieval.csv` and `report.html` go to the output folder;
    a line with the result goes to the log.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    ids : list of str
        Names of the N clips.
    captions : list of list of str
        The captions of each, at least one.
    audio_embeddings : torch.Tensor or array_like
        L2-normalised, on the CPU, [N, D].
    text_embeddings : torch.Tensor or array_like
        L2-normalised, on the CPU, [M, D]: of the captions of the first clip,
        then of the second, and so on. Give equal captions equal embeddings,
        or the order of these decides between them.
    description : dict
        `dataset`, `split`, `skipped` and `sounds` ("real" or "made-up").
    protocol : dict
        Crop, checkpoint ...: all that another reader would need to get the
        same figures.
    files : list of tuple or None
        For each clip (file, start, stop), as
        ``speechbrain_clap.dataio.segments.SegmentReader`` takes: the page
        then plays the examples.

    Returns
    -------
    dict
        What `metrics.json` holds: beside the usual keys `captions`,
        `shared_captions`, and `text_to_audio` and `audio_to_text`, each a
        dict from the name of a score to its `value`, 95 % `interval` and
        `chance`. Its headline is R@1 of text to audio.

    Raises
    ------
    ValueError
        If the numbers of ids, captions, files or embeddings do not fit, or an
        embedding is not finite.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> metrics = write_retrieval(
    ...     folder,
    ...     ["a", "b"],
    ...     [["a dog", "a dog barks"], ["rain"]],
    ...     np.eye(2),
    ...     [[1, 0], [0, 1], [0, 1]],
    ...     dict(dataset="x", split="test", skipped=0, sounds="made-up"),
    ...     {"crop": "whole clips"},
    ... )
    >>> round(metrics["value"], 3), metrics["audio_to_text"]["R@1"]["value"]
    (0.667, 0.5)
    >>> sorted(path.name for path in folder.iterdir())
    ['metrics.json', 'report.html', 'retrieval.csv']
    """
    output_folder = pathlib.Path(output_folder)
    similarity = np.asarray(audio_embeddings), np.asarray(text_embeddings)
    _check_counts(ids, captions, files, similarity)
    clip_of = np.repeat(np.arange(len(ids)), [len(each) for each in captions])
    texts = [text for each in captions for text in each]
    ranks = retrieval_ranks(similarity, clip_of)
    scores = scores_with_intervals(*ranks, clip_of)
    first = scores["text_to_audio"]["R@1"]
    metrics = {
        **description,
        "clips": len(ids),
        "captions": len(texts),
        "shared_captions": _shared(texts, clip_of),
        "metric": "text-to-audio R@1",
        "value": first["value"],
        "interval": first["interval"],
        **scores,
        "protocol": protocol,
    }
    tables = _tables(similarity, clip_of, *ranks)
    _write_csv(output_folder / "retrieval.csv", ids, texts, tables)
    write_retrieval_page(
        output_folder, metrics, ids, texts, clip_of, tables, files
    )
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    to_text = scores["audio_to_text"]
    logger.info(
        "%s, %s sounds, %d clips (%d skipped), %d captions: text to audio R@1 "
        "%.1f %%, R@10 %.1f %%, mAP@10 %.1f %%; audio to text R@1 %.1f %%, "
        "R@10 %.1f %%; see %s",
        metrics["dataset"],
        metrics["sounds"],
        metrics["clips"],
        metrics["skipped"],
        metrics["captions"],
        100 * first["value"],
        100 * scores["text_to_audio"]["R@10"]["value"],
        100 * scores["text_to_audio"]["mAP@10_dcase"]["value"],
        100 * to_text["R@1"]["value"],
        100 * to_text["R@10"]["value"],
        output_folder / "report.html",
    )
    return metrics


def scores_with_intervals(clip_ranks, caption_ranks, caption_clip):
    """Each score, how sure it is, and what guessing would give.

    Intervals are from a bootstrap over clips, with their captions; where all
    queries are found, or none, it would see no spread, and Wilson's interval
    over clips is taken.

    Arguments
    ---------
    clip_ranks : array_like
        From ``speechbrain_clap.metrics.retrieval.retrieval_ranks``, int [M].
    caption_ranks : array_like
        From the same, int [M].
    caption_clip : array_like
        The place of the clip of each caption, int [M].

    Returns
    -------
    dict
        `text_to_audio` and `audio_to_text`, each a dict from name to
        `value`, `interval` (95 %) and `chance`.

    Example
    -------
    >>> scores = scores_with_intervals([1, 1], [1, 2], [0, 1])
    >>> scores["text_to_audio"]["R@1"]["interval"]
    [0.34..., 1.0]
    >>> scores["audio_to_text"]["median_rank"]["value"]
    1.5
    """
    clip_of = np.asarray(caption_clip)
    values = query_values(clip_ranks, caption_ranks, clip_of)
    chance = chance_scores(clip_of)
    clips = int(clip_of.max()) + 1
    groups = {"text_to_audio": clip_of, "audio_to_text": np.arange(clips)}
    return {
        direction: _direction(
            dict(of_queries), groups[direction], clips, chance[direction]
        )
        for direction, of_queries in values.items()
    }


def _direction(values, groups, clips, chance):
    """The scores of one direction."""
    ranks = values.pop("rank")
    names = list(values)
    matrix = np.stack(list(values.values()), 1)
    order = np.argsort(ranks, kind="stable")
    in_order = ranks[order]

    def _statistic(drawn):
        means = drawn @ matrix / drawn.sum()
        return [*means, weighted_median(in_order, drawn[order])]

    found = [*matrix.mean(0).tolist(), float(np.median(ranks))]
    limits = cluster_bootstrap(_statistic, groups).tolist()
    scores = {
        name: {"value": value, "interval": interval, "chance": chance[name]}
        for name, value, interval in zip(
            [*names, "median_rank"], found, limits, strict=True
        )
    }
    for name, score in scores.items():
        if name.startswith("R@") and score["value"] in (0.0, 1.0):
            right = clips if score["value"] else 0
            score["interval"] = wilson_interval(right, clips)
    return scores


def _tables(similarity, clip_of, clip_ranks, caption_ranks):
    """For each direction: queries, what is right, and what was found.

    Each direction is a dict of arrays, a row for each query: `query` and
    `right` (places: of caption and clip, or of clip and its best caption),
    `rank`, `score` (of the right one), `found` [., 5] and `found_scores`.
    """
    pairs = pair_scores(similarity)
    found_clips, found_captions = nearest(similarity, SHOWN)
    order = np.lexsort((caption_ranks, clip_of))
    best = order[np.searchsorted(clip_of[order], np.arange(pairs.shape[0]))]
    tables = {}
    for direction, query, right, rank, found in (
        (
            "text_to_audio",
            np.arange(len(clip_of)),
            clip_of,
            clip_ranks,
            found_clips,
        ),
        (
            "audio_to_text",
            np.arange(len(best)),
            best,
            caption_ranks[best],
            found_captions,
        ),
    ):
        # Query and candidates as clips and captions, whichever asks.
        turned = 1 if direction == "text_to_audio" else -1
        many = np.repeat(query, found.shape[1])
        tables[direction] = {
            "query": query,
            "right": right,
            "rank": rank,
            "score": pairs.exact(*(right, query)[::turned]),
            "found": found,
            "found_scores": pairs.exact(
                *(found.ravel(), many)[::turned]
            ).reshape(found.shape),
        }
    return tables


def _write_csv(path, ids, texts, tables):
    """A row for each query, captions first."""
    names = {"text_to_audio": (texts, ids), "audio_to_text": (ids, texts)}
    with atomic_write(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            places = [f"top_{place}" for place in range(1, SHOWN + 1)]
            writer.writerow(
                ["direction", "query", "right", "rank", "cosine", *places]
            )
            for direction, (queries, candidates) in names.items():
                table = tables[direction]
                for query, right, rank, score, found in zip(
                    table["query"],
                    table["right"],
                    table["rank"],
                    table["score"],
                    table["found"],
                    strict=True,
                ):
                    writer.writerow(
                        [
                            direction,
                            queries[query],
                            candidates[right],
                            rank,
                            f"{score:.6f}",
                            *(candidates[each] for each in found),
                        ]
                    )


def _shared(texts, clip_of):
    """How many captions are also those of another clip, word for word."""
    clips = collections.defaultdict(set)
    for text, clip in zip(texts, clip_of.tolist(), strict=True):
        clips[text].add(clip)
    return sum(len(clips[text]) > 1 for text in texts)


def _check_counts(ids, captions, files, similarity):
    """Refuses what does not belong together."""
    if not len(ids):
        raise ValueError("ids are empty: there is no clip to look for")
    lengths = {
        "captions": len(captions),
        "audio_embeddings": len(similarity[0]),
        "files": len(ids) if files is None else len(files),
    }
    for name, length in lengths.items():
        if length != len(ids):
            raise ValueError(
                f"{length} {name} for {len(ids)} clips: expected one entry "
                "for each of ids"
            )
    for name, texts in zip(ids, captions, strict=True):
        if isinstance(texts, str) or not texts:
            raise ValueError(
                f"clip '{name}' has captions {texts!r}: expected a list of at "
                "least one text"
            )
    total = sum(len(texts) for texts in captions)
    if len(similarity[1]) != total:
        raise ValueError(
            f"{len(similarity[1])} text_embeddings for {total} captions: "
            "expected one for each, clip after clip"
        )
