"""What a search finds, against plain sums and sorting in float64."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.audio import BadClipError, read_audio
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.search_page import write_search_page
from speechbrain_clap.inference import QueryModifierRetrieval, SoundIndex
from speechbrain_clap.inference.loading import load_embedder
from speechbrain_clap.inference.nearest import ApproximateSearch, ExactSearch
from speechbrain_clap.lobes.cnn14 import CNN6
from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.projection import ResidualProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.models.export import export_like
from speechbrain_clap.models.query_modifier import QueryModifier


def by_hand(vectors, query, k, without=()):
    """Rows and cosines in float64, equal ones in their order."""
    vectors = np.asarray(vectors, np.float64)
    cosines = [
        float(np.sum(row * query) / np.sqrt(np.sum(row * row)))
        for row in vectors
    ]
    order = sorted(range(len(vectors)), key=lambda i: (-cosines[i], i))
    order = [i for i in order if i not in without][:k]
    norm = np.sqrt(np.sum(query * query))
    return order, [cosines[i] / norm for i in order]


@pytest.mark.parametrize("k", [1, 7, 500])
def test_exact_search_is_exact(k):
    """Near ties, ties, norms of many sizes, blocks, rows left out."""
    draw = np.random.default_rng(0)
    query = draw.standard_normal(63)
    vectors = draw.standard_normal((5000, 63))
    # Closer to one another than float32 can tell after a product of 63.
    vectors[:3900:13] = query + 2e-4 * draw.standard_normal((300, 63))
    vectors[4000:4010] = vectors[26]  # ties, past a block's end too
    vectors[4096] = vectors[26]
    vectors = vectors.astype(np.float32)
    vectors *= 2.0 ** draw.integers(-20, 20, (5000, 1))  # ties stay ties
    without = {4000, 4003, 4999}
    rows, cosines = ExactSearch(vectors)(query, k, without)
    want, values = by_hand(vectors, query, k, without)
    assert rows.tolist() == want
    np.testing.assert_allclose(cosines, values, rtol=1e-14)


def test_few_rows():
    """k beyond what there is; nothing there; all left out."""
    vectors = np.array([[1, 0], [0, 1]], np.float32)
    search = ExactSearch(vectors)
    assert search(np.array([0, 1.0]), 9)[0].tolist() == [1, 0]
    assert search(np.array([0, 1.0]), 9, {1})[0].tolist() == [0]
    assert search(np.array([0, 1.0]), 9, {0, 1})[0].tolist() == []
    assert ExactSearch(vectors[:0])(np.array([0, 1.0]), 9)[0].tolist() == []


def test_approximate_search(tmp_path):
    """Finds nearly all in clusters; cosines are the exact ones."""
    pytest.importorskip("faiss")
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((40, 32))
    vectors = centres[draw.integers(0, 40, 4000)]
    vectors = vectors + 0.5 * draw.standard_normal((4000, 32))
    vectors = (vectors * draw.uniform(0.1, 9, (4000, 1))).astype(np.float32)
    path = tmp_path / "approximate.faiss"
    exact, search = ExactSearch(vectors), ApproximateSearch(vectors, path)
    written = path.stat().st_mtime_ns
    found = 0
    for query in centres[:20]:
        want, values = exact(query, 10, {5, 6})
        rows, cosines = search(query, 10, {5, 6})
        found += len(set(rows) & set(want))
        known = dict(zip(want.tolist(), values, strict=True))
        for row, cosine in zip(rows.tolist(), cosines, strict=True):
            assert cosine == known.get(row, cosine)
        assert not {5, 6} & set(rows.tolist())
    assert found >= 190
    again = ApproximateSearch(vectors, path)
    assert path.stat().st_mtime_ns == written
    assert again(centres[0], 3)[0].tolist() == search(centres[0], 3)[0].tolist()


@pytest.fixture
def index(tiny_clap_folder, tmp_path):
    """Eight sounds; the last two are the same."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    draw = np.random.default_rng(0)
    for i in range(7):
        wav = 0.1 * draw.standard_normal(8000)
        soundfile.write(sounds / f"{i}.wav", wav * i + wav.cumsum(), 16000)
    soundfile.write(sounds / "7.wav", *soundfile.read(sounds / "6.wav"))
    index = SoundIndex(tmp_path / "index", tiny_clap_folder, device="cpu")
    index.update(sounds)
    return index


def check(index, answer, query, k=10, without=()):
    """Compares an answer with sums and sorting by hand."""
    np.testing.assert_allclose(answer.query, query, rtol=1e-5, atol=1e-7)
    rows, cosines = by_hand(index.vectors, answer.query, k, without)
    assert [hit.path for hit in answer] == [index.paths[i] for i in rows]
    np.testing.assert_allclose([h.cosine for h in answer], cosines, rtol=1e-9)


def test_texts_sounds_and_sums(index, tmp_path):
    """Every combination, against sums of embeddings by hand."""
    clap = index.model
    rain, wind = clap.embed_text(["rain", "wind"]).double().numpy()
    other = tmp_path / "other.wav"
    soundfile.write(other, *soundfile.read(index.sounds / "3.wav"))
    three = clap.embed_audio_files([str(other)])[0].double().numpy()
    stored = index.vector("3.wav").astype(float)
    np.testing.assert_allclose(three, stored, atol=1e-6)

    check(index, index.search("rain"), rain)
    check(index, index.search(["rain", "wind"], k=3), rain + wind, 3)
    check(
        index,
        index.search({"rain": 2, "wind": -0.5}),
        2 * rain - 0.5 * wind,
    )
    check(index, index.search(sound=other), three)
    check(index, index.search(sound="3.wav"), stored)
    answer = index.search(
        "rain", sound={other: 0.5, "1.wav": 2}, modifier={"wind": 3}, k=5
    )
    one = index.vector("1.wav").astype(float)
    check(index, answer, 0.5 * three + 2 * one + rain + 3 * wind, 5)
    assert answer.asked.endswith("+ 2 × 1.wav + “rain” + 3 × “wind”")
    same = index.search(sound="6.wav", k=2)
    assert [hit.path for hit in same] == ["6.wav", "7.wav"]
    assert same[0].cosine == same[1].cosine == pytest.approx(1, abs=1e-12)
    without = index.search(sound="6.wav", without=["6.wav", same[1]])
    assert without.searched == len(without) == 6
    check(index, without, index.vector("6.wav").astype(float), 10, {6, 7})


