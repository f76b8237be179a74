"""Shards: packed, killed, broken, and read by ranks and workers."""

import hashlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ManifestPairs, PairDataset
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.shard_files import AT_ONCE
from speechbrain_clap.dataio.shard_index import index_shards, read_index
from speechbrain_clap.dataio.shard_packing import pack, verify
from speechbrain_clap.dataio.shards import ShardPairs

RATE = 8000
CLIPS = 24
SHARD = 0.02  # megabytes: a few of the clips below
ODD_IDS = ["a.b.wav", "x/y", "a,b", " lead", "Füße été", "日本", "a b", "a_b"]
OLD = 10**18  # a time of change in ns


def write_clips(folder, count=CLIPS):
    """Rows of noises in three formats, under names that are not easy."""
    folder.mkdir()
    rows = {}
    for i in range(count):
        suffix = ("wav", "flac", "ogg")[i % 3]
        path = folder / f" noise, {i}.v2.{suffix}"
        noise = numpy.random.default_rng(i).normal(0, 0.1, 2000 + 100 * i)
        soundfile.write(path, noise, RATE)
        name = ODD_IDS[i] if i < len(ODD_IDS) else f"clip{i}"
        rows[name] = {
            "path": str(path),
            "captions": [f"caption {i}", f"ein Geräusch, {i}"],
            "source": f"freesound:{i}",
            "label": "noise",
        }
    rows["x/y"] |= {"start": 0.1, "stop": 0.2}
    return rows


@pytest.fixture
def rows(tmp_path):
    return write_clips(tmp_path / "clips")


@pytest.fixture
def folder(rows, tmp_path):
    pack(rows, tmp_path / "shards", SHARD)
    return tmp_path / "shards"


def hashes(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
    }


def read_all(pairs, **options):
    reader = SegmentReader(RATE, 0.1, **options)
    loader = PairDataset([pairs], reader, seed=3)
    return [loader[1, 0, row] for row in range(len(pairs))]


def test_same_as_the_loose_files(rows, folder):
    """Ids, captions, spans, waves and order equal those of the manifest."""
    loose, packed = ManifestPairs("set", rows), ShardPairs("set", folder)
    assert packed.ids == loose.ids == list(rows)
    assert len(packed.blocks) == len(list(folder.glob("*.tar"))) >= 4
    assert [i for block in packed.blocks for i in block] == list(range(CLIPS))
    for i in range(CLIPS):
        assert packed.captions(i) == loose.captions(i)
        assert packed.span(i) == loose.span(i)
        data = packed.file(i).open().read()
        assert data == open(loose.file(i), "rb").read()
    assert packed.span(1) == (0.1, 0.2)
    ours, theirs = read_all(packed), read_all(loose)
    for mine, its in zip(ours, theirs, strict=True):
        assert torch.equal(mine.pop("sig"), its.pop("sig"))
        assert mine == its
    batches = [
        list(MixtureBatches([pairs], 4, seed=1)) for pairs in (loose, packed)
    ]
    assert batches[0] == batches[1]


def test_long_clips_are_read_in_parts(tmp_path):
    """A clip above a megabyte is a stream of its own, the same to the bit."""
    path = tmp_path / "long.wav"
    noise = numpy.random.default_rng(0).normal(0, 0.1, AT_ONCE)
    soundfile.write(path, noise, RATE)
    rows = {"long": {"path": str(path), "captions": ["noise"]}}
    pack(rows, tmp_path / "shards")
    pairs = ShardPairs("set", tmp_path / "shards")
    data = path.read_bytes()
    with pairs.file(0).open() as stream:
        assert stream.read() == data and not stream.read(1)
        assert stream.seek(-7, io.SEEK_END) == len(data) - 7
        assert stream.read() == data[-7:]
        assert stream.seek(5) == 5 and stream.seek(5, io.SEEK_CUR) == 10
        assert stream.read(3) == data[10:13]
    reader = SegmentReader(RATE, 0.5)
    whole = reader(str(path), position=0.3)
    assert torch.equal(reader(pairs.file(0), position=0.3), whole)


def test_tars_and_lists(rows, folder):
    """Plain unique keys, bytes as they are, of nobody and at no time."""
    keys, sums = [], {}
    for path in sorted(folder.glob("*.tar")):
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.stat().st_size <= SHARD * 1e6
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid) for m in members} == {(0, 0, 0)}
        for text, audio in zip(members[::2], members[1::2], strict=True):
            key = text.name.removesuffix(".json")
            assert key.isascii() and not set("./, ") & set(key)
            assert audio.name.rsplit(".", 1)[0] == key
            keys.append(key)
    assert len(set(keys)) == CLIPS and keys == sorted(keys)
    lines = (folder / "checksums.sha256").read_text().splitlines()
    assert lines == [f"{sums[name]}  {name}" for name in sorted(sums)]
    assert verify(folder) == {}
    names = {path.name for path in folder.iterdir()}
    assert names == {*sums, "checksums.sha256", "index.json"}
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "checksums.sha256"],
        cwd=folder,
        check=True,
    )


