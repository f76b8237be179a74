"""Prepares ESC-50, or a part of it in the same layout such as ESC-10.

Layout: `audio/<fold>-<source>-<take>-<target>.wav` and `meta/esc50.csv`; see
https://github.com/karolpiczak/ESC-50 (CC BY-NC 3.0) and K. J. Piczak, "ESC:
Dataset for Environmental Sound Classification", ACM Multimedia 2015,
https://doi.org/10.1145/2733373.2806390.

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

URL = "https://github.com/karoldvl/ESC-50/archive/master.zip"
HOLDS = {"audio/*.wav": 2000}  # GitHub packs anew: no hash stays the same
FOLDS = [1, 2, 3, 4, 5]
COLUMNS = {
    "filename": str,
    "fold": int,
    "target": int,
    "category": str,
    "src_file": str,
}
HOW_TO_GET = (
    "Pass --data_folder=<folder of ESC-50, with audio/ and meta/esc50.csv>, "
    "or add --download=True to fetch it there (a zip of about 600 MB, 1.5 GB "
    "of disk while it is unpacked)."
)


def prepare_esc50(
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

    Four of ESC-50's sources sit in two folds (131943 and 134049 in 2 and 3,
    209698 and 234879 in 4 and 5): see `drop_leaks`.

    Arguments
    ---------
    data_folder : str
        ESC-50's root, or the folder that holds `ESC-50-master/`. Nothing is
        written into it unless `download` is set.
    manifest_folder : str
        Gets `{train,valid,test}_fold<k>.json`, `prepare_fold<k>.json` with the
        counts and `clips_checked.jsonl`.
    test_fold : int
        The fold that is tested, 1 to 5.
    valid_fold : str or int
        "next": the fold after it validates; "none": all others train; or a
        number.
    drop_leaks : bool
        Leave out training clips of a source that is also held out.
    on_bad_clip : str
        "skip" or "stop".
    download : bool
        Fetch ESC-50 into `data_folder` when it is not there.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_esc50("/no/such/folder", "manifests")
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
            "ESC-50-master",
            done="meta/esc50.csv",
            holds=HOLDS,
        )
    marker = "meta/esc50.csv"
    root = find_root(data_folder, marker, "ESC-50-master", HOW_TO_GET)
    table = read_table(root / marker, COLUMNS)
    classes = class_order(table, "target", "category")
    rows = {
        pathlib.Path(row["filename"]).stem: {
            # The column decides: ESC-10's files are .ogg.
            "file": find_clip([root / "audio" / row["filename"]]),
            "label": row["category"],
            "fold": row["fold"],
            "source": f"freesound:{row['src_file']}",
        }
        for row in table
    }
    prepare_folds(
        f"ESC-{len(classes)}",  # ESC-10 is a part of ESC-50
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
