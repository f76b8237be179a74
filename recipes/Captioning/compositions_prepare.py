"""Prepares mixes of known sounds with captions: "a dog barks twice over rain".

The sources are clips in ESC-50's layout that have ESC-10's classes: its
recordings, or made-up ones that are synthesised here. Training, validation and
test mixes are made of different folds, so that no recording is in two parts.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from esc50_prepare import prepare_esc50

from speechbrain_clap.dataio.captioned import prepare_pairs
from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.synthesis.compositions import write_compositions
from speechbrain_clap.synthesis.sounds import synthesise_esc10
from speechbrain_clap.utils.files import write_json


def prepare_compositions(
    data_folder, manifest_folder, on_bad_clip="skip", sounds_folder=None,
    test_fold=5, valid_fold=4, counts=None, seconds=5.0, sample_rate=22050,
    seed=1234, workers=1, skip_prep=False,
):  # fmt: skip
    """Writes the mixes, then `{train,valid,test}.json` and `prepare.json`.

    What is there already is kept; killed, the same call goes on.

    Arguments
    ---------
    data_folder : str
        Gets the mixes, and in `sounds/` the made-up sources if there are no
        others.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip : str
        "skip" or "stop".
    sounds_folder : str or None
        ESC-10, or another set in ESC-50's layout with its ten classes. None:
        made-up sounds.
    test_fold : int
        Whose sources the test mixes are made of.
    valid_fold : int
        Those of the validation mixes; all others train.
    counts : dict or None
        "train", "valid", "test" to a number of mixes. None: 1200, 100, 200.
    seconds : float
        Length of a mix.
    sample_rate : int
        Of the mixes, in Hz.
    seed : int
        Of all that is drawn.
    workers : int
        Processes that mix.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_compositions("mixes", "manifests", sounds_folder="/no/such")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such does not exist. Pass ...
    """
    if skip_prep:
        return
    folder, manifests = pathlib.Path(data_folder), pathlib.Path(manifest_folder)
    counts = counts or {"train": 1200, "valid": 100, "test": 200}
    if sounds_folder is None:
        sounds_folder = synthesise_esc10(
            folder / "sounds", seed=seed, workers=workers
        )
    sources = manifests / "sources"
    prepare_esc50(
        str(sounds_folder), str(sources), test_fold, valid_fold,
        on_bad_clip=on_bad_clip,
    )  # fmt: skip
    report = read_json(sources / f"prepare_fold{test_fold}.json")
    parts = {}
    for part, count in counts.items():
        rows = read_manifest(
            sources / f"{part}_fold{test_fold}.json",
            str(sounds_folder),
            on_bad_clip=on_bad_clip,
        )
        parts[part] = write_compositions(
            folder, rows, part, count, seconds, sample_rate, seed, workers
        )
    if report["sounds"] == "made-up":
        write_json(
            folder / MADE_UP_STAMP,
            {"made_by": "recipes/Captioning/compositions_prepare.py"},
        )
    else:
        (folder / MADE_UP_STAMP).unlink(missing_ok=True)
    prepare_pairs("Compositions", folder, manifest_folder, parts, on_bad_clip)
