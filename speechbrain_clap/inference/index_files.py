"""The files of an index of sounds, and how they change safely.

An index is a folder:

- ``index.json`` names the two other files, the model and the sounds' folder.
  It is written last: what it names is whole, whenever one looks.
- ``vectors-000001.f32``: raw float32, [N, D], not normalised.
- ``rows-000001.json``: a row for each file that was found, those that cannot
  be used too.
- ``unfinished/``: see ``speechbrain_clap.inference.index_unfinished``.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import json
import os
import pathlib
import re
from typing import NamedTuple

import numpy as np

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.utils.files import atomic_write

try:
    import fcntl
except ImportError:  # Windows: two updates at once are the user's to avoid
    fcntl = None

ABOUT, LOCK = "index.json", "update.lock"
VECTORS, ROWS = "vectors-{:06}.f32", "rows-{:06}.json"
OURS = re.compile(r"\.?(vectors|rows|approximate)-.*|\.index\..*")
FORMAT = "speechbrain_clap sounds 1"
BLOCK = 4096  # rows copied at once
TRIES = 5  # an update may replace the files while they are being opened


class SoundRow(NamedTuple):
    """What an index knows of a file.

    Its contents are taken as unchanged while its size and times are. The
    change time is among these, for archives give many files of one size the
    same modification time, and a renamed file keeps it.

    Arguments
    ---------
    path : str
        Relative to the sounds' folder, with "/".
    size : int
        In bytes.
    mtime_ns : int
        When its contents were last modified.
    ctime_ns : int
        When anything of it last changed, its name too.
    sha256 : str or None
        Of the contents; None if these could not be read.
    problem : str or None
        Why it has no vector; None if it has one.

    Example
    -------
    >>> SoundRow("a.wav", 44, 1, 1, None, "is silent").stamp
    (44, 1, 1)
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str | None
    problem: str | None

    @property
    def stamp(self):
        """What changes when the file does: size and both times."""
        return self[1:4]


class IndexContents(NamedTuple):
    """A whole index, as it was at one moment.

    Arguments
    ---------
    about : dict
        Contents of ``index.json``.
    rows : list of SoundRow
        In the order of their paths.
    vectors : np.ndarray
        Memory-mapped float32, [N, D], of the N rows without a problem. It
        stays as it is when the index is updated meanwhile.
    """

    about: dict
    rows: list
    vectors: np.ndarray


