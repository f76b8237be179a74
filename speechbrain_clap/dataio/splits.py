"""Drawing parts for a set that has none, or none for validation.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib

from speechbrain_clap.dataio.folds import DataError


def draw_parts(rows, fractions, seed):
    """Splits clips so that no recording is in two parts.

    The recordings are put in an order that depends on the seed and their
    names alone, so that clips which are added later hardly move the others.
    A part takes recordings while they fit into its share, one at least.

    Arguments
    ---------
    rows : dict
        Id to row, each with `source`, its recording.
    fractions : dict
        Part, such as "valid" or "test", to its share of the clips. The rest
        is "train"; a part with share 0 is left out.
    seed : int
        Of the draw.

    Returns
    -------
    dict
        Part to a dict of id to row, "train" first, rows in their order.

    Raises
    ------
    ValueError
        If the shares are none, or there are too few recordings.

    Example
    -------
    >>> rows = {i: {"source": f"file:{i // 2}"} for i in range(10)}
    >>> parts = draw_parts(rows, {"valid": 0.0, "test": 0.3}, seed=1)
    >>> {part: list(clips) for part, clips in parts.items()}
    {'train': [2, 3, 4, 5, 6, 7, 8, 9], 'test': [0, 1]}
    """
    if min(fractions.values()) < 0 or not sum(fractions.values()) < 1:
        raise DataError(
            ", ".join(
                f"{part}_fraction is {f}" for part, f in fractions.items()
            )
            + ": expected shares from 0 that leave something to train on"
        )
    groups = {}
    for name, row in rows.items():
        groups.setdefault(row["source"], []).append(name)
    order = sorted(
        groups,
        key=lambda source: hashlib.sha256(f"{seed} {source}".encode()).digest(),
    )
    part_of = dict.fromkeys(rows, "train")
    wanted = {part: f for part, f in fractions.items() if f}
    if len(order) <= len(wanted):
        raise DataError(
            f"{len(order)} recordings are too few for train, "
            f"{', '.join(wanted)}: clips of one recording stay together; set "
            f"{' or '.join(f'{part}_fraction' for part in wanted)} to 0"
        )
    for number, (part, fraction) in enumerate(wanted.items(), 1):
        room = max(1, round(fraction * len(rows)))
        taken = []
        for source in order:
            # Some are left for the parts that follow, and for training.
            others = len(order) - len(taken) - 1
            if len(groups[source]) <= room and others > len(wanted) - number:
                taken.append(source)
                room -= len(groups[source])
        taken = taken or [min(order, key=lambda source: len(groups[source]))]
        for source in taken:
            part_of |= dict.fromkeys(groups[source], part)
        drawn = set(taken)
        order = [source for source in order if source not in drawn]
    return {
        part: {name: rows[name] for name in rows if part_of[name] == part}
        for part in ("train", *wanted)
    }


def split_clips(rows, valid_clips):
    """Takes some training clips for validation, by a hash of their ids.

    A copy of the set with a few clips more has nearly the same ones.

    Arguments
    ---------
    rows : dict
        Id to row, with `file`, None where it is missing.
    valid_clips : int
        How many, of those that are there; half of these at most.

    Returns
    -------
    dict
        The rows that train.
    dict
        Those that validate.

    Example
    -------
    >>> rows = {name: {"file": f"{name}.wav"} for name in "abcd"}
    >>> train, valid = split_clips(rows, 1)
    >>> len(train), len(valid)
    (3, 1)
    """
    there = [name for name, row in rows.items() if row["file"]]
    there.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    chosen = set(there[: min(valid_clips, len(there) // 2)])
    return (
        {name: row for name, row in rows.items() if name not in chosen},
        {name: row for name, row in rows.items() if name in chosen},
    )
