"""Prepares AudioSet: 10 s of YouTube videos, labelled with 527 classes.

J. F. Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for
audio events", ICASSP 2017, https://doi.org/10.1109/ICASSP.2017.7952261. The
lists, CC BY 4.0, are at https://research.google.com/audioset/download.html:
`{balanced_train,unbalanced_train,eval}_segments.csv` and
`class_labels_indices.csv`. The sounds have to be fetched from YouTube: no two
copies hold the same clips.

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

TRAINING = ("balanced_train", "unbalanced_train")
COLUMNS = ["YTID", "start_seconds", "end_seconds", "positive_labels"]
HOW_TO_GET = (
    "Pass --data_folder=<folder with class_labels_indices.csv, "
    "{balanced_train,unbalanced_train,eval}_segments.csv of "
    "https://research.google.com/audioset/download.html and, anywhere below "
    "it, the sounds or videos that you have (all: 2.1 million clips, 5,800 "
    "hours, about 700 GB as FLAC at 32 kHz)>."
)


def prepare_audioset(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, train_lists=TRAINING, template="{}",
    videos=False, valid_clips=0,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    The caption of a clip is the names of its classes. Id and source are
    YouTube's; rows have `labels`, and `prepare.json` has the `classes` in
    their order. A list that is not there is left out.

    Arguments
    ---------
    data_folder : str
        Holds the lists, itself or one level below, and the clips, each cut
        out of its video. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``. All clips
        of AudioCaps are in the unbalanced list: hold out what you test on.
    skip_prep : bool
        Do nothing: the manifests are there.
    train_lists : list of str
        Of "balanced_train" and "unbalanced_train".
    template : str
        A sentence with {} where the names of the classes go.
    videos : bool
        Look for videos too, each cut out of its whole: a row gets `video`, as
        seen from the folder of its `path`. Where no sound was taken out of
        one, `path` is the video itself.
    valid_clips : int
        So many clips of the training lists validate, of those that are there
        (half of them at most); they follow from the identifiers.

    Raises
    ------
    DataError
        If a list or an option is not what it should be.
    FileNotFoundError
        If there is no list.

    Example
    -------
    >>> prepare_audioset("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if not train_lists or not set(train_lists) <= set(TRAINING):
        raise DataError(
            f"train_lists is {train_lists!r}, expected a list of "
            f"{' and '.join(TRAINING)}"
        )
    if videos and decode:
        raise DataError(
            "decode is for sounds: with videos set decode: False; what cannot "
            "be read is found in training, and left out by the same rule"
        )
    folder = check_folder(data_folder, HOW_TO_GET)
    lists = {"train": train_lists, "test": ["eval"]}
    paths = {
        part: _tables(folder, [f"{name}_segments.csv" for name in names])
        for part, names in lists.items()
    }
    path = find_metadata(folder, "class_labels_indices.csv")
    if path is None or not any(paths.values()):
        raise FileNotFoundError(
            f"data_folder {folder} holds no "
            + ("list of segments" if path else "class_labels_indices.csv")
            + f", neither itself nor in a folder of it. {HOW_TO_GET}"
        )
    classes = _classes(path)
    finders = [FileFinder([folder])]
    if videos:
        finders.append(FileFinder([folder], VIDEO_SUFFIXES))
    described = _Labels(classes, template)
    parts = {
        part: _clips(tables, finders, described)
        for part, tables in paths.items()
        if tables
    }
    if valid_clips and "train" in parts:
        parts["train"], parts["valid"] = split_clips(
            parts["train"], valid_clips
        )
    tested = {row["source"] for row in parts.get("test", {}).values()}
    prepare_pairs(
        "AudioSet", folder, manifest_folder, parts, on_bad_clip,
        {"AudioSet eval": tested, **(held_out or {})}, decode,
    )  # fmt: skip
    add_classes(manifest_folder, classes.values())


def _tables(folder, names):
    """Those of the lists that are there."""
    tables = [find_metadata(folder, name) for name in names]
    for name, path in zip(names, tables, strict=True):
        if path is None:
            logger.info("AudioSet: no %s, left out", name)
    return [path for path in tables if path]


def _classes(path):
    """Identifier to name, in the order of `index`."""
    rows = read_rows(path, ["index", "mid", "display_name"])
    try:
        rows.sort(key=lambda row: int(row["index"]))
    except ValueError as error:
        raise DataError(f"{path}: an index is no number ({error})") from error
    return {row["mid"].strip(): row["display_name"].strip() for row in rows}


class _Labels:
    """Identifiers to names and caption, the same object each time."""

    def __init__(self, classes, template):
        self.classes = classes
        self.template = template
        self.known = {}

    def __call__(self, cell, where):
        """Names and captions of a cell of identifiers."""
        if cell not in self.known:
            mids = [mid.strip() for mid in cell.split(",")]
            unknown = [mid for mid in mids if mid not in self.classes]
            if unknown:
                raise DataError(
                    f"{where}: the class '{unknown[0]}' is not in "
                    "class_labels_indices.csv"
                )
            names = [self.classes[mid] for mid in mids]
            self.known[cell] = (names, [label_caption(names, self.template)])
        return self.known[cell]


def _clips(tables, finders, described):
    """Id to row of the lists of one part."""
    clips = {}
    for path in tables:
        rows = iterate_rows(
            path, COLUMNS, header=COLUMNS, skipinitialspace=True, comment="#"
        )
        for line, row in rows:
            where = f"{path}, line {line}"
            video = video_id(row["YTID"], where)
            if video in clips:
                raise DataError(f"{where}: '{video}' stands there twice")
            try:
                start = float(row["start_seconds"])
                stop = float(row["end_seconds"])
            except ValueError as error:
                raise DataError(f"{where}: no seconds ({error})") from error
            labels, captions = described(row["positive_labels"], where)
            clips[video] = {
                **find_clip(clip_names(video, start, stop), finders),
                "captions": captions,
                "source": f"youtube:{video}",
                "labels": labels,
            }
    return clips
