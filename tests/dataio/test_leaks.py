"""Held-out recordings: reading the lists, taking them out of rows.

Authors
 * The speechbrain_clap team 2026
"""

import json

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import held_out_sources, split_leaks


def test_from_text(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(
        "\ufeff# two sets\r\n\r\nfreesound:12  # loud\r\n"
        "youtube:#23456789_-\r\n  tau:park-vienna-1-2 \r\n",
        encoding="utf-8",
    )
    assert held_out_sources(path) == {
        "freesound:12",
        "youtube:#23456789_-",
        "tau:park-vienna-1-2",
    }


def test_from_a_manifest(tmp_path):
    path = tmp_path / "test.json"
    rows = {
        "a": {"path": "a.wav", "source": "bbc:nhu051"},
        "b": {"path": "b.wav", "source": "bbc:nhu051"},
        "c": {"path": "c.wav", "source": "youtube:YYYYYYYYYYY"},
    }
    path.write_text(json.dumps(rows))
    assert held_out_sources(str(path)) == {"bbc:nhu051", "youtube:YYYYYYYYYYY"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"freesound:1\n1234\n", "a.txt, line 2: '1234' is no source"),
        ("a.txt", b"# nothing\n", "a.txt: holds no source"),
        ("a.txt", b"freesound:\xe9\n", "a.txt: is not UTF-8"),
        ("a.txt", b"\nyoutube:Y0123456789_\n", "line 2: .*has a Y before"),
        ("a.json", b'{"a": ', "a.json: is not JSON"),
        ("a.json", b"[]", "a.json: is no manifest"),
        ("a.json", b'{"a": {"path": "x"}}', "a.json: row 'a': has no source"),
        ("a.json", b'{"a": {"source": 7}}', "row 'a': '7' is no source"),
        ("a.json", b'{"a": 3}', "row 'a': has no source"),
    ],
)
def test_faults(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        held_out_sources(tmp_path / name)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt: there is no such"):
        held_out_sources(tmp_path / "none.txt")


def test_split():
    rows = {
        "a": {"source": "freesound:1"},
        "b": {"source": "freesound:2"},
        "c": {},
        "d": {"source": "freesound:3"},
    }
    lists = {
        "clotho": {"freesound:2", "freesound:3"},
        "esc50": {"freesound:3"},
        "other": set(),
    }
    kept, counts = split_leaks(rows, lists)
    assert list(kept) == ["a", "c"] and kept["a"] is rows["a"]
    assert counts == {"clotho": 2, "esc50": 1, "other": 0}
    assert split_leaks(rows, {}) == (rows, {})
