"""Reading the pickles that some sets ship, without running what is in them.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import pathlib
import pickle

from speechbrain_clap.dataio.checks import LFS_POINTER
from speechbrain_clap.dataio.folds import DataError

# Numbers, strings and the literal containers need no class. These are what
# else plain data are made of; to call them does nothing but make a container.
PLAIN = {
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "tuple"): tuple,
    ("builtins", "str"): str,
    ("collections", "defaultdict"): collections.defaultdict,
    ("collections", "OrderedDict"): collections.OrderedDict,
}
PYTHON_2 = {"__builtin__": "builtins"}


class _Unpickler(pickle.Unpickler):
    """Knows plain containers and no other class or function."""

    def find_class(self, module, name):
        """The container of this name, or an error."""
        try:
            return PLAIN[PYTHON_2.get(module, module), name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}"
            ) from None

    def persistent_load(self, pid):
        """Nothing lies outside of the file."""
        raise pickle.UnpicklingError("it refers to something outside of it")


def read_plain_pickle(path):
    """Reads a pickle that holds strings, numbers and plain containers alone.

    A pickle is a program. One that asks for anything but dicts, lists, sets,
    tuples and strings is refused before it has run anything.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no pickle, is cut off, or asks for anything else.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.pkl"
    >>> _ = path.write_bytes(pickle.dumps({"07001": ["a door"]}))
    >>> read_plain_pickle(path)
    {'07001': ['a door']}
    >>> _ = path.write_bytes(pickle.dumps(print))
    >>> read_plain_pickle(path)
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: ...asks for builtins.print...
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with path.open("rb") as stream:
        if stream.read(len(LFS_POINTER)) == LFS_POINTER:
            raise DataError(
                f"{path}: is a pointer of Git LFS, not the file itself: run "
                "git lfs pull where it was cloned, or download the file"
            )
        stream.seek(0)
        try:
            return _Unpickler(stream).load()
        # A damaged pickle raises whatever its instructions run into.
        except Exception as error:
            raise DataError(
                f"{path}: cannot be read as plain data ({error}); expected a "
                "pickle of dicts, lists and strings alone"
            ) from error
