"""The index of sounds: updates, kills, and what may not happen to it."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import types

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.inference import (
    SoundIndex,
    index_files,
    index_unfinished,
)
from speechbrain_clap.inference.index_files import locked


class Ears(torch.nn.Module):
    """A model that hears loudness, and counts what it was asked.

    Arguments
    ---------
    seed : int
        Of its weights.
    kill_after : int or None
        How many sounds to hear before the process is killed.
    """

    sample_rate = 8000

    def __init__(self, seed=0, kill_after=None):
        super().__init__()
        self.hparams = types.SimpleNamespace(clip_policy={"long": "whole"})
        torch.manual_seed(seed)
        self.weight = torch.nn.Parameter(torch.randn(16, 4))
        self.heard, self.kill_after = [], kill_after

    def embed_audio_files(self, paths, batch_size=16):
        """Levels of 16 parts of each sound, [N, 16], through the weights."""
        if self.kill_after is not None and len(self.heard) >= self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        levels = [
            read_audio(path, self.sample_rate)[:800].reshape(16, 50).abs()
            for path in paths
        ]
        self.heard += [os.path.basename(path) for path in paths]
        return torch.stack([level.mean(1) for level in levels]) @ self.weight

    def embed_text(self, texts):
        """A vector for each text, from its letters."""
        rows = [
            np.random.default_rng(list(text.encode())).standard_normal(4)
            for text in texts
        ]
        return torch.tensor(np.array(rows), dtype=torch.float32)


def write(folder, name, seed):
    """A tenth of a second of noise that follows from the seed."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.1 * np.random.default_rng(seed).standard_normal(800)
    soundfile.write(path, wav, 8000)
    return path


@pytest.fixture
def sounds(tmp_path):
    """Six sounds in two folders."""
    folder = tmp_path / "sounds"
    for i in range(6):
        write(folder, f"{'ab'[i % 2]}/{i}.wav", i)
    return folder


def as_fresh(index, sounds, tmp_path):
    """Whether an index is what a new one of the same sounds would be."""
    fresh = SoundIndex(tmp_path / "fresh", Ears())
    fresh.update(sounds)
    again = SoundIndex(index.folder)
    assert again.paths == index.paths == fresh.paths
    np.testing.assert_allclose(index.vectors, fresh.vectors, rtol=1e-6)
    np.testing.assert_array_equal(index.vectors, again.vectors)
    assert index.unreadable == again.unreadable == fresh.unreadable
    shutil.rmtree(fresh.folder)


def names(index):
    """What lies in the folder of an index."""
    return sorted(path.name for path in index.folder.iterdir())


def test_only_what_changed_is_embedded(sounds, tmp_path):
    """Added, changed, removed; renamed, copied and touched are known."""
    model = Ears()
    index = SoundIndex(tmp_path / "index", model)
    report = index.update(sounds, batch_size=4)
    assert len(report.added) == report.embedded == len(index) == 6
    assert index.paths == sorted(report.added)
    assert index.paths[:2] == ["a/0.wav", "a/2.wav"]
    as_fresh(index, sounds, tmp_path)

    before = (index.folder / "index.json").read_bytes()
    model.heard.clear()
    report = index.update()
    assert str(report).startswith("6 sounds: 0 added, 0 changed, 0 removed")
    assert (index.folder / "index.json").read_bytes() == before

    write(sounds, "c/new.flac", 7)
    write(sounds, "a/0.wav", 8)
    (sounds / "b/1.wav").unlink()
    (sounds / "b/3.wav").rename(sounds / "c/renamed.wav")
    shutil.copy(sounds / "a/2.wav", sounds / "c/copy.wav")
    os.utime(sounds / "b/5.wav")
    (sounds / "notes.txt").write_text("no sound")
    report = index.update()
    assert model.heard == ["0.wav", "new.flac"] and report.embedded == 2
    assert report.added == ["c/copy.wav", "c/new.flac", "c/renamed.wav"]
    assert report.changed == ["a/0.wav"]
    assert report.removed == ["b/1.wav", "b/3.wav"]
    assert report.kept == 3 and not report.unreadable
    as_fresh(index, sounds, tmp_path)
    assert names(index) == [
        "index.json",
        "rows-000002.json",
        "update.lock",
        "vectors-000002.f32",
    ]


