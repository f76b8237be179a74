"""Prepares VocalSound: six sounds that people make, by 3,365 speakers.

Y. Gong, J. Yu, J. Glass, "VocalSound: A Dataset for Improving Human Vocal
Sounds Recognition", ICASSP 2022, https://arxiv.org/abs/2205.03433, CC BY-SA
4.0: https://github.com/YuanGongND/vocalsound. Layout: `audio_16k/` or
`audio_44k/` with `<speaker>_<n>_<sound>.wav`, `datafiles/{tr,val,te}.json`.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.captioned import DataError, FileFinder
from speechbrain_clap.dataio.labelled import find_folder, prepare_labelled
from speechbrain_clap.dataio.metadata import read_json

CLASSES = ["Laughter", "Sigh", "Cough", "Throat clearing", "Sneeze", "Sniff"]
# The names of the files tell the class; the identifiers in some copies of the
# lists are invented.
SOUNDS = {name.replace(" ", "").lower(): name for name in CLASSES}
PARTS = {"train": "tr", "valid": "val", "test": "te"}
HOW_TO_GET = (
    "Pass --vocalsound_folder=<folder with datafiles/ and audio_16k/ or "
    "audio_44k/> (21,024 clips: https://github.com/YuanGongND/vocalsound)."
)


def prepare_vocalsound(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    Arguments
    ---------
    data_folder : str
        VocalSound's root, or the folder above it. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_vocalsound("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    root = find_folder(data_folder, HOW_TO_GET, "datafiles/te.json")
    finder = FileFinder([root / "audio_44k", root / "audio_16k", root])
    parts = {}
    for part, name in PARTS.items():
        path = root / "datafiles" / f"{name}.json"
        if path.is_file():
            parts[part] = _clips(path, finder)
    prepare_labelled(
        "VocalSound", data_folder, manifest_folder, parts, CLASSES,
        on_bad_clip, decode,
    )  # fmt: skip


def _clips(path, finder):
    """Id to row of one list."""
    clips = {}
    content = read_json(path)
    if not isinstance(content, dict) or "data" not in content:
        raise DataError(f"{path}: has no 'data', expected the list of clips")
    for number, item in enumerate(content["data"], 1):
        # Where the files lay on the authors' machine.
        stem = pathlib.PurePosixPath(item.get("wav", "")).stem
        speaker, _, sound = stem.rpartition("_")
        if sound not in SOUNDS or not speaker:
            raise DataError(
                f"{path}, clip {number}: '{item.get('wav')}', expected a name "
                f"such as f0001_0_cough.wav, ending in {', '.join(SOUNDS)}"
            )
        clips[stem] = {
            "file": finder.find(stem),
            "label": SOUNDS[sound],
            "source": f"vocalsound:{speaker.split('_')[0]}",
        }
    return clips