def test_webdataset_reads_them(rows, folder):
    webdataset = pytest.importorskip("webdataset")
    tars = [str(path) for path in sorted(folder.glob("*.tar"))]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len({sample["__key__"] for sample in samples}) == CLIPS
    for sample, (name, row) in zip(samples, rows.items(), strict=True):
        found = json.loads(sample["json"])
        path = row.pop("path")
        assert found == {"id": name, **row}
        assert sample[path.rsplit(".", 1)[1]] == open(path, "rb").read()


def test_same_rows_same_bytes(rows, folder, tmp_path):
    """Wherever the data lie and whenever they are packed."""
    moved = tmp_path / "moved"
    (tmp_path / "clips").rename(moved)
    rows = {
        name: {**row, "path": str(moved / os.path.basename(row["path"]))}
        for name, row in rows.items()
    }
    pack(rows, tmp_path / "again", SHARD)
    assert hashes(tmp_path / "again") == hashes(folder)


def test_packing_goes_on_after_a_kill(rows, folder, tmp_path):
    """SIGKILL while a shard is written; then the rest, byte for byte."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(rows))
    again = tmp_path / "again"
    code = (
        "import json, sys, time\n"
        "from speechbrain_clap.dataio import shard_packing as packing\n"
        "read, count = packing._read_sound, [0]\n"
        "def slow(path):\n"
        "    count[0] += 1\n"
        "    if count[0] == 15:\n"
        "        print('now', flush=True)\n"
        "        time.sleep(60)\n"
        "    return read(path)\n"
        "packing._read_sound = slow\n"
        "packing.pack(json.load(open(sys.argv[1])), sys.argv[2], 0.02)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(manifest), str(again)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    names = {path.name for path in again.iterdir()}
    assert "packing.jsonl" in names and "index.json" not in names
    assert any(name.startswith(".shard-") for name in names)
    finished = {name for name in names if name.startswith("shard-")}
    assert 0 < len(finished) < len(list(folder.glob("*.tar")))
    times = {name: (again / name).stat().st_mtime_ns for name in finished}
    with pytest.raises(DataError, match="no such index of shards"):
        ShardPairs("set", again)
    with open(again / "packing.jsonl", "a") as stream:
        stream.write('{"name": "shard-0000')  # a line that was cut off
    time.sleep(0.01)
    assert pack(rows, again, SHARD)["clips"] == CLIPS
    assert hashes(again) == hashes(folder)
    assert times == {n: (again / n).stat().st_mtime_ns for n in finished}


def test_packing_again(rows, folder):
    """What is done is not done again; a lost tar is; others' is kept."""
    before = hashes(folder)
    for path in folder.iterdir():
        os.utime(path, ns=(OLD, OLD))
    report = pack(rows, folder, SHARD)
    assert report["clips"] == CLIPS and report["bad"] == {}
    assert {path.stat().st_mtime_ns for path in folder.iterdir()} == {OLD}
    (folder / "shard-000001.tar").unlink()
    assert pack(rows, folder, SHARD) == report
    assert hashes(folder) == before
    assert (folder / "shard-000000.tar").stat().st_mtime_ns == OLD
    with pytest.raises(DataError, match="holds shards of another manifest"):
        pack(dict(list(rows.items())[1:]), folder, SHARD)
    (folder / "index.json").unlink()
    with pytest.raises(DataError, match="another command wrote it"):
        pack(rows, folder, SHARD)


def test_bad_files_are_skipped_and_counted_or_fatal(rows, tmp_path, caplog):
    paths = [row["path"] for row in rows.values()]
    os.unlink(paths[0])
    open(paths[5], "wb").close()
    open(paths[6], "w").write("version https://git-lfs.github.com/spec/v1\n")
    open(paths[-1], "w").write("no sound")
    report = pack(rows, tmp_path / "shards", SHARD)
    names = list(rows)
    assert list(report["bad"]) == [names[0], names[5], names[6], names[-1]]
    assert report["clips"] == CLIPS - 4
    assert f"{paths[0]}: there is no such file" in caplog.text
    assert "4 bad clips are left out" in caplog.text
    pairs = ShardPairs("set", tmp_path / "shards")
    assert pairs.ids == [name for name in names if name not in report["bad"]]
    with pytest.raises(DataError, match="no such file.*the same command goes"):
        pack(rows, tmp_path / "other", SHARD, on_bad_clip="stop")
    with pytest.raises(DataError, match="none of the 1 clips can be packed"):
        pack({"a": rows[names[0]]}, tmp_path / "none")
    assert not list((tmp_path / "none").glob("*.tar"))


