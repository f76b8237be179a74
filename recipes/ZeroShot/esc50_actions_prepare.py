"""Prepares ESC-50 Actions: which of 20 actions are heard in ESC-50's clips.

B. Elizalde, R. Revutchi, S. Das, B. Raj, I. Lane, L. M. Heller, "Identifying
Actions for Sound Event Classification", WASPAA 2021,
https://arxiv.org/abs/2104.12693. Votes of listeners:
https://github.com/bmartin1/Identifying_Actions_for_Sound_Event_Classification,
`action_vectors_dataset/actionvector_one_per_audiofile_sum.csv`; the sounds are
ESC-50's.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
)
from speechbrain_clap.dataio.labelled import prepare_labelled
from speechbrain_clap.dataio.metadata import find_metadata

ACTIONS = """
blowing breaking calling crumpling dripping exhaling exploding gasping groaning
pouring ringing rolling rotating scraping singing sizzling splashing tapping
vibrating wailing
""".split()
TABLE = "actionvector_one_per_audiofile_sum.csv"
HOW_TO_GET = (
    f"Pass --esc50_actions_folder=<folder with {TABLE} of https://github.com/"
    "bmartin1/Identifying_Actions_for_Sound_Event_Classification> and "
    "--esc50_folder=<ESC-50>, for the sounds."
)


def prepare_esc50_actions(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False, esc50_folder=None, least_votes=7,
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    How votes (three listeners, up to four each) become labels is not said in
    the papers. Here an action is heard that has most of the twelve, 7 at
    least: the mean share of clips is then 4.8 % an action, near to the 4.5 %
    that a random order scores in the paper.

    Arguments
    ---------
    data_folder : str
        Holds the table. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.
    esc50_folder : str or None
        Where the sounds are; None: below `data_folder`.
    least_votes : float
        So many votes make an action heard.

    Example
    -------
    >>> prepare_esc50_actions("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    name = f"action_vectors_dataset/{TABLE}"
    path = find_metadata(folder, name, TABLE)
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no {TABLE}, neither itself nor in a "
            f"folder of it. {HOW_TO_GET}"
        )
    finder = FileFinder([esc50_folder or folder])
    rows = {}
    for line, row in iterate_rows(path, ["filename", "fold", *ACTIONS]):
        where = f"{path}, line {line}"
        name = pathlib.PurePath(row["filename"]).stem
        try:
            fold = int(row["fold"])
            votes = {action: float(row[action]) for action in ACTIONS}
        except ValueError as error:
            raise DataError(f"{where}: is no number ({error})") from error
        rows[name] = {
            "file": finder.find(name),
            "labels": [a for a in ACTIONS if votes[a] >= least_votes],
            "fold": fold,
            # As ESC-50 names its files: fold-source-take-class.
            "source": f"freesound:{name.split('-')[1]}",
        }
    prepare_labelled(
        "ESC-50 Actions", folder, manifest_folder, {"test": rows}, ACTIONS,
        on_bad_clip, decode,
    )  # fmt: skip
