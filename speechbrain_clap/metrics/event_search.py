"""Labelled segments that look for frames: F1 at a threshold of the cosine.

The audio retrieval of "Wav2CLIP: Learning Robust Audio Representations From
CLIP", Wu et al. 2021, https://arxiv.org/abs/2110.11499, section 4.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

from speechbrain_clap.metrics.events import event_roll, f_scores

BLOCK = 256  # queries compared with all frames at once
# Thresholds from -1 to 1: cosines of an untrained encoder are all near 1.
STEPS = 20000


class SegmentGrid:
    """Which frames cover which segments of which clips.

    Segments of a clip that the same frames touch make a *cell*. Finding any
    of its frames finds the whole of it, as when sed_eval is given an event for
    every frame found: whatever the frames are (overlapping, or shorter than a
    segment), counts over cells are counts over segments.

    Arguments
    ---------
    frames : list of numpy.ndarray
        Start and stop in seconds of the frames of each clip, in order of
        time, [N, 2].
    events : list of list of tuple
        (onset, offset, label) of the events of each clip.
    classes : list of str
        C labels.
    resolution : float
        Length of a segment, in seconds.

    Attributes
    ----------
    clip : numpy.ndarray
        The clip of each cell, int [M].
    size : numpy.ndarray
        Its segments, int [M].
    active : numpy.ndarray
        How many of them are of each class, int [M, C].
    total : numpy.ndarray
        Segments of each class in each clip, those that no frame covers
        included, int [clips, C].

    Example
    -------
    >>> frames = [np.array([[0.0, 1.0], [1.0, 2.0]])]
    >>> grid = SegmentGrid(frames, [[(0.5, 1.2, "dog")]], ["dog"])
    >>> grid.size, grid.active[:, 0], grid.total
    (array([10, 10]), array([5, 2]), array([[7]]))
    >>> grid.scores(np.array([[0.9, 0.1]]))
    array([[0.9, 0.1]])
    """

    def __init__(self, frames, events, classes, resolution=0.1):
        cells, active, total, first = [], [], [], 0
        for clip, (spans, of_clip) in enumerate(
            zip(frames, events, strict=True)
        ):
            begin = np.floor(spans[:, 0] / resolution).astype(int)
            end = np.ceil(spans[:, 1] / resolution).astype(int)
            roll = event_roll(of_clip, classes, resolution, end.max(initial=0))
            segments = np.arange(len(roll))
            # Frames low to high - 1 touch a segment.
            low = np.searchsorted(end, segments, side="right")
            high = np.searchsorted(begin, segments, side="right")
            touched = np.stack([low, high], 1)
            starts = np.flatnonzero(
                np.any(np.diff(touched, axis=0, prepend=-1), 1)
            )
            if len(starts):
                counts = np.add.reduceat(roll.astype(int), starts)
                sizes = np.diff(starts, append=len(roll))
                covered = low[starts] < high[starts]
                made = np.column_stack(
                    [np.full(len(starts), clip), sizes, touched[starts] + first]
                )
                cells.append(made[covered])
                active.append(counts[covered])
            total.append(roll.sum(0))
            first += len(spans)
        cells = np.concatenate(cells)
        self.clip, self.size, self._low, self._high = cells.T
        self.active = np.concatenate(active)
        self.total = np.array(total)

    def scores(self, scores):
        """Of each cell the best score of its frames.

        Arguments
        ---------
        scores : numpy.ndarray
            Of all frames, clip after clip, [Q, frames].

        Returns
        -------
        numpy.ndarray
            [Q, M].
        """
        best = scores[:, self._low]
        for step in range(1, int((self._high - self._low).max())):
            also = np.minimum(self._low + step, self._high - 1)
            np.maximum(best, scores[:, also], out=best)
        return best


def search_events(queries, frames, grid, labels, clips, fold_of):
    """Every query finds the frames whose cosine reaches a threshold.

    What it finds counts as an event of its own class, in every clip but its
    own. The threshold is one for all classes: that with the best F1 of the
    queries of a fold among the clips of this fold. It is tested by the queries
    of the other folds among their clips, and each fold has its turn.

    Arguments
    ---------
    queries : array_like
        L2-normalised, [Q, D].
    frames : array_like
        L2-normalised, of all clips one after the other, [F, D].
    grid : SegmentGrid
        Of the clips.
    labels : array_like
        Class of each query, int [Q].
    clips : array_like
        Its clip, int [Q].
    fold_of : array_like
        Fold of each clip, int from 0, [clips].

    Returns
    -------
    dict
        A list with an item for each fold: `thresholds`; `curves`, the F1 at
        `STEPS` thresholds from -1, float [STEPS]; `counts`, of each query true
        positives, false positives and false negatives in the test, int [Q, 3],
        0 for those of the fold; `all`, the same where every frame is found,
        what chance gives at best.

    Raises
    ------
    ValueError
        If a fold has no query.

    Example
    -------
    >>> frames = [np.array([[0.0, 1.0], [1.0, 2.0]])] * 4
    >>> events = [[(0.0, 1.0, "dog")]] * 4
    >>> grid = SegmentGrid(frames, events, ["dog"])
    >>> vectors = np.tile(np.eye(2), (4, 1))
    >>> folds = [0, 0, 1, 1]
    >>> found = search_events(
    ...     vectors[::2], vectors, grid, [0] * 4, range(4), folds
    ... )
    >>> found["counts"][0].sum(0).tolist(), found["all"][0].sum(0).tolist()
    ([20, 0, 0], [20, 20, 0])
    """
    queries = np.asarray(queries, np.float32)
    frames = np.asarray(frames, np.float32)
    labels, clips = np.asarray(labels, int), np.asarray(clips, int)
    fold_of = np.asarray(fold_of, int)
    fold_of_cell, fold_of_query = fold_of[grid.clip], fold_of[clips]
    folds = int(fold_of.max()) + 1
    missing = sorted(set(range(folds)) - set(fold_of_query.tolist()))
    if missing:
        raise ValueError(
            f"fold {missing[0] + 1} of {folds} has no labelled segment: "
            "expected more clips, or fewer folds"
        )

    def _blocks(chosen, cells):
        """Queries and what they score at the cells of other clips."""
        for start in range(0, len(chosen), BLOCK):
            part = chosen[start : start + BLOCK]
            scores = grid.scores(queries[part] @ frames.T)[:, cells]
            own = grid.clip[cells] == clips[part, None]
            yield part, np.where(own, -np.inf, scores)

    found = {"thresholds": [], "curves": [], "counts": [], "all": []}
    for fold in range(folds):
        held_out = np.flatnonzero(fold_of_query == fold)
        cells = np.flatnonzero(fold_of_cell == fold)
        curve = _curve(grid, cells, labels, _blocks(held_out, cells))
        wanted = _wanted(grid, held_out, labels, clips, fold_of == fold)
        f1 = 2 * curve[0] / np.maximum(curve[1] + wanted.sum(), 1)
        threshold = round(2 * _middle_of_best(f1) / STEPS - 1, 6)
        found["thresholds"].append(threshold)
        found["curves"].append(f1)
        tested = np.flatnonzero(fold_of_query != fold)
        cells = np.flatnonzero(fold_of_cell != fold)
        wanted = _wanted(grid, tested, labels, clips, fold_of != fold)
        counts = np.zeros((2, len(queries), 3), int)
        for part, scores in _blocks(tested, cells):
            masks = scores >= threshold, np.isfinite(scores)
            for kind, mask in enumerate(masks):
                counts[kind, part, :2] = _hits(grid, cells, labels[part], mask)
        counts[:, tested, 2] = wanted - counts[:, tested, 0]
        found["counts"].append(counts[0])
        found["all"].append(counts[1])
    return found


def _middle_of_best(curve):
    """Where a curve is highest; of a plateau its middle, far from both ends."""
    first = int(curve.argmax())
    lower = np.flatnonzero(curve[first:] < curve[first])
    length = int(lower[0]) if len(lower) else len(curve) - first
    return first + (length - 1) // 2


def _hits(grid, cells, labels, mask):
    """Right and wrong segments of what each query found, [Q, 2]."""
    of_classes = grid.active[cells].T[labels]
    right = (mask * of_classes).sum(1)
    return np.stack([right, mask @ grid.size[cells] - right], 1)


def _wanted(grid, chosen, labels, clips, used):
    """Segments that each query should find, in clips other than its own."""
    in_all = grid.total[used].sum(0)[labels[chosen]]
    return in_all - grid.total[clips[chosen], labels[chosen]]


def _curve(grid, cells, labels, blocks):
    """Right and all segments found at each threshold, over all queries."""
    at_step = np.zeros((2, STEPS))
    for part, scores in blocks:
        step = np.floor((scores + 1) * (STEPS / 2))
        # The own clip's, at -inf, are found at no threshold.
        kept = np.isfinite(scores)
        step = np.clip(step[kept], 0, STEPS - 1).astype(int)
        weights = (
            grid.active[cells].T[labels[part]],
            np.broadcast_to(grid.size[cells], scores.shape),
        )
        for kind, weight in enumerate(weights):
            at_step[kind] += np.bincount(step, weight[kept], STEPS)
    # At a threshold all is found that scores as much or more.
    return np.cumsum(at_step[:, ::-1], 1)[:, ::-1]


def class_scores(counts, labels, classes):
    """The F1 of counts of queries, together and by the queries' class.

    Arguments
    ---------
    counts : array_like
        True positives, false positives and false negatives of each query,
        [Q, 3].
    labels : array_like
        Class of each query, int [Q].
    classes : int
        C.

    Returns
    -------
    dict
        As ``speechbrain_clap.metrics.events.f_scores`` gives.

    Example
    -------
    >>> class_scores([[1, 0, 1], [2, 0, 0]], [0, 1], 2)["per_class"]
    [0.6666666666666666, 1.0]
    """
    of_class = np.zeros((classes, 3), int)
    np.add.at(of_class, np.asarray(labels, int), np.asarray(counts, int))
    return f_scores(of_class)