def break_tar(folder, how):
    """Breaks the second shard; gives what its problem is called."""
    path = folder / "shard-000001.tar"
    if how == "missing":
        path.unlink()
        return "there is no such file"
    if how == "truncated":
        os.truncate(path, path.stat().st_size - 700)
        return "is truncated"
    if how == "other":
        path.write_bytes(bytes(path.stat().st_size))
        return "is corrupted"
    assert how == "unreadable"
    path.unlink()
    path.mkdir()
    return "there is no such file"


@pytest.mark.parametrize("how", ["missing", "truncated", "other", "unreadable"])
def test_a_broken_tar(rows, folder, how, caplog):
    """Named, and skipped with a count or fatal."""
    block = ShardPairs("set", folder).blocks[1]
    problem = break_tar(folder, how)
    pairs = ShardPairs("set", folder)
    names = list(rows)
    assert pairs.ids == names[: block.start] + names[block.stop :]
    assert len(read_all(pairs)) == CLIPS - len(block)
    assert f"shard-000001.tar: {problem}" in caplog.text.replace("the tar ", "")
    assert (
        f"1 of {len(pairs.blocks) + 1} shards, with {len(block)} of {CLIPS} "
        "clips, are left out" in caplog.text
    )
    assert list(pairs.bad) == [str(folder / "shard-000001.tar")]
    with pytest.raises(DataError, match="shard-000001.tar: .*Copy the tar"):
        ShardPairs("set", folder, on_bad_shard="stop")
    assert list(verify(folder)) == ["shard-000001.tar"]


@pytest.mark.parametrize("member", ["text", "audio", "header"])
def test_a_tar_corrupted_within(folder, member, caplog):
    """What only reading finds follows the rule as well."""
    shard = read_index(folder)["shards"][1]
    clip = shard["ids"][1]
    offset = shard[f"{'text' if member == 'text' else 'audio'}_offsets"][1]
    with open(folder / shard["name"], "r+b") as stream:
        stream.seek(offset - (512 if member == "header" else 0))
        stream.write(bytes(40))
    assert list(verify(folder)) == ["shard-000001.tar"]
    pairs = ShardPairs("set", folder)
    found = read_all(pairs)
    bad = [pair["id"] for pair in found if pair["sig"] is None]
    assert bad == [f"set/{clip}"]
    assert f"shard-000001.tar: clip '{clip}'" in caplog.text
    assert ClipCollate(fill=True)(found).sig.data.shape[0] == CLIPS
    pairs = ShardPairs("set", folder, on_bad_shard="stop")
    with pytest.raises((DataError, BadClipError), match="shard-000001.tar"):
        read_all(pairs, on_bad_clip="stop")


def test_no_tar_left_and_no_captions(rows, folder, tmp_path):
    for path in folder.glob("*.tar"):
        path.unlink()
    with pytest.raises(DataError, match="no tar of its index can be used"):
        ShardPairs("set", folder)
    row = {"path": rows["a,b"]["path"], "label": "noise"}
    pack({"a": row}, tmp_path / "labels")
    with pytest.raises(DataError, match="clip 'a' has no captions"):
        ShardPairs("set", tmp_path / "labels")
    (folder / "index.json").write_text("{}")
    with pytest.raises(DataError, match="index.json: is no index of shards"):
        ShardPairs("set", folder)


def test_verify_finds_one_bit(folder):
    path = folder / "shard-000000.tar"
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    assert "has the sha256" in verify(folder)["shard-000000.tar"]
    checksums = folder / "checksums.sha256"
    checksums.write_text("no sum\n")
    with pytest.raises(DataError, match="checksums.sha256, line 1"):
        verify(folder)
    checksums.unlink()
    with pytest.raises(DataError, match="sha256sum"):
        verify(folder)


def test_leaks_are_left_out(folder):
    pairs = ShardPairs("set", folder)
    first = len(pairs.blocks[0])
    held_out = {f"freesound:{i}" for i in range(first + 1)}
    assert pairs.sources[2] == "freesound:2"
    counts = pairs.leave_out({"a": held_out, "b": {"freesound:0", "bbc:1"}})
    assert counts == {"a": first + 1, "b": 1}
    assert len(pairs) == CLIPS - first - 1
    assert [i for block in pairs.blocks for i in block] == [*range(len(pairs))]
    assert pairs.captions(0)[0] == f"caption {first + 1}"
    assert all(pair["sig"] is not None for pair in read_all(pairs))


