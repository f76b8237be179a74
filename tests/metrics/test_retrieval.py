"""Ranks and scores of retrieval: by hand, by brute force, by others' code.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import numpy as np
import pytest

from speechbrain_clap.metrics.bootstrap import (
    cluster_bootstrap,
    weighted_median,
)
from speechbrain_clap.metrics.pair_scores import nearest
from speechbrain_clap.metrics.retrieval import (
    chance_scores,
    query_values,
    retrieval_ranks,
    retrieval_scores,
)


def brute_force(similarity, clip_of):
    """Ranks by sorting whole rows; ties by index, for sorting is stable."""
    similarity, clip_of = np.asarray(similarity), np.asarray(clip_of)
    to_audio, to_text = [], []
    for caption, clip in enumerate(clip_of):
        order = np.argsort(-similarity[:, caption], kind="stable").tolist()
        to_audio.append(order.index(clip) + 1)
        order = np.argsort(-similarity[clip], kind="stable").tolist()
        to_text.append(order.index(caption) + 1)
    return to_audio, to_text


def made(clips, most, size, seed=0, noise=1.0):
    """Embeddings whose captions lie around their clip, in a mixed order."""
    random = np.random.default_rng(seed)
    per_clip = random.integers(1, most + 1, clips)
    clip_of = random.permutation(np.repeat(np.arange(clips), per_clip))
    audio = random.normal(size=(clips, size))
    text = audio[clip_of] + noise * random.normal(size=(len(clip_of), size))
    audio /= np.linalg.norm(audio, axis=1, keepdims=True)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    return audio.astype(np.float32), text.astype(np.float32), clip_of


def test_by_hand():
    """Two captions, one, and three; two ties."""
    clip_of = [0, 0, 1, 2, 2, 2]
    similarity = [
        [0.9, 0.3, 0.9, 0.1, 0.2, 0.0],
        [0.8, 0.4, 0.5, 0.6, 0.2, 0.1],
        [0.7, 0.4, 0.6, 0.5, 0.2, 0.3],
    ]
    to_audio, to_text = retrieval_ranks(similarity, clip_of)
    # The last but one caption: all clips alike, so its own comes third.
    assert to_audio.tolist() == [1, 3, 3, 2, 3, 1]
    # 0.9 twice in the first row: the own caption has the lower index.
    assert to_text.tolist() == [1, 3, 3, 3, 6, 5]
    scores = retrieval_scores(similarity, clip_of)
    assert scores["text_to_audio"] == pytest.approx(
        {
            "R@1": 2 / 6,
            "R@5": 1.0,
            "R@10": 1.0,
            "median_rank": 2.5,
            "MRR": (1 + 1 / 3 + 1 / 3 + 1 / 2 + 1 / 3 + 1) / 6,
            "mAP@10_dcase": (1 + 1 / 3 + 1 / 3 + 1 / 2 + 1 / 3 + 1) / 6,
        }
    )
    assert scores["audio_to_text"] == pytest.approx(
        {
            "R@1": 1 / 3,
            "R@5": 1.0,
            "R@10": 1.0,
            "median_rank": 3.0,
            "MRR": (1 + 1 / 3 + 1 / 3) / 3,
            # Right ones at 1 and 3; at 3; at 3, 5 and 6.
            "mAP@10_microsoft": (
                (1 + 2 / 3) / 2 + 1 / 3 + (1 / 3 + 2 / 5 + 3 / 6) / 3
            )
            / 3,
            "mAP@10_laion": (1 + 1 / 3 + 1 / 3) / 3,
        }
    )


def test_the_conventions_of_map_differ_as_published():
    """Five captions of a clip at ranks 1, 3, 5, 7 and 12."""
    clip_of = np.array([0] * 5 + [1] * 9)
    similarity = np.zeros((2, 14))
    order = [0, 5, 1, 6, 2, 7, 3, 8, 9, 10, 11, 4, 12, 13]
    similarity[0, order] = np.arange(14, 0, -1)
    similarity[1] = -similarity[0]
    values = query_values(*retrieval_ranks(similarity, clip_of), clip_of)
    to_text = values["audio_to_text"]
    # Right at once, and yet below R@1 after the division by five.
    assert to_text["R@1"][0] == 1
    assert to_text["mAP@10_laion"][0] == 1
    assert to_text["mAP@10_microsoft"][0] == pytest.approx(
        (1 / 1 + 2 / 3 + 3 / 5 + 4 / 7) / 5
    )
    # Past rank 10 nothing counts: the right one of 12 clips comes last.
    similarity = np.arange(12, 0, -1)[:, None] * np.ones(12)
    last = retrieval_scores(similarity, range(12))
    assert last["text_to_audio"]["mAP@10_dcase"] == pytest.approx(
        sum(1 / rank for rank in range(1, 11)) / 12
    )
    assert last["text_to_audio"]["MRR"] == pytest.approx(
        sum(1 / rank for rank in range(1, 13)) / 12
    )


@pytest.mark.parametrize("block_size", [1, 3, 64])
def test_as_brute_force_with_many_ties(block_size):
    random = np.random.default_rng(1)
    for clips, captions in ((1, 1), (1, 4), (7, 7), (11, 40)):
        clip_of = np.concatenate(
            [np.arange(clips), random.integers(clips, size=captions - clips)]
        )
        random.shuffle(clip_of)
        similarity = random.integers(0, 4, (clips, captions)) / 4
        found = retrieval_ranks(similarity, clip_of, block_size)
        wanted = brute_force(similarity, clip_of)
        assert found[0].tolist() == wanted[0]
        assert found[1].tolist() == wanted[1]


@pytest.mark.parametrize("size", [3, 64, 257])
def test_embeddings_as_their_matrix(size):
    """Whatever the blocks, with texts that several clips have."""
    audio, text, clip_of = made(50, 6, size)
    text[::3] = text[0]  # equal captions of different clips
    audio[1::4] = audio[1]
    matrix = audio.astype(np.float64) @ text.T.astype(np.float64)
    # Equal texts have equal scores, which a library's product need not give.
    matrix[:, ::3] = matrix[:, :1]
    matrix[1::4] = matrix[1]
    wanted = brute_force(matrix, clip_of)
    for block_size in (1, 7, 32, 1000):
        found = retrieval_ranks((audio, text), clip_of, block_size)
        assert found[0].tolist() == wanted[0]
        assert found[1].tolist() == wanted[1]
    halves = (audio.astype(np.float16), text.astype(np.float16))
    as_floats = tuple(half.astype(np.float32) for half in halves)
    assert np.array_equal(
        retrieval_ranks(halves, clip_of), retrieval_ranks(as_floats, clip_of)
    )


def test_less_than_float32_can_tell():
    """Scores that differ in the tenth digit are not ties."""
    audio = np.array([[1.0, 0.0], [1.0, 1e-10]])
    text = np.array([[1.0, 1.0], [1.0, 1.0]])
    to_audio, to_text = retrieval_ranks((audio, text), [0, 1])
    assert to_audio.tolist() == [2, 1]
    assert to_text.tolist() == [1, 2]


def test_a_collapsed_model_is_not_rewarded():
    """All embeddings alike: the order is that of the index."""
    ones = np.ones((20, 8), np.float32)
    scores = retrieval_scores((ones, ones), np.arange(20))
    assert scores["text_to_audio"]["R@1"] == 1 / 20
    assert scores["audio_to_text"]["R@5"] == 5 / 20


def test_nearest_agrees_with_the_ranks():
    audio, text, clip_of = made(40, 5, 16)
    text[::3] = text[0]
    to_audio, to_text = retrieval_ranks((audio, text), clip_of)
    clips, captions = nearest((audio, text), 5)
    assert clips.shape == (len(text), 5) and captions.shape == (40, 5)
    for caption, (rank, clip) in enumerate(zip(to_audio, clip_of, strict=True)):
        found = clips[caption].tolist()
        assert (found.index(clip) + 1 if clip in found else 6) == min(rank, 6)
        found = captions[clip].tolist()
        place = found.index(caption) + 1 if caption in found else 6
        assert place == min(to_text[caption], 6)
    few = nearest(np.ones((2, 3)), 5)
    assert few[0].tolist() == [[0, 1]] * 3
    assert few[1].tolist() == [[0, 1, 2]] * 2


def test_against_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.retrieval")
    import torch

    audio, text, clip_of = made(30, 5, 16, noise=2.0)
    # What is not above zero they take for wrong.
    similarity = torch.tensor(audio @ text.T) + 1
    right = torch.tensor(clip_of)[None] == torch.arange(30)[:, None]
    values = query_values(*retrieval_ranks((audio, text), clip_of), clip_of)
    for direction, scores, target in (
        ("text_to_audio", similarity.T, right.T),
        ("audio_to_text", similarity, right),
    ):
        ours = values[direction]
        for query, (row, wanted) in enumerate(zip(scores, target, strict=True)):
            mrr = functional.retrieval_reciprocal_rank(row, wanted)
            assert ours["MRR"][query] == pytest.approx(mrr.item())
            for k in (1, 5, 10):
                hit = functional.retrieval_hit_rate(row, wanted, top_k=k)
                assert ours[f"R@{k}"][query] == hit.item()
            mrr = functional.retrieval_reciprocal_rank(row, wanted, top_k=10)
            ap = functional.retrieval_average_precision(row, wanted, top_k=10)
            if direction == "text_to_audio":
                assert ours["mAP@10_dcase"][query] == pytest.approx(ap.item())
                continue
            assert ours["mAP@10_laion"][query] == pytest.approx(mrr.item())
            # Theirs divides by what it found, Microsoft by what there is.
            share = functional.retrieval_recall(row, wanted, top_k=10)
            assert ours["mAP@10_microsoft"][query] == pytest.approx(
                (ap * share).item()
            )


def test_microsoft_is_average_precision_while_ten_hold_all():
    metrics = pytest.importorskip("sklearn.metrics")
    similarity = np.random.default_rng(2).random((3, 10))
    clip_of = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    values = query_values(*retrieval_ranks(similarity, clip_of), clip_of)
    for clip, ours in enumerate(values["audio_to_text"]["mAP@10_microsoft"]):
        theirs = metrics.average_precision_score(
            clip_of == clip, similarity[clip]
        )
        assert ours == pytest.approx(theirs)


def test_chance_is_the_mean_over_all_orders():
    clip_of = np.array([0, 0, 1, 2, 2])
    orders = np.array(list(itertools.permutations(range(5))))
    totals = []
    for order in orders:
        caption_ranks = np.concatenate(
            # Each clip looks through the captions in the same order: the
            # mean over all orders is what counts.
            [order[clip_of == clip] + 1 for clip in range(3)]
        )
        values = query_values(np.ones(5, int), caption_ranks, clip_of)
        to_text = values["audio_to_text"]
        totals.append([each.mean() for each in to_text.values()])
    names = list(to_text)
    wanted = dict(zip(names, np.mean(totals, 0), strict=True))
    chance = chance_scores(clip_of)["audio_to_text"]
    for name in ("R@1", "R@5", "MRR", "mAP@10_microsoft", "mAP@10_laion"):
        assert chance[name] == pytest.approx(wanted[name])


def test_chance_of_random_scores():
    clip_of = np.repeat(np.arange(60), 5)
    random = np.random.default_rng(3)
    seen = {"text_to_audio": [], "audio_to_text": []}
    for _ in range(60):
        scores = retrieval_scores(random.random((60, 300)), clip_of)
        for direction in seen:
            seen[direction].append(list(scores[direction].values()))
    chance = chance_scores(clip_of)
    for direction in seen:
        assert list(chance[direction]) and set(chance[direction]) == set(
            scores[direction]
        )
        means, spread = np.mean(seen[direction], 0), np.std(seen[direction], 0)
        for name, mean, std in zip(
            scores[direction], means, spread, strict=True
        ):
            slack = 4 * std / 60**0.5 + (name == "median_rank")
            assert abs(chance[direction][name] - mean) < slack, name
    assert chance["text_to_audio"]["R@10"] == pytest.approx(10 / 60)
    assert chance["text_to_audio"]["median_rank"] == 30


def test_bad_input_is_named():
    eye = np.eye(3)
    for similarity, clip_of, words in (
        (eye, [0, 1], r"\[3\], the place of a clip"),
        (eye, [0, 1, 3], "row 2 is 3"),
        (eye, [0, 1, 1], "1 clips have no caption, the first at place 2"),
        (eye, [0.0, 1.0, 2.0], "whole numbers"),
        ([1, 2], [0, 1], r"expected \[clips, captions\]"),
        ((eye, np.eye(4)), [0, 1, 2, 2], "3 dimensions, text embeddings 4"),
        ((eye, np.full((3, 3), np.nan)), [0, 1, 2], "text embeddings hold NaN"),
        (np.where(eye, np.inf, 0), [0, 1, 2], "clip 0 and caption 0 is NaN or"),
    ):
        with pytest.raises(ValueError, match=words):
            retrieval_scores(similarity, clip_of)


def test_bootstrap_knows_that_captions_of_a_clip_go_together():
    random = np.random.default_rng(4)
    clip_right = random.random(200) < 0.5
    right = np.repeat(clip_right, 5).astype(float)

    def mean(drawn):
        return [drawn @ right / drawn.sum()]

    alone = cluster_bootstrap(mean, np.arange(1000))[0]
    grouped = cluster_bootstrap(mean, np.repeat(np.arange(200), 5))[0]
    ratio = (grouped[1] - grouped[0]) / (alone[1] - alone[0])
    assert ratio == pytest.approx(5**0.5, rel=0.15)
    assert grouped[0] < right.mean() < grouped[1]
    assert np.array_equal(
        grouped, cluster_bootstrap(mean, np.repeat(np.arange(200), 5))[0]
    )


def test_weighted_median_as_numpy():
    random = np.random.default_rng(5)
    for _ in range(50):
        values = np.sort(random.integers(0, 9, 12))
        times = random.integers(0, 3, 12)
        times[3] += 1
        wanted = np.median(np.repeat(values, times))
        assert weighted_median(values, times) == wanted
