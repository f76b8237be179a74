"""Sounds with or without captions: a manifest, a folder or shards.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
import re

from speechbrain_clap.dataio.finder import list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.pairs import FileRows
from speechbrain_clap.dataio.shard_index import INDEX
from speechbrain_clap.dataio.shards import ShardPairs

# How the files of a folder tell where they come from. Downloaders put a Y
# before YouTube's 11 characters, and seconds after them.
NAMES = {
    "youtube": re.compile(r"Y?([A-Za-z0-9_-]{11})(?:[_. ].*)?"),
    "freesound": re.compile(r"(\d+)(?!\d).*", re.DOTALL),
}


class FileSounds(FileRows):
    """Sounds that are files of their own.

    What ``speechbrain_clap.dataio.pairs.ClipPairs`` takes; captions may be
    missing.

    Arguments
    ---------
    name : str
        Of the set.
    rows : dict
        Id to a dict with `path` and, where known, `start`, `stop`, `source`
        and `captions` (a list) or `caption`.

    Attributes
    ----------
    sources : list
        Where each recording comes from, such as "freesound:12", or None.

    Example
    -------
    >>> sounds = FileSounds("wild", {"a": {"path": "a.wav", "start": 2.0}})
    >>> sounds.ids, sounds.captions(0), sounds.span(0)
    (['a'], [], (2.0, None))
    """

    def __init__(self, name, rows):
        super().__init__(name, rows)
        self.sources = [row.get("source") or None for row in self.rows]

    def captions(self, i):
        """What is said of a sound.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            Its captions, if there are any.
        """
        captions = self.rows[i].get("captions", self.rows[i].get("caption"))
        if isinstance(captions, str):
            captions = [captions]
        return [caption for caption in captions or [] if caption]

    def place(self, i):
        """Where a sound lies, for tables.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple
            Absolute path, start, stop (seconds), and offset and bytes in a
            tar: None, for this is none.
        """
        return os.path.abspath(self.file(i)), *self.span(i), None, None

    def listing(self):
        """What names each sound, to tell whether the list has changed.

        Yields
        ------
        str
            One for each sound, in order.
        """
        for i, name in enumerate(self.ids):
            yield "\t".join(map(str, (name, *self.place(i))))


class ShardSounds(ShardPairs):
    """Sounds in WebDataset tars, each with a text beside it.

    Arguments
    ---------
    name : str
        Of the set.
    folder : str or pathlib.Path
        With the tars and `index.json`.
    on_bad_shard : str
        As for ``speechbrain_clap.dataio.shards.ShardPairs``.
    """

    def captions(self, i):
        """What is said of a sound.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            Its captions, if there are any.
        """
        return [caption for caption in super().captions(i) if caption]

    def place(self, i):
        """Where a sound lies, for tables.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple
            Absolute path of the tar, start, stop (seconds), offset and bytes.
        """
        path, _ = self._tar(i)
        _, _, offset, size = self.places[:, i].tolist()
        return os.path.abspath(path), *self.span(i), offset, size

    def listing(self):
        """What names each sound, to tell whether the list has changed.

        The tars' own texts are not read: they would take minutes.

        Yields
        ------
        str
            One for each sound, in order.
        """
        for i, name in enumerate(self.ids):
            place = self._tar(i)[0], *self.places[2:, i].tolist()
            yield "\t".join(map(str, (name, *place)))


def open_sounds(
    where, data_root=None, name=None, names=None, on_bad_clip="skip"
):
    """Opens whatever holds sounds.

    Arguments
    ---------
    where : str or pathlib.Path
        A manifest (.json or .csv), a folder of shards (with `index.json`), or
        a folder of sounds, looked through with all below it.
    data_root : str or None
        What "{data_root}" in a manifest stands for; None: its own folder.
    name : str or None
        Of the set; None: the file's or folder's name.
    names : str or None
        "youtube" or "freesound": the files of a folder are named by these
        ids, which become their sources. A manifest tells sources itself.
    on_bad_clip : str
        What to do about files that a manifest lists and that are not there,
        or about bad tars: "skip" or "stop".

    Returns
    -------
    FileSounds or ShardSounds
        The sounds.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    DataError
        If it holds no sound.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "b").mkdir()
    >>> _ = (folder / "b" / "Y-BJ455B1aAs_30.wav").write_bytes(b"")
    >>> sounds = open_sounds(folder, names="youtube")
    >>> sounds.ids, sounds.sources
    (['b/Y-BJ455B1aAs_30.wav'], ['youtube:-BJ455B1aAs'])
    """
    where = pathlib.Path(where)
    name = name or where.stem
    if names is not None and names not in NAMES:
        raise DataError(
            f"names is '{names}', expected one of {', '.join(NAMES)}, or null"
        )
    if not where.exists():
        raise FileNotFoundError(
            f"{where} does not exist: expected a manifest (.json, .csv), a "
            "folder of shards or a folder of sounds"
        )
    if where.is_file():
        root = where.parent if data_root is None else data_root
        sounds = FileSounds(
            name, read_manifest(where, root, ("path",), on_bad_clip)
        )
    elif (where / INDEX).is_file():
        return ShardSounds(name, where, on_bad_clip)
    else:
        sounds = FileSounds(name, _list_folder(where, names))
    if not len(sounds):
        raise DataError(
            f"{where} holds no sound ({', '.join(SUFFIXES)}), nor do the "
            "folders below it"
            if where.is_dir()
            else f"{where}: none of its sounds is there (is data_root right?)"
        )
    return sounds


def _list_folder(folder, names):
    """Id to row of each sound below a folder."""
    rows = {}
    for place, name in list_files(folder):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in SUFFIXES:
            continue
        path = os.path.join(place, name)
        row = {"path": path}
        if names is not None:
            match = NAMES[names].fullmatch(stem)
            if match:
                row["source"] = f"{names}:{match[1]}"
        rows[pathlib.PurePath(os.path.relpath(path, folder)).as_posix()] = row
    return rows
