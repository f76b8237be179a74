"""What an update of an index has done so far, on disk.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import json
import os
import pathlib
import shutil
import time

import numpy as np

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.inference.index_files import SoundRow, write_ascii

SYNC_SECONDS = 1.0  # what a kill can cost, besides one batch


class Unfinished:
    """What an update has embedded so far, kept for the next if it is killed.

    Vectors are on disk before their rows are, and a row counts only once its
    line is whole. Syncing a disk takes long: it is done once a second.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of the index.
    fingerprint : dict
        Of the model.

    Raises
    ------
    DataError
        If another model was at work here.

    Example
    -------
    >>> unfinished = Unfinished(getfixture("tmp_path"), {"weights": "w"})
    >>> row = SoundRow("a.wav", 44, 1, 1, "00", None)
    >>> unfinished.append([row], np.ones((1, 2), np.float32))
    >>> unfinished.close()
    >>> again = Unfinished(getfixture("tmp_path"), {"weights": "w"})
    >>> again.rows == [row], again.vectors().shape
    (True, (1, 2))
    """

    def __init__(self, folder, fingerprint):
        self.folder = pathlib.Path(folder) / "unfinished"
        self.fingerprint = fingerprint
        self.rows, self.dim = [], None
        self._files, self._waiting, self._synced = (), [], time.monotonic()
        if (self.folder / "plan.json").exists():
            self._resume()

    def _resume(self):
        """Takes over what is whole."""
        plan = json.loads((self.folder / "plan.json").read_text("ascii"))
        self.dim = plan.pop("dim")
        check_fingerprint(plan, self.fingerprint, self.folder.parent)
        vectors, lines = self._open()
        there = os.path.getsize(vectors.name) // (4 * self.dim)
        end = good = 0
        for line in lines:
            if not line.endswith(b"\n"):
                break
            row = SoundRow(*json.loads(line))
            if good + (row.problem is None) > there:
                break
            good += row.problem is None
            end += len(line)
            self.rows.append(row)
        vectors.truncate(4 * self.dim * good)
        lines.truncate(end)

    def _open(self):
        names = ("vectors.f32", "rows.jsonl")
        self._files = [open(self.folder / name, "a+b") for name in names]
        for file in self._files:
            file.seek(0)
        return self._files

    def append(self, rows, vectors):
        """Keeps some rows.

        Arguments
        ---------
        rows : list of SoundRow
            Those without a problem have a vector each, in this order.
        vectors : np.ndarray
            Float32, [n, D].

        Raises
        ------
        OSError
            If the disk is full, say.
        """
        try:
            if not self._files:
                self._begin(vectors.shape[1])
            self._files[0].write(vectors.tobytes())
            self._waiting += [json.dumps(row) + "\n" for row in rows]
            self.rows += rows
            if time.monotonic() - self._synced > SYNC_SECONDS:
                self.sync()
        except OSError as error:
            raise OSError(
                error.errno,
                f"{self.folder}: what was embedded cannot be kept "
                f"({error.strerror}). The index is as it was; free some "
                "space, and run the same command again",
            ) from error

    def _begin(self, dim):
        """Makes the files."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.dim = dim
        plan = {**self.fingerprint, "dim": dim}
        write_ascii(self.folder / "plan.json", plan)
        self._open()

    def sync(self):
        """Brings all to the disk: the vectors, and only then their rows."""
        # Taken out first: after an error they must not be written twice.
        waiting, self._waiting = self._waiting, []
        if waiting:
            vectors, lines = self._files
            _flush(vectors)
            lines.write("".join(waiting).encode())
            _flush(lines)
            self._synced = time.monotonic()

    def vectors(self):
        """The vectors of the rows without a problem.

        Returns
        -------
        np.ndarray
            Memory-mapped float32, [M, D].
        """
        n = sum(row.problem is None for row in self.rows)
        if not n:
            return np.zeros((0, self.dim or 0), np.float32)
        self.sync()
        path = self.folder / "vectors.f32"
        return np.memmap(path, np.float32, "r", shape=(n, self.dim))

    def close(self):
        """Closes the files; what they hold stays."""
        # What cannot be kept, on a full disk, is embedded again.
        with contextlib.suppress(OSError):
            self.sync()
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()
        self._files = ()

    def remove(self):
        """Removes the folder, once the index holds all of it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _flush(file):
    file.flush()
    os.fsync(file.fileno())
