"""Prepares DCASE 2017 task 4: sounds of traffic and warnings, 10 s each.

A. Mesaros et al., "DCASE 2017 challenge setup: tasks, datasets and baseline
system", DCASE 2017; the lists are Apache 2.0:
https://github.com/ankitshah009/Task-4-Large-scale-weakly-supervised-sound-event-detection-for-smart-cars.
Layout: `groundtruth_weak_label_{training,testing,evaluation}_set.csv` (tab, no
header: file, onset, offset, label; a row for each label), in the folder or one
below, and the sounds anywhere, their names with a `Y` before the identifier.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
)
from speechbrain_clap.dataio.labelled import prepare_labelled
from speechbrain_clap.dataio.metadata import find_metadata
from speechbrain_clap.dataio.youtube import clip_names, video_id

logger = get_logger(__name__)

CLASSES = [
    "Train horn",
    "Air horn, truck horn",
    "Car alarm",
    "Reversing beeps",
    "Bicycle",
    "Skateboard",
    "Ambulance (siren)",
    "Fire engine, fire truck (siren)",
    "Civil defense siren",
    "Police car (siren)",
    "Screaming",
    "Car",
    "Car passing by",
    "Bus",
    "Truck",
    "Motorcycle",
    "Train",
]
PARTS = {"train": "training", "valid": "testing", "test": "evaluation"}
COLUMNS = ["file", "onset", "offset", "label"]
HOW_TO_GET = (
    "Pass --dcase2017_folder=<folder with groundtruth_weak_label_..._set.csv "
    "and, anywhere below it, the sounds> (lists: https://github.com/"
    "ankitshah009/Task-4-Large-scale-weakly-supervised-sound-event-detection-"
    "for-smart-cars; the sounds have to be fetched from YouTube)."
)


def prepare_dcase2017(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False, parts=("valid", "test"),
):  # fmt: skip
    """Writes `valid.json`, `test.json` and `prepare.json`.

    The evaluation set (1,103 clips) tests; the development set's test clips
    (488) validate: thresholds are fitted there. A list that is not there is
    left out.

    Arguments
    ---------
    data_folder : str
        Holds lists and sounds. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.
    parts : tuple of str
        Of "train" (51,172 clips), "valid" and "test".

    Example
    -------
    >>> prepare_dcase2017("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    finder = FileFinder([folder])
    found = {}
    for part in parts:
        path = find_metadata(
            folder, f"groundtruth_weak_label_{PARTS[part]}_set.csv"
        )
        if path is None:
            logger.info("DCASE2017: no list of the %s set", PARTS[part])
        else:
            found[part] = _clips(path, finder)
    if "test" not in found:
        raise FileNotFoundError(
            f"data_folder {folder} holds no "
            "groundtruth_weak_label_evaluation_set.csv, neither itself nor in "
            f"a folder of it. {HOW_TO_GET}"
        )
    prepare_labelled(
        "DCASE2017 Task 4", folder, manifest_folder, found, CLASSES,
        on_bad_clip, decode,
    )  # fmt: skip


def _clips(path, finder):
    """Id to row of one list."""
    clips = {}
    for line, row in iterate_rows(
        path, COLUMNS, delimiter="\t", header=COLUMNS
    ):
        where = f"{path}, line {line}"
        label = row["label"].strip()
        if label not in CLASSES:
            raise DataError(f"{where}: '{label}' is none of the 17 classes")
        name = row["file"].strip().removesuffix(".wav")
        if name not in clips:
            # The seconds are the last two pieces, whatever the identifier has.
            video, start, stop = _pieces(name, where)
            clips[name] = {
                "file": finder.find(
                    name, f"Y{name}", *clip_names(video, start, stop)
                ),
                "labels": [],
                "source": f"youtube:{video}",
            }
        clips[name]["labels"].append(label)
    return clips


def _pieces(name, where):
    """Identifier, start and stop of a name as -5QrBL6MzLg_60.000_70.000."""
    pieces = name.rsplit("_", 2)
    try:
        start, stop = float(pieces[1]), float(pieces[2])
    except (IndexError, ValueError) as error:
        raise DataError(
            f"{where}: '{name}', expected <video>_<start>_<stop>"
        ) from error
    return video_id(pieces[0], where), start, stop
