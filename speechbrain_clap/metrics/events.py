"""Sound events found in time: the segment-based F1 of sed_eval.

"Metrics for Polyphonic Sound Event Detection", Mesaros et al. 2016,
https://doi.org/10.3390/app6060162.

Authors
 * The speechbrain_clap team 2026
"""

import math

import numpy as np


def active_segments(onset, offset, resolution):
    """The segments that an event touches.

    Divided in double precision, as sed_eval does: 0.3 / 0.1 is a little less
    than 3, so an event that begins at 0.3 s touches the segment before.

    Arguments
    ---------
    onset : float
        In seconds.
    offset : float
        In seconds.
    resolution : float
        Length of a segment, in seconds.

    Returns
    -------
    slice
        From floor(onset / resolution) to ceil(offset / resolution).

    Example
    -------
    >>> active_segments(0.5, 2.05, 0.1)
    slice(5, 21, None)
    """
    return slice(math.floor(onset / resolution), math.ceil(offset / resolution))


def event_roll(events, classes, resolution=0.1, segments=0):
    """Which class is active in which segment of one file.

    Arguments
    ---------
    events : list of tuple
        (onset, offset, label), in seconds; they may overlap.
    classes : list of str
        C labels.
    resolution : float
        Length of a segment, in seconds.
    segments : int
        So many at least.

    Returns
    -------
    numpy.ndarray
        bool, [S, C].

    Raises
    ------
    ValueError
        If an event is of another class, or ends before it begins.

    Example
    -------
    >>> event_roll([(0.0, 0.15, "dog")], ["cat", "dog"]).tolist()
    [[False, True], [False, True]]
    """
    place = {label: i for i, label in enumerate(classes)}
    spans = []
    for onset, offset, label in events:
        if label not in place:
            raise ValueError(
                f"event of '{label}': expected one of {', '.join(classes)}"
            )
        if not 0 <= onset <= offset < math.inf:
            raise ValueError(
                f"event of '{label}' from {onset} to {offset} s: expected "
                "seconds, the end no earlier than the beginning"
            )
        spans.append((active_segments(onset, offset, resolution), label))
    segments = max([segments, *(span.stop for span, _ in spans)])
    roll = np.zeros((segments, len(classes)), bool)
    for span, label in spans:
        roll[span, place[label]] = True
    return roll


def segment_counts(reference, estimated, classes, resolution=0.1):
    """Right, wrong and missed segments of one file.

    Arguments
    ---------
    reference : list of tuple
        Its events as they are, (onset, offset, label); empty where none is.
    estimated : list of tuple
        Its events as they were found.
    classes : list of str
        C labels.
    resolution : float
        Length of a segment, in seconds.

    Returns
    -------
    numpy.ndarray
        True positives, false positives, false negatives of each class, int
        [C, 3].

    Example
    -------
    >>> segment_counts([(0, 0.4, "dog")], [(0.1, 0.5, "dog")], ["dog"])
    array([[3, 1, 1]])
    """
    true = event_roll(reference, classes, resolution)
    found = event_roll(estimated, classes, resolution, len(true))
    true = np.pad(true, ((0, len(found) - len(true)), (0, 0)))
    return np.stack(
        [
            (true & found).sum(0),
            (~true & found).sum(0),
            (true & ~found).sum(0),
        ],
        1,
    )


def f_scores(counts):
    """Precision, recall and F1 of counts, together and by class.

    Arguments
    ---------
    counts : array_like
        True positives, false positives, false negatives of each class,
        summed over all files, [C, 3].

    Returns
    -------
    dict
        `value`, the F1 of all counts together (micro), 2 TP / (2 TP + FP +
        FN), 0 where there is neither an event nor a find; `precision` and
        `recall`, 0 where they have no denominator; `macro`, the mean of the
        F1 over the classes that have an event; `per_class`, the F1 of each,
        None for those that have none. sed_eval leaves classes in which
        nothing was found out of its class-wise average; here they count 0.

    Example
    -------
    >>> f_scores([[10, 0, 6], [10, 0, 0]])["per_class"]
    [0.7692307692307693, 1.0]
    """
    counts = np.asarray(counts)
    right, wrong, missed = counts.sum(0).tolist()
    each = [
        _ratio(2 * tp, 2 * tp + fp + fn) if tp + fn else None
        for tp, fp, fn in counts.tolist()
    ]
    known = [value for value in each if value is not None]
    return {
        "value": _ratio(2 * right, 2 * right + wrong + missed),
        "precision": _ratio(right, right + wrong),
        "recall": _ratio(right, right + missed),
        "macro": float(np.mean(known)) if known else 0.0,
        "per_class": each,
    }


def segment_f1(references, estimates, classes, resolution=0.1):
    """The segment-based F1 over several files.

    Arguments
    ---------
    references : dict
        File to its events as they are, (onset, offset, label); a file without
        events has an empty list.
    estimates : dict
        File to its events as they were found; a file that is missing here is
        one in which nothing was found.
    classes : list of str
        C labels.
    resolution : float
        Length of a segment, in seconds.

    Returns
    -------
    dict
        As ``f_scores`` gives.

    Raises
    ------
    ValueError
        If there are estimates of a file that has no reference, or an event
        is none.

    Example
    -------
    >>> references = {"a": [(0.0, 1.0, "Dog"), (0.5, 2.05, "Cat")]}
    >>> estimates = {"a": [(0.05, 1.0, "Dog"), (1.0, 2.0, "Cat")]}
    >>> found = segment_f1(references, estimates, ["Cat", "Dog"])
    >>> found["value"], found["recall"], found["macro"]
    (0.8695652173913043, 0.7692307692307693, 0.8846153846153846)
    """
    unknown = sorted(estimates.keys() - references.keys())
    if unknown:
        raise ValueError(
            f"estimates of '{unknown[0]}', which has no reference: expected "
            "an empty list of events for a file without any"
        )
    counts = np.zeros((len(classes), 3), int)
    for name, events in references.items():
        counts += segment_counts(
            events, estimates.get(name, []), classes, resolution
        )
    return f_scores(counts)


def _ratio(part, whole):
    return part / whole if whole else 0.0
