"""Which recordings the pairs of each split are made of.

A recording that is in the evaluation split of any set is in no development
split: a clip of ESC-50 may be cut from a recording of FSD50K.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import split_leaks
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.synthesis.pairs import write_pairs
from speechbrain_clap.synthesis.sources import read_exclusions
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

SPLITS = ("dev", "eval")


def present_sets(sets, data_folder=None):
    """The sets that are there.

    Arguments
    ---------
    sets : dict
        Name of a set to a dict with `data_folder`, where it lies, or None.
    data_folder : str or None
        Where sets may lie that have none of their own, each in a folder of
        its name.

    Returns
    -------
    dict
        Name to dict, all with a `data_folder`; the log tells the others.

    Raises
    ------
    DataError
        If no set is there.

    Example
    -------
    >>> present_sets({"ESC-50": {"data_folder": None}})
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: no sounds: give the folder of ...
    """
    present = {}
    for name, options in sets.items():
        folder = options["data_folder"]
        if folder is None and data_folder is not None:
            own = pathlib.Path(data_folder, name)
            folder = str(own) if own.is_dir() else None
        if folder is None:
            logger.info("%s: no folder given, left out", name)
        else:
            present[name] = {**options, "data_folder": folder}
    if not present:
        raise DataError(
            f"no sounds: give the folder of {' or '.join(sets)}, see the "
            "recipe's README.md"
        )
    return present


def gather_sources(sets, manifest_folder, on_bad_clip="skip"):
    """Prepares sets and keeps their splits apart.

    Arguments
    ---------
    sets : dict
        From ``present_sets``: name of a set to a dict with

        - `data_folder`: where it lies;
        - `prepare`: its preparation, called with `data_folder`,
          `manifest_folder` and `on_bad_clip`;
        - `report`: the file that it writes last;
        - `parts`: "dev" and "eval" to the manifests that it writes, by stem.
    manifest_folder : str or pathlib.Path
        Gets a folder for each set.
    on_bad_clip : str
        "skip" or "stop".

    Returns
    -------
    dict
        "dev" and "eval" to rows, id to row; an id begins with its set.
    dict
        `sounds` ("real" or "made-up"), `leaks` (how many rows of "dev" were
        left out), `root` (the folder that all sets lie in).

    Raises
    ------
    DataError
        If real and made-up sounds would be mixed.
    """
    rows, sounds = {split: {} for split in SPLITS}, set()
    for name, options in sets.items():
        folder = pathlib.Path(manifest_folder, name)
        options["prepare"](
            data_folder=options["data_folder"],
            manifest_folder=str(folder),
            on_bad_clip=on_bad_clip,
        )
        sounds.add(read_json(folder / options["report"])["sounds"])
        for split in SPLITS:
            for part in options["parts"][split]:
                path = folder / f"{part}.json"
                found = read_manifest(
                    path, options["data_folder"], ("path",), on_bad_clip
                )
                for key, row in found.items():
                    rows[split][f"{name}/{key}"] = row
    if len(sounds) > 1:
        raise DataError(
            f"{', '.join(sets)}: some have real and some made-up sounds, "
            "expected one kind"
        )
    tested = {row.get("source") for row in rows["eval"].values()} - {None}
    rows["dev"], leaks = split_leaks(rows["dev"], {"eval": tested})
    folders = [os.path.abspath(x["data_folder"]) for x in sets.values()]
    return rows, {
        "sounds": sounds.pop(),
        "leaks": leaks["eval"],
        "root": os.path.commonpath(folders),
    }


def write_splits(
    folder,
    scene,
    rows,
    facts,
    counts,
    seed=1234,
    workers=1,
    exclude=(),
    suffix=".flac",
    on_bad_clip="skip",
):
    """Writes the pairs of a scene, both splits, and tells what they are.

    Arguments
    ---------
    folder : str or pathlib.Path
        As for ``speechbrain_clap.synthesis.pairs.write_pairs``; gets
        `prepare_<scene>.json`, last.
    scene : speechbrain_clap.synthesis.pairs.Scene
        What pairs are made of.
    rows : dict
        From ``gather_sources``.
    facts : dict
        From ``gather_sources``.
    counts : dict
        "dev" and "eval" to a number of pairs.
    seed : int
        Of all pairs.
    workers : int
        Processes.
    exclude : list of str
        Files of noisy sources to leave out, as
        ``speechbrain_clap.synthesis.sources.read_exclusions`` takes them.
    suffix : str
        ".flac" or ".wav".
    on_bad_clip : str
        "skip" or "stop".

    Returns
    -------
    dict
        What `prepare_<scene>.json` holds.

    Raises
    ------
    DataError
        If a label of the scene has no sounds in a split, or a source is bad
        and the rule is "stop".
    """
    noisy = set().union(*(read_exclusions(path) for path in exclude))
    known = {
        word
        for of_split in rows.values()
        for name, row in of_split.items()
        for word in _names(name, row)
    }
    logger.info(
        "%d of the %d names in the exclusion lists are those of a source",
        len(noisy & known),
        len(noisy),
    )
    report = pathlib.Path(folder, f"prepare_{scene.name}.json")
    # First out, last in: who finds it knows that all pairs are there.
    report.unlink(missing_ok=True)
    for split in SPLITS:
        try:
            write_pairs(
                folder,
                scene,
                rows[split],
                split,
                counts[split],
                seed,
                workers,
                noisy,
                facts["root"],
                suffix,
                on_bad_clip,
            )
        except ValueError as error:
            raise DataError(f"{scene.name}, {split}: {error}") from error
    told = {
        "dataset": f"pairs of the scene {scene.name}",
        "background": scene.background,
        "events": scene.events,
        "pairs": counts,
        "skipped": dict.fromkeys(counts, 0),
        "seed": seed,
        "sounds": facts["sounds"],
        "leaks": facts["leaks"],
        "excluded": len(noisy & known),
        "source_root": facts["root"],
    }
    write_json(report, told)
    return told


def _names(name, row):
    """What an exclusion list may call a row."""
    file = pathlib.PurePath(row["path"])
    return name, file.name, file.stem
