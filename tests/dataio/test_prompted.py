"""Prompts and answers as items and as tokens.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.prompted import PromptedPairs, prompted_tokens


class Decoder:
    """Words by their length; a text that goes on begins with a 1."""

    def encode(self, texts, continued=False):
        """Ids of each text."""
        return [
            [1] * continued + [len(word) for word in text.split()]
            for text in texts
        ]


def test_items():
    pairs = [
        {"set": "a", "captions": ["x", "y"], "sig": 0},
        {"set": "b", "captions": ["x", "y"], "text": "y", "sig": 0},
    ]
    items = PromptedPairs(pairs, {"a": "label:", "b": ""})
    assert [items[i]["answer"] for i in (0, 1)] == ["x", "y"]
    assert [items[i]["prompt"] for i in (0, 1)] == ["label:", ""]
    assert len(items) == 2 and "prompt" not in pairs[0]
    assert PromptedPairs(pairs)[1]["prompt"] == ""
    with pytest.raises(DataError, match="none for the set 'b'"):
        PromptedPairs(pairs, {"a": ""})[1]


def test_tokens():
    """An answer goes on where there is a prompt; long ones are cut."""
    ids, answer = prompted_tokens(
        Decoder(), ["to do:", ""], ["four", "a bb ccc dddd"], 9, longest=3
    )
    assert ids.tolist() == [[2, 3, 1, 4, 9], [1, 2, 9, 0, 0]]
    assert answer.tolist() == [
        [False, False, True, True, True],
        [True, True, True, False, False],
    ]
