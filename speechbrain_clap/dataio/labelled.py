"""Preparing labelled sets that are tested whole, by text prompts.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

from speechbrain_clap.dataio.captioned import prepare_pairs
from speechbrain_clap.dataio.finder import check_folder, list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.metadata import (
    add_classes,
    label_caption,
    read_json,
)
from speechbrain_clap.utils.files import write_json

NO_LABEL = "none of the classes"  # the caption of a clip without any


def prepare_labelled(
    dataset, data_folder, manifest_folder, parts, classes, on_bad_clip="skip",
    decode=False,
):  # fmt: skip
    """Writes the manifests of a labelled set, and `prepare.json`.

    Rows get captions too, the names of their classes, so that they can train
    what trains on pairs.

    Arguments
    ---------
    dataset : str
        Name of the set, for reports.
    data_folder : str or pathlib.Path
        What "{data_root}" will stand for. Nothing is written into it.
    manifest_folder : str or pathlib.Path
        Gets `<part>.json` and, last, `prepare.json` with the `classes`.
    parts : dict
        "train", "valid" or "test" to a dict of id to row: `file` (a path, or
        None: missing), `label` or `labels`, and what else is known: `source`,
        `fold`, other labels with their own `captions`.
    classes : list of str or dict
        The classes in the set's order; for rows with several kinds of labels
        key of the row to classes.
    on_bad_clip : str
        "skip" or "stop".
    decode : bool
        Decode every file once to find the silent and truncated ones.

    Raises
    ------
    DataError
        If a row has a label that is no class, or nothing can be used.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(bytes(2000))
    >>> parts = {"test": {"a": {"file": folder / "a.wav", "label": "dog"}}}
    >>> prepare_labelled("Pets", folder, folder / "m", parts, ["dog", "cat"])
    >>> sorted(path.name for path in (folder / "m").iterdir())
    ['prepare.json', 'test.json']
    """
    for part, rows in parts.items():
        for name, row in rows.items():
            labels = row.get("labels", [row["label"]] if "label" in row else [])
            unknown = [label for label in labels if label not in classes]
            if unknown:
                raise DataError(
                    f"{dataset} {part}: clip '{name}' has the label "
                    f"'{unknown[0]}', expected one of {', '.join(classes)}"
                )
            said = label_caption([x.replace("_", " ") for x in labels])
            row.setdefault("captions", [said or NO_LABEL])
    prepare_pairs(
        dataset, data_folder, manifest_folder, parts, on_bad_clip,
        decode=decode,
    )  # fmt: skip
    if isinstance(classes, dict):
        path = pathlib.Path(manifest_folder, "prepare.json")
        write_json(path, {**read_json(path), "classes": classes})
    else:
        add_classes(manifest_folder, classes)


def labelled_files(folder, label_of, suffixes=SUFFIXES):
    """Id to row of all sounds below a folder whose place tells their label.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to look, with all below it.
    label_of : callable
        Takes a file (pathlib.Path), gives its row without `file`, or None
        where it is no clip of the set.
    suffixes : tuple of str
        Extensions of sounds.

    Returns
    -------
    dict
        By the file's name without extension; of two of one name the first,
        the path of a clip's folder coming before it where they differ.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "dog_1.wav").write_bytes(b"")
    >>> rows = labelled_files(folder, lambda f: {"label": f.stem[:3]})
    >>> rows["dog_1"]["label"]
    'dog'
    """
    rows = {}
    for place, name in list_files(folder):
        path = pathlib.Path(place, name)
        if path.suffix.lower() not in suffixes:
            continue
        row = label_of(path)
        if row is None:
            continue
        key = path.stem
        if key in rows and rows[key]["file"].parent != path.parent:
            inside = os.path.relpath(path.with_suffix(""), folder)
            key = pathlib.PurePath(inside).as_posix()
        rows.setdefault(key, {"file": path, **row})
    return rows


def find_folder(data_folder, how_to_get, *names):
    """A folder of a set, in the given one or up to two levels below.

    Arguments
    ---------
    data_folder : str or pathlib.Path
        Given by the user.
    how_to_get : str
        What to pass or download, for the message.
    *names : str
        What the folder holds: files or folders.

    Returns
    -------
    pathlib.Path
        The folder that holds all of them.

    Raises
    ------
    FileNotFoundError
        If there is none.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "set" / "test").mkdir(parents=True)
    >>> find_folder(folder, "Get it.", "test").name
    'set'
    """
    folder = check_folder(data_folder, how_to_get)
    for depth in ("", "*/", "*/*/"):
        for found in sorted(folder.glob(depth + names[0])):
            root = found
            for _ in pathlib.PurePath(names[0]).parts:
                root = root.parent
            if all((root / name).exists() for name in names):
                return root
    raise FileNotFoundError(
        f"data_folder {folder} holds no {' and '.join(names)}, neither itself "
        f"nor in a folder of it. {how_to_get}"
    )
