"""How often a written answer is right.

Authors
 * The speechbrain_clap team 2026
"""

import collections

from speechbrain_clap.metrics.classification import wilson_interval

# How answers are compared.
KINDS = {
    "words": "one of the right answers, word by word",
    "labels": "just the right names, in any order",
    "captions": "one of the captions, word by word",
}


def plain(text):
    """A text as it is compared: lower case, single blanks, no full stop.

    Arguments
    ---------
    text : str
        An answer.

    Returns
    -------
    str
        Maybe "".

    Example
    -------
    >>> plain(" A dog  barks.")
    'a dog barks'
    """
    return " ".join(text.lower().split()).rstrip(".").rstrip()


def names(text):
    """The names that an answer joins by commas.

    Arguments
    ---------
    text : str
        An answer.

    Returns
    -------
    set of str
        Without empty ones.

    Example
    -------
    >>> sorted(names("Rain, dog,"))
    ['dog', 'rain']
    """
    return {plain(part) for part in text.split(",") if plain(part)}


def answer_scores(answers, references, kind):
    """Accuracy of answers, and what always giving the commonest would have.

    Arguments
    ---------
    answers : list of str
        What was written, N, at least 1.
    references : list of list of str
        The right answers of each, at least one.
    kind : str
        A key of `KINDS`.

    Returns
    -------
    dict
        `accuracy` with its 95 % `interval` (Wilson's); `majority`, the accuracy
        of always giving the answer that is right most often; `right`, a list
        of bool.

    Raises
    ------
    ValueError
        If the kind is unknown or the lists differ in length.

    Example
    -------
    >>> found = answer_scores(
    ...     ["Rain, dog", "dog", "rain"],
    ...     [["dog, rain"], ["dog, rain"], ["rain"]],
    ...     "labels",
    ... )
    >>> found["right"], round(found["majority"], 3)
    ([True, False, True], 0.667)
    """
    if kind not in KINDS:
        raise ValueError(
            f"kind is '{kind}', expected one of {', '.join(KINDS)}"
        )
    if len(answers) != len(references) or not answers:
        raise ValueError(
            f"{len(answers)} answers to {len(references)} questions: expected "
            "one to each, and one at least"
        )

    def _key(text):
        return frozenset(names(text)) if kind == "labels" else plain(text)

    wanted = [{_key(text) for text in those} for those in references]
    right = [
        _key(answer) in those
        for answer, those in zip(answers, wanted, strict=True)
    ]
    counts = collections.Counter(key for those in wanted for key in those)
    return {
        "accuracy": sum(right) / len(right),
        "interval": wilson_interval(sum(right), len(right)),
        "majority": max(counts.values()) / len(right),
        "right": right,
    }


def recall_by_name(named, heard):
    """How often each name is given where it is right.

    Arguments
    ---------
    named : list of set of str
        What each answer names.
    heard : list of set of str
        What is right.

    Returns
    -------
    dict
        Name to `clips`, where it is right, and `recall`; in the order of the
        alphabet.

    Example
    -------
    >>> recall_by_name([{"dog"}, {"rain"}], [{"dog", "rain"}, {"rain"}])
    {'dog': {'clips': 1, 'recall': 1.0}, 'rain': {'clips': 2, 'recall': 0.5}}
    """
    clips = collections.Counter(name for those in heard for name in those)
    found = collections.Counter(
        name
        for said, those in zip(named, heard, strict=True)
        for name in said & those
    )
    return {
        name: {"clips": count, "recall": found[name] / count}
        for name, count in sorted(clips.items())
    }
