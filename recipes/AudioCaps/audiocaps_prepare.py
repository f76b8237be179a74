"""Prepares AudioCaps: 10 s of YouTube videos, described by people.

C. D. Kim et al., "AudioCaps: Generating Captions for Audios in The Wild",
NAACL 2019, https://aclanthology.org/N19-1011. The lists (for academic use) are
in https://github.com/cdjkim/audiocaps, `dataset/{train,val,test}.csv` and
`dataset2.0/`; the sounds have to be fetched from YouTube or asked for, and no
two copies hold the same clips.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import re

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
)

COLUMNS = ["audiocap_id", "youtube_id", "start_time", "caption"]
PARTS = {"train": "train", "valid": "val", "test": "test"}
FOLDERS = {
    "1": ("dataset", "csv_files_v1", "."),
    "2": ("dataset2.0", "csv_files_v2", "."),
}
SECONDS = 10
HOW_TO_GET = (
    "Pass --data_folder=<folder with the CSVs of "
    "https://github.com/cdjkim/audiocaps (in dataset/ or dataset2.0/, or "
    "beside the audio) and, anywhere below it, the sounds that you have (all: "
    "51,308 clips, 142 hours, about 90 GB as 16-bit WAV at 44.1 kHz in "
    "stereo)>."
)


def prepare_audiocaps(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, version="1",
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    A clip is one row with all its captions: one in training (several in
    version 2.0), five in validation and test. Its id is YouTube's.

    Arguments
    ---------
    data_folder : str
        Holds the CSVs and, anywhere below it, the sounds. Nothing is written
        into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip : str
        "skip" or "stop"; missing clips are counted, never refused.
    held_out : dict or None
        Name of a list to its file: recordings that must not train.
    decode : bool
        Decode every file once to find the silent and truncated ones.
    skip_prep : bool
        Do nothing: the manifests are there.
    version : str
        "1", or "2.0" with more training captions in lower case.

    Example
    -------
    >>> prepare_audiocaps("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    tables = _tables(folder, str(version))
    finder = FileFinder([folder])
    parts = {part: _clips(path, finder) for part, path in tables.items()}
    prepare_pairs(
        "AudioCaps", folder, manifest_folder, parts, on_bad_clip,
        held_out, decode,
    )  # fmt: skip


def _tables(folder, version):
    """The parts that there are, each with its CSV."""
    # YAML makes a number of 2.0.
    if version.removesuffix(".0") not in FOLDERS:
        raise DataError(f"version is '{version}', expected 1 or 2.0")
    for place in FOLDERS[version.removesuffix(".0")]:
        for root in (folder, folder / "audiocaps", folder / "AUDIOCAPS"):
            found = {
                part: pathlib.Path(root, place, f"{name}.csv")
                for part, name in PARTS.items()
            }
            found = {part: p for part, p in found.items() if p.is_file()}
            if found:
                return found
    raise FileNotFoundError(
        f"data_folder {folder} holds no train.csv, val.csv or test.csv of "
        f"version {version}, neither itself nor in "
        f"{FOLDERS[version.removesuffix('.0')][0]}/. {HOW_TO_GET}"
    )


def _clips(path, finder):
    """Id to row, the captions of a clip together."""
    clips, starts = {}, {}
    for line, row in iterate_rows(path, COLUMNS):
        video = row["youtube_id"]
        if not re.fullmatch(r"[\w-]{11}", video, re.ASCII):
            raise DataError(
                f"{path}, line {line}: youtube_id is '{video}', expected 11 "
                "letters, digits, - and _ (was the file saved by a "
                "spreadsheet?)"
            )
        start = re.fullmatch(r"\s*(\d+)(\.0*)?\s*", row["start_time"])
        if not start:
            raise DataError(
                f"{path}, line {line}: start_time is '{row['start_time']}', "
                "expected whole seconds"
            )
        start = int(start[1])
        # Another excerpt of a video that is there already needs the start in
        # its name; without one, both would take the same file.
        first = starts.setdefault(video, start) == start
        name = video if first else f"{video}_{start}"
        if name not in clips:
            clips[name] = {
                "file": finder.find(*_file_names(video, start, first)),
                "captions": [],
                "source": f"youtube:{video}",
            }
        clips[name]["captions"].append(row["caption"])
        # One downloader names its files by caption.
        number = row["audiocap_id"]
        if clips[name]["file"] is None and number.isdecimal():
            clips[name]["file"] = finder.find(number)
    return clips


def _file_names(video, start, first):
    """How downloaders name a clip."""
    stop = start + SECONDS
    spans = [
        f"_{start}",
        f"_{start}_{stop}",
        f"_{start}.000_{stop}.000",
        f"_{1000 * start}_{1000 * stop}",
    ]
    return [
        prefix + video + span
        for span in (spans + [""] if first else spans)
        for prefix in ("", "Y")
    ]
