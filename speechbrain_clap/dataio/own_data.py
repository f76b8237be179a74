"""Reading a user's own sounds and captions, from a table or a folder.

Authors
 * The speechbrain_clap team 2026
"""

import math
import os
import pathlib
import re

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.finder import list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import SOURCE
from speechbrain_clap.dataio.tables import iterate_rows, read_text

logger = get_logger(__name__)

SPLITS = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}
NAMED = 3  # sounds or texts named in the log; the rest is counted


def read_own_table(path, folder):
    """Reads a table of sounds and captions, finding its faults.

    Arguments
    ---------
    path : pathlib.Path
        CSV with a header; comma, semicolon or tab. Columns: `path` and
        `caption` or several, `caption_1`, `caption_2` ...; if wanted, `id`,
        `source`, `split` (train, valid, test), `start`, `stop` (seconds) and
        `label`. Rows of the same path, start and stop describe one clip.
    folder : pathlib.Path
        Where paths may begin, beside the table's own folder.

    Returns
    -------
    dict
        Id to row, with `file` (None where there is none), `captions`,
        `source` and the other columns that are not empty.

    Raises
    ------
    ValueError
        If a column is missing, a value is none that can be, rows contradict
        each other, or no file exists. The message names the line.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(b"")
    >>> _ = (folder / "a.csv").write_text("path;caption\\na.wav;a dog\\n")
    >>> read_own_table(folder / "a.csv", folder)
    {'a.wav': {'captions': ['a dog'], 'file': ...a.wav'),
    'source': 'file:a.wav'}}
    """
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
        given = clip.get("source")
        known = sources.setdefault(clip["path"], given) or given
        if given is not None and given != known:
            raise DataError(
                f"{path}, line {lines[key]}: source is '{given}', but "
                f"'{known}' for another clip of {clip['path']}: all clips of "
                "a file have one"
            )
        sources[clip["path"]] = known
    for key, clip in clips.items():
        name = clip.pop("path")
        span = [str(clip[c]) for c in ("start", "stop") if c in clip]
        identity = clip.pop("id", "_".join([name, *span]))
        if identity in rows:
            raise DataError(
                f"{path}, line {lines[key]}: id '{identity}' is that of "
                f"another clip, in line {ids[identity]}"
            )
        files = (place / name for place in folders)
        ids[identity] = lines[key]
        rows[identity] = {
            **clip,
            "file": next((file for file in files if file.is_file()), None),
            "source": _source(sources[name], name),
        }
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


def read_own_folder(folder):
    """Reads sounds with a text file beside each, `a.txt` beside `a.wav`.

    Arguments
    ---------
    folder : pathlib.Path
        The sounds and texts, at any depth. Where all sounds lie in folders
        named train, valid and test, these are their parts.

    Returns
    -------
    dict
        Id to row, with `file` (None for a text without a sound), `captions`
        (the lines of the text; none for a sound without a text), `source`
        and, by folder, `split`. What has no partner is named in the log.

    Raises
    ------
    ValueError
        If no sound has a text, or a text is not UTF-8.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(b"")
    >>> _ = (folder / "a.txt").write_text("a dog\\na hound\\n")
    >>> read_own_folder(folder)["a.wav"]["captions"]
    ['a dog', 'a hound']
    """
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
            "one name, such as a.wav and a.txt"
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
    _split_by_folder(rows)
    return rows


def _split_by_folder(rows):
    # Someone who sorted the sounds by part wants these parts.
    tops = {name: name.split("/")[0] for name in rows}
    if all(
        tops[name] in SPLITS and "/" in name
        for name, row in rows.items()
        if row["file"]
    ):
        for name, row in rows.items():
            row["split"] = SPLITS.get(tops[name], "train")


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
