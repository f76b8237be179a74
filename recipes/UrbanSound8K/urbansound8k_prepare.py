"""Prepares UrbanSound8K.

Layout: `audio/fold<1..10>/<fsID>-<classID>-<occurrence>-<slice>.wav` and
`metadata/UrbanSound8K.csv`; see https://zenodo.org/records/1203745 (CC BY-NC
3.0) and J. Salamon, C. Jacoby, J. P. Bello, "A Dataset and Taxonomy for Urban
Sound Research", ACM Multimedia 2014, https://doi.org/10.1145/2647868.2655045.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.download import download_archive
from speechbrain_clap.dataio.fold_dataset import (
    class_order,
    find_clip,
    find_root,
    prepare_folds,
    read_table,
)

URL = "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz"
MD5 = "9aa69802bbf37fb986f71ec1483a196e"  # Zenodo's, as soundata quotes it
SIZE = 6023741708
FOLDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
COLUMNS = {
    "slice_file_name": str,
    "fsID": str,
    "fold": int,
    "classID": int,
    "class": str,
}
HOW_TO_GET = (
    "Pass --data_folder=<folder of UrbanSound8K, with audio/ and "
    "metadata/UrbanSound8K.csv>, or add --download=True to fetch it there (an "
    "archive of about 6 GB, 13 GB of disk while it is unpacked)."
)


def prepare_urbansound8k(
    data_folder,
    manifest_folder,
    test_fold=1,
    valid_fold="next",
    drop_leaks=True,
    on_bad_clip="skip",
    download=False,
    skip_prep=False,
):
    """Writes the manifests of one fold.

    The ten folds are the official ones. Five of the recordings (106905,
    132016, 176638, 180937, 77751) sit in two folds: see `drop_leaks`.

    Arguments
    ---------
    data_folder : str
        UrbanSound8K's root, or the folder that holds `UrbanSound8K/`; the
        audio may lie in `audio/fold<k>/` or flat in `audio/`. Nothing is
        written into it unless `download` is set.
    manifest_folder : str
        Gets `{train,valid,test}_fold<k>.json`, `prepare_fold<k>.json` with the
        counts and `clips_checked.jsonl`.
    test_fold : int
        The fold that is tested, 1 to 10.
    valid_fold : str or int
        "next": the fold after it validates; "none": all others train; or a
        number.
    drop_leaks : bool
        Leave out training clips of a recording that is also held out.
    on_bad_clip : str
        "skip" or "stop".
    download : bool
        Fetch UrbanSound8K into `data_folder` when it is not there.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_urbansound8k("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if download:
        download_archive(
            URL,
            data_folder,
            "UrbanSound8K",
            done="metadata/UrbanSound8K.csv",
            md5=MD5,
            size=SIZE,
        )
    marker = "metadata/UrbanSound8K.csv"
    root = find_root(data_folder, marker, "UrbanSound8K", HOW_TO_GET)
    table = read_table(root / marker, COLUMNS)
    classes = class_order(table, "classID", "class")
    rows = {}
    for row in table:
        name = row["slice_file_name"]
        in_fold = root / "audio" / f"fold{row['fold']}" / name
        rows[pathlib.Path(name).stem] = {
            "file": find_clip([in_fold, root / "audio" / name]),
            "label": row["class"],
            "fold": row["fold"],
            "source": f"freesound:{row['fsID']}",
        }
    prepare_folds(
        "UrbanSound8K",
        data_folder,
        root,
        manifest_folder,
        rows,
        classes,
        test_fold,
        FOLDS,
        valid_fold,
        drop_leaks,
        on_bad_clip,
    )
