"""Search by text among sounds and by sound among texts: ranks and scores.

A clip may have any number of captions. Text to audio, each caption is a query
with one right clip; audio to text, each clip is a query, all its captions are
right, and the rank that counts is that of the best one.

A score is the dot product of two embeddings, summed in float64. Of equal
scores the one with the lower index comes first: which clip, or which caption,
in the order given. Two texts that are the same have the same score, however
the work is cut into blocks.

Of mAP@10 three conventions are published, and all are given, by name:

- ``dcase`` (DCASE challenges, task 6b of 2022 and 2023, task 8 of 2024), text
  to audio only: one clip is right, so AP@10 is 1 / rank, or 0 past rank 10.
- ``microsoft`` (CLAP of 2023, WavCaps), audio to text: the sum over the right
  captions among the first 10 of (right ones so far) / rank, divided by the
  number of captions of the clip, which is 5 in Clotho and in AudioCaps' test
  part. So it can lie below R@1. Text to audio it equals ``dcase``.
- ``laion`` (LAION CLAP), audio to text: 1 / rank of the best caption, or 0
  past rank 10.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.metrics.pair_scores import pair_scores, parts

CUTS = (1, 5, 10)  # the K of R@K
DEPTH = 10  # of mAP@10


def retrieval_scores(similarity, caption_clip):
    """Recall at K, median rank, MRR and mAP@10, in both directions.

    Arguments
    ---------
    similarity : array_like or tuple of array_like
        Higher is nearer, [N, M]; or embeddings of clips [N, D] and captions
        [M, D], whose dot products are the similarity: L2-normalise for
        cosines. Embeddings are worked through in blocks, so that 100,000
        clips and 500,000 captions need no matrix of all pairs.
    caption_clip : array_like
        The place of the clip that each caption belongs to, int [M]. Every
        clip has at least one.

    Returns
    -------
    dict
        `text_to_audio` with "R@1", "R@5", "R@10", "median_rank", "MRR" and
        "mAP@10_dcase"; `audio_to_text` with the same but
        "mAP@10_microsoft" and "mAP@10_laion" in place of the last.

    Raises
    ------
    ValueError
        If shapes disagree, a clip has no caption, or a number is not finite.

    Example
    -------
    >>> similarity = [[0.9, 0.1, 0.5], [0.8, 0.2, 0.6]]
    >>> scores = retrieval_scores(similarity, [0, 0, 1])
    >>> round(scores["text_to_audio"]["MRR"], 3)
    0.833
    >>> scores["audio_to_text"]["mAP@10_laion"]
    0.75
    """
    ranks = retrieval_ranks(similarity, caption_clip)
    values = query_values(*ranks, caption_clip)
    return {
        direction: {
            "median_rank" if name == "rank" else name: float(
                np.median(each) if name == "rank" else each.mean()
            )
            for name, each in of_queries.items()
        }
        for direction, of_queries in values.items()
    }


def retrieval_ranks(similarity, caption_clip, block_size=2048):
    """The ranks of what is right, from 1, in both directions.

    Arguments
    ---------
    similarity : array_like or tuple of array_like
        As for ``retrieval_scores``.
    caption_clip : array_like
        The place of the clip of each caption, int [M].
    block_size : int
        Clips, and captions, that are compared at once. The result does not
        depend on it.

    Returns
    -------
    ndarray
        Of the clip that is right for each caption, among all clips, int [M].
    ndarray
        Of each caption among all captions, as its clip looks for them, int
        [M].

    Raises
    ------
    ValueError
        As for ``retrieval_scores``.

    Example
    -------
    >>> eye = np.eye(3)
    >>> clip_ranks, caption_ranks = retrieval_ranks((eye, eye), [0, 1, 2])
    >>> clip_ranks.tolist(), caption_ranks.tolist()
    ([1, 1, 1], [1, 1, 1])
    """
    pairs = pair_scores(similarity)
    clips, captions = pairs.shape
    clip_of = _clips_of_captions(caption_clip, clips, captions)
    numbers = np.arange(captions)
    right = pairs.exact(clip_of, numbers)
    clip_ranks = np.ones(captions, np.int64)
    caption_ranks = np.ones(captions, np.int64)
    rounds = _rounds(clip_of)
    for rows in parts(clips, block_size):
        here = [
            each[(clip_of[each] >= rows.start) & (clip_of[each] < rows.stop)]
            for each in rounds
        ]
        for columns in parts(captions, block_size):
            scores = pairs.block(rows, columns)
            # Each caption of the block looks through the block's clips.
            sure, query, found = _ahead(scores.T, right[columns], pairs.margin)
            clip_ranks[columns] += sure
            query, found = query + columns.start, found + rows.start
            score = pairs.exact(found, query)
            first = _comes_first(score, right[query], found, clip_of[query])
            np.add.at(clip_ranks, query[first], 1)
            # Each clip looks through the block's captions, as often as it
            # has captions of its own to rank.
            for wanted in here:
                sure, query, found = _ahead(
                    scores[clip_of[wanted] - rows.start],
                    right[wanted],
                    pairs.margin,
                )
                caption_ranks[wanted] += sure
                query, found = wanted[query], found + columns.start
                score = pairs.exact(clip_of[query], found)
                first = _comes_first(score, right[query], found, query)
                np.add.at(caption_ranks, query[first], 1)
    return clip_ranks, caption_ranks


def query_values(clip_ranks, caption_ranks, caption_clip):
    """What each query contributes to each score.

    Arguments
    ---------
    clip_ranks : array_like
        From ``retrieval_ranks``, int [M].
    caption_ranks : array_like
        From ``retrieval_ranks``, int [M].
    caption_clip : array_like
        The place of the clip of each caption, int [M].

    Returns
    -------
    dict
        `text_to_audio` : name to [M]; `audio_to_text` : name to [N]. The mean
        over queries is the score of that name; "rank" is the rank itself,
        whose median is reported.

    Example
    -------
    >>> values = query_values([1, 2], [1, 3], [0, 0])
    >>> values["text_to_audio"]["R@1"].tolist()
    [1.0, 0.0]
    >>> values["audio_to_text"]["mAP@10_microsoft"].round(3).tolist()
    [0.833]
    """
    clip_of = np.asarray(caption_clip)
    counts = np.bincount(clip_of)
    # Captions of a clip side by side, the best first.
    order = np.lexsort((caption_ranks, clip_of))
    ranks = np.asarray(caption_ranks)[order]
    starts = np.cumsum(counts) - counts
    so_far = 1 + np.arange(len(order)) - starts[clip_of[order]]
    gained = np.where(ranks <= DEPTH, so_far / ranks, 0.0)
    best = ranks[starts]
    return {
        "text_to_audio": {
            **_common_values(np.asarray(clip_ranks)),
            "mAP@10_dcase": _reciprocal(np.asarray(clip_ranks)),
        },
        "audio_to_text": {
            **_common_values(best),
            "mAP@10_microsoft": np.bincount(clip_of[order], gained) / counts,
            "mAP@10_laion": _reciprocal(best),
        },
    }


def chance_scores(caption_clip):
    """What a random order of all candidates scores on the average.

    With several right captions a clip is found by chance more often than one
    time in M.

    Arguments
    ---------
    caption_clip : array_like
        The place of the clip of each caption, int [M].

    Returns
    -------
    dict
        As ``retrieval_scores`` gives. The median is that of all ranks that
        random orders give.

    Example
    -------
    >>> chance = chance_scores([0, 0, 1, 1, 2])
    >>> round(chance["text_to_audio"]["R@1"], 3)
    0.333
    >>> round(chance["audio_to_text"]["R@1"], 3)  # (2/5 + 2/5 + 1/5) / 3
    0.333
    """
    per_clip = np.bincount(np.asarray(caption_clip))
    total, clips = int(per_clip.sum()), len(per_clip)
    to_audio = _chance(random_recall(np.ones(total, int), clips))
    to_text = _chance(random_recall(per_clip, total))
    depth = np.arange(1, min(DEPTH, total) + 1)
    # A right caption at a rank, and the others of its clip before it.
    earlier = (depth - 1) * (per_clip.mean() - 1) / max(total - 1, 1)
    microsoft = float(((1 + earlier) / depth).sum()) / total
    to_audio["mAP@10_dcase"] = to_audio.pop("reciprocal")
    to_text["mAP@10_microsoft"] = microsoft
    to_text["mAP@10_laion"] = to_text.pop("reciprocal")
    return {"text_to_audio": to_audio, "audio_to_text": to_text}


def random_recall(right, candidates):
    """Recall at every K, when candidates come in random order.

    Arguments
    ---------
    right : array_like
        How many candidates are right for each query, int [Q].
    candidates : int
        How many there are.

    Returns
    -------
    ndarray
        The average share of queries with a right one among the first 1, 2,
        ... candidates, [candidates].

    Example
    -------
    >>> random_recall([1, 3], 4).tolist()
    [0.5, 0.75, 0.875, 1.0]
    """
    ranks = np.arange(1, candidates + 1)
    recall = np.zeros(candidates)
    kinds, times = np.unique(right, return_counts=True)
    for many, count in zip(kinds.tolist(), times.tolist(), strict=True):
        # None of the first r is right: a product of shares of wrong ones.
        wrong = np.maximum(candidates - many - ranks + 1, 0)
        none = np.cumprod(wrong / (candidates - ranks + 1))
        recall += (1 - none) * count / len(right)
    return recall


def _chance(recall):
    """What recall at every K says of the other scores."""
    ranks = np.arange(1, len(recall) + 1)
    first_at = np.diff(recall, prepend=0.0)
    return {
        **{f"R@{k}": float(recall[min(k, len(recall)) - 1]) for k in CUTS},
        # Rounding must not put a half just under itself.
        "median_rank": float(np.searchsorted(recall, 0.5 - 1e-9) + 1),
        "MRR": float((first_at / ranks).sum()),
        "reciprocal": float((first_at / ranks)[:DEPTH].sum()),
    }


def _common_values(ranks):
    """What both directions have."""
    return {
        **{f"R@{k}": (ranks <= k).astype(np.float64) for k in CUTS},
        "rank": ranks,
        "MRR": 1 / ranks,
    }


def _reciprocal(ranks):
    """1 / rank, and 0 past the depth."""
    return np.where(ranks <= DEPTH, 1 / ranks, 0.0)


def _clips_of_captions(caption_clip, clips, captions):
    """Checks which clip each caption belongs to, and gives it as an array."""
    clip_of = np.asarray(caption_clip)
    if clip_of.shape != (captions,):
        raise ValueError(
            f"caption_clip has the shape {list(clip_of.shape)}: expected "
            f"[{captions}], the place of a clip for each caption"
        )
    if not np.issubdtype(clip_of.dtype, np.integer):
        raise ValueError(
            f"caption_clip is of type {clip_of.dtype}: expected whole numbers"
        )
    outside = (clip_of < 0) | (clip_of >= clips)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"caption_clip row {row} is {clip_of[row]}: expected the place of "
            f"a clip, from 0 to {clips - 1}"
        )
    without = np.bincount(clip_of, minlength=clips) == 0
    if without.any():
        raise ValueError(
            f"{np.count_nonzero(without)} clips have no caption, the first at "
            f"place {int(np.argmax(without))}: leave them out"
        )
    return clip_of


def _rounds(clip_of):
    """First the first caption of every clip, then the second ones, ..."""
    order = np.argsort(clip_of, kind="stable")
    counts = np.bincount(clip_of)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(order)) - starts[clip_of[order]]
    by_place = order[np.argsort(place, kind="stable")]
    return np.split(by_place, np.cumsum(np.bincount(place))[:-1])


def _ahead(scores, right, margin):
    """Counts, row by row, what is surely above what is right.

    Also gives rows and columns of what is too near to tell from these
    scores, the right one itself among them.
    """
    difference = scores - right.astype(scores.dtype)[:, None]
    near = np.abs(difference) <= margin
    return (difference > margin).sum(1), *np.nonzero(near)


def _comes_first(score, right, place, right_place):
    """Whether a candidate is ranked before the right one."""
    return (score > right) | ((score == right) & (place < right_place))
