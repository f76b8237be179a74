"""What embedding in batches shares: cutting, joining, naming what is bad.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np
import torch
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.manifest import LOGGED_CLIPS
from speechbrain_clap.utils.distributed import rank

logger = get_logger(__name__)


def cut(rows, size):
    """Cuts rows into batches.

    Arguments
    ---------
    rows : sequence
        Anything that can be sliced.
    size : int
        Rows of a batch; the last one may have fewer.

    Returns
    -------
    list
        The batches.

    Example
    -------
    >>> cut(range(5), 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def stack_batches(batches):
    """One array of several; those without any good clip are of no width.

    Arguments
    ---------
    batches : list of numpy.ndarray
        [n, D], or [n, 0] where no clip could be read.

    Returns
    -------
    numpy.ndarray
        float32, [N, D], NaN where nothing could be read.

    Example
    -------
    >>> stack_batches([np.zeros((1, 0)), np.ones((1, 2))]).tolist()
    [[nan, nan], [1.0, 1.0]]
    """
    width = max(batch.shape[1] for batch in batches)
    empty = [np.full((len(b), width), np.nan, np.float32) for b in batches]
    return np.concatenate(
        [
            batch if batch.shape[1] else nothing
            for batch, nothing in zip(batches, empty, strict=True)
        ]
    )


def bad_clips(read, ids, on_bad_clip):
    """The clips of a batch that could not be read; some are logged.

    Arguments
    ---------
    read : iterable of tuple
        Row of each clip, and what is wrong with it, or None.
    ids : list of str
        Names of all rows.
    on_bad_clip : str
        "skip" or "stop".

    Returns
    -------
    dict
        Row to what is wrong.

    Raises
    ------
    BadClipError
        If a clip is bad and the rule is "stop".

    Example
    -------
    >>> bad_clips([(0, None), (1, "b.wav: is silent")], ["a", "b"], "skip")
    {1: 'b.wav: is silent'}
    """
    bad = {row: problem for row, problem in read if problem is not None}
    if bad and on_bad_clip == "stop":
        problem = next(iter(bad.values()))
        raise BadClipError(
            f"{problem}. Mend or remove it, or set on_bad_clip: skip"
        )
    for row in list(bad)[:LOGGED_CLIPS]:
        logger.warning("Left out: %s: %s", ids[row], bad[row])
    return bad


class ReadableClips(torch.utils.data.Dataset):
    """Clips, or in their place words about what is wrong with them.

    Arguments
    ---------
    clips : sequence
        Of dicts with `sig`, whose reader raises ``BadClipError``.

    Example
    -------
    >>> ReadableClips([{"sig": "a wave"}])[0]
    (0, 'a wave', None)
    """

    def __init__(self, clips):
        self.clips = clips

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        """Reads a clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple
            The row, the wave or None, and what is wrong or None.
        """
        try:
            return i, self.clips[i]["sig"], None
        except BadClipError as error:
            # The cause is without the reader's advice, which is about a rule.
            return i, None, str(error.__cause__ or error)


def progress_bar(words, total):
    """A bar with the time left, on the first rank.

    Arguments
    ---------
    words : str
        What is counted.
    total : int
        How many there are; 0: no bar.

    Returns
    -------
    tqdm.tqdm
        The bar.

    Example
    -------
    >>> with progress_bar("sounds", 0) as bar:
    ...     _ = bar.update(1)
    """
    hidden = rank() != 0 or not total
    return tqdm(desc=words, total=total, dynamic_ncols=True, disable=hidden)
