"""Caption metrics: by hand, against pycocoevalcap, and what is missing.

Authors
 * The speechbrain_clap team 2026
"""

import json
import math
import shutil

import numpy as np
import pytest

from speechbrain_clap.metrics import caption_java
from speechbrain_clap.metrics.caption_ngrams import (
    bleu,
    cider_d,
    rouge_l,
    simple_words,
)
from speechbrain_clap.metrics.captions import METRICS, caption_scores

REFERENCES = [
    ["A dog barks twice in the rain.", "rain falls while a dog barks"],
    ["A car passes by on a wet road", "vehicles drive past"],
    ["Birds chirp and sing", "many birds are singing"],
]
CANDIDATES = [
    "a dog is barking in the rain",
    "a car drives past",
    "birds are singing",
]
# What pycocoevalcap 1.2 gives for these.
WANTED = {
    "BLEU-1": 0.7857143,
    "BLEU-2": 0.6546537,
    "BLEU-3": 0.4749571,
    "BLEU-4": 0.0000680,
    "ROUGE-L": 0.6453260,
    "CIDEr": 2.2049561,
}
WITH_JAVA = pytest.mark.skipif(
    shutil.which("java") is None, reason="there is no java on the PATH"
)


def words(text):
    return text.split()


def test_bleu_by_hand():
    """One caption of 4 words against one of 5: clipped counts, penalty."""
    found = bleu([words("the the dog barks")], [[words("the dog barks at me")]])
    penalty = math.exp(1 - 5 / 4)
    # the (once), dog, barks of 4; "the dog", "dog barks" of 3; 1 of 2; 0 of 1
    wanted = [3 / 4, (3 / 4 * 2 / 3) ** 0.5, (3 / 4 * 2 / 3 * 1 / 2) ** (1 / 3)]
    np.testing.assert_allclose(found[:3], np.multiply(penalty, wanted), 1e-6)
    assert found[3] < 1e-3
    # The closest length counts, the shorter of two as close.
    two = [words("a b"), words("a b c d")]
    assert bleu([words("a b c")], [two])[0] == pytest.approx(1.0)


def test_rouge_by_hand():
    found = rouge_l(
        [words("a dog barks loud"), words("a cat"), []],
        [[words("a loud dog barks")], [words("it rains")], [words("rain")]],
    )
    assert found[0] == pytest.approx(3 / 4)  # precision and recall are both
    assert found.tolist()[1:] == [0.0, 0.0]
    # precision 1 of the first reference, recall 1 of the second
    both = [words("a dog barks now"), words("dog")]
    assert rouge_l([words("a dog")], [both])[0] == pytest.approx(1.0)


def test_cider_by_hand():
    """Two clips: a word in both weighs nothing, others log 2."""
    candidates = [words("a dog"), words("a cat sings")]
    references = [[words("a dog")], [words("a bird")]]
    found = cider_d(candidates, references)
    # Unigram and bigram agree (10 each), there are no longer ones.
    assert found[0] == pytest.approx(10 * 2 / 4)
    assert found[1] == 0.0
    longer = cider_d([words("a dog dog dog"), candidates[1]], references)
    # Unigrams: weights 3 and 1 of log 2, clipped to 1: 1 / 3; the bigram
    # "a dog" beside two of "dog dog" of the weight log 2: 1 / sqrt(5).
    alike = math.exp(-(2**2) / (2 * 6**2))
    wanted = 10 / 4 * alike * (1 / 3 + 1 / math.sqrt(5))
    assert longer[0] == pytest.approx(wanted)
    with pytest.raises(ValueError, match="fewer than two"):
        cider_d(candidates[:1], references[:1])


def test_published_check_values():
    """Also without Java: these captions have nothing to disagree about."""
    found = caption_scores(CANDIDATES, REFERENCES, java=False)
    assert found["scores"].keys() == WANTED.keys()
    for name, value in WANTED.items():
        assert found["scores"][name] == pytest.approx(value, abs=5e-8), name
    assert found["missing"].keys() == {"METEOR", "SPICE", "SPIDEr"}
    assert found["each"]["CIDEr"].shape == (3,)
    assert "not PTB" in found["tokens"]
    assert list(found["scores"]) == [x for x in METRICS if x in WANTED]


