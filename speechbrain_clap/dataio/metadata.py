"""Files of metadata that sets ship: where they lie, JSON, class names.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

from speechbrain_clap.dataio.checks import LFS_POINTER
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.tables import read_text
from speechbrain_clap.utils.files import write_json


def find_metadata(folder, *names):
    """Finds a file in a folder or one level below, without listing the sounds.

    Arguments
    ---------
    folder : pathlib.Path
        Where to look.
    *names : str
        Names of the file, best first; they may begin with folders.

    Returns
    -------
    pathlib.Path or None
        The file; None where none of the names is there.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "lists").mkdir()
    >>> _ = (folder / "lists" / "eval.csv").write_text("")
    >>> find_metadata(folder, "test.csv", "eval.csv").parent.name
    'lists'
    """
    folder = pathlib.Path(folder)
    for name in names:
        for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
            if path.is_file():
                return path
    return None


def read_json(path, keep=None):
    """Reads a JSON file, with its faults named.

    Arguments
    ---------
    path : str or pathlib.Path
        The file, UTF-8.
    keep : iterable of str or None
        Keys that objects keep, at every depth. The others are dropped as they
        are parsed, so that a large file needs little memory beyond its text.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a pointer of Git LFS, not UTF-8 or no JSON.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.json"
    >>> _ = path.write_text('{"data": [{"id": "1", "tags": ["x"]}]}')
    >>> read_json(path, keep=["data", "id"])
    {'data': [{'id': '1'}]}
    """
    text = read_text(path)
    if text.startswith(LFS_POINTER.decode()):
        raise DataError(
            f"{path}: is a pointer of Git LFS, not the file itself: run git "
            "lfs pull where it was cloned, or download the file"
        )
    if keep is not None:
        keep = frozenset(keep)

    def _kept(pairs):
        return {key: value for key, value in pairs if key in keep}

    hook = None if keep is None else _kept
    try:
        return json.loads(text, object_pairs_hook=hook)
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error})") from error


def label_caption(labels, template="{}"):
    """A caption from the names of classes.

    Arguments
    ---------
    labels : list of str
        The names.
    template : str
        A sentence with {} where they go, joined by a comma and a blank.

    Returns
    -------
    str
        The caption.

    Raises
    ------
    ValueError
        If the template has no place for them.

    Example
    -------
    >>> label_caption(["Dog", "Rain"], "the sound of {}")
    'the sound of Dog, Rain'
    """
    if template.count("{}") != 1:
        raise DataError(
            f"template is '{template}', expected a sentence with one {{}}, "
            "such as 'the sound of {}'"
        )
    return template.replace("{}", ", ".join(labels))


def add_classes(manifest_folder, classes):
    """Adds the classes of a set, in its order, to its `prepare.json`.

    Arguments
    ---------
    manifest_folder : str or pathlib.Path
        Where ``speechbrain_clap.dataio.captioned.prepare_pairs`` has written.
    classes : list of str
        What the rows' `label` or `labels` are taken from.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> write_json(folder / "prepare.json", {"dataset": "Set"})
    >>> add_classes(folder, ["dog", "cat"])
    >>> read_json(folder / "prepare.json")
    {'dataset': 'Set', 'classes': ['dog', 'cat']}
    """
    path = pathlib.Path(manifest_folder, "prepare.json")
    write_json(path, {**read_json(path), "classes": list(classes)})
