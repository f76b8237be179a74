"""Prepares Beijing Opera: single strokes of four percussion instruments.

M. Tian et al., "A Study of Instrument-wise Onset Detection in Beijing Opera
Percussion Ensembles", ICASSP 2014, CC BY 3.0:
https://zenodo.org/records/1285212. Layout: files
`<freesound id>__ajaysm__<instrument>-<n>.wav`; or HEAR's.

Authors
 * The speechbrain_clap team 2026
"""

import re

from speechbrain_clap.dataio.finder import check_folder
from speechbrain_clap.dataio.hear import find_hear, hear_parts
from speechbrain_clap.dataio.labelled import labelled_files, prepare_labelled

CLASSES = ["bangu", "daluo", "naobo", "xiaoluo"]
# The readme lists six files without a number, the archive has it.
NAME = re.compile(r"(\d+)__ajaysm__([a-z]+)(?:-\d+)?")
NAMES = {name.capitalize(): name for name in CLASSES}  # as HEAR has them
HOW_TO_GET = (
    "Pass --beijing_opera_folder=<folder with the 236 files, or HEAR's "
    "beijing_opera-...>: https://zenodo.org/records/1285212."
)


def prepare_beijing_opera(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    HEAR's form has its five folds.

    Arguments
    ---------
    data_folder : str
        Holds the files, at any depth, or HEAR's task. Nothing is written
        into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_beijing_opera("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    root = check_folder(data_folder, HOW_TO_GET)
    hear = find_hear(root, "beijing_opera")
    parts = hear_parts(hear, NAMES) if hear else {}
    parts = parts or {"test": labelled_files(root, _row)}
    if not any(parts.values()):
        raise FileNotFoundError(
            f"data_folder {root} holds no <id>__ajaysm__<instrument>-<n>.wav. "
            f"{HOW_TO_GET}"
        )
    prepare_labelled(
        "Beijing Opera", data_folder, manifest_folder, parts, CLASSES,
        on_bad_clip, decode,
    )  # fmt: skip


def _row(path):
    match = NAME.fullmatch(path.stem)
    if not match or match[2] not in CLASSES:
        return None
    return {"label": match[2], "source": f"freesound:{match[1]}"}
