"""Prepares VGGSound: 10 s of YouTube videos, one of 309 classes each.

H. Chen, W. Xie, A. Vedaldi, A. Zisserman, "VGGSound: A Large-scale
Audio-Visual Dataset", ICASSP 2020, https://arxiv.org/abs/2004.14368. The list,
CC BY 4.0: `vggsound.csv` of https://github.com/hche11/VGGSound, without header
(video, start, label, split); `stat.csv` there has the order of the classes.
The sounds have to be fetched from YouTube: no two copies hold the same clips.

Authors
 * The speechbrain_clap team 2026
"""

import collections

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
    read_rows,
)
from speechbrain_clap.dataio.media import VIDEO_SUFFIXES
from speechbrain_clap.dataio.metadata import (
    add_classes,
    find_metadata,
    label_caption,
)
from speechbrain_clap.dataio.splits import split_clips
from speechbrain_clap.dataio.youtube import clip_names, find_clip, video_id

logger = get_logger(__name__)

COLUMNS = ["youtube_id", "start_seconds", "label", "split"]
SECONDS = 10
HOW_TO_GET = (
    "Pass --data_folder=<folder with vggsound.csv of "
    "https://github.com/hche11/VGGSound (stat.csv too, for the order of the "
    "classes) and, anywhere below it, the sounds that you have, taken out of "
    "the videos (all: 199,000 clips, 550 hours, about 60 GB as FLAC)>."
)


def prepare_vggsound(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, template="{}", videos=False,
    valid_clips=0,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    The caption of a clip is its class. Its id is `<video>_<start>`; rows have
    `label`, and `prepare.json` has the `classes`: in the order of `stat.csv`,
    or of the alphabet where that is not there.

    Arguments
    ---------
    data_folder : str
        Holds `vggsound.csv`, itself or one level below, and the clips.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    skip_prep : bool
        Do nothing: the manifests are there.
    template : str
        A sentence with {} where the class goes.
    videos : bool
        Look for videos too, each cut out of its whole: a row gets `video`, as
        seen from the folder of its `path`. Where no sound was taken out of
        one, `path` is the video itself.
    valid_clips : int
        So many training clips validate, of those that are there (half of them
        at most); they follow from the identifiers.

    Raises
    ------
    DataError
        If the list or an option is not what it should be.
    FileNotFoundError
        If there is no list.

    Example
    -------
    >>> prepare_vggsound("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if videos and decode:
        raise DataError(
            "decode is for sounds: with videos set decode: False; what cannot "
            "be read is found in training, and left out by the same rule"
        )
    folder = check_folder(data_folder, HOW_TO_GET)
    path = find_metadata(folder, "vggsound.csv")
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no vggsound.csv, neither itself nor "
            f"in a folder of it. {HOW_TO_GET}"
        )
    finders = [FileFinder([folder])]
    if videos:
        finders.append(FileFinder([folder], VIDEO_SUFFIXES))
    parts = _clips(path, finders, template)
    labels = {row["label"] for rows in parts.values() for row in rows.values()}
    classes = _classes(find_metadata(folder, "stat.csv"), labels, path)
    tested = {row["source"] for row in parts["test"].values()}
    if valid_clips:
        parts["train"], parts["valid"] = split_clips(
            parts["train"], valid_clips
        )
    prepare_pairs(
        "VGGSound", folder, manifest_folder,
        {part: rows for part, rows in parts.items() if rows}, on_bad_clip,
        {"VGGSound test": tested, **(held_out or {})}, decode,
    )  # fmt: skip
    add_classes(manifest_folder, classes)


def _clips(path, finders, template):
    """Part to id to row."""
    listed = []
    for line, row in iterate_rows(path, COLUMNS, header=COLUMNS):
        where = f"{path}, line {line}"
        video, label = video_id(row["youtube_id"], where), row["label"].strip()
        if row["split"].strip() not in ("train", "test"):
            raise DataError(
                f"{where}: split is '{row['split']}', expected train or test"
            )
        if not row["start_seconds"].strip().isdecimal() or not label:
            raise DataError(
                f"{where}: start is '{row['start_seconds']}' and the label "
                f"'{label}', expected whole seconds and a class"
            )
        start = int(row["start_seconds"])
        listed.append((video, start, label, row["split"].strip(), where))
    excerpts = collections.Counter(video for video, *_ in listed)
    parts, seen = {"train": {}, "test": {}}, set()
    for video, start, label, split, where in listed:
        name = f"{video}_{start:06d}"
        if name in seen:
            raise DataError(f"{where}: '{name}' stands there twice")
        seen.add(name)
        # The bare identifier names no excerpt where there are several.
        names = clip_names(video, start, start + SECONDS, excerpts[video] == 1)
        parts[split][name] = {
            **find_clip(names, finders),
            "captions": [label_caption([label], template)],
            "source": f"youtube:{video}",
            "label": label,
        }
    return parts


def _classes(path, labels, table):
    """The classes, in the order of stat.csv."""
    if path is None:
        logger.info("VGGSound: no stat.csv, classes in alphabetical order")
        return sorted(labels)
    header = ["label", "count", "group"]
    rows = read_rows(path, header, header=header)
    classes = [row["label"].strip() for row in rows]
    unknown = sorted(labels - set(classes))
    if unknown:
        raise DataError(f"{table}: label '{unknown[0]}' is not in {path}")
    return classes
