"""Refusing what another model or other settings have made.

Authors
 * The speechbrain_clap team 2026
"""

import json

from speechbrain_clap.dataio.folds import DataError


def check_fingerprint(found, expected, folder):
    """Refuses what another model or other settings have made.

    Arguments
    ---------
    found : dict
        What the folder says of itself.
    expected : dict
        What the caller needs it to be.
    folder : str or pathlib.Path
        Named in the error.

    Raises
    ------
    DataError
        Naming the first key that differs.

    Example
    -------
    >>> check_fingerprint({"model": "a"}, {"model": "b"}, "wild")
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: wild is stale: its model ...
    """
    # Through JSON, as `found` was, so that tuples equal the lists they become.
    expected = json.loads(json.dumps(expected))
    for key in sorted({*found, *expected}):
        if found.get(key) != expected.get(key):
            raise DataError(
                f"{folder} is stale: its {key} is {found.get(key)!r}, but "
                f"{expected.get(key)!r} is wanted. Remove the folder, or "
                "choose another one"
            )