def test_a_query_modifier(index, tmp_path):
    """Embeddings add up as they are, of any norm, as in training."""
    text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16)
    text.fit_vocabulary(["add dog bark", "make rain louder"])
    modifier = QueryModifierRetrieval(
        modules={
            "query_modifier": QueryModifier(
                CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
                text,
                ResidualProjection(16, 12),
                ResidualProjection(8, 12),
                embedding_dim=12,
                labels=["dog", "rain"],
            )
        },
        hparams={"clip_policy": {"padding": "zero", "long": "center"}},
    )
    other = SoundIndex(tmp_path / "other", modifier)
    other.update(index.sounds)
    norms = np.linalg.norm(other.vectors, axis=1)
    assert not np.allclose(norms, 1)
    answer = other.search(sound="2.wav", modifier="add dog bark")
    wav = read_audio(index.sounds / "2.wav", modifier.sample_rate)
    query = modifier.encode_query(wav, ["add dog bark"])[0]
    check(other, answer, answer.query)
    query = query.double().numpy()
    cosines = answer.query @ query / np.linalg.norm(answer.query)
    assert cosines == pytest.approx(1, abs=1e-6)


def test_refinement_goes_on_from_the_stored_vector(index):
    """The last result plus a text, again and again, or from a chosen hit."""
    wind, loud = index.model.embed_text(["wind", "loud"]).double().numpy()
    first = index.search("rain", k=3)
    second = index.refine(first, "wind", k=3)
    place = index.paths.index(first[0].path)
    query = index.vectors[place].astype(float) + wind
    check(index, second, query, 3, {place})
    third = index.refine(second[2], {"loud": 0.5}, k=2)
    place = index.paths.index(second[2].path)
    query = index.vectors[place].astype(float) + 0.5 * loud
    check(index, third, query, 2, {place})
    assert third.searched == 7
    (index.sounds / second[2].path).unlink()
    index.update()
    with pytest.raises(DataError, match="nor in the index"):
        index.refine(second[2], "loud")


def test_what_cannot_be_searched(index, tmp_path, monkeypatch):
    """One clear error each."""
    with pytest.raises(DataError, match="pass a text, a sound or a modifier"):
        index.search()
    with pytest.raises(DataError, match="“rain” - 1 × “rain”|cancel out"):
        index.search({"rain": 1}, modifier={"rain": -1})
    with pytest.raises(DataError, match="k is 0"):
        index.search("rain", k=0)
    with pytest.raises(DataError, match="none.wav is neither a file nor"):
        index.search(sound="none.wav")
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    with pytest.raises(BadClipError, match="bad.wav: cannot be decoded"):
        index.search(sound=bad)
    nothing = index.search("rain", without=index.paths)
    assert len(nothing) == 0
    with pytest.raises(DataError, match="found nothing to refine"):
        index.refine(nothing, "wind")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"speechbrain_clap\[search\]"):
        index.search("rain", exact=False)


def test_faiss_is_made_once_and_anew_after_an_update(index):
    """Its file lies beside the vectors that it is of."""
    pytest.importorskip("faiss")
    exact = index.search("rain", k=4)
    answer = index.search("rain", k=4, exact=False)
    assert answer.hits == exact.hits and not answer.exact
    assert (index.folder / "approximate-000001.faiss").exists()
    soundfile.write(index.sounds / "8.wav", np.full(8000, 0.1), 16000)
    index.update()
    assert not list(index.folder.glob("*.faiss"))
    assert len(index.search("rain", exact=False)) == 9


def test_the_model_is_found_again_unless_it_has_changed(
    index, tiny_clap_folder
):
    """The index knows its name; other weights there are refused."""
    again = SoundIndex(index.folder, device="cpu")
    assert again.search("rain") == index.search("rain")
    assert again.update().kept == 8
    clap = load_embedder(tiny_clap_folder, device="cpu").model
    with torch.no_grad():
        clap.logit_scale.add_(1)
    export_like(tiny_clap_folder, tiny_clap_folder, clap, {})
    with pytest.raises(DataError, match="is stale: its weights"):
        SoundIndex(index.folder, device="cpu").search("rain")


def test_page(index, tmp_path):
    """Players of what was asked and found; what is gone is said to be."""
    first = index.search("<rain> & wind", sound="3.wav", k=4)
    second = index.refine(first, "add dog bark", k=3)
    path = tmp_path / "pages" / "found.html"
    text = write_search_page(path, [first, second]).read_text("utf-8")
    assert text.count("<audio") == 1 + 4 + 1 + 3
    assert "&lt;rain&gt; &amp; wind" in text and "<rain>" not in text
    assert text.count("<section>") == 2 and "1</b><span>refinements" in text
    assert "<script" not in text and str(tmp_path) not in text
    assert 'class="banner' not in text
    (index.sounds / second[0].path).unlink()
    text = write_search_page(path, [second]).read_text("utf-8")
    assert text.count("<audio") == 3 and text.count("cannot be read now") == 1
