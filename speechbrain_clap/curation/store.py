"""Embeddings on disk, with the rows they belong to.

A store is a folder: ``embeddings.f16`` (raw float16, [N, D]), ``rows.parquet``
(``id``, ``path`` and whatever else there is to say) and ``store.json``, which
is written last: without it there is no store.

Authors
 * The speechbrain_clap team 2026
"""

import json
import os
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.utils.files import atomic_write, write_json

VECTORS, ROWS, ABOUT = "embeddings.f16", "rows.parquet", "store.json"
UNFINISHED = "unfinished"


def _concat(tables):
    """One table of several; a column that was all null takes a later type."""
    return pa.concat_tables(tables, promote_options="permissive")


class EmbeddingStore:
    """The embeddings of one set of clips or texts, read from disk.

    Use `open`; the constructor is for `open` alone.

    Arguments
    ---------
    folder : pathlib.Path
        Where the store is.
    about : dict
        Contents of its ``store.json``.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder, 2) as writer:
    ...     writer.append([[3.0, 4.0], [0.0, 1.0]], {"id": ["a", "b"]})
    >>> store = EmbeddingStore.open(folder)
    >>> len(store), store.dim, store.ids([1]), store.read(0, 1).tolist()
    (2, 2, ['b'], [[3.0, 4.0]])
    """

    def __init__(self, folder, about):
        self.folder = folder
        self.about = about
        self.dim = about["dim"]

    @classmethod
    def open(cls, folder, fingerprint=None):
        """Opens a store that is whole and, if asked for, not stale.

        Arguments
        ---------
        folder : str or pathlib.Path
            Where an `EmbeddingWriter` wrote.
        fingerprint : dict or None
            Model and settings that it must come from. None takes any.

        Returns
        -------
        EmbeddingStore
            The store.

        Raises
        ------
        FileNotFoundError
            If no store was finished there.
        ValueError
            If the fingerprint differs (it says in what), or if the files do
            not have the size that ``store.json`` says.

        Example
        -------
        >>> EmbeddingStore.open(getfixture("tmp_path"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: ...no finished store of embeddings...
        """
        folder = pathlib.Path(folder)
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{folder} holds no finished store of embeddings ({ABOUT} is "
                "missing). Run the command that embeds; it goes on where it "
                "stopped"
            ) from None
        if fingerprint is not None:
            check_fingerprint(about["fingerprint"], fingerprint, folder)
        size = (folder / VECTORS).stat().st_size
        if size != 2 * about["n"] * about["dim"]:
            raise ValueError(
                f"{folder / VECTORS} has {size} bytes, but {about['n']} rows "
                f"of {about['dim']} float16 were written. Embed again into "
                "an empty folder"
            )
        return cls(folder, about)

    def __len__(self):
        return self.about["n"]

    @property
    def embeddings(self):
        """All embeddings, memory-mapped: np.ndarray, [N, D], float16."""
        if not len(self):
            return np.zeros((0, self.dim), np.float16)
        return np.memmap(
            self.folder / VECTORS, np.float16, "r", shape=(len(self), self.dim)
        )

    def read(self, start, stop):
        """Reads some rows into memory of their own.

        Unlike pages of a map, they are gone when the array is.

        Arguments
        ---------
        start : int
            The first row.
        stop : int
            The row after the last.

        Returns
        -------
        np.ndarray
            [stop - start, D], float16.

        Example
        -------
        >>> folder = getfixture("tmp_path")
        >>> with EmbeddingWriter(folder, 1) as writer:
        ...     writer.append([[1], [2], [3]], {"id": ["a", "b", "c"]})
        >>> EmbeddingStore.open(folder).read(1, 3).ravel().tolist()
        [2.0, 3.0]
        """
        return np.fromfile(
            self.folder / VECTORS,
            np.float16,
            count=(stop - start) * self.dim,
            offset=2 * start * self.dim,
        ).reshape(-1, self.dim)

    def rows(self, columns=None):
        """What is known of every row.

        Arguments
        ---------
        columns : list of str or None
            Which columns to read, all by default.

        Returns
        -------
        pyarrow.Table
            N rows, in the order of the embeddings.

        Example
        -------
        >>> folder = getfixture("tmp_path")
        >>> with EmbeddingWriter(folder, 1) as writer:
        ...     writer.append([[1]], {"id": ["a"], "path": ["a.wav"]})
        >>> EmbeddingStore.open(folder).rows(["path"]).to_pylist()
        [{'path': 'a.wav'}]
        """
        return pq.read_table(self.folder / ROWS, columns=columns)

    def ids(self, indices):
        """The names of some rows.

        Arguments
        ---------
        indices : sequence of int
            Which rows.

        Returns
        -------
        list of str
            Their ids.

        Example
        -------
        >>> folder = getfixture("tmp_path")
        >>> with EmbeddingWriter(folder, 1) as writer:
        ...     writer.append([[1], [2]], {"id": ["a", "b"]})
        >>> EmbeddingStore.open(folder).ids([1, 0])
        ['b', 'a']
        """
        indices = np.asarray(indices, np.int64)
        return self.rows(["id"])["id"].take(indices).to_pylist()


