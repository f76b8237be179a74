"""Prepares MACS: street and park sounds of TAU 2019, 2 to 5 captions each.

I. Martín-Morató, A. Mesaros, "What is the ground truth? Reliability of
multi-annotator data for audio tagging", EUSIPCO 2021,
https://arxiv.org/abs/2104.04214. Non-commercial use. Captions:
https://zenodo.org/records/5114771 (`MACS.yaml`, `MACS_competence.csv`); sounds:
those of TAU Urban Acoustic Scenes 2019, development,
https://zenodo.org/records/2589280 (`audio/`, `meta.csv`).

Authors
 * The speechbrain_clap team 2026
"""

import yaml
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
    read_rows,
    read_text,
)

logger = get_logger(__name__)

HOW_TO_GET = (
    "Pass --data_folder=<folder with MACS.yaml and, at any depth, the audio "
    "of TAU-urban-acoustic-scenes-2019-development>: "
    "https://zenodo.org/records/5114771 (3 MB) and "
    "https://zenodo.org/records/2589280 (21 zips, about 40 GB; MACS uses the "
    "airports, public squares and parks, 3,930 of its 14,400 clips)."
)


def prepare_macs(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, clean_captions=False, min_competence=None,
):  # fmt: skip
    """Writes `train.json` and `prepare.json`: MACS has no split.

    A clip's id is its file's name without the extension, its source TAU's
    location, such as `tau:barcelona-0`.

    Arguments
    ---------
    data_folder : str
        Holds `MACS.yaml` and the audio, links included. Nothing is written
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
    clean_captions : bool
        Take commas out of captions and make blanks of `_`, as CLAP's
        curation did.
    min_competence : float or None
        Leave out the captions of annotators whose competence, from 0 to 1 in
        `MACS_competence.csv`, is below; clips without any other go too.

    Example
    -------
    >>> prepare_macs("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    tables = FileFinder([folder], (".yaml", ".csv"))
    path = tables.find("MACS.yaml")
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no MACS.yaml, neither itself nor "
            f"below. {HOW_TO_GET}"
        )
    captions = _read_captions(path)
    if min_competence is not None:
        captions = _leave_out(captions, tables, folder, float(min_competence))
    locations = _locations(tables.find("meta.csv"))
    finder = FileFinder([folder])
    clips = {}
    for name, said in captions.items():
        stem = name.removesuffix(".wav")
        sentences = [sentence for _, sentence in said]
        if clean_captions:
            sentences = [_clean(sentence) for sentence in sentences]
        clips[stem] = {
            "file": finder.find(name),
            "captions": sentences,
            "source": f"tau:{locations.get(name) or _location(path, name)}",
        }
    prepare_pairs(
        "MACS", folder, manifest_folder, {"train": clips}, on_bad_clip,
        held_out, decode,
    )  # fmt: skip


def _read_captions(path):
    """Name of a file to (annotator, sentence) pairs."""
    # All scalars as text, so that no caption or number becomes a date or a
    # truth value; and in C, for the pure Python loader takes a minute.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        content = yaml.load(read_text(path), Loader=loader)
    except yaml.YAMLError as error:
        raise DataError(f"{path}: is not YAML ({error})") from error
    entries = content.get("files") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{path}: holds no list named `files`")
    captions = {}
    for number, item in enumerate(entries, 1):
        try:
            captions.setdefault(item["filename"], []).extend(
                (about["annotator_id"], about["sentence"])
                for about in item["annotations"]
            )
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{path}: entry {number} of `files` is {item}, expected "
                "`filename` and `annotations`, each of these with "
                "`annotator_id` and `sentence`"
            ) from error
    return captions


def _leave_out(captions, tables, folder, least):
    """Leaves out the captions of annotators below a competence."""
    path = tables.find("MACS_competence.csv")
    if path is None:
        raise FileNotFoundError(
            f"min_competence is {least}, but {folder} holds no "
            "MACS_competence.csv; it lies beside MACS.yaml on Zenodo"
        )
    competence = {}
    columns = ["annotator_id", "competence"]
    for line, row in iterate_rows(path, columns, delimiter=None):
        try:
            value = float(row["competence"])
        except ValueError as error:
            raise DataError(
                f"{path}, line {line}: competence is '{row['competence']}', "
                "expected a number"
            ) from error
        competence[row["annotator_id"].strip()] = value
    unknown = {
        who
        for said in captions.values()
        for who, _ in said
        if who not in competence
    }
    if unknown:
        raise DataError(
            f"{path}: no competence of annotator {', '.join(sorted(unknown))}"
        )
    kept = {
        name: [(who, text) for who, text in said if competence[who] >= least]
        for name, said in captions.items()
    }
    before, after = (sum(map(len, c.values())) for c in (captions, kept))
    kept = {name: said for name, said in kept.items() if said}
    logger.info(
        "MACS: %d of %d captions, and %d of %d clips altogether, are left "
        "out: competence below %g",
        before - after,
        before,
        len(captions) - len(kept),
        len(captions),
        least,
    )
    if not kept:
        raise DataError(
            f"min_competence is {least}, and no annotator reaches it: the "
            f"highest is {max(competence.values())}"
        )
    return kept


def _clean(sentence):
    return " ".join(sentence.replace(",", " ").replace("_", " ").split())


def _locations(path):
    """Name of a file to TAU's identifier of the location."""
    if path is None:
        return {}
    rows = read_rows(path, ["filename", "identifier"], delimiter=None)
    return {
        row["filename"].removeprefix("audio/"): row["identifier"].strip()
        for row in rows
    }


def _location(path, name):
    """The same from a name: <scene>-<city>-<location>-<segment>-<device>."""
    cells = name.removesuffix(".wav").split("-")
    if len(cells) != 5:
        raise DataError(
            f"{path}: filename '{name}' is not as expected, <scene>-<city>-"
            "<location>-<segment>-<device>.wav"
        )
    return f"{cells[1]}-{cells[2]}"
