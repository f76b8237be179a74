"""How good captions are, by each usual metric that can be computed here.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.metrics import caption_java
from speechbrain_clap.metrics.caption_java import UnavailableError
from speechbrain_clap.metrics.caption_ngrams import (
    ORDERS,
    bleu,
    cider_d,
    rouge_l,
    simple_words,
)

BLEUS = tuple(f"BLEU-{n}" for n in range(1, ORDERS + 1))
# Those of papers, in their order.
METRICS = (*BLEUS, "ROUGE-L", "METEOR", "CIDEr", "SPICE", "SPIDEr")
PTB = "PTB (Stanford's PTBTokenizer 3.4.1), lower case, no punctuation"
SIMPLE = (
    "simple words (lower case, no punctuation, contractions parted), not PTB"
)


def caption_scores(candidates, references, java=None):
    """Scores captions against what people wrote.

    BLEU, ROUGE-L and CIDEr (CIDEr-D, idf from these references) are computed
    here, as the toolkit of MS COCO's captions does. PTB words, METEOR and
    SPICE are Java programs of the package pycocoevalcap (extra "captions").
    SPIDEr, the mean of CIDEr and SPICE, is there when both are. A metric that
    cannot be computed is in `missing`, with the reason: it is never zero.

    Arguments
    ---------
    candidates : list of str
        A caption of each clip, N; "" scores 0.
    references : list of list of str
        For each clip its references, at least one, of any number.
    java : bool or None
        None: Java is used where it works. False: never, which is fast.
        True: it must work at least for PTB words and METEOR.

    Returns
    -------
    dict
        `scores`, name to float, of those of `METRICS` that are there, in that
        order; `each`, name to numpy.ndarray [N] (not of BLEU, which is of the
        whole set; METEOR's is not the mean of these); `providers`, name to
        who computed it; `missing`, name to reason; `tokens`, which words were
        compared. CIDEr and SPIDEr reach up to 10 and 5.5, all others to 1.

    Raises
    ------
    ValueError
        If the lists differ in length, are empty, or hold no texts.
    UnavailableError
        With ``java=True``, if it does not work.

    Example
    -------
    >>> found = caption_scores(
    ...     ["a dog barks in rain", "a car drives past"],
    ...     [["a dog barks", "dog barking in the rain"], ["a car passes by"]],
    ...     java=False,
    ... )
    >>> [f"{name} {x:.2f}" for name, x in found["scores"].items()][:2]
    ['BLEU-1 0.78', 'BLEU-2 0.58']
    >>> found["missing"]["SPIDEr"]
    'needs SPICE: Java was not to be used'
    """
    _check(candidates, references)
    words, those, tokens = _words(candidates, references, java)
    scores, each, missing = {}, {}, {}
    ours = "speechbrain_clap.metrics"
    providers = dict.fromkeys((*BLEUS, "ROUGE-L"), ours)
    scores |= zip(BLEUS, bleu(words, those), strict=True)
    each["ROUGE-L"] = rouge_l(words, those)
    if len(words) > 1:
        each["CIDEr"], providers["CIDEr"] = cider_d(words, those), ours
    else:
        missing["CIDEr"] = "needs two clips or more, for the rarity of words"
    for name, program, inputs in (
        ("METEOR", "METEOR 1.5", (words, those)),
        ("SPICE", "SPICE 1.0", (candidates, references)),
    ):
        try:
            if java is False:
                raise UnavailableError("Java was not to be used")
            found = getattr(caption_java, name.lower())(*inputs)
            providers[name] = caption_java.provider(program)
        except UnavailableError as error:
            if java and name == "METEOR":
                raise
            missing[name] = str(error)
            continue
        if name == "METEOR":
            scores[name], found = found
        each[name] = np.array(found)
    lacking = [name for name in ("CIDEr", "SPICE") if name in missing]
    if lacking:
        missing["SPIDEr"] = "; ".join(
            f"needs {name}: {missing[name]}" for name in lacking
        )
    else:
        each["SPIDEr"] = (each["CIDEr"] + each["SPICE"]) / 2
        providers["SPIDEr"] = f"the mean of CIDEr ({ours}) and SPICE"
    for name, values in each.items():
        scores.setdefault(name, float(np.nanmean(values)))
    return {
        "scores": {x: float(scores[x]) for x in METRICS if x in scores},
        "each": each,
        "providers": {x: providers[x] for x in METRICS if x in providers},
        "missing": missing,
        "tokens": tokens,
    }


def _words(candidates, references, java):
    """The words of all, and which words these are."""
    texts = [*candidates, *(text for those in references for text in those)]
    tokens = PTB
    try:
        if java is False:
            raise UnavailableError("Java was not to be used")
        words = caption_java.ptb_words(texts)
    except UnavailableError:
        if java:
            raise
        words, tokens = [simple_words(text) for text in texts], SIMPLE
    rest = iter(words[len(candidates) :])
    return (
        words[: len(candidates)],
        [[next(rest) for _ in those] for those in references],
        tokens,
    )


def _check(candidates, references):
    if not candidates or len(candidates) != len(references):
        raise ValueError(
            f"{len(candidates)} captions and references of {len(references)} "
            "clips: expected as many, and at least one"
        )
    for i, (text, those) in enumerate(zip(candidates, references, strict=True)):
        if not isinstance(text, str):
            raise ValueError(f"clip {i}: caption {text!r}, expected a text")
        if (
            isinstance(those, str)
            or not those
            or not all(isinstance(x, str) and x.strip() for x in those)
        ):
            raise ValueError(
                f"clip {i}: references {those!r}, expected a list of at least "
                "one text, none of them empty"
            )
