"""Prepares Clotho: sounds of Freesound, five captions each.

K. Drossos, S. Lipping, T. Virtanen, "Clotho: an Audio Captioning Dataset",
ICASSP 2020, https://arxiv.org/abs/1910.09387. Non-commercial use; version 2.1:
https://zenodo.org/records/4783391. Layout: `development/`, `validation/` and
`evaluation/` (from the 7z archives) and, anywhere, the tables
`clotho_captions_<split>.csv` and `clotho_metadata_<split>.csv`. Versions 1 (no
validation) and 2 are alike.

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
    read_rows,
)

logger = get_logger(__name__)

SPLITS = {"train": "development", "valid": "validation", "test": "evaluation"}
CAPTIONS = [f"caption_{i}" for i in range(1, 6)]
AUDIO_FOLDERS = ("{}", "clotho_audio_files/{}", "audio/{}", "clotho_audio_{}")
HOW_TO_GET = (
    "Pass --data_folder=<folder with development/, validation/, evaluation/ "
    "and the CSVs of https://zenodo.org/records/4783391> (12 GB when "
    "unpacked)."
)


def prepare_clotho(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    The development split trains, validation validates, evaluation tests. A
    clip's id is its file's name.

    Arguments
    ---------
    data_folder : str
        Clotho's root. Nothing is written into it.
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

    Example
    -------
    >>> prepare_clotho("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    tables = FileFinder([folder], (".csv",))
    parts = {}
    for part, split in SPLITS.items():
        table = tables.find(f"clotho_captions_{split}")
        if table is None:  # version 1 has no validation
            logger.info("Clotho: no clotho_captions_%s.csv", split)
            continue
        sources = _sources(tables.find(f"clotho_metadata_{split}"), split)
        parts[part] = _clips(table, _find_audio(folder, split), sources)
    if not parts:
        raise FileNotFoundError(
            f"data_folder {folder} holds no clotho_captions_<split>.csv, "
            f"neither itself nor below. {HOW_TO_GET}"
        )
    prepare_pairs(
        "Clotho", folder, manifest_folder, parts, on_bad_clip,
        held_out, decode,
    )  # fmt: skip


def _find_audio(folder, split):
    places = [folder / place.format(split) for place in AUDIO_FOLDERS]
    places = [place for place in places if place.is_dir()]
    # All in one folder, where the splits were not kept apart.
    return FileFinder(places or [folder])


def _clips(table, finder, sources):
    """Id to row of one split."""
    clips = {}
    for line, row in iterate_rows(table, ["file_name", *CAPTIONS]):
        name = row["file_name"]  # as it is: some begin with a blank
        if not name.strip() or name in clips:
            raise DataError(
                f"{table}, line {line}: file_name "
                + (f"'{name}' stands there twice" if name else "is empty")
            )
        clips[name] = {
            "file": finder.find(name, _unpacked(name)),
            "captions": [row[column] for column in CAPTIONS],
        }
        source = sources.get(_key(name))
        if source:
            clips[name]["source"] = f"freesound:{source}"
    unknown = sum("source" not in row for row in clips.values())
    if unknown:
        logger.warning(
            "%s: the recording of %d of %d clips is unknown: whether they "
            "are in other sets cannot be told",
            table.name,
            unknown,
            len(clips),
        )
    return clips


def _unpacked(name):
    # Some archivers drop the blanks around a colon too.
    return re.sub(r" *: *", "_", name)


def _key(name):
    # The two tables of a split spell a few names differently.
    return " ".join(_unpacked(name).split())


def _sources(path, split):
    """Key of a file's name to its id on Freesound."""
    if path is None:
        logger.warning("Clotho: no clotho_metadata_%s.csv", split)
        return {}
    rows = read_rows(
        path,
        ["file_name", "sound_id"],
        delimiter=None,
        fallback="iso-8859-1",
        ragged=True,
    )
    return {
        _key(row["file_name"]): row["sound_id"].strip()
        for row in rows
        # "Not found" where a sound has left Freesound.
        if (row["sound_id"] or "").strip().isdecimal()
    }
