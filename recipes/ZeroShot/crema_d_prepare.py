"""Prepares CREMA-D: 91 actors say twelve sentences in six emotions.

H. Cao et al., "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset",
IEEE Transactions on Affective Computing 2014, ODbL 1.0:
https://github.com/CheyneyComputerScience/CREMA-D. Layout:
`AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav`; or HEAR's.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.finder import check_folder
from speechbrain_clap.dataio.hear import find_hear, hear_parts
from speechbrain_clap.dataio.labelled import (
    find_folder,
    labelled_files,
    prepare_labelled,
)

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
HOW_TO_GET = (
    "Pass --crema_d_folder=<folder with AudioWAV/, or HEAR's tfds_crema_d-...> "
    "(7,442 clips: https://github.com/CheyneyComputerScience/CREMA-D, with git "
    "lfs pull)."
)


def prepare_crema_d(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    HEAR's form has its five folds; 4 of the 7,442 clips are not in it.

    Arguments
    ---------
    data_folder : str
        Holds `AudioWAV/`, or HEAR's task. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_crema_d("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    hear = find_hear(check_folder(data_folder, HOW_TO_GET), "tfds_crema_d")
    if hear:
        parts = hear_parts(hear, EMOTIONS)
    else:
        root = find_folder(data_folder, HOW_TO_GET, "AudioWAV")
        parts = {"test": labelled_files(root / "AudioWAV", _row)}
    prepare_labelled(
        "CREMA-D", data_folder, manifest_folder, parts,
        list(EMOTIONS.values()), on_bad_clip, decode,
    )  # fmt: skip


def _row(path):
    pieces = path.stem.split("_")
    if len(pieces) != 4 or pieces[2] not in EMOTIONS:
        return None
    return {"label": EMOTIONS[pieces[2]], "source": f"crema-d:{pieces[0]}"}