def test_swapped_files_of_one_size_and_time(sounds, tmp_path):
    """As in archives: only the change time tells, and the contents."""
    for path in sounds.rglob("*.wav"):
        os.utime(path, (1e9, 1e9))
    model = Ears()
    index = SoundIndex(tmp_path / "index", model)
    index.update(sounds)
    zero, two = index.vector("a/0.wav"), index.vector("a/2.wav")
    (sounds / "a/0.wav").rename(sounds / "a/t.wav")
    (sounds / "a/2.wav").rename(sounds / "a/0.wav")
    (sounds / "a/t.wav").rename(sounds / "a/2.wav")
    model.heard.clear()
    assert index.update().changed == ["a/0.wav", "a/2.wav"]
    assert not model.heard
    np.testing.assert_array_equal(index.vector("a/0.wav"), two)
    np.testing.assert_array_equal(index.vector("a/2.wav"), zero)


def test_moved_folder(sounds, tmp_path):
    """Nothing is embedded again, and hits are where the sounds are."""
    index = SoundIndex(tmp_path / "index", Ears())
    index.update(sounds)
    moved = sounds.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="sounds is no folder"):
        index.update()
    assert index.update(moved).kept == 6
    assert index.search("rain", k=1)[0].file.startswith(str(moved))


def test_unreadable_is_reported_and_remembered(sounds, tmp_path):
    """Not fatal; not tried again until it changes, or one asks for it."""
    (sounds / "a/bad.wav").write_bytes(b"no sound")
    shutil.copy(sounds / "a/bad.wav", sounds / "a/bad too.wav")
    soundfile.write(sounds / "silent.wav", np.zeros(800), 8000)
    model = Ears()
    index = SoundIndex(tmp_path / "index", model)
    report = index.update(sounds)
    assert sorted(report.unreadable) == [
        "a/bad too.wav",
        "a/bad.wav",
        "silent.wav",
    ]
    assert report.unreadable["silent.wav"].startswith("is silent")
    assert report.unreadable == index.unreadable
    assert len(index) == 6 and str(report).endswith("3 unreadable")
    as_fresh(index, sounds, tmp_path)

    tried, model.embed_audio_files = model.embed_audio_files, None
    assert index.update().unreadable == report.unreadable  # not touched
    os.utime(sounds / "a/bad.wav")
    shutil.copy(sounds / "a/bad.wav", sounds / "a/third.wav")
    assert len(index.update().unreadable) == 4  # known by their contents
    model.embed_audio_files = tried
    assert len(index.update(retry=True).unreadable) == 4
    write(sounds, "a/bad.wav", 9)
    report = index.update()
    assert report.added == ["a/bad.wav"] and len(report.unreadable) == 3
    (sounds / "b/1.wav").write_bytes(b"broken since")
    report = index.update()
    assert "b/1.wav" in report.unreadable and "b/1.wav" not in index.paths
    (sounds / "b/1.wav").unlink()
    assert "b/1.wav" not in index.update().unreadable


def test_a_file_that_cannot_be_opened(sounds, tmp_path, monkeypatch):
    """An error of the disk is that file's; it is tried again with `retry`."""
    real = open

    def _open(path, *args, **kwargs):
        if str(path).endswith("5.wav"):
            raise OSError(errno.EIO, "Input/output error")
        return real(path, *args, **kwargs)

    index = SoundIndex(tmp_path / "index", Ears())
    monkeypatch.setattr("builtins.open", _open)
    report = index.update(sounds)
    monkeypatch.undo()
    why = "cannot be read (Input/output error)"
    assert report.unreadable == {"b/5.wav": why}
    assert index.update().unreadable == {"b/5.wav": why}
    assert index.update(retry=True).added == ["b/5.wav"]


def test_a_vector_without_direction_is_left_out(sounds, tmp_path):
    """NaN, infinite and zero embeddings have no cosine."""
    model = Ears()
    heard = model.embed_audio_files

    def _embed(paths, batch_size):
        vectors = heard(paths).detach()
        for path, vector in zip(paths, vectors, strict=True):
            vector *= {"0": np.nan, "1": np.inf, "2": 0}.get(path[-5], 1)
        return vectors

    model.embed_audio_files = _embed
    index = SoundIndex(tmp_path / "index", model)
    report = index.update(sounds)
    assert sorted(report.unreadable) == ["a/0.wav", "a/2.wav", "b/1.wav"]
    assert set(report.unreadable.values()) == {
        "its embedding is zero or not finite"
    }


