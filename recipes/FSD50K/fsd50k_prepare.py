"""Prepares FSD50K: sounds of Freesound with titles, descriptions and labels.

E. Fonseca et al., "FSD50K: an Open Dataset of Human-Labeled Sound Events",
IEEE/ACM TASLP 2022, https://arxiv.org/abs/2010.00475. CC BY 4.0, each clip by
a licence of its own: https://zenodo.org/records/4060432. Layout:
`FSD50K.dev_audio/<id>.wav`, `FSD50K.eval_audio/<id>.wav`,
`FSD50K.ground_truth/{dev,eval,vocabulary}.csv` and
`FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json`.

Authors
 * The speechbrain_clap team 2026
"""

import html
import re

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
    read_rows,
)
from speechbrain_clap.dataio.metadata import (
    add_classes,
    find_metadata,
    label_caption,
    read_json,
)

logger = get_logger(__name__)

CAPTIONS = ("text", "labels", "both")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.S)
LINK = re.compile(r"\b(?:https?://|www\.)\S+")
AUDIO_NAME = re.compile(r"\.(?:wav|aiff?|flac|mp3|ogg|m4a)$", re.I)
HOW_TO_GET = (
    "Pass --data_folder=<FSD50K's folder, with FSD50K.dev_audio/, "
    "FSD50K.eval_audio/, FSD50K.ground_truth/ and FSD50K.metadata/>: "
    "https://zenodo.org/records/4060432 (34 GB unpacked; join the split "
    "archives with zip -s 0 before)."
)


def prepare_fsd50k(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, captions="text", template="{}",
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    The training and validation parts of the development set train and
    validate, the evaluation set tests. Id and source are Freesound's; rows
    have `labels`, and `prepare.json` has the 200 `classes` in their order.

    Arguments
    ---------
    data_folder : str
        FSD50K's root. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    skip_prep : bool
        Do nothing: the manifests are there.
    captions : str
        "text": title and description, without HTML and links, as in CLAP;
        "labels": the labels' words; "both": the one and the other.
    template : str
        A sentence with {} where the labels go.

    Example
    -------
    >>> prepare_fsd50k("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if captions not in CAPTIONS:
        raise DataError(
            f"captions is '{captions}', expected one of {', '.join(CAPTIONS)}"
        )
    folder = check_folder(data_folder, HOW_TO_GET)
    vocabulary = _needed(folder, "FSD50K.ground_truth/vocabulary.csv")
    header = ["index", "label", "mid"]
    table = read_rows(vocabulary, header, header=header)
    classes = [row["label"] for row in table]
    finder = FileFinder([folder])
    clips = {"train": {}, "val": {}, "eval": {}}
    for half in ("dev", "eval"):
        path = find_metadata(folder, f"FSD50K.ground_truth/{half}.csv")
        if path is None:
            logger.info("FSD50K: no %s.csv, left out", half)
            continue
        texts = {}
        if captions != "labels":
            name = f"FSD50K.metadata/{half}_clips_info_FSD50K.json"
            texts = _texts(_needed(folder, name))
        for name, split, labels in _read(path, half, set(classes)):
            said = list(texts.get(name, ()))
            if captions != "text":
                words = [label.replace("_", " ") for label in labels]
                said.append(label_caption(words, template))
            clips[split][name] = {
                "file": finder.find(name),
                "captions": said,
                "source": f"freesound:{name}",
                "labels": labels,
            }
    tested = {row["source"] for row in clips["eval"].values()}
    names = {"train": "train", "valid": "val", "test": "eval"}
    parts = {part: clips[split] for part, split in names.items()}
    prepare_pairs(
        "FSD50K", folder, manifest_folder,
        {part: rows for part, rows in parts.items() if rows}, on_bad_clip,
        {"FSD50K eval": tested, **(held_out or {})}, decode,
    )  # fmt: skip
    add_classes(manifest_folder, classes)


def _needed(folder, name):
    path = find_metadata(folder, name)
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no {name}, neither itself nor in a "
            f"folder of it. {HOW_TO_GET}"
            + (
                " Without the titles and descriptions, set captions: labels."
                if "metadata" in name
                else ""
            )
        )
    return path


def _read(path, half, classes):
    """Name of each clip, its split and its labels."""
    columns = ["fname", "labels"] + ["split"] * (half == "dev")
    seen = set()
    for line, row in iterate_rows(path, columns):
        where = f"{path}, line {line}"
        name, split = row["fname"].strip(), row.get("split", "eval").strip()
        if not name or name in seen:
            raise DataError(
                f"{where}: fname "
                + (f"'{name}' stands there twice" if name else "is empty")
            )
        if split not in (("train", "val") if half == "dev" else ("eval",)):
            raise DataError(
                f"{where}: split is '{split}', expected train or val"
            )
        # No label of the vocabulary holds a comma: they say `_and_`.
        labels = [label.strip() for label in row["labels"].split(",")]
        unknown = [label for label in labels if label not in classes]
        if unknown:
            raise DataError(
                f"{where}: label '{unknown[0]}' is not in vocabulary.csv"
            )
        seen.add(name)
        yield name, split, labels


def _texts(path):
    """Name of each clip to its captions, none where nothing is left."""
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise DataError(f"{path}: expected id to title and description")
    texts = {}
    for name, entry in entries.items():
        try:
            title = _plain(entry["title"])
            description = _plain(entry["description"])
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{path}: clip '{name}' has no title and description"
            ) from error
        title = AUDIO_NAME.sub("", title)
        # A description often begins with the title.
        if description.lower().startswith(title.lower()):
            title = ""
        texts[name] = [". ".join(filter(None, [title, description]))]
    return texts


def _plain(text):
    """What a reader sees: no tags, no links, no entities, single blanks."""
    text = html.unescape(TAG.sub(" ", text or ""))
    # Some were escaped before they were stored: a tag shows only now.
    return " ".join(LINK.sub(" ", TAG.sub(" ", text)).split())
