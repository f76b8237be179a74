"""The join equals brute force, to the bit, however it is cut.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from speechbrain_clap.curation import join as join_file
from speechbrain_clap.curation.join import SimilarityJoin
from speechbrain_clap.curation.pair_files import read_pairs
from speechbrain_clap.curation.products import (
    QuickProduct,
    fastest_dtype,
    normalise,
    similarities,
)
from speechbrain_clap.curation.store import EmbeddingStore, EmbeddingWriter

MODES = [
    (0.5, None, "left"),
    (-0.3, None, "left"),
    (-1.0, None, "left"),
    (None, 3, "left"),
    (None, 3, "right"),
    (0.2, 2, "left"),
    (0.2, 200, "right"),
    (None, 200, "left"),
]


def store(folder, rows):
    """A store of the rows, named r0, r1 ..."""
    rows = np.asarray(rows, np.float32)
    with EmbeddingWriter(folder, rows.shape[1]) as writer:
        writer.append(rows, {"id": [f"r{i}" for i in range(len(rows))]})
    return EmbeddingStore.open(folder)


def joined(left, right, folder, *settings, **more):
    """Left rows, right rows and similarities that a join finds."""
    SimilarityJoin(*settings, **more, progress=False).run(left, right, folder)
    parts = list(read_pairs(folder))
    if not parts:
        return tuple(np.zeros(0, np.int64) for _ in range(3))
    return tuple(np.concatenate(x) for x in zip(*parts, strict=True))


def brute_force(left, right, threshold, top_k, per):
    """All float32 products, and the rules as they are told."""
    a, a_usable = normalise(left.read(0, len(left)))
    b, b_usable = normalise(right.read(0, len(right)))
    i, j = (x.ravel() for x in np.indices((len(a), len(b))))
    scores = similarities(a, b, i, j).reshape(len(a), len(b)).copy()
    # Not the same rounding, but the same numbers.
    exact = a.double().numpy() @ b.double().numpy().T
    np.testing.assert_allclose(scores, exact, atol=3e-7)
    keep = a_usable.numpy()[:, None] & b_usable.numpy()[None]
    if threshold is not None:
        keep &= scores >= np.float32(threshold)
    if top_k is not None:
        ranked = np.where(keep, scores, -np.inf)
        ranked = ranked if per == "left" else ranked.T
        order = np.argsort(-ranked, axis=1, kind="stable")[:, :top_k]
        best = np.zeros_like(ranked, bool)
        np.put_along_axis(best, order, True, axis=1)
        keep &= best if per == "left" else best.T
    i, j = np.nonzero(keep)
    return i, j, scores[i, j]


def rows_of(kind, count, dim, generator):
    """Made embeddings, some of them of no use."""
    rows = generator.normal(size=(count, dim))
    if kind == "ties":
        rows = np.sign(rows)
    if kind == "duplicates":
        rows = rows[generator.integers(0, max(1, count // 5), count)]
    for value in (0.0, np.nan, np.inf):
        rows[generator.random(count) < 0.04] = value
    return rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["random", "ties", "duplicates"])
def test_equals_brute_force(kind, dtype, tmp_path, monkeypatch):
    """Any sizes, blocks and rules give the pairs of the definition."""
    monkeypatch.setattr(
        join_file, "QuickProduct", lambda dim, _: QuickProduct(dim, dtype=dtype)
    )
    generator = np.random.default_rng(len(kind))
    for trial, (m, n, dim) in enumerate([(1, 1, 1), (23, 31, 8), (34, 19, 33)]):
        left = store(tmp_path / f"l{trial}", rows_of(kind, m, dim, generator))
        right = store(tmp_path / f"r{trial}", rows_of(kind, n, dim, generator))
        for mode in MODES:
            # From a row at a time to all at once, and never in whole blocks.
            for memory, part in ((2e-3, 11), (10, 1000)):
                found = joined(
                    left,
                    right,
                    tmp_path / f"{trial}-{mode}-{memory}",
                    *mode,
                    memory_megabytes=memory,
                    rows_per_part=part,
                )
                wanted = brute_force(left, right, *mode)
                for ours, theirs in zip(found, wanted, strict=True):
                    np.testing.assert_array_equal(ours, theirs)


def test_ties_at_the_threshold(tmp_path):
    """Products that are exactly 0.5 are kept at 0.5, and not just above."""
    signs = np.array(
        [[1, 1, 1, 1], [1, 1, 1, -1], [1, 1, -1, -1], [-1, 1, 1, 1]]
    )
    signs = store(tmp_path / "signs", signs)
    i, j, values = joined(signs, signs, tmp_path / "at", 0.5)
    pairs = list(zip(i.tolist(), j.tolist(), strict=True))
    assert pairs == [
        *((0, 0), (0, 1), (0, 3)),
        *((1, 0), (1, 1), (1, 2)),
        *((2, 1), (2, 2)),
        *((3, 0), (3, 3)),
    ]
    assert set(values.tolist()) == {0.5, 1.0}
    above = float(np.nextafter(np.float32(0.5), np.float32(1)))
    i, j, _ = joined(signs, signs, tmp_path / "above", above)
    assert i.tolist() == j.tolist() == [0, 1, 2, 3]


def test_decimal_thresholds_are_float32(tmp_path):
    """0.6 keeps what is 0.6 as a float32, though as a float64 it is not."""
    left = store(tmp_path / "left", [[3, 4]])
    right = store(tmp_path / "right", [[1, 0], [0, 1]])
    _, j, values = joined(left, right, tmp_path / "pairs", 0.8)
    assert j.tolist() == [1] and values[0] == np.float32(0.8)
    assert len(joined(left, right, tmp_path / "more", 0.6)[0]) == 2


def test_bfloat16_alone_would_be_wrong(tmp_path):
    """Rows whose bfloat16 forms mislead still give the float32 pairs."""
    generator = np.random.default_rng(0)
    centre = generator.normal(size=256)
    rows = centre + 0.65 * generator.normal(size=(400, 256))
    left, right = (
        store(tmp_path / "l", rows[:150]),
        store(tmp_path / "r", rows[150:]),
    )
    a, b = (normalise(s.read(0, len(s)))[0] for s in (left, right))
    i, j, _ = brute_force(left, right, 0.7, None, None)
    rough = (a.bfloat16() @ b.bfloat16().T).float().numpy() >= 0.7
    assert 0.2 < rough.mean() < 0.8 and rough[i, j].sum() < len(i)
    found = joined(left, right, tmp_path / "pairs", 0.7)
    np.testing.assert_array_equal(found[0], i)
    np.testing.assert_array_equal(found[1], j)


@pytest.mark.parametrize("dim", [1, 7, 64, 1024])
def test_margin_holds(dim):
    """No quick product is further from the exact one than the margin."""
    generator = np.random.default_rng(dim)
    # In the middle between two bfloat16: as far off as rounding goes.
    worst = np.ones((4, dim))
    worst[1] += 2.0**-8
    worst[2, ::2] += 2.0**-8
    rows = np.concatenate([worst, generator.normal(size=(60, dim))])
    for dtype in (torch.bfloat16, torch.float32):
        product = QuickProduct(dim, dtype=dtype)
        block = product.block(rows.astype(np.float16))
        exact = block.rows.double() @ block.rows.double().T
        quick = block.quick.double() @ block.quick.double().T
        assert (exact - quick).abs().max() <= product.margin < 2.0**-6
        scores = product.scores(block.quick, block.usable, block)
        for i, j in np.ndindex(8, 8):  # each found at its own similarity
            floors = np.full(64, exact[i, j].item())
            rows_found, columns = product.above(scores, floors)
            assert ((rows_found == i) & (columns == j)).any()


def test_similarity_has_one_value():
    """Neither the company of a pair nor its place changes a bit."""
    generator = np.random.default_rng(0)
    raw = generator.normal(size=(70, 515)).astype(np.float16)
    rows, _ = normalise(raw)
    i, j = (x.ravel() for x in np.indices((70, 70)))
    together = similarities(rows, rows, i, j).reshape(70, 70)
    np.testing.assert_array_equal(together, together.T)
    zero = np.zeros(1, np.int64)
    for a, b in generator.integers(0, 70, (30, 2)):
        x, y = (normalise(raw[c : c + 1])[0] for c in (a, b))
        assert similarities(x, y, zero, zero)[0] == together[a, b]


def test_rows_of_no_use_are_named(tmp_path, caplog):
    """Zero and NaN rows pair with nothing, even where all others do."""
    left = store(tmp_path / "left", [[0, 0], [1, 2], [np.nan, 1]])
    right = store(tmp_path / "right", [[-1, -2], [np.inf, 0]])
    i, j, values = joined(left, right, tmp_path / "pairs", -1)
    assert (i.tolist(), j.tolist()) == ([1], [0])
    assert values[0] == pytest.approx(-1)
    about = json.loads((tmp_path / "pairs" / "join.json").read_text())
    assert about["left_out"] == {"left": 2, "right": 1}
    with open(tmp_path / "pairs" / "left_out.csv", newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["left", "0", "r0", "zero"],
            ["left", "2", "r2", "not finite"],
            ["right", "1", "r1", "not finite"],
        ]
    assert "2 of the left rows" in caplog.text and "r0, r2" in caplog.text


def test_empty(tmp_path):
    """No pair, or no row, is a result too."""
    some = store(tmp_path / "some", [[1, 0], [1, 0.1]])
    other = store(tmp_path / "other", [[-1, 0]])
    none = store(tmp_path / "none", np.zeros((0, 2)))
    for name, (left, right) in enumerate(
        [(some, other), (some, none), (none, some), (none, none)]
    ):
        for mode in ((0.5, None), (0.5, 1), (0.5, 1, "right")):
            folder = tmp_path / f"{name}-{mode}"
            assert len(joined(left, right, folder, *mode)[0]) == 0
    parts = sorted((tmp_path / "0-(0.5, None)").glob("part-*.parquet"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [0]
    estimate = SimilarityJoin(0.5).estimate(none, some)
    assert estimate == {"pairs": 0.0, "standard_error": 0.0, "sample": 0}


def contents(folder):
    """The bytes of every file that a join leaves."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def load(path):
    """The module in a file that is no part of a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_same_bytes_for_ranks_and_after_a_kill(tmp_path):
    """Files do not tell how many made them, nor how often."""
    generator = np.random.default_rng(1)
    store(tmp_path / "left", rows_of("random", 70, 16, generator))
    store(tmp_path / "right", rows_of("random", 50, 16, generator))
    script = pathlib.Path(__file__).with_name("join_ranks.py")
    processes = [
        subprocess.Popen([sys.executable, script, *map(str, arguments)])
        for arguments in (
            (0, 2, tmp_path, "two", -1, "no", "right"),
            (1, 2, tmp_path, "two", -1, "no", "right"),
            (0, 1, tmp_path, "cut", 1, "no"),
            (0, 1, tmp_path, "cut", 1, "right"),
        )
    ]
    run = load(script).run
    for per in ("no", "right"):
        run(tmp_path, "one", per)
    assert [process.wait(60) for process in processes] == [0, 0, 9, 9]
    with pytest.raises(FileNotFoundError, match="no finished join"):
        list(read_pairs(tmp_path / "cut-no"))
    first = tmp_path / "cut-no" / "part-000000.parquet"
    assert list((tmp_path / "cut-no").glob("part-*")) == [first]
    assert list((tmp_path / "cut-no").glob(".part-*"))  # what the kill left
    written = first.stat().st_mtime_ns
    for per in ("no", "right"):
        run(tmp_path, "cut", per)
        wanted = contents(tmp_path / f"one-{per}")
        assert len(wanted) == 7  # five parts, join.json, left_out.csv
        assert contents(tmp_path / f"two-{per}") == wanted
        assert contents(tmp_path / f"cut-{per}") == wanted
    assert first.stat().st_mtime_ns == written


def test_memory_does_not_change_bytes(tmp_path):
    """Row groups are cut by counts, not by what was held."""
    rows = np.random.default_rng(2).normal(size=(600, 4))
    rows = store(tmp_path / "rows", rows)
    for name, memory in (("small", 0.5), ("large", 100)):
        joined(rows, rows, tmp_path / name, -1.0, memory_megabytes=memory)
    wanted = contents(tmp_path / "small")
    assert contents(tmp_path / "large") == wanted
    part = tmp_path / "small" / "part-000000.parquet"
    assert pq.read_metadata(part).num_row_groups == 2


def test_refuses_another_join(tmp_path):
    """A folder keeps to the join it was begun with."""
    left = store(tmp_path / "left", [[1, 0], [1, 1]])
    joined(left, left, tmp_path / "pairs", 0.5)
    joined(left, left, tmp_path / "pairs", 0.5, memory_megabytes=1)
    with pytest.raises(ValueError, match="its threshold is 0.5, but 0.6"):
        joined(left, left, tmp_path / "pairs", 0.6)
    with pytest.raises(ValueError, match="its right is"):
        other = store(tmp_path / "other", [[1, 0]])
        joined(left, other, tmp_path / "pairs", 0.5)
    with pytest.raises(ValueError, match="2 numbers.*of 3"):
        wide = store(tmp_path / "wide", [[1, 0, 0]])
        joined(left, wide, tmp_path / "new", 0.5)
    (tmp_path / "pairs" / "join.json").unlink()
    with pytest.raises(FileExistsError, match="no join.json"):
        joined(left, left, tmp_path / "pairs", 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs a threshold"),
        ({"threshold": 70}, "in \\[-1, 1\\], not 70"),
        ({"top_k": 0}, "1 or more, not 0"),
        ({"top_k": 1, "per": "audio"}, "not 'audio'"),
        ({"top_k": 1, "rows_per_part": 0}, "must be positive"),
    ],
)
def test_refuses_nonsense(settings, message):
    """Settings that mean nothing are told at once."""
    with pytest.raises(ValueError, match=message):
        SimilarityJoin(**settings)


def test_estimate(tmp_path):
    """The sample's number is as near as its error says."""
    generator = np.random.default_rng(3)
    left = store(tmp_path / "left", generator.normal(size=(800, 5)))
    right = store(tmp_path / "right", generator.normal(size=(300, 5)))
    join = SimilarityJoin(0.6, progress=False)
    true = join.run(left, right, tmp_path / "pairs")["pairs"]
    whole = join.estimate(left, right)
    assert whole == {"pairs": true, "standard_error": 0.0, "sample": 800}
    off = []
    for seed in range(20):
        found = join.estimate(left, right, sample=100, seed=seed)
        off.append((found["pairs"] - true) / found["standard_error"])
    assert 0.5 < np.std(off) < 1.6 and abs(np.mean(off)) < 0.8
    one = join.estimate(left, right, sample=1)
    assert one["standard_error"] is None
    top = SimilarityJoin(top_k=4, per="right").estimate(left, right, 10)
    assert (top["pairs"], top["standard_error"]) == (1200, 0)
    with pytest.raises(ValueError, match="not 0"):
        join.estimate(left, right, sample=0)


def test_precision_settings_do_not_matter(tmp_path):
    """A user's `set_float32_matmul_precision` neither counts nor is lost."""
    rows = np.random.default_rng(4).normal(size=(300, 64))
    rows = store(tmp_path / "rows", rows)
    wanted = joined(rows, rows, tmp_path / "before", 0.1)
    torch.set_float32_matmul_precision("medium")
    try:
        found = joined(rows, rows, tmp_path / "after", 0.1)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert fastest_dtype(64) in (torch.float32, torch.bfloat16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mode", MODES)
def test_card_equals_cpu(mode, tmp_path):
    """The card only finds candidates: the files are the same."""
    generator = np.random.default_rng(5)
    left = store(tmp_path / "left", rows_of("random", 90, 33, generator))
    right = store(tmp_path / "right", rows_of("random", 80, 33, generator))
    for device in ("cpu", "cuda"):
        joined(left, right, tmp_path / device, *mode, device=device)
    assert contents(tmp_path / "cuda") == contents(tmp_path / "cpu")