def test_equals_pycocoevalcap():
    """On many made-up captions, with repeated and with missing words."""
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    rng = np.random.default_rng(0)
    known = "a the dog cat rain barks falls loud on roof while twice".split()

    def sentence():
        return " ".join(rng.choice(known, rng.integers(1, 12)))

    texts = {i: [sentence()] for i in range(40)}
    refs = {i: [sentence() for _ in range(1 + i % 5)] for i in range(40)}
    ours = [[words(t) for t in x] for x in refs.values()]
    said = [words(x[0]) for x in texts.values()]
    wanted = Bleu(4).compute_score(refs, texts, verbose=0)[0]
    np.testing.assert_allclose(bleu(said, ours), wanted, rtol=1e-9)
    for function, peer in ((rouge_l, Rouge()), (cider_d, Cider())):
        wanted, each = peer.compute_score(refs, texts)
        found = function(said, ours)
        np.testing.assert_allclose(found, each, rtol=1e-9, atol=1e-12)
        assert found.mean() == pytest.approx(wanted)


@WITH_JAVA
def test_java_programs():
    """PTB words and METEOR; SPICE's parser is in no package."""
    pytest.importorskip("pycocoevalcap")
    found = caption_scores(CANDIDATES, REFERENCES)
    assert found["tokens"].startswith("PTB")
    assert found["scores"]["METEOR"] == pytest.approx(0.3450220, abs=1e-6)
    assert "pycocoevalcap 1.2" in found["providers"]["METEOR"]
    for name, value in WANTED.items():
        assert found["scores"][name] == pytest.approx(value, abs=5e-8), name
    if "SPICE" in found["missing"]:
        assert "corenlp-3.6.0" in found["missing"]["SPICE"]
        assert "SPIDEr" in found["missing"]


@WITH_JAVA
def test_simple_words_are_nearly_ptb_words():
    pytest.importorskip("pycocoevalcap")
    texts = [
        "A dog's bark, then rain; it isn't loud!",
        "High-pitched BEEPS... (twice) at 1,000 or 3.5 kHz",
        "",
        "Someone says: \"I can't, they're here\" - and leaves.",
        "dogs' barks & a cannot-be-heard wind's howl",
    ]
    found = caption_java.ptb_words(texts)
    for text, wanted in zip(texts, found, strict=True):
        if "&" not in text:  # a word to PTB
            assert simple_words(text) == wanted


def test_missing_is_never_zero(monkeypatch):
    monkeypatch.setattr(caption_java.shutil, "which", lambda name: None)
    found = caption_scores(CANDIDATES, REFERENCES)
    assert found["missing"]["METEOR"] == "there is no java on the PATH"
    assert not {"METEOR", "SPICE", "SPIDEr"} & found["scores"].keys()
    with pytest.raises(caption_java.UnavailableError, match="no java"):
        caption_scores(CANDIDATES, REFERENCES, java=True)
    alone = caption_scores(CANDIDATES[:1], REFERENCES[:1])
    assert "CIDEr" in alone["missing"] and "CIDEr" not in alone["scores"]
    assert "CIDEr" in alone["missing"]["SPIDEr"]


def test_spider_where_spice_is(monkeypatch, tmp_path):
    """SPICE's program is played by what writes its kind of file."""
    monkeypatch.setattr(caption_java, "find_jar", lambda *names: tmp_path)
    monkeypatch.setattr(caption_java, "provider", str)
    monkeypatch.setattr(
        caption_java,
        "ptb_words",
        lambda texts: [simple_words(x) for x in texts],
    )
    monkeypatch.setattr(caption_java, "meteor", lambda *_: (0.5, [0.5] * 3))

    def run(command, **options):
        rows = json.loads(open(command[4]).read())
        assert [row["test"] for row in rows] == CANDIDATES
        values = [0.25, None, 0.75]
        rows = [
            {"image_id": row["image_id"], "scores": {"All": {"f": value}}}
            for row, value in zip(rows, values, strict=True)
        ]
        with open(command[6], "w") as stream:
            json.dump(rows, stream)

    monkeypatch.setattr(caption_java, "_run", run)
    found = caption_scores(CANDIDATES, REFERENCES)
    assert not found["missing"]
    assert list(found["scores"]) == list(METRICS)
    assert found["scores"]["SPICE"] == 0.5
    cider = found["each"]["CIDEr"]
    wanted = ((cider[0] + 0.25) / 2 + (cider[2] + 0.75) / 2) / 2
    assert found["scores"]["SPIDEr"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    "candidates, references, told",
    [
        ([], [], "0 captions"),
        (["a"], [], "references of 0"),
        (["a"], [[]], "clip 0"),
        (["a"], ["b"], "clip 0"),
        (["a"], [["b", " "]], "clip 0"),
        ([None], [["b"]], "None"),
    ],
)
def test_what_cannot_be_is_refused(candidates, references, told):
    with pytest.raises(ValueError, match=told):
        caption_scores(candidates, references)


def test_an_empty_caption_scores_zero():
    found = caption_scores(["", *CANDIDATES[1:]], REFERENCES, java=False)
    assert found["each"]["CIDEr"][0] == found["each"]["ROUGE-L"][0] == 0
    assert np.isfinite(list(found["scores"].values())).all()
