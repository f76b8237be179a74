"""Bringing an index of sounds up to date with their folder.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.dataio.finder import list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.inference.index_files import (
    SoundRow,
    locked,
    read_index,
    tidy,
    write_index,
)
from speechbrain_clap.inference.index_unfinished import Unfinished
from speechbrain_clap.utils.digest import sha256

FOUND = (*SUFFIXES, ".aif", ".aiff", ".opus")
BATCH_BYTES = 64e6  # of files, were all as large as the largest of a batch
AT_WORK = "changed while it was read"
NO_DIRECTION = "its embedding is zero or not finite"


@dataclass
class UpdateReport:
    """What an update did.

    Arguments
    ---------
    added : list of str
        Files that the index did not hold, relative to the sounds' folder.
    changed : list of str
        Files whose contents are others now.
    removed : list of str
        Files that have vanished, and are in the index no more.
    unreadable : dict
        File to what is wrong with it: all that are not in the index. They
        are not tried again until they change.
    kept : int
        Files that are as they were.
    embedded : int
        How often the model was asked: not for files that were only renamed,
        copied or touched.

    Example
    -------
    >>> print(UpdateReport(["a.wav"], [], ["b.wav"], {}, 3, 1))
    4 sounds: 1 added, 0 changed, 1 removed, 3 kept (1 embedded)
    """

    added: list = field(default_factory=list)
    changed: list = field(default_factory=list)
    removed: list = field(default_factory=list)
    unreadable: dict = field(default_factory=dict)
    kept: int = 0
    embedded: int = 0

    def __str__(self):
        sounds = len(self.added) + len(self.changed) + self.kept
        bad = f", {len(self.unreadable)} unreadable" * bool(self.unreadable)
        return (
            f"{sounds} sounds: {len(self.added)} added, {len(self.changed)} "
            f"changed, {len(self.removed)} removed, {self.kept} kept "
            f"({self.embedded} embedded){bad}"
        )


def update_index(folder, sounds, model, about, batch_size=16, retry=False):
    """Embeds what is new or changed below a folder, and drops what vanished.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of the index; made when missing.
    sounds : str or pathlib.Path
        The sounds, looked through with all folders below it.
    model : object
        Has ``embed_audio_files(paths, batch_size)``, to [len(paths), D].
    about : dict
        What to note of the model: at least its `fingerprint`.
    batch_size : int
        How many sounds are decoded and embedded at once.
    retry : bool
        Whether to try unreadable files again that have not changed.

    Returns
    -------
    UpdateReport
        What was done.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    DataError
        If the index is of another model or of sounds none of which is here,
        if the folder holds no sound that can be read, or if another update
        is at work. The index stays as it was.

    Example
    -------
    >>> import soundfile, torch
    >>> class Loudness:
    ...     def embed_audio_files(self, paths, batch_size):
    ...         peaks = [abs(soundfile.read(p)[0]).max() for p in paths]
    ...         return torch.tensor([[peak, 1.0] for peak in peaks])
    >>> folder = getfixture("tmp_path") / "sounds"
    >>> folder.mkdir()
    >>> for name in "ab":
    ...     soundfile.write(folder / f"{name}.wav", 0.1 * np.ones(8000), 8000)
    >>> index, about = folder.parent / "index", {"fingerprint": {}}
    >>> print(update_index(index, folder, Loudness(), about))
    2 sounds: 2 added, 0 changed, 0 removed, 0 kept (1 embedded)
    >>> (folder / "b.wav").unlink()
    >>> print(update_index(index, folder, Loudness(), about))
    1 sounds: 0 added, 0 changed, 1 removed, 1 kept (0 embedded)
    """
    sounds = pathlib.Path(sounds).absolute()
    if not sounds.is_dir():
        raise FileNotFoundError(
            f"{sounds} is no folder of sounds: expected one. The index "
            f"{folder} is as it was"
        )
    with locked(folder):
        old = read_index(folder)
        if old is not None:
            check_fingerprint(
                old.about["fingerprint"], about["fingerprint"], folder
            )
        tidy(folder)
        unfinished = Unfinished(folder, about["fingerprint"])
        try:
            update = _Update(old, unfinished, sounds, retry)
            update.find(folder)
            update.embed(model, batch_size)
            rows, places = update.result(folder)
            about = {**about, "sounds": str(sounds)}
            if (
                old is None
                or rows != old.rows
                or any(old.about.get(key) != about[key] for key in about)
            ):
                new = unfinished.vectors()
                write_index(folder, old, about, rows, places, new)
            unfinished.remove()
        finally:
            unfinished.close()
    return update.report(rows)


class _Update:
    """One update; sounds of the same contents share one vector."""

    def __init__(self, old, unfinished, sounds, retry):
        self.old = [] if old is None else old.rows
        self.dim = None if old is None else old.about["dim"]
        self.unfinished, self.sounds, self.retry = unfinished, sounds, retry
        self.rows, self.stamps, self.todo = {}, {}, []
        self.places, self.bad = {}, {}  # by contents
        self.hashes = {}
        self.vectors = self.embedded = 0
        for row in (*self.old, *unfinished.rows):
            self._learn(row)

    def _learn(self, row):
        """Takes in what is known of some contents."""
        if row.problem is None:
            self.places.setdefault(row.sha256, self.vectors)
            self.vectors += 1
        elif row.sha256 is not None and not self.retry:
            self.bad[row.sha256] = row.problem

    def find(self, folder):
        """Lists the sounds; `todo` are those that are not as they were."""
        known = {row.path: row for row in (*self.old, *self.unfinished.rows)}
        for place, name in list_files(self.sounds):
            if not name.lower().endswith(FOUND):
                continue
            path = pathlib.Path(os.path.relpath(place, self.sounds), name)
            path = path.as_posix()
            try:
                stamp = self._stamp(path)
            except FileNotFoundError:
                continue  # removed since it was listed
            self.stamps[path] = stamp
            row = known.get(path)
            if (
                row is None
                or row.stamp != stamp
                or (self.retry and row.problem is not None)
            ):
                self.todo.append(path)
            else:
                self.rows[path] = row
        if not self.stamps:
            raise DataError(
                f"{self.sounds} holds no sound ({', '.join(FOUND)}), nor do "
                f"the folders below it. The index {folder} is as it was"
            )
        if self.old and not self._in_common():
            raise DataError(
                f"none of the {len(self.old)} sounds of the index {folder} "
                f"is in {self.sounds}, by name or by contents. Pass the "
                "folder that was indexed, or make another index"
            )

    def _in_common(self):
        """Whether any file is of the old index, renamed perhaps."""
        if any(row.path in self.stamps for row in self.old):
            return True
        for path in self.todo:
            try:
                if self._hash(path) in self.places:
                    return True
            except OSError:
                continue
        return False

    def _stamp(self, path):
        status = os.stat(self.sounds / path)
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _hash(self, path):
        if path not in self.hashes:
            self.hashes[path] = sha256(self.sounds / path)
        return self.hashes[path]

    def embed(self, model, batch_size):
        """Makes a row of each file to do, with the model where it must."""
        pending, largest = {}, 0
        bar = tqdm(
            self.todo,
            "sounds",
            dynamic_ncols=True,
            disable=not self.todo,
        )
        for path in bar:
            stamp = self.stamps[path]
            try:
                contents = self._hash(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                why = f"cannot be read ({error.strerror})"
                self.rows[path] = SoundRow(path, *stamp, None, why)
                continue
            self.rows[path] = SoundRow(path, *stamp, contents, None)
            if any(contents in o for o in (self.places, self.bad, pending)):
                continue
            # A batch is padded to its longest sound.
            larger = max(largest, stamp[0])
            if pending and larger * (len(pending) + 1) > BATCH_BYTES:
                self._embed_batch(model, pending)
                pending, larger = {}, stamp[0]
            pending[contents], largest = path, larger
            if len(pending) == batch_size:
                self._embed_batch(model, pending)
                pending, largest = {}, 0
        if pending:
            self._embed_batch(model, pending)

    def _embed_batch(self, model, pending):
        """Embeds one file for each contents and keeps the result on disk."""
        files = [str(self.sounds / path) for path in pending.values()]
        results = _embed(model, files)
        rows, vectors = [], []
        for (contents, path), result in zip(
            pending.items(), results, strict=True
        ):
            row = self.rows[path]
            if self._has_changed(path):
                continue  # the hash may be of other contents
            if isinstance(result, str):
                row = row._replace(problem=result)
                self.bad[contents] = result
            else:
                vectors.append(result)
                self.embedded += 1
            rows.append(row)
            self._learn(row)
        if vectors:
            self.dim = len(vectors[0])
        if rows and self.dim is not None:
            made = np.array(vectors, np.float32).reshape(-1, self.dim)
            self.unfinished.append(rows, made)

    def _has_changed(self, path):
        try:
            return self._stamp(path) != self.stamps[path]
        except FileNotFoundError:
            return True

    def result(self, folder):
        """All rows by path, and where their vectors are."""
        rows = []
        for path in sorted(self.rows):
            row = self.rows[path]
            if row.problem is None and row.sha256 not in self.places:
                why = self.bad.get(row.sha256)
                row = row._replace(problem=why)
                if why is None:  # to be looked at again the next time
                    row = SoundRow(path, 0, 0, 0, None, AT_WORK)
            rows.append(row)
        good = [row for row in rows if row.problem is None]
        if not good:
            raise DataError(
                f"none of the {len(rows)} sounds in {self.sounds} can be "
                f"read, the first of them: {rows[0].path}: "
                f"{rows[0].problem}. The index {folder} is as it was"
                if rows
                else f"{self.sounds} was emptied while it was read"
            )
        return rows, [self.places[row.sha256] for row in good]

    def report(self, rows):
        """What is not as it was."""
        old = {r.path: r.sha256 for r in self.old if r.problem is None}
        new = {r.path: r.sha256 for r in rows if r.problem is None}
        changed = [p for p in new if p in old and old[p] != new[p]]
        added = [path for path in new if path not in old]
        return UpdateReport(
            added=added,
            changed=changed,
            removed=[p for p in old if p not in self.rows],
            unreadable={r.path: r.problem for r in rows if r.problem},
            kept=len(new) - len(added) - len(changed),
            embedded=self.embedded,
        )


def _embed(model, files):
    """A vector for each file, or in its place what is wrong with it."""
    try:
        vectors = model.embed_audio_files(files, batch_size=len(files))
    except ValueError as error:  # such as a BadClipError
        if len(files) == 1:
            return [str(error).removeprefix(f"{files[0]}: ")]
        return [result for file in files for result in _embed(model, [file])]
    vectors = vectors.detach().float().cpu().numpy()
    # Squares, for that is what a cosine takes.
    norms = (vectors**2).sum(1)
    usable = np.isfinite(norms) & (norms > 0)
    return [
        vector if good else NO_DIRECTION
        for vector, good in zip(vectors, usable, strict=True)
    ]