def loader(folder, rank, start=0, epoch=1, context=None):
    """Rank's loader of pairs, made anew as after a kill."""
    pairs = ShardPairs("set", folder)
    batches = MixtureBatches([pairs], 2, seed=5, window=2, ranks=2, rank=rank)
    batches.start, batches.epoch = start, epoch
    return torch.utils.data.DataLoader(
        PairDataset([pairs], SegmentReader(RATE, 0.1), seed=5),
        batch_sampler=batches,
        num_workers=2,
        collate_fn=ClipCollate(fill=True),
        multiprocessing_context=context,
    )


def names_of(batches):
    return [name for batch in batches for name in batch.id]


@pytest.mark.parametrize("killed_after", [None, 1, 4])
def test_every_clip_once_over_ranks_and_workers(folder, killed_after):
    """2 ranks x 2 workers, also where both ranks stop and start anew."""
    for epoch in (1, 2):
        given = []
        for rank in range(2):
            stop = killed_after or 0
            before = iter(loader(folder, rank, epoch=epoch))
            # The workers have read further than that, as at a kill.
            given += names_of(next(before) for _ in range(stop))
            given += names_of(loader(folder, rank, stop, epoch))
        assert len(given) == CLIPS
        assert len(set(given)) == CLIPS


def test_workers_that_do_not_fork(folder):
    """The source travels to processes that share nothing."""
    there = names_of(loader(folder, 0, context="spawn"))
    assert there == names_of(loader(folder, 0, context="fork"))
    pairs = pickle.loads(pickle.dumps(ShardPairs("set", folder)))
    assert pairs.captions(3)[0] == "caption 3"


def add(tar, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def test_tars_of_others(rows, tmp_path, caplog):
    """Any order, layout and spelling; equal names in two tars."""
    data = [open(row["path"], "rb").read() for row in rows.values()]
    folder = tmp_path / "others"
    (folder / "train").mkdir(parents=True)
    with tarfile.open(folder / "train" / "10.tar", "w") as tar:
        add(tar, "./b.1.JSON", b'{"text": "one", "start": 30}')
        add(tar, "./b.1.FLAC", data[1])
        add(tar, "./b.2.ogg", data[2])
        add(tar, "./b.2.txt", "zwei Füße\n\n deux\n".encode())
        add(tar, "n" * 150 + ".wav", data[0])
        add(tar, "n" * 150 + ".json", b'{"captions": ["long"], "id": 7}')
        add(tar, "silent.wav", data[0])
        add(tar, "notes.txt", b"of a sound that is not there")
    with tarfile.open(folder / "9.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, "./b.1.json", b'{"sample_rate": 8000}')
        add(tar, "./b.1.txt", b"nine")
        add(tar, "./b.1.wav", data[3])
        source = b'{"caption": ["x", ""], "source": "bbc:1"}'
        add(tar, "\u00fc.json", source)
        add(tar, "\u00fc.wav", data[3])
        add(tar, "c.json", b"{")
        add(tar, "c.wav", data[3])
    (folder / "bad.tar").write_bytes(b"no tar at all")
    whole = (folder / "9.tar").read_bytes()
    (folder / "cut.tar").write_bytes(whole[:3000])
    broken = bytearray(whole)
    broken[1024:1100] = bytes(range(1, 77))
    (folder / "garbled.tar").write_bytes(broken)
    report = index_shards(folder)
    assert report["shards"] == 2 and report["clips"] == 5
    assert sorted(report["bad"]) == [
        "9.tar: c",
        "bad.tar",
        "cut.tar",
        "garbled.tar",
        "train/10.tar: silent",
    ]
    assert "garbled.tar: is no whole tar" in caplog.text
    pairs = ShardPairs("others", folder)
    assert pairs.ids == ["./b.1", "\u00fc", "train/10/./b.1", "./b.2", "7"]
    assert [pairs.captions(i) for i in range(5)] == [
        ["nine"],
        ["x"],
        ["one"],
        ["zwei Füße", "deux"],
        ["long"],
    ]
    found = [pairs.file(i).open().read() for i in range(5)]
    assert found == [data[3], data[3], data[1], data[2], data[0]]
    assert pairs.span(2) == (None, None)
    assert pairs.sources == [None, "bbc:1", None, None, None]
    assert index_shards(folder) == report
    with pytest.raises(DataError, match="mend or remove it"):
        index_shards(folder, on_bad_shard="stop")
    with pytest.raises(DataError, match="holds no .tar"):
        index_shards(tmp_path / "clips")


def test_our_own_shards_need_no_index_of_others(folder):
    with pytest.raises(DataError, match="pack wrote it"):
        index_shards(folder)
