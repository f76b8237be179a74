"""Prepares SESA: four sounds of surveillance, up to 33 s.

T. Spadini, "Sound Events for Surveillance Applications", 2019,
https://zenodo.org/records/3519845. Layout: `train/` and `test/` with
`<class>_<number>.wav`, the class being casual, explosion, gunshot or siren.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.labelled import (
    find_folder,
    labelled_files,
    prepare_labelled,
)

CLASSES = ["casual", "explosion", "gunshot", "siren"]
HOW_TO_GET = (
    "Pass --sesa_folder=<folder with train/ and test/> (585 clips: "
    "https://zenodo.org/records/3519845)."
)


def prepare_sesa(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `train.json`, `test.json` and `prepare.json`.

    Arguments
    ---------
    data_folder : str
        Holds `test/` and perhaps `train/`, itself or one level below.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_sesa("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    root = find_folder(data_folder, HOW_TO_GET, "test")
    prepare_labelled(
        "SESA", data_folder, manifest_folder,
        {
            part: rows
            for part in ("train", "test")
            if (rows := labelled_files(root / part, _row))
        },
        CLASSES, on_bad_clip, decode,
    )  # fmt: skip


def _row(path):
    label = path.stem.rpartition("_")[0]
    return {"label": label} if label in CLASSES else None
