"""Finding files: names as sets have them, folders as users have them.

Authors
 * The speechbrain_clap team 2026
"""

import os

import pytest

from speechbrain_clap.dataio.finder import FileFinder, check_folder, list_files


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("on_disk", "wanted"),
    [
        ("a.wav", "a.wav"),
        ("a.flac", "a.wav"),
        ("a.MP3", "a"),
        ("deep/er/a.ogg", "a.flac"),
        (" a, b (c) #2.wav", " a, b (c) #2.wav"),
        ("-aB_23456789.m4a", "-aB_23456789"),
        ("FR.CTC.08.001.wav", "FR.CTC.08.001"),
        ("10_30 birds.wav", "10:30 birds.wav"),
        ("10:30 birds.wav", "10:30 birds.wav"),
    ],
)
def test_finds(tmp_path, on_disk, wanted):
    touch(tmp_path / on_disk)
    assert FileFinder([tmp_path]).find(wanted) == tmp_path / on_disk


def test_does_not_find_what_only_looks_alike(tmp_path):
    touch(tmp_path / " a.wav", tmp_path / "b.txt", tmp_path / "._c.wav")
    finder = FileFinder([tmp_path, tmp_path / "no such folder"])
    assert finder.find("a.wav", "b", "c", "._c", "") is None
    assert len(finder) == 1


def test_the_first_name_wins(tmp_path):
    touch(tmp_path / "Yabc.wav", tmp_path / "abc_30.flac")
    finder = FileFinder([tmp_path])
    assert finder.find("abc_30", "Yabc").name == "abc_30.flac"
    assert finder.find("abc_40", "Yabc").name == "Yabc.wav"


def test_the_first_folder_then_the_best_suffix_wins(tmp_path):
    touch(tmp_path / "one" / "a.m4a", tmp_path / "one" / "x" / "a.flac")
    touch(tmp_path / "two" / "a.wav")
    one, two = tmp_path / "one", tmp_path / "two"
    assert FileFinder([one, two]).find("a") == one / "x" / "a.flac"
    assert FileFinder([two, one]).find("a") == two / "a.wav"


def test_other_suffixes(tmp_path):
    touch(tmp_path / "a.csv", tmp_path / "a.wav")
    assert FileFinder([tmp_path], (".csv",)).find("a").name == "a.csv"


def test_linked_folders_are_entered_once(tmp_path):
    touch(tmp_path / "real" / "a.wav", tmp_path / "set" / "b.wav")
    os.symlink(tmp_path / "real", tmp_path / "set" / "audio")
    os.symlink(tmp_path / "set", tmp_path / "real" / "back")
    os.symlink(tmp_path / "gone", tmp_path / "set" / "c.wav")
    names = [name for _, name in list_files(tmp_path / "set")]
    assert names == ["b.wav", "a.wav"]


def test_check_folder(tmp_path):
    assert check_folder(str(tmp_path), "") == tmp_path
    touch(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="a is a file. Pass it"):
        check_folder(tmp_path / "a", "Pass it")
