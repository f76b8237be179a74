"""Prepares SoundDescs: the BBC's sound effects with their descriptions.

A. S. Koepke et al., "Audio Retrieval with Natural Language Queries: A Benchmark
Study", IEEE Transactions on Multimedia 2022, https://arxiv.org/abs/2112.09418.
The RemArc licence: no commercial use. Lists, descriptions and the script that
fetches the sounds: https://github.com/akoepke/audio-retrieval-benchmark,
`data/SoundDescs/{train,val,test}_list.txt` and `sounddescs_data/`.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
    read_text,
)
from speechbrain_clap.dataio.metadata import find_metadata, read_json
from speechbrain_clap.dataio.plain_pickle import read_plain_pickle

logger = get_logger(__name__)

PARTS = {"train": "train", "valid": "val", "test": "test"}
DESCRIPTIONS = [
    f"{folder}descriptions.{suffix}"
    for suffix in ("json", "csv", "pkl")
    for folder in ("", "sounddescs_data/")
]
HOW_TO_GET = (
    "Pass --data_folder=<folder with the lists and descriptions.pkl of "
    "https://github.com/akoepke/audio-retrieval-benchmark (as a clone has "
    "them, or side by side) and, anywhere below it, the unpacked sounds> "
    "(32,979 clips, 1,060 hours, about 700 GB)."
)


def prepare_sounddescs(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    A clip's id is the BBC's, in small letters.

    Arguments
    ---------
    data_folder : str
        Holds the lists; `descriptions.pkl`, `.json` (id to a description or
        several) or `.csv` (columns `id`, or `location` as in the BBC's own
        list, and `description`); and the sounds. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_sounddescs("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    lists = {
        part: find_metadata(
            folder, f"data/SoundDescs/{split}_list.txt",
            f"SoundDescs/{split}_list.txt", f"{split}_list.txt",
        )
        for part, split in PARTS.items()
    }  # fmt: skip
    lists = {part: path for part, path in lists.items() if path}
    path = find_metadata(folder, *DESCRIPTIONS)
    if not lists or path is None:
        lacks = "descriptions.pkl, .json or .csv" if lists else "train_list.txt"
        raise FileNotFoundError(
            f"data_folder {folder} holds no {lacks}. {HOW_TO_GET}"
        )
    said = _descriptions(path)
    finder = FileFinder([folder])
    parts, tested = {}, set()
    for part, table in lists.items():
        names = _read_list(table)
        described = sum(name in said for name in names)
        if not described:
            raise DataError(
                f"{path}: describes none of the clips of {table}, such "
                f"as '{next(iter(names))}'"
            )
        if described < len(names):
            logger.warning(
                "SoundDescs %s: %d of %d clips have no description",
                part,
                len(names) - described,
                len(names),
            )
        parts[part] = {
            name: {
                "file": finder.find(name, name.upper()),
                "captions": said.get(name, []),
                "source": f"bbc:{name}",
            }
            for name in names
        }
        if part != "train":
            tested |= {row["source"] for row in parts[part].values()}
    prepare_pairs(
        "SoundDescs", folder, manifest_folder, parts, on_bad_clip,
        {"SoundDescs valid, test": tested, **(held_out or {})}, decode,
    )  # fmt: skip


def _read_list(path):
    """The ids of a list, in its order."""
    names = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name = _id(line)
        if name in names:
            raise DataError(
                f"{path}, line {number}: '{name}' stands already in line "
                f"{names[name]}"
            )
        if name:
            names[name] = number
    if not names:
        raise DataError(f"{path}: holds no id")
    return names


def _id(text):
    return text.strip().lower().removesuffix(".wav")


def _descriptions(path):
    """Id to its captions."""
    if path.suffix == ".csv":
        return _from_table(path)
    read = read_json if path.suffix == ".json" else read_plain_pickle
    content = read(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a dict, id to descriptions")
    said = {}
    for name, given in content.items():
        given = [given] if isinstance(given, str) else list(given or ())
        # Captions that were cut into words, as retrieval code keeps them.
        given = [
            " ".join(one) if isinstance(one, list | tuple) else one
            for one in given
        ]
        if not all(isinstance(one, str) for one in [name, *given]):
            raise DataError(
                f"{path}: '{name}' has {given!r}, expected descriptions"
            )
        said[_id(name)] = given
    return said


def _from_table(path):
    said = {}
    # The BBC's own list is not UTF-8 throughout.
    for line, row in iterate_rows(path, ["description"], fallback="latin-1"):
        name = _id(row.get("id") or row.get("location") or "")
        if not name:
            raise DataError(
                f"{path}, line {line}: has no id, in a column `id` or "
                "`location`"
            )
        said.setdefault(name, []).append(row["description"])
    return said
