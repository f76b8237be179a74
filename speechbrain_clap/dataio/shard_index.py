"""The index of a folder of WebDataset tars.

A folder of shards holds tars and `index.json`, which tells where each clip
and its text lie in them.

Authors
 * The speechbrain_clap team 2026
"""

import json
import os
import pathlib
import re
import tarfile

import soundfile
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import SOURCE
from speechbrain_clap.dataio.manifest import LOGGED_CLIPS
from speechbrain_clap.utils.files import atomic_write

logger = get_logger(__name__)

INDEX = "index.json"
FORMAT = "speechbrain_clap shards 1"
COLUMNS = (
    "ids", "sources", "texts", "text_offsets", "text_bytes", "audio_offsets",
    "audio_bytes",
)  # fmt: skip
SOUNDS = {
    *SUFFIXES,
    ".opus",
    *(f".{name.lower()}" for name in soundfile.available_formats()),
}
HOW_TO_INDEX = (
    "sbclap pack makes shards of a manifest, sbclap index-shards makes the "
    "index of tars that others wrote"
)


def read_index(folder):
    """Reads what a folder of shards holds.

    Arguments
    ---------
    folder : str or pathlib.Path
        With `index.json`.

    Returns
    -------
    dict
        `manifest`: what the shards were packed from (a hash), None if others
        wrote them; `bad`: tars left out, with the reason; `shards`: list of
        dicts with `name`, `bytes`, `bad` (clips left out) and, of equal
        length, `ids`, `sources`, `texts` ("json" or "txt"), `audio_offsets`,
        `audio_bytes`, `text_offsets` and `text_bytes`.

    Raises
    ------
    DataError
        If there is no index, or it is none of ours.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> write_index(folder, None, {"a.tar": "is empty"}, [])
    >>> read_index(folder)["bad"]
    {'a.tar': 'is empty'}
    """
    path = pathlib.Path(folder) / INDEX
    if not path.is_file():
        raise DataError(
            f"{path}: there is no such index of shards; {HOW_TO_INDEX}"
        )
    try:
        index = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(
            f"{path}: is not JSON ({error}); {HOW_TO_INDEX}"
        ) from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise DataError(
            f"{path}: is no index of shards, expected format '{FORMAT}'; "
            f"{HOW_TO_INDEX}"
        )
    return index


def write_index(folder, manifest, bad, lines):
    """Writes `index.json`, a line for each shard.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where the tars lie.
    manifest : str or None
        Hash of what was packed.
    bad : dict
        Name of each tar that was left out to the reason.
    lines : iterable of str
        The shards, each as JSON.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> write_index(folder, "12ab", {}, ['{"name": "a.tar"}'])
    >>> read_index(folder)["shards"]
    [{'name': 'a.tar'}]
    """
    head = {"format": FORMAT, "manifest": manifest, "bad": bad}
    with (
        atomic_write(pathlib.Path(folder) / INDEX) as temporary,
        open(temporary, "w", encoding="utf-8") as stream,
    ):
        stream.write(json.dumps(head)[:-1] + ', "shards": [')
        for number, line in enumerate(lines):
            stream.write((",\n" if number else "\n") + line.strip())
        stream.write("\n]}\n")


def captions_of(row):
    """The captions in a clip's JSON, by whoever wrote it.

    Arguments
    ---------
    row : dict
        With `captions`, `caption` or `text`, a text or a list of texts.

    Returns
    -------
    list of str
        Without empty ones; empty if there are none.

    Example
    -------
    >>> captions_of({"text": " rain "}), captions_of({"label": "rain"})
    (['rain'], [])
    """
    for key in ("captions", "caption", "text"):
        texts = row.get(key) or []
        texts = [texts] if isinstance(texts, str) else texts
        if isinstance(texts, list):
            texts = [t.strip() for t in texts if isinstance(t, str)]
            if any(texts):
                return [text for text in texts if text]
    return []


def parse_text(data, kind):
    """Reads what lies beside a sound.

    Arguments
    ---------
    data : bytes
        The member of the tar.
    kind : str
        "json", or "txt" with a caption on each line.

    Returns
    -------
    dict
        What is known of the clip; of a text, its `captions`.

    Raises
    ------
    ValueError
        If it is no such thing.

    Example
    -------
    >>> parse_text(b"rain\\nit rains\\n", "txt")
    {'captions': ['rain', 'it rains']}
    """
    text = data.decode("utf-8-sig")
    if kind == "txt":
        return {"captions": [line for line in text.split("\n") if line.strip()]}
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("its JSON is no object")
    return row