def test_a_file_that_changes_while_it_is_read(sounds, tmp_path):
    """Its vector may be of either contents: it waits for the next update."""
    model = Ears()
    heard = model.embed_audio_files

    def _embed(paths, batch_size):
        write(sounds, "a/0.wav", 10)
        return heard(paths)

    model.embed_audio_files = _embed
    index = SoundIndex(tmp_path / "index", model)
    report = index.update(sounds)
    assert report.unreadable == {"a/0.wav": "changed while it was read"}
    model.embed_audio_files = heard
    assert index.update().added == ["a/0.wav"]
    as_fresh(index, sounds, tmp_path)


def in_child(function):
    """Runs a function in a copy of this process; its exit status."""

    def _run():
        torch.set_num_threads(1)  # threads of the parent are not copied
        index_unfinished.SYNC_SECONDS = 0
        function()

    child = multiprocessing.get_context("fork").Process(target=_run)
    child.start()
    child.join(30)
    return child.exitcode


def test_killed_while_embedding(sounds, tmp_path):
    """The old index stays whole; what was embedded is not done again."""
    folder = tmp_path / "index"
    SoundIndex(folder, Ears()).update(sounds)
    old = SoundIndex(folder, Ears())
    for i in range(10, 19):
        write(sounds, f"c/{i}.wav", i)
    (sounds / "c/bad.wav").write_bytes(b"no sound")
    (sounds / "b/1.wav").unlink()

    def _update():
        SoundIndex(folder, Ears(kill_after=4)).update(batch_size=2)

    assert in_child(_update) == -signal.SIGKILL
    again = SoundIndex(folder, Ears())
    assert again.paths == old.paths and "b/1.wav" in again.paths
    np.testing.assert_array_equal(again.vectors, old.vectors)
    # A line that was cut, and a vector whose line never came.
    with open(folder / "unfinished/rows.jsonl", "a") as file:
        file.write('["c/18.wav", 16')
    with open(folder / "unfinished/vectors.f32", "ab") as file:
        file.write(b"1234567")
    with pytest.raises(DataError, match="its weights is"):
        SoundIndex(folder, Ears(seed=1)).update()
    again.update()
    assert len(again.model.heard) == 5  # of nine; four were done
    assert "c/bad.wav" in again.unreadable
    as_fresh(again, sounds, tmp_path)
    assert "unfinished" not in names(again)


@pytest.mark.parametrize("at", ["vectors", "rows", "index"])
def test_killed_while_writing(sounds, tmp_path, at, monkeypatch):
    """Whichever file it is, the old index stays, and nothing is lost."""
    folder = tmp_path / "index"
    SoundIndex(folder, Ears()).update(sounds)
    old = SoundIndex(folder)
    for i in range(10, 13):
        write(sounds, f"c/{i}.wav", i)
    real = os.fsync

    def _fsync(number):
        path = os.readlink(f"/proc/self/fd/{number}")
        if os.path.basename(path).startswith(f".{at}"):
            os.kill(os.getpid(), signal.SIGKILL)
        real(number)

    def _update():
        monkeypatch.setattr(index_files.os, "fsync", _fsync)
        SoundIndex(folder, Ears()).update()

    assert in_child(_update) == -signal.SIGKILL
    again = SoundIndex(folder, Ears())
    assert again.paths == old.paths and len(again.paths) == 6
    assert any(name.startswith(".") for name in names(again))
    report = again.update()
    assert report.embedded == 0 and len(report.added) == 3
    as_fresh(again, sounds, tmp_path)
    assert len(names(again)) == 4


def test_killed_before_the_first_index(sounds, tmp_path):
    """There is none yet, and what was embedded is not done again."""
    folder = tmp_path / "index"
    model = Ears(kill_after=4)
    assert (
        in_child(lambda: SoundIndex(folder, model).update(sounds, batch_size=2))
        == -signal.SIGKILL
    )
    with pytest.raises(FileNotFoundError, match="holds no index of sounds"):
        SoundIndex(folder)
    index = SoundIndex(folder, Ears())
    assert len(index) == 0
    assert index.update(sounds).embedded == 2
    as_fresh(index, sounds, tmp_path)


