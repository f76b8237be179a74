"""When an answer is right, and what guessing would have."""

import pytest

from speechbrain_clap.metrics.answers import answer_scores, recall_by_name


def test_words_and_captions():
    answers = ["Yes.", "no", " two ", "three"]
    references = [["yes"], ["yes"], ["two", "2"], ["two"]]
    found = answer_scores(answers, references, "words")
    assert found["right"] == [True, False, True, False]
    assert found["accuracy"] == 0.5 and found["majority"] == 0.5
    assert found["interval"] == pytest.approx([0.150, 0.850], abs=1e-3)
    found = answer_scores(
        ["A dog  barks"], [["rain", "a dog barks"]], "captions"
    )
    assert found["right"] == [True]


def test_names_in_any_order():
    answers = ["rain, dog", "dog", "dog, rain, dog", ""]
    found = answer_scores(answers, [["dog, rain"]] * 4, "labels")
    assert found["right"] == [True, False, True, False]
    assert found["majority"] == 1.0


def test_recall_and_mistakes():
    named = [{"dog"}, {"dog", "rain"}, set()]
    heard = [{"dog"}, {"rain"}, {"rain"}]
    assert recall_by_name(named, heard) == {
        "dog": {"clips": 1, "recall": 1.0},
        "rain": {"clips": 2, "recall": 0.5},
    }
    with pytest.raises(ValueError, match="kind is 'text'"):
        answer_scores(["a"], [["a"]], "text")
    with pytest.raises(ValueError, match="2 answers to 1 questions"):
        answer_scores(["a", "b"], [["a"]], "words")
