"""Prepares your own sounds and captions, from a table or a folder.

A table (CSV; comma, semicolon or tab) has a column `path` and a column `caption`
or several, `caption_1`, `caption_2` ...; several rows may describe one clip. It
may have `id`, `source` (the recording that a clip is from), `split` (train,
valid, test), `start`, `stop` (seconds) and `label`. A folder without a table has
a text file beside each sound, `a.txt` beside `a.wav`, a caption in each line.

Authors
 * The speechbrain_clap team 2026
"""

import math
import os
import pathlib
import re

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    iterate_rows,
    list_files,
    prepare_pairs,
    read_text,
)
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.leaks import SOURCE
from speechbrain_clap.dataio.splits import draw_parts

logger = get_logger(__name__)

TABLES = (".csv", ".tsv")
SPLITS = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}
NAMED = 3  # missing things named in the log; the rest is counted
HOW_TO_GET = (
    "Pass --data_folder=<a CSV with columns path and caption, its folder, or a "
    "folder with a text file beside each sound>."
)


def prepare_custom(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, table=None, valid_fraction=0.1,
    test_fraction=0.1, seed=1234,
):  # fmt: skip
    """Writes `train.json`, `valid.json`, `test.json` and `prepare.json`.

    Arguments
    ---------
    data_folder : str
        A table; or a folder with one, or with a text file beside each sound.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests. Their paths are absolute where `data_folder` is a
        table.
    on_bad_clip : str
        "skip" or "stop"; missing sounds are counted, never refused.
    held_out : dict or None
        Name of a list to its file: recordings that must not train.
    decode : bool
        Decode every file once to find the silent and truncated ones.
    skip_prep : bool
        Do nothing: the manifests are there.
    table : str or None
        The table, absolute or relative to `data_folder`; None: the only one
        that `data_folder` holds.
    valid_fraction : float
        Share of the clips that validate, where no column `split` says.
    test_fraction : float
        Share of the clips that test. Clips of one file or one source stay in
        one part, whatever other clips there are.
    seed : int
        Of the draw.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(bytes(2000))
    >>> _ = (folder / "a.csv").write_text("path,caption\\na.wav,a dog\\n")
    >>> prepare_custom(
    ...     folder,
    ...     folder / "save",
    ...     "skip",
    ...     None,
    ...     False,
    ...     False,
    ...     valid_fraction=0,
    ...     test_fraction=0,
    ... )
    >>> print((folder / "save" / "train.json").read_text())
    {
      "a.wav": {
        "path": "{data_root}/a.wav",
        "captions": [
          "a dog"
        ],
        "source": "file:a.wav"
      }
    }
    """
    if skip_prep:
        return
    given = pathlib.Path(data_folder)
    if not given.exists():
        raise FileNotFoundError(
            f"data_folder {given} does not exist. {HOW_TO_GET}"
        )
    folder = given if given.is_dir() else given.parent
    path = given if given.is_file() else _find_table(folder, table)
    clips = _read_folder(folder) if path is None else _read_table(path, folder)
    fractions = {"valid": valid_fraction, "test": test_fraction}
    prepare_pairs(
        "Custom",
        data_folder,
        manifest_folder,
        _split(clips, fractions, seed),
        on_bad_clip,
        held_out,
        decode,
    )


def _find_table(folder, table):
    if table is not None:
        if not (folder / table).is_file():
            raise FileNotFoundError(f"table {folder / table} does not exist")
        return folder / table
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in TABLES)
    if len(found) > 1:
        raise DataError(
            f"data_folder {folder} holds {len(found)} tables, "
            f"{', '.join(path.name for path in found[:5])}: name one with "
            "table, or give its path as data_folder"
        )
    return found[0] if found else None


def _read_table(path, folder):
    """Id to row of the clips of a table."""
    clips, lines = {}, {}
    for line, cells in iterate_rows(path, ["path"], delimiter=None):
        where = f"{path}, line {line}"
        columns = [c for c in cells if re.fullmatch(r"caption(_\d+)?", c)]
        if not columns:
            raise DataError(
                f"{path}: no column caption, caption_1 ...; its columns are "
                f"{', '.join(cells)}"
            )
        clip = _read_clip(cells, where)
        key = clip["path"], clip.get("start"), clip.get("stop")
        known = clips.setdefault(key, {"captions": []})
        first = lines.setdefault(key, line)
        for column, value in clip.items():
            # What one row leaves empty, another row of the clip may say.
            if known.setdefault(column, value) != value:
                raise DataError(
                    f"{where}: {column} is '{value}', but "
                    f"'{known[column]}' in line {first} or after: rows of one "
                    "clip differ in their captions alone"
                )
        known["captions"] += [cells[column] for column in columns]
    if not clips:
        raise DataError(f"{path}: has a header but no row")
    _check_splits(path, clips, lines)
    return _with_files(path, clips, lines, [path.parent, folder])


