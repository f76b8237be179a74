"""From rows written by hand to questions and answers."""

import collections
import random

import pytest

from speechbrain_clap.dataio.task_questions import (
    AskedByPeople,
    CountEvents,
    IsHeard,
    TextFits,
)
from speechbrain_clap.dataio.task_rules import NameLabels, WriteCaption

ROWS = [
    {"labels": ["Sea_waves", "dog"], "captions": ["a dog barks by the sea"]},
    {"labels": ["rain"], "captions": ["rain falls", "it rains"]},
    {"labels": ["rain"], "captions": ["a shower"]},
    {"labels": [], "captions": ["nothing"]},
]


def asked(rule, row, count=400):
    """What a rule asks of a row, drawn many times."""
    return [rule(row, ROWS, random.Random(i)) for i in range(count)]


def test_labels_as_they_are_spoken():
    rule = NameLabels("labels", "what is heard?")
    assert rule(ROWS[0], ROWS, None) == ("what is heard?", ["dog, sea waves"])
    row = {"label": "Train, railroad_car"}
    assert NameLabels("label", "?")(row, [], None)[1] == ["train railroad car"]
    assert [rule.fits(row) for row in ROWS] == [True, True, True, False]
    assert not rule.fits({"captions": ["-"]})


def test_each_caption_trains_and_all_are_right():
    found = asked(WriteCaption("caption:"), ROWS[1])
    assert {prompt for prompt, _ in found} == {"caption:"}
    firsts = collections.Counter(answers[0] for _, answers in found)
    assert set(firsts) == {"rain falls", "it rains"}
    assert min(firsts.values()) > 150
    assert all(sorted(x) == ["it rains", "rain falls"] for _, x in found)


def test_half_of_the_questions_are_about_what_is_not_heard():
    rule = IsHeard("labels", "is this heard: {}?")
    found = asked(rule, ROWS[0])
    counts = collections.Counter(answer for _, [answer] in found)
    assert counts["yes"] == pytest.approx(200, abs=40)
    about = collections.defaultdict(set)
    for prompt, [answer] in found:
        about[answer].add(prompt[len("is this heard: ") : -1])
    assert about == {"yes": {"dog", "sea waves"}, "no": {"rain"}}
    # Where no other label is to be had, it asks about what is heard.
    alone = [rule(ROWS[1], ROWS[1:3], random.Random(i)) for i in range(20)]
    assert {answer for _, [answer] in alone} == {"yes"}


def test_counting():
    row = {"events": [[0, 1, "dog"], [1, 2, "crying_baby"], [2, 3, "dog"]]}
    found = asked(CountEvents("how many times: {}?"), row)
    assert {(prompt, answer) for prompt, [answer] in found} == {
        ("how many times: dog?", "two"),
        ("how many times: crying baby?", "one"),
    }
    assert not CountEvents("{}").fits({"events": []})
    assert not CountEvents("{}").fits({"events": [[0, 1, "dog"]] * 9})
    assert not CountEvents("{}").fits(ROWS[0])


def test_a_text_that_does_not_fit_is_of_other_labels():
    found = asked(TextFits("fits: {}?"), ROWS[1])
    of_answer = collections.defaultdict(set)
    for prompt, [answer] in found:
        of_answer[answer].add(prompt[6:-1])
    assert of_answer["yes"] == {"rain falls", "it rains"}
    # "a shower" has the same labels.
    assert of_answer["no"] == {"a dog barks by the sea", "nothing"}
    # Without labels, a shared caption is enough to be alike.
    rows = [{"captions": ["a", "b"]}, {"captions": ["b", "c"]}]
    rule = TextFits("{}")
    alone = {rule(rows[0], rows, random.Random(i))[1][0] for i in range(20)}
    assert alone == {"yes"}


def test_questions_of_people():
    row = {"questions": [["Is it wet?", ["yes", "no"]], ["What?", ["rain"]]]}
    found = asked(AskedByPeople(), row)
    assert {(p, *answers) for p, answers in found} == {
        ("Is it wet?", "yes", "no"),
        ("What?", "rain"),
    }
    assert not AskedByPeople().fits({"captions": ["-"]})
