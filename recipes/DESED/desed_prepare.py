"""Prepares DESED: ten domestic sound events, with their times.

N. Turpault, R. Serizel, A. Parag Shah, J. Salamon, "Sound Event Detection in
Domestic Environments with Weakly Labeled Data and Soundscape Synthesis", DCASE
2019, https://hal.inria.fr/hal-02160855. The lists, MIT, and how to get the
sounds: https://github.com/turpaultn/DESED. The recorded clips come from
YouTube: no two copies hold the same ones.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.checks import check_clips
from speechbrain_clap.dataio.finder import FileFinder, check_folder
from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import drop_bad, write_manifest
from speechbrain_clap.dataio.metadata import find_metadata
from speechbrain_clap.dataio.tables import iterate_rows
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

CLASSES = """
Alarm_bell_ringing Blender Cat Dishes Dog Electric_shaver_toothbrush Frying
Running_water Speech Vacuum_cleaner
""".split()
COLUMNS = ["filename", "onset", "offset", "event_label"]
# Parts whose events have times, each with its list.
LISTS = {
    "validation": "validation/validation.tsv",
    "public": "eval/public.tsv",
    "synthetic": "validation/synthetic21_validation/soundscapes.tsv",
}
NAMED = 3  # missing clips named in the log; the rest is counted
HOW_TO_GET = (
    "Pass --data_folder=<folder with metadata/validation/validation.tsv and "
    "audio/validation/ (or the folder that these lie in), as "
    "https://github.com/turpaultn/DESED makes it (1,168 clips of validation, "
    "692 of the public evaluation, about 1.6 GB)>."
)


def prepare_desed(
    data_folder, manifest_folder, on_bad_clip="skip", skip_prep=False
):
    """Writes `<part>.json` for each part that is there, and `prepare.json`.

    Parts are "validation" (recorded), "public" (the recorded evaluation) and
    "synthetic" (the synthetic validation of DCASE 2021). A row has `events`,
    a list of (onset, offset, label), empty where nothing is heard. What lasts
    beyond the end of its clip is cut there; events without length are left
    out.

    Arguments
    ---------
    data_folder : str
        Holds `metadata/` and `audio/`, itself or one level below. Nothing is
        written into it.
    manifest_folder : str
        Gets the manifests and `clips_checked.jsonl`.
    on_bad_clip : str
        "skip" or "stop": what to do about clips that cannot be decoded or are
        silent. Missing ones never stop.
    skip_prep : bool
        Do nothing: the manifests are there.

    Raises
    ------
    FileNotFoundError
        If no list is there.
    DataError
        If a list is not as described, or no clip can be used.

    Example
    -------
    >>> prepare_desed("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    manifest_folder = pathlib.Path(manifest_folder)
    # First out, last in: who finds it knows that the preparation is complete.
    report_file = manifest_folder / "prepare.json"
    report_file.unlink(missing_ok=True)
    lists = {
        part: find_metadata(folder, f"metadata/{name}", name)
        for part, name in LISTS.items()
    }
    if not any(lists.values()):
        raise FileNotFoundError(
            f"data_folder {folder} holds none of "
            f"{', '.join(f'metadata/{name}' for name in LISTS.values())}, "
            f"neither itself nor in a folder of it. {HOW_TO_GET}"
        )
    made_up = (folder / MADE_UP_STAMP).is_file()
    report = {
        "dataset": "DESED",
        "listed": {},
        "clips": {},
        "missing": {},
        "bad": {},
        "events": {},
        "cut": {},
        "without_length": {},
        "classes": CLASSES,
        "sounds": "made-up" if made_up else "real",
    }
    for part, path in lists.items():
        if path is None:  # what an earlier preparation may have left
            (manifest_folder / f"{part}.json").unlink(missing_ok=True)
            continue
        clips = _read_list(path)
        rows = _find(part, clips, path, folder, report)
        good = _check(part, rows, folder, manifest_folder, on_bad_clip, report)
        write_manifest(manifest_folder / f"{part}.json", good)
        logger.info(
            "DESED %s: %d of %d clips with %d events; left out: %d missing, "
            "%d bad",
            part,
            *(report[key][part] for key in ("clips", "listed", "events")),
            report["missing"][part],
            len(rows) - len(good),
        )
    if not any(report["clips"].values()):
        raise DataError(
            f"DESED: none of the {sum(report['listed'].values())} clips listed "
            f"can be used in {folder}. Is data_folder right, and is the audio "
            "there?"
        )
    write_json(report_file, report)


def _read_list(path):
    """Name of a file to its events, in the order of the list."""
    clips = {}
    for line, row in iterate_rows(path, COLUMNS, delimiter="\t"):
        where = f"{path}, line {line}"
        events = clips.setdefault(row["filename"].strip(), [])
        label = (row["event_label"] or "").strip()
        if not label and not (row["onset"] or "").strip():
            continue  # a clip without events
        try:
            onset, offset = float(row["onset"]), float(row["offset"])
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: no seconds ({error})") from error
        if label not in CLASSES or not 0 <= onset <= offset:
            raise DataError(
                f"{where}: '{label}' from {onset} to {offset} s, expected one "
                f"of {', '.join(CLASSES)}, and seconds in rising order"
            )
        events.append((onset, offset, label))
    return clips


def _find(part, clips, path, folder, report):
    """Id to row with `file` of the clips that are there."""
    # The tree of the sounds is parallel to that of the lists, and names of the
    # synthetic clips are numbers, which other parts have too.
    parts = list(path.parent.parts)
    if "metadata" in parts:
        parts[len(parts) - 1 - parts[::-1].index("metadata")] = "audio"
    beside = pathlib.Path(*parts)
    finder = FileFinder([beside] if beside.is_dir() else [folder])
    rows, missing = {}, []
    for name, events in clips.items():
        stem = name.removesuffix(".wav")
        file = finder.find(stem, f"Y{stem}", stem.removeprefix("Y"))
        if file is None:
            missing.append(stem)
        else:
            rows[stem] = {"file": file, "events": events}
    if missing:
        logger.info(
            "DESED %s: %d clips are not there (%s%s)",
            part,
            len(missing),
            ", ".join(missing[:NAMED]),
            " ..." if missing[NAMED:] else "",
        )
    report["listed"][part] = len(clips)
    report["missing"][part] = len(missing)
    return rows


def _check(part, rows, folder, manifest_folder, on_bad_clip, report):
    """Rows of the manifest, of the clips that can be decoded."""
    files = [row.pop("file") for row in rows.values()]
    checks = check_clips(files, manifest_folder / "clips_checked.jsonl")
    problems, portable = {}, {}
    counts = {"cut": 0, "without_length": 0}
    for (name, row), file, found in zip(
        rows.items(), files, checks, strict=True
    ):
        relative = file.relative_to(folder).as_posix()
        portable[name] = "{data_root}/" + relative
        row["path"] = str(file)  # for people, in messages
        if found["problem"]:
            problems[name] = found["problem"]
            continue
        row["duration"] = found["duration"]
        row["events"] = _cut(row["events"], found["duration"], counts)
    good = {
        name: {**row, "path": portable[name]}
        for name, row in drop_bad(rows, problems, on_bad_clip).items()
    }
    report["clips"][part] = len(good)
    report["bad"] |= {portable[name]: why for name, why in problems.items()}
    report["events"][part] = sum(len(row["events"]) for row in good.values())
    for key, count in counts.items():
        report[key][part] = count
    return good


def _cut(events, duration, counts):
    """Events of some length within the clip."""
    kept = []
    for onset, offset, label in events:
        if offset > duration:
            counts["cut"] += 1
            offset = duration
        if onset < offset:
            kept.append((onset, offset, label))
        else:
            counts["without_length"] += 1
    return kept
