"""Prepares TUT Acoustic Scenes 2017 for classification by text prompts.

Layout: `TUT-acoustic-scenes-2017-development` and
`TUT-acoustic-scenes-2017-evaluation`, each with `audio/` and `meta.txt` (tab,
no header: file, scene and, in development, the recording); see
https://zenodo.org/records/400515 and https://zenodo.org/records/1040168 (free
for non-commercial use) and A. Mesaros, T. Heittola, T. Virtanen, "TUT Database
for Acoustic Scene Classification and Sound Event Detection", EUSIPCO 2016,
https://doi.org/10.1109/EUSIPCO.2016.7760424. Clips of 10 s, 44.1 kHz, stereo.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.checks import check_clips
from speechbrain_clap.dataio.fold_dataset import MADE_UP_STAMP, find_clip
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import drop_bad, write_manifest
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

FOLDER = "TUT-acoustic-scenes-2017-{}"
PARTS = ("development", "evaluation")
CLASSES = """
beach bus cafe/restaurant car city_center forest_path grocery_store home
library metro_station office park residential_area train tram
""".split()
HOW_TO_GET = (
    "Pass --tut2017_folder=<folder with TUT-acoustic-scenes-2017-development "
    "and TUT-acoustic-scenes-2017-evaluation> (about 10.7 GB and 3.9 GB of "
    "zips from zenodo.org/records/400515 and /1040168)."
)


def prepare_tut2017(
    data_folder, manifest_folder, on_bad_clip="skip", skip_prep=False
):
    """Writes `development.json`, `evaluation.json` and `prepare.json`.

    The clips that `error.txt` lists (a phone that rang, say) are kept, as in
    the published figures. A part whose folder is not there is left out.

    Arguments
    ---------
    data_folder : str
        The folder that holds the two, or one of the two. Nothing is written
        into it.
    manifest_folder : str
        Gets the manifests, whose rows have `label` and `source` (the
        recording: clips are cut from longer ones), and
        `clips_checked.jsonl`.
    on_bad_clip : str
        "skip" or "stop".
    skip_prep : bool
        Do nothing: the manifests are there.

    Raises
    ------
    FileNotFoundError
        If neither part is there.
    DataError
        If `meta.txt` is not as described, or no clip can be used.

    Example
    -------
    >>> prepare_tut2017("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: /no/such/folder holds no TUT-acoustic-scenes-2017...
    """
    if skip_prep:
        return
    roots = _find_parts(pathlib.Path(data_folder))
    manifest_folder = pathlib.Path(manifest_folder)
    # First out, last in: who finds it knows that the preparation is complete.
    report_file = manifest_folder / "prepare.json"
    report_file.unlink(missing_ok=True)
    rows = {
        f"{part}/{name}": row
        for part, root in roots.items()
        for name, row in _read_meta(part, root).items()
    }
    files = [row.pop("file") for row in rows.values()]
    checks = check_clips(files, manifest_folder / "clips_checked.jsonl")
    problems, portable = {}, {}
    for (name, row), file, found in zip(
        rows.items(), files, checks, strict=True
    ):
        relative = file.relative_to(data_folder).as_posix()
        portable[name] = "{data_root}/" + relative
        row["path"] = str(file)  # for people, in messages
        if found["problem"]:
            problems[name] = found["problem"]
        else:
            row["duration"] = found["duration"]
    good = drop_bad(rows, problems, on_bad_clip)
    if not good:
        name, problem = next(iter(problems.items()))
        raise DataError(
            f"TUT2017: none of the {len(rows)} clips listed in {data_folder} "
            f"can be used; the first one, {rows[name]['path']}, {problem}"
        )
    clips = {}
    for part in PARTS:
        kept = {
            name: {**row, "path": portable[name]}
            for name, row in good.items()
            if name.startswith(f"{part}/")
        }
        clips[part] = len(kept)
        write_manifest(manifest_folder / f"{part}.json", kept)
    made_up = any((root / MADE_UP_STAMP).is_file() for root in roots.values())
    write_json(
        report_file,
        {
            "dataset": "TUT2017",
            "clips": clips,
            "skipped": {portable[n]: why for n, why in problems.items()},
            "classes": CLASSES,
            "sounds": "made-up" if made_up else "real",
        },
    )
    logger.info(
        "TUT2017: %d clips of development and %d of evaluation, %d bad ones "
        "left out",
        *clips.values(),
        len(problems),
    )


def _find_parts(folder):
    """Part to its folder, of those that are there."""
    found = {}
    for part in PARTS:
        name = FOLDER.format(part)
        for root in (folder / name, folder):
            right_name = root.name == name or root != folder
            if right_name and (root / "meta.txt").is_file():
                found[part] = root
                break
        else:
            logger.warning("TUT2017: %s is not in %s", name, folder)
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no {FOLDER.format('development')} with a "
            f"meta.txt. {HOW_TO_GET}"
        )
    return found


def _read_meta(part, root):
    """Id to row of one part."""
    path = root / "meta.txt"
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error})") from error
    rows = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) not in (2, 3) or cells[1] not in CLASSES:
            raise DataError(
                f"{path}, line {number}: '{line}', expected a file, one of "
                f"the scenes {', '.join(CLASSES)}, and perhaps a recording, "
                "with tabs between them"
            )
        name = pathlib.PurePosixPath(cells[0]).stem
        if name in rows:
            raise DataError(
                f"{path}, line {number}: '{cells[0]}' stands there twice"
            )
        # The names of the evaluation's clips tell no recording.
        recording = cells[2] if len(cells) == 3 else f"{part}-{name}"
        rows[name] = {
            "file": find_clip([root / cells[0]]),
            "label": cells[1],
            "source": f"tut2017:{recording}",
        }
    return rows