def read_index(folder):
    """Opens an index.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where it is.

    Returns
    -------
    IndexContents or None
        None if there is none.

    Raises
    ------
    DataError
        If its files do not fit together, or if it is no index of sounds.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> read_index(folder) is None
    True
    >>> row = SoundRow("a.wav", 44, 1, 1, "00", None)
    >>> write_index(folder, None, {}, [row], [0], np.ones((1, 2), "f4"))
    >>> read_index(folder).vectors.tolist()
    [[1.0, 1.0]]
    """
    folder = pathlib.Path(folder)
    for attempt in range(TRIES):
        try:
            about = json.loads((folder / ABOUT).read_text("ascii"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DataError(
                f"{folder / ABOUT} is not what an update writes ({error}). "
                "Remove the folder and make the index again"
            ) from error
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise DataError(
                f"{folder / ABOUT} is of no index of sounds: expected its "
                f"format to be '{FORMAT}'. Choose another folder"
            )
        try:
            return _read_named(folder, about)
        except FileNotFoundError as error:
            if attempt == TRIES - 1:
                raise DataError(
                    f"{folder}: {error.filename} is missing. Remove the "
                    "folder and make the index again"
                ) from error


def _read_named(folder, about):
    """Opens the files that ``index.json`` names."""
    n, dim = about["n"], about["dim"]
    rows = json.loads((folder / about["rows"]).read_text("ascii"))
    rows = [SoundRow(*row) for row in rows]
    path = folder / about["vectors"]
    size, good = path.stat().st_size, sum(row.problem is None for row in rows)
    if size != 4 * n * dim or good != n:
        raise DataError(
            f"{path} has {size} bytes and there are {good} rows, expected {n} "
            f"of {dim} float32. Remove the folder and make the index again"
        )
    if not n:
        return IndexContents(about, rows, np.zeros((0, dim), np.float32))
    vectors = np.memmap(path, np.float32, "r", shape=(n, dim))
    return IndexContents(about, rows, vectors)


def write_index(folder, old, about, rows, places, new):
    """Replaces an index by another one, at one moment.

    Until that moment a reader finds the old one, from then on the new one.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where it is.
    old : IndexContents or None
        What is there.
    about : dict
        What ``index.json`` should say of the model and the sounds.
    rows : list of SoundRow
        All rows.
    places : list of int
        For each row without a problem, where its vector is: among the old
        ones, or past their end, among the new ones.
    new : np.ndarray
        Float32, [M, D].

    Example
    -------
    >>> folder, row = getfixture("tmp_path"), ("a.wav", 44, 1, 1, "00", None)
    >>> rows, vectors = [SoundRow(*row)], np.ones((1, 2), np.float32)
    >>> write_index(folder, None, {}, rows, [0], vectors)
    >>> write_index(folder, read_index(folder), {}, [], [], vectors[:0])
    >>> sorted(path.name for path in folder.iterdir())
    ['index.json', 'rows-000002.json', 'vectors-000002.f32']
    """
    folder = pathlib.Path(folder)
    generation = 1 if old is None else old.about["generation"] + 1
    known = new[:0] if old is None else old.vectors
    vectors = VECTORS.format(generation)
    if old is not None and places == list(range(len(known))):
        vectors = old.about["vectors"]  # the very same: no need to copy
    else:
        with atomic_write(folder / vectors) as temporary:
            _copy(temporary, places, known, new)
    rows_name = ROWS.format(generation)
    write_ascii(folder / rows_name, rows)
    about = {
        "format": FORMAT,
        "generation": generation,
        "n": len(places),
        "dim": known.shape[1],
        "vectors": vectors,
        "rows": rows_name,
        **about,
    }
    write_ascii(folder / ABOUT, about)
    tidy(folder)


def _copy(path, places, known, new):
    """Writes vectors of two arrays, in the order of their places."""
    places = np.asarray(places, np.int64)
    with open(path, "wb") as file:
        for first in range(0, len(places), BLOCK):
            here = places[first : first + BLOCK]
            block = np.empty((len(here), known.shape[1]), np.float32)
            old = here < len(known)
            block[old] = known[here[old]]
            if not old.all():
                block[~old] = new[here[~old] - len(known)]
            file.write(block.tobytes())
        file.flush()
        os.fsync(file.fileno())


def write_ascii(path, value):
    r"""Writes JSON in ASCII: names of files need not be of any encoding.

    Arguments
    ---------
    path : pathlib.Path
        The file, written atomically.
    value : object
        Anything that `json` takes.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.json"
    >>> write_ascii(path, chr(0xDCFF))
    >>> path.read_text()
    '"\\udcff"\n'
    """
    with atomic_write(path) as temporary:
        with open(temporary, "w", encoding="ascii") as file:
            file.write(json.dumps(value) + "\n")
            file.flush()
            os.fsync(file.fileno())


def tidy(folder):
    """Removes what killed updates left and what ``index.json`` names no more.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of an index that no other process updates.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "vectors-000007.f32").write_text("")
    >>> tidy(folder)
    >>> list(folder.iterdir())
    []
    """
    folder = pathlib.Path(folder)
    named = ()
    if (folder / ABOUT).exists():
        named = json.loads((folder / ABOUT).read_text("ascii")).values()
        named = [name for name in named if isinstance(name, str)]
    keep = {approximate_name(name) for name in named}.union(named)
    for path in folder.iterdir():
        if OURS.fullmatch(path.name) and path.name not in keep:
            path.unlink(missing_ok=True)


def approximate_name(vectors):
    """The file of the faiss index that belongs to a file of vectors.

    Arguments
    ---------
    vectors : str
        Its name.

    Returns
    -------
    str
        The other's name.

    Example
    -------
    >>> approximate_name("vectors-000001.f32")
    'approximate-000001.faiss'
    """
    stem = pathlib.PurePath(vectors).stem
    return f"{stem.replace('vectors', 'approximate', 1)}.faiss"


@contextlib.contextmanager
def locked(folder):
    """Keeps other updates of an index out, also those of other processes.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of the index; made when missing. A process that is killed lets go.

    Yields
    ------
    None

    Raises
    ------
    DataError
        If another update is at work.

    Example
    -------
    >>> with locked(getfixture("tmp_path")):
    ...     pass
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(
                    f"{folder} is being updated by another process: wait "
                    "until it has finished"
                ) from None
        yield
