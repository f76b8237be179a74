"""Prepares RAVDESS: 24 actors speak and sing in eight emotions.

S. R. Livingstone, F. A. Russo, "The Ryerson Audio-Visual Database of Emotional
Speech and Song", PLoS ONE 2018, https://doi.org/10.1371/journal.pone.0196391,
CC BY-NC-SA 4.0: https://zenodo.org/records/1188976. Layout:
`Actor_<01 to 24>/MM-VV-EE-II-SS-RR-AA.wav`.

Authors
 * The speechbrain_clap team 2026
"""

import re

from speechbrain_clap.dataio.captioned import DataError
from speechbrain_clap.dataio.finder import check_folder
from speechbrain_clap.dataio.labelled import labelled_files, prepare_labelled

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
CHANNELS = {"01": "speech", "02": "song"}
# Modality 03 is sound alone; the others are videos.
NAME = re.compile(r"03-(\d\d)-(\d\d)-\d\d-\d\d-\d\d-(\d\d)")
HOW_TO_GET = (
    "Pass --ravdess_folder=<folder with Actor_01 to Actor_24, below it those "
    "of speech and of song> (1,440 and 1,012 clips: "
    "https://zenodo.org/records/1188976)."
)


def prepare_ravdess(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False, channels=("speech", "song"),
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    Arguments
    ---------
    data_folder : str
        Holds the actors' folders, at any depth. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.
    channels : tuple of str
        "speech", "song" or both; CLAP's 2.5k clips are both together.

    Example
    -------
    >>> prepare_ravdess("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if not channels or not set(channels) <= set(CHANNELS.values()):
        raise DataError(
            f"channels is {channels!r}, expected speech, song or both"
        )
    root = check_folder(data_folder, HOW_TO_GET)

    def _row(path):
        match = NAME.fullmatch(path.stem)
        if not match or CHANNELS.get(match[1]) not in channels:
            return None
        if match[2] not in EMOTIONS:
            raise DataError(f"{path}: there is no emotion {match[2]}")
        return {"label": EMOTIONS[match[2]], "source": f"ravdess:{match[3]}"}

    rows = labelled_files(root, _row)
    if not rows:
        raise FileNotFoundError(
            f"data_folder {root} holds no 03-VV-EE-II-SS-RR-AA.wav. "
            f"{HOW_TO_GET}"
        )
    prepare_labelled(
        "RAVDESS", data_folder, manifest_folder, {"test": rows},
        list(EMOTIONS.values()), on_bad_clip, decode,
    )  # fmt: skip
