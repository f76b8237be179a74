"""Prepares your own sounds and captions, from a table or a folder.

A table (CSV; comma, semicolon or tab) has a column `path` and a column
`caption` or several, `caption_1`, `caption_2` ...; several rows may describe
one clip. It may have `id`, `source` (the recording that a clip is from),
`split` (train, valid, test), `start`, `stop` (seconds) and `label`. A folder
without a table has a text file beside each sound, `a.txt` beside `a.wav`, with
a caption in each line.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.dataio.captioned import DataError, prepare_pairs
from speechbrain_clap.dataio.own_data import read_own_folder, read_own_table
from speechbrain_clap.dataio.splits import draw_parts

TABLES = (".csv", ".tsv")
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
    >>> everything = {"valid_fraction": 0, "test_fraction": 0}
    >>> prepare_custom(folder, folder / "save", **everything)
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
    clips = (
        read_own_folder(folder)
        if path is None
        else read_own_table(path, folder)
    )
    fractions = {"valid": valid_fraction, "test": test_fraction}
    parts = _split(clips, fractions, seed)
    prepare_pairs(
        "Custom", given, manifest_folder, parts, on_bad_clip, held_out,
        decode,
    )  # fmt: skip


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


def _split(clips, fractions, seed):
    """Part to clips: as they say, or drawn by recording."""
    if not any("split" in row for row in clips.values()):
        # What has no sound or no text must not fill a part.
        usable = {
            name: row
            for name, row in clips.items()
            if row["file"] and any(text.strip() for text in row["captions"])
        }
        parts = draw_parts(usable or clips, fractions, seed)
        parts["train"] |= {n: clips[n] for n in clips if n not in usable}
        return parts
    parts = {}
    for name, row in clips.items():
        part = row.pop("split")
        parts.setdefault(part, {})[name] = row
    return parts
