"""Average precision against scikit-learn and by hand; cross-modal search.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from speechbrain_clap.metrics.average_precision import (
    Ranking,
    chance_average_precision,
    mean_average_precision,
)
from speechbrain_clap.metrics.cross_modal import (
    cross_modal_scores,
    cross_modal_values,
)


@pytest.mark.parametrize("levels", [3, 1000])
def test_as_scikit_learn(levels):
    """With many equal scores and with few; with weights too."""
    random = np.random.default_rng(0)
    for _ in range(20):
        scores = random.integers(levels, size=40) / levels
        right = random.uniform(size=40) < 0.3
        right[0] = True
        times = random.integers(3, size=40)
        times[0] = 1
        ranking = Ranking(scores, right)
        found = ranking.average_precision(), ranking.average_precision(times)
        wanted = (
            average_precision_score(right, scores),
            average_precision_score(right, scores, sample_weight=times),
        )
        np.testing.assert_allclose(found, wanted)


def test_chance():
    """The mean over random orders."""
    random = np.random.default_rng(0)
    right = np.arange(7) < 3
    orders = [
        Ranking(random.uniform(size=7), right).average_precision()
        for _ in range(4000)
    ]
    assert abs(np.mean(orders) - chance_average_precision(3, 7)) < 0.01
    assert chance_average_precision(7, 7) == 1


def test_macro_map():
    """Classes count alike; those without a clip are left out."""
    random = np.random.default_rng(1)
    scores = random.normal(size=(30, 5))
    targets = random.uniform(size=(30, 5)) < 0.4
    targets[:, 2] = False
    found = mean_average_precision(scores, targets)
    wanted = [
        average_precision_score(targets[:, c], scores[:, c])
        for c in (0, 1, 3, 4)
    ]
    assert found["classes"] == 4 and found["per_class"][2] is None
    np.testing.assert_allclose(found["value"], np.mean(wanted))
    with pytest.raises(ValueError, match="has the model diverged"):
        mean_average_precision(scores * np.nan, targets)
    with pytest.raises(ValueError, match="no clip has a class"):
        mean_average_precision(scores, targets & False)
    with pytest.raises(ValueError, match="expected .clips, classes. of both"):
        mean_average_precision(scores, targets[:, :2])


def test_search_by_hand():
    """Different numbers of items; a shared label is enough."""
    embeddings = {
        "audio": np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]),
        "text": np.array([[1.0, 0.0], [0.0, 1.0]]),
    }
    labels = {
        "audio": [["dog"], ["rain"], ["dog", "wind"]],
        "text": [["dog"], ["rain", "wind"]],
    }
    found = cross_modal_scores(embeddings, labels)
    assert set(found) == {"audio_to_text", "text_to_audio"}
    assert found["audio_to_text"]["P@1"] == 1
    # dog: right are clips 0 and 2, ranked 1 and 2; rain, wind: 1 and 2.
    assert found["text_to_audio"]["mAP"] == 1
    values = cross_modal_values(embeddings, labels)["audio_to_text"]
    assert values["chance"][:, 0].tolist() == [0.5, 0.5, 1.0]


def test_queries_without_an_answer():
    """They are left out, and none at all is no error."""
    embeddings = {"audio": np.eye(2), "image": np.eye(2)}
    labels = {"audio": [["dog"], ["rain"]], "image": [["dog"], ["wind"]]}
    values = cross_modal_values(embeddings, labels)
    assert len(values["audio_to_image"]["mAP"]) == 1
    labels["image"] = [["a"], ["b"]]
    found = cross_modal_scores(embeddings, labels)
    assert found["audio_to_image"] == dict.fromkeys(
        ("P@1", "P@10", "mAP", "MRR"), 0.0
    )


def test_reciprocal_ranks_by_hand():
    """The first right one counts, whoever it is; chance by all orders."""
    embeddings = {
        "audio": np.array([[1.0, 0.0]]),
        "image": np.array([[0.9, 0.0], [0.8, 0.0], [0.7, 0.0], [0.6, 0.0]]),
    }
    labels = {
        "audio": [["dog"]],
        "image": [["rain"], ["wind"], ["dog"], ["dog"]],
    }
    values = cross_modal_values(embeddings, labels)
    found = values["audio_to_image"]
    assert found["MRR"].tolist() == [1 / 3]
    orders = list(itertools.permutations([False, False, True, True]))
    expected = np.mean([1 / (1 + order.index(True)) for order in orders])
    assert found["chance"][0, 3] == pytest.approx(expected)
    # Both images of dogs find the only sound.
    assert values["image_to_audio"]["MRR"].tolist() == [1.0, 1.0]
