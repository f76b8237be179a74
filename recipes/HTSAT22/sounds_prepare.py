"""Prepares the clips of ESC-50's layout, one fold, for a mixture of tasks.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from esc50_prepare import prepare_esc50

from speechbrain_clap.dataio.manifest import read_manifest, write_manifest
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.synthesis.sounds import synthesise_esc10
from speechbrain_clap.utils.files import write_json

PARTS = ("train", "valid", "test")


def prepare_sounds(
    data_folder, manifest_folder, on_bad_clip="skip", made_up_folder=None,
    test_fold=5, valid_fold=4, skip_prep=False,
):  # fmt: skip
    """Writes `{train,valid,test}.json` and `prepare.json`.

    Rows have `label` and, as a caption, its words.

    Arguments
    ---------
    data_folder : str
        ESC-50 or ESC-10. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip : str
        "skip" or "stop".
    made_up_folder : str or None
        If this is the `data_folder`, made-up sounds are synthesised there.
    test_fold : int
        The fold that is tested.
    valid_fold : int
        The fold that validates; all others train.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_sounds("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if data_folder == made_up_folder:
        synthesise_esc10(made_up_folder)
    manifests = pathlib.Path(manifest_folder)
    prepare_esc50(
        data_folder, str(manifests), test_fold, valid_fold,
        on_bad_clip=on_bad_clip,
    )  # fmt: skip
    counts = {}
    for part in PARTS:
        rows = read_manifest(
            manifests / f"{part}_fold{test_fold}.json",
            data_folder,
            on_bad_clip=on_bad_clip,
        )
        for row in rows.values():
            row["captions"] = [row["label"].replace("_", " ")]
        write_manifest(manifests / f"{part}.json", rows)
        counts[part] = len(rows)
    report = read_json(manifests / f"prepare_fold{test_fold}.json")
    write_json(
        manifests / "prepare.json",
        {"clips": counts, "sounds": report["sounds"]},
    )
