"""A mixture of sets: those that are there, and none of what is tested."""

import json

import numpy
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest, write_manifest
from speechbrain_clap.dataio.pair_sets import PairSets
from speechbrain_clap.dataio.shard_packing import pack
from speechbrain_clap.utils.files import write_json


def made(folder, prefix, sources):
    """A preparation of tiny sounds."""

    def _prepare(data_folder, manifest_folder, on_bad_clip):
        assert on_bad_clip == "skip"
        for part, numbers in sources.items():
            rows = {}
            for number in numbers:
                wave = numpy.full(80, 0.01 + number / 100)
                soundfile.write(folder / f"{prefix}{number}.wav", wave, 8000)
                rows[f"{prefix}{number}"] = {
                    "path": f"{{data_root}}/{prefix}{number}.wav",
                    "captions": [f"caption of {number}"] * (1 + number % 2),
                    "source": f"freesound:{number}",
                }
            write_manifest(f"{manifest_folder}/{part}.json", rows)
        write_json(f"{manifest_folder}/prepare.json", {"sounds": "real"})

    return _prepare


def options(prepare, folder, **changes):
    """An entry of a mixture."""
    return {
        "prepare": prepare,
        "data_folder": folder,
        "shards": None,
        "train_parts": ["train"],
        "weight": None,
        **changes,
    }


@pytest.fixture
def mixture(tmp_path):
    """Two sets that share recordings, and one that is not there."""
    one = made(tmp_path, "a", {"train": range(8), "valid": [20], "test": [30]})
    two = made(tmp_path, "b", {"train": [30, 20, 3, 40], "test": [7, 50]})
    return {
        "one": options(one, tmp_path),
        "two": options(two, tmp_path),
        "three": options(one, None),
    }


def test_what_is_tested_does_not_train(mixture, tmp_path):
    """Over sets, and by a task; counted by list."""
    sets = PairSets(mixture, tmp_path / "manifests")
    sets.prepare()
    sets.load(held_out={"ESC-50": {"freesound:0"}})
    one, two = sets.train
    assert one.ids == [f"a{i}" for i in range(1, 7)]
    assert two.ids == ["b3", "b40"]
    assert sets.report["leaks"]["one"]["ESC-50"] == 1
    assert sets.report["leaks"]["one"]["two test"] == 1
    assert sets.report["leaks"]["two"]["one valid"] == 1
    assert sets.report["left_out"] == ["three"]
    assert sets.valid.ids == ["one/a20"]
    assert {name: s.ids for name, s in sets.tests.items()} == {
        "one": ["a30"],
        "two": ["b7", "b50"],
    }
    assert sets.weights is None
    assert sets.max_captions() == 2
    assert len(list(sets.captions())) == sum(1 + i % 2 for i in range(1, 7)) + 3


def test_one_folder_for_all(mixture, tmp_path):
    """A set without a folder of its own is looked for by its name."""
    (tmp_path / "three").mkdir()
    sets = PairSets(mixture, tmp_path / "m", data_folder=tmp_path)
    assert list(sets.present) == ["one", "two", "three"]
    assert sets.present["three"]["data_folder"] == str(tmp_path / "three")
    assert sets.present["one"]["data_folder"] == tmp_path


def test_parts_that_train_are_not_tested(mixture, tmp_path):
    """As the paper of 2022 trained on test parts."""
    mixture["one"]["train_parts"] = ["train", "valid", "test"]
    sets = PairSets(mixture, tmp_path / "manifests")
    sets.prepare()
    sets.load()
    assert sets.valid is None
    assert list(sets.tests) == ["two"]
    assert sets.train[0].ids == [*(f"a{i}" for i in range(7)), "a20", "a30"]
    assert "b30" in sets.train[1].ids


def test_subset_and_what_is_kept(mixture, tmp_path):
    """A share of each set, the same every time, kept with full paths."""
    first, second = (
        PairSets(mixture, tmp_path / "m", subset_percent=50, seed=3)
        for _ in range(2)
    )
    first.prepare()
    ids = [[s.ids for s in sets.load().train] for sets in (first, second)]
    assert ids[0] == ids[1]
    assert [len(each) for each in ids[0]] == [4, 1]
    first.write_report(keep_pairs=True)
    kept = read_manifest(
        tmp_path / "m" / "train_pairs.json", "", needed=("path", "captions")
    )
    assert list(kept) == [
        f"{name}/{key}"
        for name, keys in zip(("one", "two"), ids[0], strict=True)
        for key in keys
    ]
    report = json.loads((tmp_path / "m" / "pairs.json").read_text())
    assert report["clips"]["one train"] == 4


def test_valid_clips_are_spread(tmp_path):
    """Not the first ones alone."""
    prepare = made(tmp_path, "a", {"train": [1], "valid": range(10, 20)})
    sets = PairSets(
        {"one": options(prepare, tmp_path)}, tmp_path / "m", valid_clips=4
    )
    sets.prepare()
    assert sets.load().valid.ids == [f"one/a{i}" for i in (10, 12, 15, 17)]


def test_shards_replace_the_files_that_train(mixture, tmp_path):
    """Leaks are left out of them too."""
    sets = PairSets(mixture, tmp_path / "m")
    sets.prepare()
    rows = read_manifest(
        tmp_path / "m" / "one" / "train.json",
        tmp_path,
        needed=("path", "captions"),
    )
    pack(rows, tmp_path / "shards")
    mixture["one"]["shards"] = tmp_path / "shards"
    packed = PairSets(mixture, tmp_path / "m")
    packed.prepare()
    plain, shards = (
        s.load(held_out={"task": {"freesound:2"}}).train[0]
        for s in (sets, packed)
    )
    assert shards.ids == plain.ids == ["a0", "a1", "a3", "a4", "a5", "a6"]
    assert shards.captions(1) == plain.captions(1)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda m: m["one"].update(weight=2.0), "one have a weight and two"),
        (
            lambda m: [each.update(data_folder=None) for each in m.values()],
            "the folder of one of one, two, three",
        ),
    ],
)
def test_mistakes(mixture, tmp_path, change, words):
    """One clear error each."""
    change(mixture)
    with pytest.raises(DataError, match=words):
        sets = PairSets(mixture, tmp_path / "m")
        sets.prepare()
        sets.load()


def test_nothing_left(mixture, tmp_path):
    """All of it is tested elsewhere."""
    sets = PairSets({"two": mixture["two"]}, tmp_path / "m")
    sets.prepare()
    everything = {f"freesound:{i}" for i in range(60)}
    with pytest.raises(DataError, match="no clip is left to train on"):
        sets.load(held_out={"all": everything})
    with pytest.raises(DataError, match="subset_percent is 0"):
        PairSets(mixture, tmp_path, subset_percent=0)