def index_shards(folder, on_bad_shard="skip"):
    """Makes the index of tars that others wrote.

    A clip is a sound and, of the same name up to the last dot, a `.json` with
    `captions`, `caption` or `text`, or else a `.txt` with a caption on each
    line. Its id is the JSON's `id`, or its name in the tar, after the
    name of the tar where others have the same. Nothing but the headers and
    the texts is read.

    Arguments
    ---------
    folder : str or pathlib.Path
        Holds the tars, in folders or not.
    on_bad_shard : str
        What to do about tars that are no tars, truncated or corrupted, and
        sounds without captions: "skip" names and counts them; "stop" raises.

    Returns
    -------
    dict
        `shards`, `clips`: how many; `bad`: tars and clips to what is wrong.

    Raises
    ------
    DataError
        If there is no tar or no clip, pack made the folder, or something is
        bad and the rule is "stop".

    Example
    -------
    >>> import io
    >>> folder = getfixture("tmp_path")
    >>> with tarfile.open(folder / "a.tar", "w") as tar:
    ...     for name in ("1.flac", "1.txt"):
    ...         member = tarfile.TarInfo(name)
    ...         member.size = 4
    ...         tar.addfile(member, io.BytesIO(b"rain"))
    >>> index_shards(folder)
    {'shards': 1, 'clips': 1, 'bad': {}}
    """
    folder = pathlib.Path(folder)
    if on_bad_shard not in ("skip", "stop"):
        raise ValueError(
            f"on_bad_shard is '{on_bad_shard}', expected 'skip' or 'stop'"
        )
    if (folder / INDEX).is_file() and read_index(folder)["manifest"]:
        raise DataError(
            f"{folder / INDEX}: pack wrote it, and these shards need no other "
            "(the same pack command makes missing ones again)"
        )
    paths = sorted(folder.rglob("*.tar"), key=_by_number)
    if not paths:
        raise DataError(f"{folder}: holds no .tar")
    shards, bad_tars, bad, seen = [], {}, {}, set()
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            shard = _index_tar(path, name, seen)
        except (tarfile.TarError, OSError) as error:
            problems = bad_tars[name] = f"is no whole tar ({error})"
            problems = {name: problems}
        else:
            problems = {f"{name}: {k}": w for k, w in shard["bad"].items()}
            if shard["ids"]:
                shards.append(shard)
        for where, problem in problems.items():
            if on_bad_shard == "stop":
                raise DataError(
                    f"{folder}/{where}: {problem}: mend or remove it, or set "
                    "on_bad_shard to skip"
                )
            if where in bad_tars or len(bad) < LOGGED_CLIPS:
                logger.warning("Left out: %s/%s: %s", folder, where, problem)
            bad[where] = problem
    if not shards:
        raise DataError(
            f"{folder}: none of its {len(paths)} tars holds a sound with a "
            f"caption; the first fault: {next(iter(bad.items()), 'no sound')}"
        )
    write_index(folder, None, bad_tars, map(json.dumps, shards))
    return {
        "shards": len(shards),
        "clips": sum(len(shard["ids"]) for shard in shards),
        "bad": bad,
    }


def _by_number(path):
    # 10.tar comes after 9.tar.
    parts = re.split(r"(\d+)", path.as_posix())
    return [int(p) if p.isdigit() else p for p in parts]


def _index_tar(path, name, seen):
    shard = {"name": name, "bytes": path.stat().st_size, "bad": {}}
    shard |= {column: [] for column in COLUMNS}
    clips = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            stem, dot, suffix = member.name.rpartition(".")
            if member.isreg() and dot:
                place = member.offset_data, member.size
                clips.setdefault(stem, {})[dot + suffix.lower()] = place
        end = tar.offset
    with open(path, "rb", buffering=0) as file:
        # tarfile takes a header that is broken for the end of the tar.
        if os.pread(file.fileno(), tarfile.BLOCKSIZE, end).strip(b"\0"):
            raise tarfile.ReadError(f"corrupted after byte {end}")
        for stem, members in clips.items():
            sounds = [suffix for suffix in members if suffix in SOUNDS]
            if not sounds:
                continue
            kind, row, problem = _first_text(file, members)
            if problem is not None:
                shard["bad"][stem] = problem
                continue
            own = str(row.get("id") or stem)
            own = f"{name.removesuffix('.tar')}/{stem}" if own in seen else own
            seen.add(own)
            source = row.get("source")
            is_source = isinstance(source, str) and SOURCE.fullmatch(source)
            places = *members[f".{kind}"], *members[sounds[0]]
            values = own, source if is_source else None, kind, *places
            for column, value in zip(COLUMNS, values, strict=True):
                shard[column].append(value)
    return shard


def _first_text(file, members):
    """Which text of a clip holds its captions."""
    problem = "has neither .json nor .txt beside it"
    for kind in ("json", "txt"):
        if f".{kind}" not in members:
            continue
        offset, size = members[f".{kind}"]
        try:
            row = parse_text(os.pread(file.fileno(), size, offset), kind)
        except ValueError as error:
            problem = f"its {kind} cannot be read ({error})"
            continue
        if captions_of(row):
            return kind, row, None
        problem = f"its {kind} holds no caption"
    return None, None, problem
