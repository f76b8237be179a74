"""Rows of a store that have no direction: zero, or not finite.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import logging

import numpy as np

from speechbrain_clap.curation.products import normalise
from speechbrain_clap.utils.files import atomic_write

logger = logging.getLogger(__name__)
LEFT_OUT = "left_out.csv"


def name_unusable(folder, left, right):
    """Writes left_out.csv, which names them and says why, and counts them.

    Arguments
    ---------
    folder : pathlib.Path
        Where to write.
    left : speechbrain_clap.curation.store.EmbeddingStore
        One side of a join.
    right : speechbrain_clap.curation.store.EmbeddingStore
        The other.

    Returns
    -------
    dict
        How many rows there are of ``left`` and of ``right``.

    Example
    -------
    >>> from speechbrain_clap.curation.store import EmbeddingStore
    >>> from speechbrain_clap.curation.store import EmbeddingWriter
    >>> folder = getfixture("tmp_path")
    >>> with EmbeddingWriter(folder, 1) as writer:
    ...     writer.append([[0], [2]], {"id": ["silence", "b"]})
    >>> store = EmbeddingStore.open(folder)
    >>> name_unusable(folder, store, store)
    {'left': 1, 'right': 1}
    >>> print((folder / LEFT_OUT).read_text())
    side,row,id,reason
    left,0,silence,zero
    right,0,silence,zero
    """
    counts = {}
    with (
        atomic_write(folder / LEFT_OUT) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["side", "row", "id", "reason"])
        for side, store in (("left", left), ("right", right)):
            rows, reasons = [], []
            for start in range(0, len(store), 4096):
                raw = store.read(start, min(start + 4096, len(store)))
                bad = np.flatnonzero(~normalise(raw)[1].numpy())
                rows.extend((start + bad).tolist())
                finite = np.isfinite(raw[bad]).all(1)
                reasons.extend("zero" if x else "not finite" for x in finite)
            ids = store.ids(rows) if rows else []
            lines = zip(rows, ids, reasons, strict=True)
            writer.writerows((side, *line) for line in lines)
            counts[side] = len(rows)
            if rows:
                logger.warning(
                    "%d of the %s rows are zero or not finite and left out "
                    "(%s ...): see %s",
                    len(rows),
                    side,
                    ", ".join(ids[:5]),
                    folder / LEFT_OUT,
                )
    return counts
