"""Stores of embeddings: whole or refused, and resumed after a kill.

Authors
 * The speechbrain_clap team 2026
"""

import json

import numpy as np
import pytest
import torch

from speechbrain_clap.curation.store import EmbeddingStore, EmbeddingWriter

MADE_BY = {"model": "clap", "seconds": 5.0, "pool": (1, 2)}


def rows(start, stop):
    """Names of some rows."""
    names = [f"c{i}" for i in range(start, stop)]
    return {"id": names, "path": [f"{name}.wav" for name in names]}


def vectors(start, stop):
    """Embeddings of some rows: [n, 3]."""
    return np.arange(3 * start, 3 * stop, dtype=np.float32).reshape(-1, 3) / 8


def test_round_trip(tmp_path):
    """What was written is read, as float16, from arrays and tensors."""
    with EmbeddingWriter(tmp_path, 3, MADE_BY, part_rows=4) as writer:
        writer.append(vectors(0, 5), rows(0, 5))
        part = torch.from_numpy(vectors(5, 11)).bfloat16().requires_grad_()
        writer.append(part, rows(5, 11))
    store = EmbeddingStore.open(tmp_path, {**MADE_BY, "pool": [1, 2]})
    assert len(store) == 11 and store.dim == 3
    np.testing.assert_array_equal(store.embeddings, vectors(0, 11))
    np.testing.assert_array_equal(store.read(4, 9), vectors(4, 9))
    assert store.embeddings.dtype == store.read(0, 1).dtype == np.float16
    assert store.rows().to_pydict() == rows(0, 11)
    assert store.ids([10, 0]) == ["c10", "c0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "embeddings.f16",
        "rows.parquet",
        "store.json",
    ]


def test_stale_is_refused(tmp_path):
    """The error says what differs."""
    with EmbeddingWriter(tmp_path, 3, MADE_BY) as writer:
        writer.append(vectors(0, 1), rows(0, 1))
    with pytest.raises(ValueError, match="its seconds is 5.0, but 7.0"):
        EmbeddingStore.open(tmp_path, {**MADE_BY, "seconds": 7.0})
    with pytest.raises(ValueError, match="its dtype is None, but 'bf16'"):
        EmbeddingStore.open(tmp_path, {**MADE_BY, "dtype": "bf16"})
    with pytest.raises(FileExistsError, match="finished store"):
        EmbeddingWriter(tmp_path, 3, MADE_BY)


def test_half_written_is_no_store(tmp_path):
    """An error or a kill leaves nothing that opens; whole parts stay."""
    with pytest.raises(RuntimeError):
        with EmbeddingWriter(tmp_path, 3, MADE_BY, part_rows=2) as writer:
            writer.append(vectors(0, 3), rows(0, 3))  # on disk
            writer.append(vectors(3, 4), rows(3, 4))  # held only
            raise RuntimeError
    with pytest.raises(FileNotFoundError, match="no finished store"):
        EmbeddingStore.open(tmp_path)
    # Killed between the vectors of a part and its rows.
    with open(tmp_path / "unfinished" / "embeddings.f16", "ab") as file:
        file.write(b"half a vector's worth"[:5])
    writer = EmbeddingWriter(tmp_path, 3, MADE_BY)
    assert writer.written_ids() == ["c0", "c1", "c2"] and writer.written == 3
    with writer:
        writer.append(vectors(3, 6), rows(3, 6))
    store = EmbeddingStore.open(tmp_path)
    np.testing.assert_array_equal(store.embeddings, vectors(0, 6))
    assert store.rows().to_pydict() == rows(0, 6)


def test_other_settings_do_not_go_on(tmp_path):
    """Parts of one model are not finished by another."""
    writer = EmbeddingWriter(tmp_path, 3, MADE_BY)
    writer.append(vectors(0, 2), rows(0, 2))
    writer.flush()
    with pytest.raises(ValueError, match="model is 'clap', but 'other'"):
        EmbeddingWriter(tmp_path, 3, {**MADE_BY, "model": "other"})
    with pytest.raises(ValueError, match="dim is 3, but 4"):
        EmbeddingWriter(tmp_path, 4, MADE_BY)


@pytest.mark.parametrize("done", ["rows.parquet", "embeddings.f16"])
def test_killed_while_finishing(done, tmp_path, monkeypatch):
    """Each step of the end can be the last one of a run."""
    from speechbrain_clap.curation import store as module

    class Killed(BaseException):
        """Stands for the signal."""

    def killed(*arguments):
        raise Killed

    writer = EmbeddingWriter(tmp_path, 3, MADE_BY)
    writer.append(vectors(0, 2), rows(0, 2))
    writer.flush()
    with monkeypatch.context() as patch:
        if done == "rows.parquet":
            replace = module.os.replace

            def only_rows(source, target):
                if target.name == "embeddings.f16":
                    raise Killed
                replace(source, target)

            patch.setattr(module.os, "replace", only_rows)
        else:
            patch.setattr(module, "write_json", killed)
        with pytest.raises(Killed):
            writer.finish()
    assert (tmp_path / done).exists()
    with pytest.raises(FileNotFoundError):
        EmbeddingStore.open(tmp_path)
    with EmbeddingWriter(tmp_path, 3, MADE_BY) as writer:
        assert writer.written_ids() == ["c0", "c1"]
        writer.append(vectors(2, 3), rows(2, 3))
    store = EmbeddingStore.open(tmp_path)
    np.testing.assert_array_equal(store.embeddings, vectors(0, 3))
    assert store.ids([2]) == ["c2"]


def test_cut_file_is_refused(tmp_path):
    """The size must be what the store says."""
    with EmbeddingWriter(tmp_path, 3) as writer:
        writer.append(vectors(0, 2), rows(0, 2))
    with open(tmp_path / "embeddings.f16", "r+b") as file:
        file.truncate(7)
    with pytest.raises(ValueError, match="7 bytes, but 2 rows of 3"):
        EmbeddingStore.open(tmp_path)


def test_bad_input(tmp_path):
    """Shapes and numbers that cannot be stored are told by name."""
    writer = EmbeddingWriter(tmp_path, 3)
    with pytest.raises(ValueError, match="2 rows of 3 .* \\[2, 4\\]"):
        writer.append(np.zeros((2, 4)), rows(0, 2))
    with pytest.raises(ValueError, match="c1: -70000 is beyond float16"):
        writer.append([[0, 0, 1], [1, -7e4, 0]], rows(0, 2))
    writer.append([[np.nan, np.inf, 0]], rows(0, 1))  # a join names them


def test_empty_and_new_columns(tmp_path):
    """No rows at all; a column that is known only later on."""
    EmbeddingWriter(tmp_path / "none", 3).finish()
    none = EmbeddingStore.open(tmp_path / "none")
    assert len(none) == 0 and none.embeddings.shape == (0, 3)
    assert none.read(0, 0).shape == (0, 3) and none.rows().num_rows == 0
    with EmbeddingWriter(tmp_path / "late", 3, part_rows=1) as writer:
        writer.append(vectors(0, 1), {"id": ["a"], "label": [None]})
        writer.append(vectors(1, 2), {"id": ["b"], "label": ["dog"]})
    late = EmbeddingStore.open(tmp_path / "late")
    assert late.rows()["label"].to_pylist() == [None, "dog"]
    about = json.loads((tmp_path / "late" / "store.json").read_text())
    assert about == {"n": 2, "dim": 3, "fingerprint": {}, "complete": True}
