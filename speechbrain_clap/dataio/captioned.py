"""What the preparations of captioned sets need, in one place.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.checks import check_clip, check_clips
from speechbrain_clap.dataio.finder import (
    FileFinder,
    check_folder,
    list_files,
)
from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP, SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import held_out_sources, split_leaks
from speechbrain_clap.dataio.manifest import drop_bad, write_manifest
from speechbrain_clap.dataio.tables import iterate_rows, read_rows, read_text
from speechbrain_clap.utils.files import write_json

__all__ = [
    "DataError",
    "FileFinder",
    "check_folder",
    "iterate_rows",
    "list_files",
    "prepare_pairs",
    "read_rows",
    "read_text",
]

logger = get_logger(__name__)

PARTS = ("train", "valid", "test")
NAMED = 3  # missing clips named in the log; the rest is counted
TINY = 1024  # bytes: below, a file may be empty or a Git LFS pointer


def prepare_pairs(
    dataset, data_folder, manifest_folder, parts, on_bad_clip="skip",
    held_out=(), decode=False,
):  # fmt: skip
    """Checks the clips of a captioned set and writes its manifests.

    Arguments
    ---------
    dataset : str
        Name of the set, for reports.
    data_folder : str or pathlib.Path
        What "{data_root}" in the manifests will stand for. Nothing is
        written into it. A file outside of it gets its absolute path.
    manifest_folder : str or pathlib.Path
        Gets `{train,valid,test}.json`, of the parts that the set has, and,
        last, `prepare.json`.
    parts : dict
        "train", "valid" or "test" to a dict of id to row: `file` (a path, or
        None: missing), `captions` (list of str), `source`, and whatever else
        is known (`start`, `stop`, `label`, `labels`).
    on_bad_clip : str
        "skip" or "stop": what to do about files that are empty or pointers of
        Git LFS, and rows without a caption. Missing files never stop.
    held_out : dict
        Name of a list to a set of sources, or to a file of them as
        ``speechbrain_clap.dataio.leaks.held_out_sources`` reads it: recordings
        that must not train.
    decode : bool
        Decode each file whole (once: `clips_checked.jsonl` remembers) and
        leave out the silent and truncated ones too.

    Returns
    -------
    dict
        What `prepare.json` holds: the counts by part.

    Raises
    ------
    ValueError
        If no clip of any part can be used, or one is bad and the rule is
        "stop".

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(bytes(2000))
    >>> row = {"file": folder / "a.wav", "captions": [" a dog "]}
    >>> lost = {"file": None, "captions": ["a cat"]}
    >>> parts = {"train": {"a": row, "b": lost}}
    >>> report = prepare_pairs("Set", folder, folder / "save", parts)
    >>> report["clips"], report["missing"]
    ({'train': 1}, {'train': 1})
    """
    data_folder = pathlib.Path(data_folder)
    manifest_folder = pathlib.Path(manifest_folder)
    held_out = _read_held_out(held_out)
    # First out, last in: who finds it knows that the preparation is complete.
    report_file = manifest_folder / "prepare.json"
    report_file.unlink(missing_ok=True)
    found = {
        part: {name: row for name, row in rows.items() if row["file"]}
        for part, rows in parts.items()
    }
    _check_any(dataset, data_folder, parts, found)
    good, bad = _leave_out_bad(
        found, data_folder, manifest_folder, on_bad_clip, decode
    )
    good["train"], leaks = split_leaks(good.get("train", {}), held_out)
    report = {
        "dataset": dataset,
        "clips": {part: len(good[part]) for part in parts},
        "missing": {p: len(parts[p]) - len(found[p]) for p in parts},
        "bad": {path: why for rows in bad.values() for path, why in rows},
        "leaks": leaks,
        "sounds": "made-up"
        if (data_folder / MADE_UP_STAMP).is_file()
        else "real",
        "parts": {
            part: {
                "listed": len(parts[part]),
                "captions": sum(
                    len(row["captions"]) for row in good[part].values()
                ),
            }
            for part in parts
        },
    }
    for part in PARTS:
        if part in parts:
            write_manifest(manifest_folder / f"{part}.json", good[part])
            _log(dataset, part, parts[part], len(bad[part]), report)
        else:  # what an earlier preparation may have left
            (manifest_folder / f"{part}.json").unlink(missing_ok=True)
    write_json(report_file, report)
    return report


def _read_held_out(held_out):
    if isinstance(held_out, str | os.PathLike):
        raise DataError(
            f"held_out is '{held_out}', expected a dict: name of a list to "
            "its file"
        )
    return {
        name: held_out_sources(given)
        if isinstance(given, str | os.PathLike)
        else set(given)
        for name, given in dict(held_out or {}).items()
    }


def _check_any(dataset, data_folder, parts, found):
    listed = sum(map(len, parts.values()))
    if not listed:
        raise DataError(f"{dataset}: {data_folder} lists no clip")
    if not any(found.values()):
        example = next(name for rows in parts.values() for name in rows)
        raise DataError(
            f"{dataset}: none of the {listed} clips was found in "
            f"{data_folder} or below it; looked for '{example}' (with "
            f"{', '.join(SUFFIXES)}), for example. Is data_folder right, and "
            "is the audio unpacked?"
        )


def _leave_out_bad(found, data_folder, manifest_folder, on_bad_clip, decode):
    """Part to rows of a manifest, and part to (path, why) of the others."""
    rows = {
        (part, name): dict(row, captions=_clean(row["captions"]))
        for part, part_rows in found.items()
        for name, row in part_rows.items()
    }
    files = [row["file"] for row in rows.values()]
    if decode:
        checked = check_clips(files, manifest_folder / "clips_checked.jsonl")
    else:
        # Anything is wrong only with tiny files, as far as a size can tell.
        checked = (
            check_clip(path) if os.path.getsize(path) < TINY else {}
            for path in files
        )
    portable, problems = {}, {}
    for (key, row), about in zip(rows.items(), checked, strict=True):
        file = row.pop("file")
        portable[key] = _portable(file, data_folder)
        rows[key] = {"path": str(file), **row}  # for people, in messages
        duration = about.get("duration")
        why = about.get("problem")
        if not why and not row["captions"]:
            why = "has no caption"
        if not why and duration and row.get("start", 0.0) >= duration:
            why = f"ends at {duration} s, before its start at {row['start']} s"
        if why:
            problems[key] = why
        elif decode and "start" not in row and "stop" not in row:
            rows[key]["duration"] = duration  # of the whole file
    good = {part: {} for part in found}
    kept = drop_bad(rows, problems, on_bad_clip)
    for (part, name), row in kept.items():
        good[part][name] = {**row, "path": portable[part, name]}
    if not kept:
        key = next(iter(problems))
        raise DataError(
            f"none of the {len(rows)} clips found in {data_folder} can be "
            f"used; the first one, {rows[key]['path']}, {problems[key]}"
        )
    bad = {part: [] for part in found}
    for (part, name), why in problems.items():
        bad[part].append((portable[part, name], why))
    return good, bad


def _clean(captions):
    captions = (caption.strip() for caption in captions)
    return [caption for caption in captions if caption]


def _portable(file, data_folder):
    try:
        relative = pathlib.PurePath(file).relative_to(data_folder)
    except ValueError:
        return os.path.abspath(file)
    return "{data_root}/" + relative.as_posix()


def _log(dataset, part, rows, bad, report):
    missing = [name for name, row in rows.items() if not row["file"]]
    named = ", ".join(missing[:NAMED]) + (" ..." if missing[NAMED:] else "")
    leaks = sum(report["leaks"].values()) if part == "train" else 0
    logger.info(
        "%s %s: %d clips with %d captions; left out: %d missing%s, %d bad, "
        "%d leaks",
        dataset,
        part,
        report["clips"][part],
        report["parts"][part]["captions"],
        len(missing),
        f" ({named})" if missing else "",
        bad,
        leaks,
    )
