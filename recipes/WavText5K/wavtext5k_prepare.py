"""Prepares WavText5K: sounds of BigSoundBank and SoundBible, described.

S. Deshmukh, B. Elizalde, H. Wang, "Audio Retrieval with WavText5K and CLAP
Training", Interspeech 2023, https://arxiv.org/abs/2209.14275. The list is
`WavText5K.csv` of https://github.com/microsoft/WavText5K (MIT), whose
`process.py` fetches the sounds; each has a licence of its own.

Authors
 * The speechbrain_clap team 2026
"""

import re

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
)
from speechbrain_clap.dataio.metadata import find_metadata

logger = get_logger(__name__)

COLUMNS = ["view_link", "download_link", "title", "description", "fname"]
# Where a recording is from, and what its links say of it.
SITES = {
    "bigsoundbank": re.compile(
        r"bigsoundbank\.com/(?:UPLOAD/\w+/|detail-)(\d+)", re.I
    ),
    "soundbible": re.compile(
        r"soundbible\.com/(?:grab\.php\?(?:.*&)?id=)?(\d+)", re.I
    ),
}
HOW_TO_GET = (
    "Pass --data_folder=<folder with WavText5K.csv of "
    "https://github.com/microsoft/WavText5K and, anywhere below it, the "
    "sounds that its process.py fetches> (4,525 clips, 25 hours, about 16 GB)."
)


def prepare_wavtext5k(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False,
):  # fmt: skip
    """Writes `train.json` and `prepare.json`: WavText5K has no split.

    The caption of a clip is its description, or its title where that is
    empty. A clip's id is its file's name.

    Arguments
    ---------
    data_folder : str
        Holds `WavText5K.csv`, itself or one level below, and the sounds.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_wavtext5k("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    path = find_metadata(folder, "WavText5K.csv")
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no WavText5K.csv, neither itself nor "
            f"in a folder of it. {HOW_TO_GET}"
        )
    finder, clips, titles = FileFinder([folder]), {}, 0
    for line, row in iterate_rows(path, COLUMNS):
        name = row["fname"]
        if not name.strip() or name in clips:
            raise DataError(
                f"{path}, line {line}: fname "
                + (
                    f"'{name}' stands there twice"
                    if name.strip()
                    else "is empty"
                )
            )
        described = bool(row["description"].strip())
        titles += not described
        clips[name] = {
            "file": finder.find(name),
            # A description has line breaks and outer blanks here and there.
            "captions": [_line(row["description" if described else "title"])],
        }
        source = _source(row["download_link"]) or _source(row["view_link"])
        if source:
            clips[name]["source"] = source
    unknown = sum("source" not in row for row in clips.values())
    logger.info(
        "WavText5K: %d of %d clips have no description, their title is taken; "
        "of %d the recording is unknown",
        titles,
        len(clips),
        unknown,
    )
    prepare_pairs(
        "WavText5K", folder, manifest_folder, {"train": clips}, on_bad_clip,
        held_out, decode,
    )  # fmt: skip


def _line(text):
    return " ".join(text.split())


def _source(link):
    for site, pattern in SITES.items():
        found = pattern.search(link)
        if found:
            return f"{site}:{found[1]}"
    return None
