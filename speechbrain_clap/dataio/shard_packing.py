"""Packing a manifest's sounds and captions into WebDataset tars.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import io
import json
import math
import os
import pathlib
import re
import tarfile

import soundfile
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.checks import LFS_POINTER
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import LOGGED_CLIPS
from speechbrain_clap.dataio.shard_index import (
    COLUMNS,
    INDEX,
    SOUNDS,
    read_index,
    write_index,
)
from speechbrain_clap.utils.digest import sha256
from speechbrain_clap.utils.files import atomic_write

logger = get_logger(__name__)

CHECKSUMS = "checksums.sha256"
JOURNAL = "packing.jsonl"  # the shards that are finished, while packing
END = bytes(2 * tarfile.BLOCKSIZE)  # of every tar


def pack(
    rows, folder, shard_megabytes=1000.0, prefix="shard", on_bad_clip="skip"
):
    """Packs the clips of a manifest into tars, in its order.

    A clip is two members: `<key>.json` (the row, with its `id`, without its
    `path`) and `<key>.<suffix>` (the file's bytes as they are). Keys are
    numbers followed by what is plain ASCII of the id. Where rows share a
    file, each has a copy of it. Beside the tars lie `checksums.sha256` (for
    `sha256sum -c`) and, written last, `index.json`. The same rows give the
    same bytes. After a kill the same call goes on where it was.

    Arguments
    ---------
    rows : dict
        Id to row, from ``speechbrain_clap.dataio.manifest.read_manifest``.
    folder : str or pathlib.Path
        For the tars.
    shard_megabytes : float
        Size of a tar at most, in 10^6 bytes; a clip that is larger has a tar
        of its own.
    prefix : str
        The tars are called `<prefix>-000000.tar` and so on.
    on_bad_clip : str
        What to do about a file that is missing, empty, a Git LFS pointer or
        no sound by its header: "skip" names and counts it; "stop" raises.

    Returns
    -------
    dict
        `shards`, `clips`, `bytes`: how many; `bad`: id to what is wrong.

    Raises
    ------
    DataError
        If no clip can be used, one cannot and the rule is "stop", or the
        folder holds other tars.

    Example
    -------
    >>> import numpy
    >>> folder = getfixture("tmp_path")
    >>> soundfile.write(folder / "a.wav", numpy.zeros(80), 8000)
    >>> rows = {"a": {"path": folder / "a.wav", "captions": ["a hum"]}}
    >>> pack(rows, folder / "shards")
    {'shards': 1, 'clips': 1, 'bytes': 3072, 'bad': {}}
    """
    if on_bad_clip not in ("skip", "stop"):
        raise ValueError(
            f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
        )
    if not shard_megabytes > 0 or not re.fullmatch(r"[\w-]+", prefix):
        raise ValueError(
            f"shard_megabytes is {shard_megabytes} and prefix '{prefix}', "
            "expected more than 0, and letters, digits, _ and - alone"
        )
    folder = pathlib.Path(folder)
    manifest = _hash_of(rows, shard_megabytes, prefix)
    done, is_finished = _earlier(folder, manifest, prefix)
    if is_finished:
        logger.info("%s: is packed already", folder)
        return _report(done)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f".{prefix}-*.tar"):
        leftover.unlink()  # of a run that was killed
    journal = folder / JOURNAL
    with (
        atomic_write(journal) as temporary,
        open(temporary, "w", encoding="utf-8") as stream,
    ):
        for line in ({"manifest": manifest}, *done):
            stream.write(json.dumps(line) + "\n")
    (folder / INDEX).unlink(missing_ok=True)
    first = done[-1]["rows"] if done else 0
    bad = {}
    with (
        open(journal, "a", encoding="utf-8") as stream,
        tqdm(desc="Packing", total=len(rows), initial=first) as bar,
    ):
        samples = _samples(list(rows.items()), first, on_bad_clip, bad, bar)
        sample = next(samples, None)
        while sample is not None:
            path = folder / f"{prefix}-{len(done):06d}.tar"
            limit = shard_megabytes * 1e6
            shard, sample = _write_shard(path, sample, samples, limit)
            shard["rows"] = len(rows) if sample is None else sample["position"]
            shard["bad"] = dict(bad)
            bad.clear()
            stream.write(json.dumps(shard) + "\n")
            stream.flush()
            done.append(shard)
    if not done:
        name, problem = next(iter(bad.items()), ("", "there are no rows"))
        raise DataError(
            f"none of the {len(rows)} clips can be packed; the first one, "
            f"'{name}': {problem}"
        )
    _write_lists(folder, manifest, done)
    report = _report(done)
    if report["bad"]:
        logger.warning("%d bad clips are left out", len(report["bad"]))
    return report


def verify(folder):
    """Compares the tars of a folder with their checksums.

    Arguments
    ---------
    folder : str or pathlib.Path
        With `checksums.sha256` and `index.json`.

    Returns
    -------
    dict
        Name of each tar that is missing or changed to what is wrong. Empty:
        all is well.

    Raises
    ------
    DataError
        If the index or the checksums are missing or no such thing.

    Example
    -------
    >>> verify("/no/such/folder")
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: /no/such/folder/index.json: ...
    """
    folder = pathlib.Path(folder)
    shards = {s["name"]: s["bytes"] for s in read_index(folder)["shards"]}
    expected = _read_checksums(folder / CHECKSUMS)
    problems = dict.fromkeys(
        shards.keys() - expected, f"has no line in {CHECKSUMS}"
    )
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            problems[name] = "there is no such file"
        elif path.stat().st_size != shards.get(name, path.stat().st_size):
            problems[name] = (
                f"has {path.stat().st_size} bytes, and the index says "
                f"{shards[name]}"
            )
        elif (found := sha256(path)) != digest:
            problems[name] = f"has the sha256 {found}, expected {digest}"
    return problems


def _read_checksums(path):
    if not path.is_file():
        raise DataError(
            f"{path}: there is no such list; where the tars are known to be "
            f"right, sha256sum *.tar > {CHECKSUMS} makes it"
        )
    expected = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if match is None:
            raise DataError(
                f"{path}, line {number}: expected 64 hexadecimal digits, two "
                "blanks and a name, as sha256sum writes them"
            )
        expected[match[2]] = match[1]
    return expected


def _hash_of(rows, shard_megabytes, prefix):
    """Tells one packing from another, wherever the data lie."""
    digest = hashlib.sha256(f"{float(shard_megabytes)} {prefix}".encode())
    for name, row in rows.items():
        digest.update(_text(name, row))
        digest.update(pathlib.Path(row["path"]).name.encode())
    return digest.hexdigest()


def _text(name, row):
    # The path is of this machine; the id is the manifest's, whatever the row's.
    row = {key: row[key] for key in row if key not in ("id", "path")}
    return json.dumps({"id": name, **row}, ensure_ascii=False).encode()


def _earlier(folder, manifest, prefix):
    """The shards that an earlier run finished, and whether it finished."""
    was_finished = (folder / INDEX).is_file()
    if was_finished:
        index = read_index(folder)
        found, done = index["manifest"], index["shards"]
    elif (folder / JOURNAL).is_file():
        found, *done = _read_journal(folder / JOURNAL)
        found = found.get("manifest")
    elif others := sorted(folder.glob(f"{prefix}-*.tar")):
        raise DataError(
            f"{others[0]}: another command wrote it; choose an empty folder, "
            "or another prefix"
        )
    else:
        return [], False
    if found != manifest:
        raise DataError(
            f"{folder}: holds shards of another manifest, or other values of "
            "shard_megabytes or prefix; choose another folder, or remove it"
        )
    whole = 0
    while whole < len(done):
        path = folder / done[whole]["name"]
        if not path.is_file() or path.stat().st_size != done[whole]["bytes"]:
            break
        whole += 1
    if done:
        logger.info("%s: %d shards are there already", folder, whole)
    return done[:whole], was_finished and whole == len(done)


def _read_journal(path):
    lines = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break  # a line that a kill cut off
    return lines or [{}]


def _samples(items, first, on_bad_clip, bad, bar):
    """The clips that can be used, each with the bytes of its members."""
    for position in range(first, len(items)):
        bar.update()
        name, row = items[position]
        path = pathlib.Path(row["path"])
        data, suffix, problem = _read_sound(path)
        if problem is not None:
            if on_bad_clip == "stop":
                raise DataError(
                    f"{path}: {problem} (row '{name}'): mend or remove it, or "
                    "set on_bad_clip: skip; then the same command goes on"
                )
            if len(bad) < LOGGED_CLIPS:
                logger.warning("Bad clip left out: %s: %s", path, problem)
            bad[name] = problem
            continue
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60]
        yield {
            "position": position,
            "id": name,
            "source": row.get("source"),
            "key": f"{position:07d}_{plain}",
            "suffix": suffix,
            "text": _text(name, row),
            "audio": data,
        }


def _read_sound(path):
    """The bytes, the suffix and what is wrong, if anything."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, None, "there is no such file"
    except OSError as error:
        return None, None, f"cannot be read ({error})"
    if not data:
        return None, None, "the file is empty (0 bytes)"
    if data.startswith(LFS_POINTER):
        return None, None, "is a Git LFS pointer, not the sound itself"
    try:
        kind = soundfile.info(io.BytesIO(data)).format.lower()
    except (RuntimeError, OSError) as error:
        return None, None, f"is no sound that libsndfile reads ({error})"
    suffix = path.suffix.lower()
    return data, suffix if suffix in SOUNDS else f".{kind}", None


def _write_shard(path, sample, samples, limit):
    """Writes a tar; gives its line of the index and the next one's sample."""
    shard = {"name": path.name, "bytes": 0, "sha256": None}
    shard |= {column: [] for column in COLUMNS}
    digest, size = hashlib.sha256(), 0
    with atomic_write(path) as temporary:
        with open(temporary, "wb") as stream:
            while sample is not None:
                key = sample["key"]
                text = _member(f"{key}.json", sample["text"])
                audio = _member(key + sample["suffix"], sample["audio"])
                more = len(text) + len(audio) + len(END)
                if shard["ids"] and size + more > limit:
                    break
                values = (
                    sample["id"],
                    sample["source"],
                    "json",
                    size + tarfile.BLOCKSIZE,
                    len(sample["text"]),
                    size + len(text) + tarfile.BLOCKSIZE,
                    len(sample["audio"]),
                )
                for column, value in zip(COLUMNS, values, strict=True):
                    shard[column].append(value)
                for part in (text, audio):
                    stream.write(part)
                    digest.update(part)
                size += len(text) + len(audio)
                sample = next(samples, None)
            stream.write(END)
            digest.update(END)
            stream.flush()
            os.fsync(stream.fileno())
    shard["bytes"] = size + len(END)
    shard["sha256"] = digest.hexdigest()
    return shard, sample


def _member(name, data):
    header = tarfile.TarInfo(name)  # of nobody, at no time
    header.size = len(data)
    blocks = math.ceil(len(data) / tarfile.BLOCKSIZE)
    padded = data.ljust(blocks * tarfile.BLOCKSIZE, b"\0")
    return header.tobuf(tarfile.USTAR_FORMAT) + padded


def _write_lists(folder, manifest, done):
    with atomic_write(folder / CHECKSUMS) as temporary:
        temporary.write_text(
            "".join(f"{shard['sha256']}  {shard['name']}\n" for shard in done),
            encoding="utf-8",
        )
    write_index(folder, manifest, {}, map(json.dumps, done))
    (folder / JOURNAL).unlink()


def _report(done):
    return {
        "shards": len(done),
        "clips": sum(len(shard["ids"]) for shard in done),
        "bytes": sum(shard["bytes"] for shard in done),
        "bad": {k: why for shard in done for k, why in shard["bad"].items()},
    }
