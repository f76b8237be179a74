"""BLEU, ROUGE-L and CIDEr-D of captions, on words.

They equal the toolkit of MS COCO's captions (pycocoevalcap), which all papers
on audio captions use.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import math
import re

import numpy as np

ORDERS = 4  # n-grams of one to four words
ROUGE_BETA = 1.2  # how much recall counts beside precision
CIDER_SIGMA = 6.0  # words: how much a difference in length is borne
TINY, SMALL = 1e-15, 1e-9  # as the toolkit has them against 0 / 0

_CONTRACTION = r"'(?:s|re|ve|ll|d|m)\b"
_WORD = re.compile(rf"n't\b|{_CONTRACTION}|\d+(?:[.,]\d+)+|\w+(?:-\w+)*")


def simple_words(text):
    """Cuts a caption into words, much as the Penn Treebank's rules do.

    Lower case; punctuation is dropped; "n't", "'s" and the like are words of
    their own; a hyphen within a word stays.

    Arguments
    ---------
    text : str
        A caption.

    Returns
    -------
    list of str
        Its words.

    Example
    -------
    >>> simple_words("A high-pitched dog doesn't bark, it's asleep.")
    ['a', 'high-pitched', 'dog', 'does', "n't", 'bark', 'it', "'s", 'asleep']
    """
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = re.sub(r"\bcannot\b", "can not", text)
    text = re.sub(rf"(?<=\w)(n't\b|{_CONTRACTION})", r" \1", text)
    return _WORD.findall(text)


def count_ngrams(words):
    """How often each n-gram stands in a caption, n from 1 to 4.

    Arguments
    ---------
    words : list of str
        The caption.

    Returns
    -------
    collections.Counter
        Tuple of words to number.

    Example
    -------
    >>> count_ngrams(["a", "dog"])
    Counter({('a',): 1, ('dog',): 1, ('a', 'dog'): 1})
    """
    return collections.Counter(
        tuple(words[i : i + n])
        for n in range(1, ORDERS + 1)
        for i in range(len(words) - n + 1)
    )


def bleu(candidates, references):
    """BLEU-1 to BLEU-4 of a whole set, with the closest reference's length.

    "BLEU: a Method for Automatic Evaluation of Machine Translation", Papineni
    et al. 2002, https://aclanthology.org/P02-1040.

    Arguments
    ---------
    candidates : list of list of str
        The words of each caption, N.
    references : list of list of list of str
        For each the words of its references, N lists of at least one.

    Returns
    -------
    list of float
        Of n-grams up to 1, 2, 3 and 4 words.

    Example
    -------
    >>> scores = bleu([["a", "dog"]], [[["a", "cat"]]])
    >>> round(scores[0], 3), scores[1] < 1e-3
    (0.5, True)
    """
    right, tried = [0] * ORDERS, [0] * ORDERS
    said = wanted = 0
    for candidate, those in zip(candidates, references, strict=True):
        most = collections.Counter()
        for reference in those:
            most |= count_ngrams(reference)
        for ngram, count in count_ngrams(candidate).items():
            right[len(ngram) - 1] += min(count, most[ngram])
        for n in range(ORDERS):
            tried[n] += max(0, len(candidate) - n)
        said += len(candidate)
        lengths = (len(reference) for reference in those)
        wanted += min((abs(x - len(candidate)), x) for x in lengths)[1]
    ratio = (said + TINY) / (wanted + SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    scores, product = [], 1.0
    for n in range(ORDERS):
        product *= (right[n] + TINY) / (tried[n] + SMALL)
        scores.append(penalty * product ** (1 / (n + 1)))
    return scores


def rouge_l(candidates, references):
    """ROUGE-L of each caption: the longest common subsequence of words.

    "ROUGE: A Package for Automatic Evaluation of Summaries", Lin 2004,
    https://aclanthology.org/W04-1013. The best precision and the best recall
    may be those of two references, as in the toolkit.

    Arguments
    ---------
    candidates : list of list of str
        The words of each caption, N.
    references : list of list of list of str
        For each the words of its references.

    Returns
    -------
    numpy.ndarray
        In [0, 1], [N].

    Example
    -------
    >>> rouge_l([["a", "dog", "barks"]], [[["the", "dog", "barks"]]]).round(3)
    array([0.667])
    """
    scores = []
    for candidate, those in zip(candidates, references, strict=True):
        common = [_longest_common(candidate, words) for words in those]
        if not max(common):
            scores.append(0.0)
            continue
        precision = max(common) / len(candidate)
        recall = max(
            found / len(words)
            for found, words in zip(common, those, strict=True)
            if words
        )
        scores.append(
            (1 + ROUGE_BETA**2)
            * precision
            * recall
            / (recall + ROUGE_BETA**2 * precision)
        )
    return np.array(scores)


def _longest_common(one, two):
    """Length of the longest common subsequence."""
    row = [0] * (len(two) + 1)
    for word in one:
        before = 0  # of the row above, one to the left
        for i, other in enumerate(two, 1):
            above = row[i]
            row[i] = before + 1 if word == other else max(above, row[i - 1])
            before = above
    return row[-1]


def cider_d(candidates, references):
    """CIDEr-D of each caption, times ten.

    "CIDEr: Consensus-based Image Description Evaluation", Vedantam et al.
    2015, https://arxiv.org/abs/1411.5726. How rare an n-gram is follows from
    the references of all clips given: scores of a part of a test set cannot
    be compared with those of the whole, and of one clip there is none.

    Arguments
    ---------
    candidates : list of list of str
        The words of each caption, N.
    references : list of list of list of str
        For each the words of its references.

    Returns
    -------
    numpy.ndarray
        In [0, 10], [N].

    Raises
    ------
    ValueError
        If there are fewer than two clips.

    Example
    -------
    >>> captions = [["a", "dog"], ["it", "rains"]]
    >>> cider_d(captions, [[words] for words in captions])
    array([5., 5.])
    """
    if len(candidates) < 2:
        raise ValueError(
            f"{len(candidates)} clip: how rare a word is cannot be told from "
            "fewer than two"
        )
    counts = [[count_ngrams(words) for words in those] for those in references]
    clips = collections.Counter()
    for those in counts:
        clips.update(set().union(*those))
    total = math.log(len(candidates))

    def _weigh(count):
        """Weights by n-gram, and the length of the vector of each order."""
        weights, norms = {}, [0.0] * ORDERS
        for ngram, times in count.items():
            rare = total - math.log(max(1, clips[ngram]))
            weights[ngram] = times * rare
            norms[len(ngram) - 1] += weights[ngram] ** 2
        return weights, [math.sqrt(norm) for norm in norms]

    scores = []
    for words, those, of_clip in zip(
        candidates, references, counts, strict=True
    ):
        weights, norms = _weigh(count_ngrams(words))
        score = 0.0
        for reference, count in zip(those, of_clip, strict=True):
            others, other_norms = _weigh(count)
            found = [0.0] * ORDERS
            for ngram, weight in weights.items():
                other = others.get(ngram, 0.0)
                found[len(ngram) - 1] += min(weight, other) * other
            apart = len(words) - len(reference)
            alike = math.exp(-(apart**2) / (2 * CIDER_SIGMA**2))
            score += alike * sum(
                value / (one * two)
                for value, one, two in zip(
                    found, norms, other_norms, strict=True
                )
                if one and two
            )
        scores.append(10 * score / (ORDERS * len(those)))
    return np.array(scores)