def _read_clip(cells, where):
    """What a row says of its clip, cells that are empty left out."""
    if not cells["path"].strip():
        raise DataError(f"{where}: path is empty")
    clip = {"path": os.path.normpath(cells["path"])}
    for column in ("id", "source", "split", "label", "start", "stop"):
        value = (cells.get(column) or "").strip()
        if value:
            clip[column] = value
    for column in ("start", "stop"):
        if column in clip:
            clip[column] = _seconds(clip[column], column, where)
    if clip.get("stop", math.inf) <= clip.get("start", 0.0):
        raise DataError(
            f"{where}: stop is {clip['stop']}, expected more than the start, "
            f"{clip.get('start', 0.0)}"
        )
    if "split" in clip:
        part = SPLITS.get(clip["split"].lower())
        if part is None:
            raise DataError(
                f"{where}: split is '{clip['split']}', expected train, valid "
                "or test"
            )
        clip["split"] = part
    return clip


def _seconds(value, column, where):
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise DataError(f"{where}: {column} is '{value}', expected seconds")
    return seconds


def _check_splits(path, clips, lines):
    without = [key for key, clip in clips.items() if "split" not in clip]
    if without and len(without) < len(clips):
        raise DataError(
            f"{path}, line {lines[without[0]]}: split is empty, but other "
            "rows have one: give it to all, or to none"
        )


def _with_files(path, clips, lines, folders):
    """Finds the files and names the clips; all clips of a file agree."""
    rows, ids, sources = {}, {}, {}
    for key, clip in clips.items():
        name = clip.pop("path")
        span = [f"{clip[c]:g}" for c in ("start", "stop") if c in clip]
        identity = clip.pop("id", "_".join([name, *span]))
        if identity in rows:
            raise DataError(
                f"{path}, line {lines[key]}: id '{identity}' is that of "
                f"another clip, in line {ids[identity]}"
            )
        given = clip.get("source")
        if sources.setdefault(name, given) != given:
            raise DataError(
                f"{path}, line {lines[key]}: source is '{given}', but "
                f"'{sources[name]}' for another clip of {name}: a file has one"
            )
        candidates = (folder / name for folder in folders)
        file = next((file for file in candidates if file.is_file()), None)
        ids[identity] = lines[key]
        rows[identity] = {**clip, "file": file, "source": _source(given, name)}
    if not any(row["file"] for row in rows.values()):
        raise DataError(
            f"{path}: none of its {len(rows)} sounds exists, not even "
            f"{name}; looked in "
            f"{' and '.join(dict.fromkeys(map(str, folders)))}"
        )
    return rows


def _source(given, name):
    if given is None:
        return f"file:{name.strip()}"
    return given if SOURCE.fullmatch(given) else f"custom:{given}"


def _read_folder(folder):
    """Id to row of the sounds that have a text file beside them."""
    sounds, texts = {}, {}
    for here, name in list_files(folder):
        stem, suffix = os.path.splitext(os.path.join(here, name))
        if suffix.lower() in SUFFIXES:
            sounds.setdefault(stem, []).append(stem + suffix)
        elif suffix.lower() == ".txt":
            texts[stem] = stem + suffix
    if not set(sounds) & set(texts):
        raise DataError(
            f"data_folder {folder} holds no table, and of its {len(sounds)} "
            f"sounds and {len(texts)} text files no two lie side by side with "
            f"one name. {HOW_TO_GET}"
        )
    rows = {}
    for stem in sorted({*sounds, *texts}):
        # One sound in two formats is one clip.
        found = sorted(
            sounds.get(stem, []),
            key=lambda p: SUFFIXES.index(os.path.splitext(p)[1].lower()),
        )
        name = os.path.relpath((found or [texts[stem]])[0], folder)
        rows[pathlib.PurePath(name).as_posix()] = {
            "file": pathlib.Path(folder, name) if found else None,
            "captions": read_text(texts[stem]).splitlines()
            if stem in texts
            else [],
            "source": _source(None, pathlib.PurePath(name).as_posix()),
        }
    _warn("sounds without a text file", set(sounds) - set(texts), folder)
    _warn("text files without a sound", set(texts) - set(sounds), folder)
    # Someone who sorted the sounds by part wants these parts.
    tops = {name: name.split("/")[0] for name in rows if "/" in name}
    if len(tops) == len(rows) and all(top in SPLITS for top in tops.values()):
        for name, top in tops.items():
            rows[name]["split"] = SPLITS[top]
    return rows


def _warn(what, stems, folder):
    if stems:
        names = sorted(os.path.relpath(stem, folder) for stem in stems)
        logger.warning(
            "%s: %d %s are left out: %s%s",
            folder,
            len(names),
            what,
            ", ".join(names[:NAMED]),
            " ..." if names[NAMED:] else "",
        )


def _split(clips, fractions, seed):
    """Part to clips: as they say, or drawn by recording."""
    if not any("split" in row for row in clips.values()):
        return draw_parts(clips, fractions, seed)
    parts = {}
    for name, row in clips.items():
        part = row.pop("split")
        parts.setdefault(part, {})[name] = row
    return parts
