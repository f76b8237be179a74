"""Finding files by name in large folders.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

from speechbrain_clap.dataio.fold_dataset import SUFFIXES

# What Windows and some archivers replace in names.
UNPACKED = str.maketrans(dict.fromkeys(':*?"<>|', "_"))


def check_folder(data_folder, how_to_get):
    """The folder of a set, or an error that says what to pass.

    Arguments
    ---------
    data_folder : str or pathlib.Path
        Given by the user.
    how_to_get : str
        What to pass or download, for the message.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.

    Example
    -------
    >>> check_folder("/no/such/folder", "Pass --data_folder.")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    folder = pathlib.Path(data_folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"data_folder {folder} "
            f"{'is a file' if folder.exists() else 'does not exist'}. "
            f"{how_to_get}"
        )
    return folder


def list_files(folder):
    """Lists a folder and all below it, each folder once, in a fixed order.

    Links to folders are followed, but no folder is entered twice. What
    archivers of macOS leave (`._name`) is passed over.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to begin; nothing is listed if it does not exist.

    Yields
    ------
    tuple of str
        The folder that holds a file, and the file's name.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "b.wav").write_text("")
    >>> [name for _, name in list_files(folder)]
    ['b.wav']
    """
    todo, seen = [os.fspath(folder)], set()
    while todo:
        here = todo.pop()
        if not os.path.isdir(here):
            continue
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(here) as entries:
            entries = sorted(entries, key=lambda entry: entry.name)
        for entry in entries:
            if not entry.name.startswith("._") and entry.is_file():
                yield here, entry.name
        todo += [entry.path for entry in reversed(entries) if entry.is_dir()]


class FileFinder:
    """Finds files by name, whatever their folder and extension.

    The folders are listed once, all below them too, so that looking up
    millions of names opens nothing. Where several files have one stem, the
    earlier folder wins, then the earlier suffix.

    Arguments
    ---------
    folders : list of str or pathlib.Path
        Where to look; those that do not exist are passed over.
    suffixes : tuple of str
        The extensions to look for, in lower case, best first.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / " a, b.flac").write_text("")
    >>> FileFinder([folder]).find("Y1", " a, b.wav").name
    ' a, b.flac'
    """

    def __init__(self, folders, suffixes=SUFFIXES):
        self.suffixes = suffixes
        self._places = []  # number to (folder, suffix as it is spelled)
        self._stems = {}  # stem to the number of its place
        for folder in folders:
            self._list(folder)

    def __len__(self):
        return len(self._stems)

    def _list(self, folder):
        places, ranks = {}, []
        first = len(self._places)
        for place, name in list_files(folder):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() not in self.suffixes:
                continue
            if (place, suffix) not in places:
                places[place, suffix] = first + len(places)
                ranks.append(self.suffixes.index(suffix.lower()))
            number = places[place, suffix]
            known = self._stems.setdefault(stem, number)
            if known >= first and ranks[number - first] < ranks[known - first]:
                self._stems[stem] = number
        self._places += places

    def find(self, *names):
        """Finds the first of several names that is there.

        Arguments
        ---------
        *names : str
            Names with or without an extension, best first. Characters that
            archivers replace, such as `:`, may be `_` on disk.

        Returns
        -------
        pathlib.Path or None
            The file; None where none of the names is there.
        """
        for name in names:
            stem, suffix = os.path.splitext(name)
            # A name may hold dots that begin no extension.
            stem = stem if suffix.lower() in self.suffixes else name
            for spelling in (stem, stem.translate(UNPACKED)):
                if spelling in self._stems:
                    folder, suffix = self._places[self._stems[spelling]]
                    return pathlib.Path(folder, spelling + suffix)
        return None
