"""Recordings of one set that are in another: keeping tests out of training.

A recording is known by its source, `<where>:<id>`: `freesound:1234`,
`youtube:<11 characters>`, `bbc:<id>`, `soundbible:<id>`, `bigsoundbank:<id>`,
`tau:<identifier>`. Sets that were collected apart share many of them.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib
import re

from speechbrain_clap.dataio.folds import DataError

SOURCE = re.compile(r"[a-z0-9_-]+:\S(.*\S)?")
EXPECTED = (
    "expected <where>:<id>, such as freesound:1234 or youtube:<the 11 "
    "characters of the video>"
)


def held_out_sources(path):
    """The sources that must not be trained on, from a file.

    Arguments
    ---------
    path : str or pathlib.Path
        A manifest (`.json`, each row with `source`), or a text file with one
        source per line, where `#` begins a comment.

    Returns
    -------
    set of str
        The sources.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read, or a row or line is no source.

    Example
    -------
    >>> path = getfixture("tmp_path") / "held_out.txt"
    >>> _ = path.write_text("# a test set\\nfreesound:12\\nyoutube:-a_2345678b")
    >>> sorted(held_out_sources(path))
    ['freesound:12', 'youtube:-a_2345678b']
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: there is no such list of held-out recordings; expected "
            "a manifest (.json) or a text file with one source per line"
        )
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error})") from error
    read = _of_manifest if path.suffix == ".json" else _of_lines
    sources = set()
    for where, source in read(path, text):
        problem = _problem(source)
        if problem:
            raise DataError(f"{where}: {problem}; {EXPECTED}")
        sources.add(source)
    if not sources:
        raise DataError(f"{path}: holds no source; {EXPECTED}")
    return sources


def split_leaks(rows, held_out):
    """Takes out the rows whose recording is held out.

    Arguments
    ---------
    rows : dict
        Id to row; a row without `source` is kept.
    held_out : dict
        Name of a list to its set of sources.

    Returns
    -------
    dict
        The rows that stay, in their order.
    dict
        Name of each list to the number of rows that it holds out. A row that
        two lists hold counts in both.

    Example
    -------
    >>> rows = {"a": {"source": "freesound:1"}, "b": {"source": "freesound:2"}}
    >>> split_leaks(rows, {"clotho_test": {"freesound:2", "freesound:3"}})
    ({'a': {'source': 'freesound:1'}}, {'clotho_test': 1})
    """
    kept, counts = {}, dict.fromkeys(held_out, 0)
    for name, row in rows.items():
        source = row.get("source")
        lists = [key for key, sources in held_out.items() if source in sources]
        for key in lists:
            counts[key] += 1
        if not lists:
            kept[name] = row
    return kept, counts


def _problem(source):
    if not isinstance(source, str) or not SOURCE.fullmatch(source):
        return "has no source" if source is None else f"'{source}' is no source"
    # The commonest slip: file names of YouTube's clips begin with a Y that
    # their identifiers lack, and such a list would hold out nothing.
    if re.fullmatch(r"youtube:Y.{11}", source):
        return f"'{source}' has a Y before its 11 characters"
    return None


def _of_lines(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        source = re.split(r"(?:^|\s)#", line)[0].strip()
        if source:
            yield f"{path}, line {number}", source


def _of_manifest(path, text):
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error})") from error
    if not isinstance(rows, dict):
        raise DataError(f"{path}: is no manifest, expected id to row")
    for name, row in rows.items():
        source = row.get("source") if isinstance(row, dict) else None
        yield f"{path}: row '{name}'", source