def test_a_full_disk(sounds, tmp_path, monkeypatch):
    """One error; the old index stays, and the next update finishes."""

    def _full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    index = SoundIndex(tmp_path / "index", Ears())
    index.update(sounds)
    write(sounds, "c/new.wav", 10)

    monkeypatch.setattr(index_files, "_copy", _full)
    with pytest.raises(OSError, match="no space left .*vectors-000002"):
        index.update()
    monkeypatch.undo()
    assert len(SoundIndex(index.folder)) == len(index) == 6
    assert index.update().embedded == 0 and len(index) == 7
    for i in range(20, 26):
        write(sounds, f"c/{i}.wav", i)
    monkeypatch.setattr(index_unfinished, "SYNC_SECONDS", 0)
    real, flushed = index_unfinished._flush, []

    def _flush(file):
        flushed.append(file)
        return (real if len(flushed) < 4 else _full)(file)

    monkeypatch.setattr(index_unfinished, "_flush", _flush)
    with pytest.raises(OSError, match="cannot be kept .No space left"):
        index.update(batch_size=2)  # in the second batch, at its lines
    monkeypatch.undo()
    assert index.update(batch_size=2).embedded == 2
    as_fresh(index, sounds, tmp_path)


def test_what_is_refused(sounds, tmp_path):
    """Another model, other sounds, no sounds; two at once; damage."""
    folder = tmp_path / "index"
    index = SoundIndex(folder, Ears())
    with pytest.raises(DataError, match="holds no sounds yet"):
        index.search("rain")
    with pytest.raises(DataError, match="is new: pass the folder"):
        index.update()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no sound"):
        index.update(empty)
    (empty / "a.wav").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 sounds.*a.wav: the"):
        index.update(empty)
    index.update(sounds)
    with pytest.raises(DataError, match="none of the 6 sounds of the index"):
        index.update(empty)
    shutil.rmtree(empty)
    with pytest.raises(DataError, match="its weights is"):
        SoundIndex(folder, Ears(seed=1))
    other = Ears()
    other.hparams.clip_policy = {"long": "center"}
    with pytest.raises(DataError, match="its clip_policy is"):
        SoundIndex(folder, other)
    with pytest.raises(DataError, match="does not say which model"):
        SoundIndex(folder).search("rain")
    with locked(folder):
        with pytest.raises(DataError, match="updated by another process"):
            index.update()
        assert len(index.search("rain", k=2)) == 2  # needs no lock
    vectors = folder / "vectors-000001.f32"
    vectors.write_bytes(vectors.read_bytes()[:-4])
    with pytest.raises(DataError, match="has 92 bytes"):
        SoundIndex(folder)
    vectors.unlink()
    with pytest.raises(DataError, match="vectors-000001.f32 is missing"):
        SoundIndex(folder)
    (folder / "index.json").write_text(json.dumps({"format": "shards"}))
    with pytest.raises(DataError, match="is of no index of sounds"):
        SoundIndex(folder)
    (folder / "index.json").write_text("{")
    with pytest.raises(DataError, match="is not what an update writes"):
        SoundIndex(folder)


def test_a_reader_keeps_what_it_opened(sounds, tmp_path):
    """Another process updates meanwhile."""
    SoundIndex(tmp_path / "index", Ears()).update(sounds)
    reader = SoundIndex(tmp_path / "index", Ears())
    before = reader.search("rain")
    write(sounds, "c/new.wav", 10)
    SoundIndex(tmp_path / "index", Ears()).update()
    assert reader.search("rain") == before and len(reader) == 6
    assert len(SoundIndex(tmp_path / "index")) == 7


def test_names_of_no_encoding(sounds, tmp_path):
    """Bytes that are no UTF-8 are a name as any other, to Linux."""
    name = os.fsdecode(b"sch\xf6n.wav")
    try:
        write(sounds, "plain.wav", 10).rename(sounds / name)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    index = SoundIndex(tmp_path / "index", Ears())
    report = index.update(sounds)
    assert name in index.paths or name in report.unreadable
    assert index.update().kept == len(index)
