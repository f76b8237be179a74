"""Prepares LibriCount: 5 s in which none to ten people speak at once.

F.-R. Stoter et al., "Classification vs. Regression in Supervised Learning for
Single Channel Speaker Count Estimation", ICASSP 2018,
https://arxiv.org/abs/1712.04555, CC BY 4.0: https://zenodo.org/records/1216072.
Layout: `test/<k>_<hash>.wav` (a folder of this name, though it is all there
is) with a `.json` beside each; or HEAR's.

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

CLASSES = [str(count) for count in range(11)]
HOW_TO_GET = (
    "Pass --libricount_folder=<folder with test/, or HEAR's libricount-...> "
    "(5,720 clips: https://zenodo.org/records/1216072)."
)


def prepare_libricount(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    HEAR's form has its five folds.

    Arguments
    ---------
    data_folder : str
        Holds `test/`, or HEAR's task. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_libricount("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    hear = find_hear(check_folder(data_folder, HOW_TO_GET), "libricount")
    if hear:
        parts = hear_parts(hear)
    else:
        root = find_folder(data_folder, HOW_TO_GET, "test")
        parts = {"test": labelled_files(root / "test", _row)}
    prepare_labelled(
        "LibriCount10", data_folder, manifest_folder, parts, CLASSES,
        on_bad_clip, decode,
    )  # fmt: skip


def _row(path):
    count = path.stem.split("_")[0]
    return {"label": count} if count in CLASSES else None