class EmbeddingWriter:
    """Writes a store part by part, and goes on after a kill.

    What has reached the disk in whole parts stays; the rest is to be embedded
    again: `written_ids` says what is there. Leaving the ``with`` block
    without an error finishes the store.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write. A finished store there is an error.
    dim : int
        D, the length of an embedding.
    fingerprint : dict or None
        Model and settings, of JSON's types. Parts of an earlier run must have
        the same one.
    part_rows : int
        How many rows to hold before they are written: what a kill can cost.

    Raises
    ------
    FileExistsError
        If the folder holds a finished store.
    ValueError
        If an unfinished store there has another dim or fingerprint.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder, 2, {"model": "m"}) as writer:
    ...     writer.append([[1.0, 0.0]], {"id": ["a"], "path": ["a.wav"]})
    >>> sorted(path.name for path in folder.iterdir())
    ['embeddings.f16', 'rows.parquet', 'store.json']
    """

    def __init__(self, folder, dim, fingerprint=None, part_rows=4096):
        self.folder = pathlib.Path(folder)
        if (self.folder / ABOUT).exists():
            raise FileExistsError(
                f"{self.folder} holds a finished store of embeddings. Open "
                "it, or remove it to embed again"
            )
        self.dim, self.part_rows = dim, part_rows
        self.fingerprint = fingerprint or {}
        self.parts = self.folder / UNFINISHED
        self.parts.mkdir(parents=True, exist_ok=True)
        self._vectors, self._rows, self._held = [], [], 0
        self._resume()

    def _resume(self):
        """Takes over what an earlier run has written in whole parts."""
        plan = {"dim": self.dim, **self.fingerprint}
        try:
            text = (self.parts / ABOUT).read_text(encoding="utf-8")
            check_fingerprint(json.loads(text), plan, self.parts)
        except FileNotFoundError:
            write_json(self.parts / ABOUT, plan)
        self._files = sorted(self.parts.glob("rows-*.parquet"))
        self.written = sum(pq.read_metadata(f).num_rows for f in self._files)
        # Vectors are written before their rows: those without are dropped.
        path = self.parts / VECTORS
        if not path.exists() and (self.folder / VECTORS).exists():
            path = self.folder / VECTORS  # killed while finishing
        self._file = open(path, "r+b" if path.exists() else "w+b")
        self._file.truncate(2 * self.written * self.dim)
        self._file.seek(0, os.SEEK_END)

    def written_ids(self):
        """The ids on disk, which need no embedding any more.

        Returns
        -------
        list of str
            In the order they were written.

        Example
        -------
        >>> folder = getfixture("tmp_path")
        >>> EmbeddingWriter(folder, 2).written_ids()
        []
        """
        tables = [pq.read_table(f, columns=["id"]) for f in self._files]
        return [i for table in tables for i in table["id"].to_pylist()]

    def append(self, embeddings, rows):
        """Adds some embeddings.

        Arguments
        ---------
        embeddings : array or torch.Tensor
            [B, D]. NaN and zero rows are allowed: joins leave them out.
        rows : dict of list
            B values per column. Needs ``id``; always the same columns.

        Raises
        ------
        ValueError
            If shapes do not fit, or if a value is beyond float16.

        Example
        -------
        >>> writer = EmbeddingWriter(getfixture("tmp_path"), 2)
        >>> writer.append([[1e6, 0.0]], {"id": ["a"]})
        Traceback (most recent call last):
        ...
        ValueError: a: 1e+06 is beyond float16...
        """
        if hasattr(embeddings, "detach"):
            embeddings = embeddings.detach().float().cpu()
        vectors = np.asarray(embeddings, np.float32)
        table = pa.table(rows)
        if vectors.shape != (table.num_rows, self.dim):
            raise ValueError(
                f"{table.num_rows} rows of {self.dim} numbers were expected, "
                f"but the embeddings have the shape {list(vectors.shape)}"
            )
        limit = np.finfo(np.float16).max
        beyond = np.isfinite(vectors) & (np.abs(vectors) > limit)
        if beyond.any():
            row = int(beyond.any(1).argmax())
            value = vectors[row][beyond[row]][0]
            raise ValueError(
                f"{rows['id'][row]}: {value:g} is beyond float16. Divide the "
                "embeddings by their L2 norm first"
            )
        self._vectors.append(vectors.astype(np.float16))
        self._rows.append(table)
        self._held += len(vectors)
        if self._held >= self.part_rows:
            self.flush()

    def flush(self):
        """Writes what is held as one part.

        Example
        -------
        >>> writer = EmbeddingWriter(getfixture("tmp_path"), 1)
        >>> writer.append([[1]], {"id": ["a"]})
        >>> writer.flush()
        >>> writer.written_ids()
        ['a']
        """
        if not self._held:
            return
        self._file.write(np.concatenate(self._vectors).tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        path = self.parts / f"rows-{len(self._files):06}.parquet"
        with atomic_write(path) as temporary:
            pq.write_table(_concat(self._rows), temporary)
        self._files.append(path)
        self.written += self._held
        self._vectors, self._rows, self._held = [], [], 0

    def finish(self):
        """Makes a store of the parts, under the final names.

        Example
        -------
        >>> writer = EmbeddingWriter(getfixture("tmp_path"), 1)
        >>> writer.append([[1]], {"id": ["a"]})
        >>> writer.finish()
        >>> len(EmbeddingStore.open(writer.folder))
        1
        """
        self.flush()
        self._file.close()
        with atomic_write(self.folder / ROWS) as temporary:
            tables = [pq.read_table(file) for file in self._files]
            empty = pa.table({"id": pa.array([], pa.string())})
            pq.write_table(_concat(tables) if tables else empty, temporary)
        if (self.parts / VECTORS).exists():
            os.replace(self.parts / VECTORS, self.folder / VECTORS)
        write_json(
            self.folder / ABOUT,
            {
                "n": self.written,
                "dim": self.dim,
                "fingerprint": self.fingerprint,
                "complete": True,
            },
        )
        shutil.rmtree(self.parts)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.finish()
        else:
            self._file.close()
