"""The form in which HEAR gives its tasks: one layout for all of them.

J. Turian et al., "HEAR: Holistic Evaluation of Audio Representations", PMLR
176, 2022, https://arxiv.org/abs/2203.03022; archives at
https://zenodo.org/records/5885750. Layout: `tasks/<task>-<version>-<mode>/`
with `<rate>/<split>/*.wav`, `<split>.json` (file to list of labels),
`labelvocabulary.csv` and `task_metadata.json`.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.dataio.tables import read_rows

PLACES = ("", "tasks/", "*/tasks/")
FOLD = "fold"
SPLITS = ("train", "valid", "test")


def find_hear(folder, task):
    """The folder of a task, if this is a copy of HEAR.

    Arguments
    ---------
    folder : str or pathlib.Path
        HEAR's root, its `tasks/`, or the task's own folder.
    task : str
        Name of the task, such as "beijing_opera".

    Returns
    -------
    pathlib.Path or None
        Of several modes the full one.

    Example
    -------
    >>> find_hear(getfixture("tmp_path"), "beijing_opera") is None
    True
    """
    folder = pathlib.Path(folder)
    found = [
        path
        for place in PLACES
        for path in sorted(folder.glob(f"{place}{task}-*"))
    ]
    if folder.name.startswith(f"{task}-"):
        found.insert(0, folder)
    found = [path for path in found if (path / "labelvocabulary.csv").is_file()]
    full = [path for path in found if path.name.endswith("-full")]
    return next(iter(full or found), None)


def read_hear(root):
    """The clips of a task, each with its labels and its fold.

    Arguments
    ---------
    root : pathlib.Path
        From `find_hear`.

    Returns
    -------
    dict
        "train", "valid" or "test" to a dict of id to row: `file` (None where
        it is missing), `labels` and, of a cross-validation, all of whose
        clips are "test", `fold`, from 1.
    list of str
        The labels in the task's order.

    Raises
    ------
    FileNotFoundError
        If there is no folder of sounds.
    DataError
        If a file is not as described.

    Example
    -------
    >>> root = getfixture("tmp_path")
    >>> (root / "16000" / "fold00").mkdir(parents=True)
    >>> _ = (root / "16000" / "fold00" / "a.wav").write_bytes(b"")
    >>> _ = (root / "fold00.json").write_text('{"a.wav": ["gong"]}')
    >>> _ = (root / "labelvocabulary.csv").write_text("idx,label\\n0,gong\\n")
    >>> parts, labels = read_hear(root)
    >>> parts["test"]["fold00/a"]["labels"], labels
    (['gong'], ['gong'])
    """
    rates = sorted(
        (path for path in root.iterdir() if path.name.isdigit()),
        key=lambda path: int(path.name),
    )
    if not rates:
        raise FileNotFoundError(
            f"{root} holds no folder of sounds, named by its rate such as "
            "48000: is the archive unpacked whole?"
        )
    table = read_rows(root / "labelvocabulary.csv", ["idx", "label"])
    try:
        table.sort(key=lambda row: int(row["idx"]))
    except ValueError as error:
        raise DataError(
            f"{root / 'labelvocabulary.csv'}: an idx is no number ({error})"
        ) from error
    labels = [row["label"].strip() for row in table]
    parts = {}
    for path in sorted(root.glob("*.json")):
        split = path.stem
        if split.startswith(FOLD) and split[len(FOLD) :].isdigit():
            part, more = "test", {"fold": 1 + int(split[len(FOLD) :])}
        elif split in SPLITS:
            part, more = split, {}
        else:
            continue
        rows = parts.setdefault(part, {})
        for name, said in read_json(path).items():
            said = said if isinstance(said, list) else [said]
            file = rates[-1] / split / name
            rows[f"{split}/{pathlib.PurePath(name).stem}"] = {
                "file": file if file.is_file() else None,
                "labels": [str(label) for label in said],
                **more,
            }
    if not parts:
        raise DataError(
            f"{root}: holds no fold00.json or test.json, which list the clips"
        )
    return parts, labels


def hear_parts(root, names=None):
    """The clips of a task whose clips have one label each.

    Arguments
    ---------
    root : pathlib.Path
        From `find_hear`.
    names : dict or None
        HEAR's label to the class's name, where it differs.

    Returns
    -------
    dict
        As `read_hear`, with `label` in the place of `labels`.

    Raises
    ------
    DataError
        If a clip has none or several.

    Example
    -------
    >>> root = getfixture("tmp_path")
    >>> (root / "16000").mkdir()
    >>> _ = (root / "test.json").write_text('{"a.wav": ["NEU"]}')
    >>> _ = (root / "labelvocabulary.csv").write_text("idx,label\\n0,NEU\\n")
    >>> hear_parts(root, {"NEU": "neutral"})["test"]["test/a"]["label"]
    'neutral'
    """
    parts, _ = read_hear(root)
    for rows in parts.values():
        for name, row in rows.items():
            labels = row.pop("labels")
            if len(labels) != 1:
                raise DataError(
                    f"{root}: clip '{name}' has the labels {labels}, expected "
                    "one"
                )
            row["label"] = (names or {}).get(labels[0], labels[0])
    return parts
