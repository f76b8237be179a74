"""Metadata files: finding them, JSON, captions from labels, plain pickles.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import datetime
import json
import pickle

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.metadata import (
    find_metadata,
    label_caption,
    read_json,
)
from speechbrain_clap.dataio.plain_pickle import read_plain_pickle
from speechbrain_clap.dataio.youtube import clip_names, video_id

POINTER = b"version https://git-lfs.github.com/spec/v1\nsize 9\n"


def test_find_metadata(tmp_path):
    for name in ("b/lists/x.csv", "a/lists/x.csv", "c/d/lists/y.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert find_metadata(tmp_path, "lists/x.csv").parts[-3] == "a"
    assert find_metadata(tmp_path, "lists/y.csv") is None  # two levels below
    assert find_metadata(tmp_path / "c", "lists/y.csv").is_file()
    (tmp_path / "x.csv").touch()
    assert find_metadata(tmp_path, "x.csv", "lists/x.csv").parent == tmp_path


def test_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": {"b": 1, "c": {"a": 2}}, "d": 3}')
    assert read_json(path, keep=["a", "c"]) == {"a": {"c": {"a": 2}}}
    for content, words in (
        (POINTER, "a.json: is a pointer of Git LFS"),
        (b"{", "a.json: is not JSON"),
        (b'{"a":\n"\xe9"}', "a.json, line 2: is not UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_json(path)


def test_label_caption():
    assert label_caption(["a {b}, c", "d"], "{}!") == "a {b}, c, d!"
    for template in ("", "a sound", "{} {}"):
        with pytest.raises(DataError, match="with one {}, such as"):
            label_caption(["a"], template)


def test_video_id():
    for text in ("-a_2345678b", "Y-a_2345678b", "Y-a_2345678b.wav"):
        assert video_id(text, "x") == "-a_2345678b"
    assert video_id("Ya_2345678b", "x") == "Ya_2345678b"
    for text in ("", "a_2345678b", "YY-a_2345678b", "-a_23456\u0661\u0662b"):
        with pytest.raises(DataError, match="list, line 3: .* is no video"):
            video_id(text, "list, line 3")


def test_clip_names():
    names = clip_names("-a_2345678b", 7.0, 17.5)
    for wanted in (
        "-a_2345678b",
        "Y-a_2345678b",
        "Y-a_2345678b_7_17.5",
        "-a_2345678b_7000_17500",
        "Y-a_2345678b_7.000_17.500",
        "-a_2345678b_000007",
        "-a_2345678b_7",
    ):
        assert wanted in names
    assert names.index("-a_2345678b") == len(names) - 2
    assert "-a_2345678b" not in clip_names("-a_2345678b", 7, 17, alone=False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickle(tmp_path, protocol):
    path = tmp_path / "a.pkl"
    plain = {
        "a": ["b", ("c", 1, 2.5, None, True), {"d"}, frozenset("e")],
        "f": collections.OrderedDict(g="h"),
        "i": collections.defaultdict(list, j=["k"]),
    }
    path.write_bytes(pickle.dumps(plain, protocol=protocol))
    assert read_plain_pickle(path) == plain
    path.write_bytes(pickle.dumps([datetime.date(2020, 1, 1)], protocol))
    with pytest.raises(DataError, match="asks for datetime.date"):
        read_plain_pickle(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (POINTER, "pointer of Git LFS"),
        (b"", "cannot be read as plain data"),
        (json.dumps({"a": 1}).encode(), "cannot be read as plain data"),
        (pickle.dumps({"a": "b" * 999})[:-9], "cannot be read as plain data"),
        (b"cos\nsystem\n(S'true'\ntR.", "asks for os.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "asks for __builtin__.eval"),
        (
            b"\x80\x04\x8c\x08builtins\x8c\x0ddict.fromkeys\x93.",
            "dict.fromkeys",
        ),
        (b"S'x'\nQ.", "outside of it"),
    ],
)
def test_other_pickles(tmp_path, content, words):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match="a.pkl: .*" + words):
        read_plain_pickle(tmp_path / "a.pkl")
