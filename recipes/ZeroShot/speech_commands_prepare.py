"""Prepares Speech Commands v0.02: the test clips of its twelve classes.

P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech
Recognition", 2018, https://arxiv.org/abs/1804.03209, CC BY 4.0. Layout of the
test archive: a folder for each of ten words, `_silence_` and `_unknown_`; or
HEAR's, whose `test.json` has the same 4,890 clips.

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

CLASSES = """
down go left no off on right stop up yes _silence_ _unknown_
""".split()
NAMES = {name.strip("_"): name for name in CLASSES}  # as copies of HEAR vary
HOW_TO_GET = (
    "Pass --speech_commands_folder=<folder of the unpacked test archive "
    "(_silence_/, _unknown_/, yes/ ...), or HEAR's speech_commands-...>: "
    "http://download.tensorflow.org/data/"
    "speech_commands_test_set_v0.02.tar.gz (112 MB). The archive of all 35 "
    "words has no test clips of silence or of unknown words."
)


def prepare_speech_commands(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `test.json` and `prepare.json`.

    Arguments
    ---------
    data_folder : str
        Holds the test archive, or HEAR's task. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_speech_commands("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    root = check_folder(data_folder, HOW_TO_GET)
    hear = find_hear(root, "speech_commands")
    if hear:
        parts = {"test": hear_parts(hear, NAMES).get("test", {})}
    else:
        root = find_folder(root, HOW_TO_GET, "_silence_", "_unknown_")
        parts = {"test": labelled_files(root, _row)}
    prepare_labelled(
        "Speech Commands", data_folder, manifest_folder, parts, CLASSES,
        on_bad_clip, decode,
    )  # fmt: skip


def _row(path):
    label = path.parent.name
    if label not in CLASSES:
        return None
    speaker, mark, _ = path.stem.partition("_nohash_")
    return {"label": label} | (
        {"source": f"speech-commands:{speaker}"} if mark else {}
    )
