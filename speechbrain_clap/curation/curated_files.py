"""The files of a curation: `pairs.parquet` and `curation.json`.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from speechbrain_clap.curation.pair_files import GROUP_PAIRS, read_pairs
from speechbrain_clap.curation.store import ROWS
from speechbrain_clap.dataio.curated import PAIRS
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import split_leaks
from speechbrain_clap.utils.files import atomic_write, write_json

CURATION = "curation.json"
SCHEMA = pa.schema(
    [
        ("audio_path", pa.string()),
        ("start", pa.float64()),
        ("stop", pa.float64()),
        ("audio_offset", pa.int64()),
        ("audio_bytes", pa.int64()),
        ("audio_id", pa.string()),
        ("audio_source", pa.string()),
        ("caption", pa.string()),
        ("caption_id", pa.string()),
        ("similarity", pa.float32()),
        ("label", pa.string()),
        ("label_similarity", pa.float32()),
    ]
)
SOUND = SCHEMA.names[:7]  # what tells of the sound


class Pairs:
    """Pairs to write, as tables one after the other.

    Arguments
    ---------
    tables : iterable of pyarrow.Table
        With the columns of `SCHEMA`.
    held_out : dict
        Name of each list to how many sounds it held out.
    """

    def __init__(self, tables, held_out):
        self.tables = tables
        self.held_out = held_out


def join_pairs(wild, captions, folder, held_out=None):
    """The pairs of a join, without the sounds that are held out.

    Arguments
    ---------
    wild : speechbrain_clap.curation.store.EmbeddingStore
        The left side of the join: sounds.
    captions : speechbrain_clap.curation.store.EmbeddingStore
        The right side: texts.
    folder : pathlib.Path
        Of the join.
    held_out : dict or None
        Name of a list to a set of sources.

    Returns
    -------
    Pairs
        In the order of the join.
    """
    sounds = _sound_columns(wild)
    texts = _text_columns(captions.rows())
    source = sounds["audio_source"]
    held = np.zeros(len(wild), bool)
    counts = {}
    for name, sources in (held_out or {}).items():
        values = pa.array(sorted(sources), pa.string())
        here = pc.is_in(source, value_set=values).to_numpy()
        counts[name] = int(here.sum())
        held |= here

    def _tables():
        for left, right, values in read_pairs(folder):
            keep = ~held[left]
            yield _table(
                sounds.take(pa.array(left[keep])),
                texts.take(pa.array(right[keep])),
                pa.array(values[keep], pa.float32()),
            )

    return Pairs(_tables(), counts)


def own_pairs(captions, sounds, held_out=None):
    """Captions with the sounds that they were written for.

    Arguments
    ---------
    captions : speechbrain_clap.curation.store.EmbeddingStore
        Of texts.
    sounds : object
        From ``speechbrain_clap.dataio.sounds.open_sounds``.
    held_out : dict or None
        Name of a list to a set of sources.

    Returns
    -------
    Pairs
        In the order of the sounds, then of the captions.

    Raises
    ------
    DataError
        If a caption belongs to no sound, or to one that is not there.
    """
    rows = captions.rows()
    texts = _text_columns(rows)
    number = {name: i for i, name in enumerate(sounds.ids)}
    pairs = []
    for caption, names in enumerate(rows["rows"].to_pylist()):
        for name in names:
            if name not in number:
                raise DataError(
                    f"caption '{rows['text'][caption]}' is of '{name}', which "
                    f"is no sound of {sounds.name}: give the manifest that "
                    "was embedded"
                )
            pairs.append((number[name], caption))
    if len(rows) and not pairs:
        raise DataError(
            "the captions belong to no sound: give a manifest of sounds with "
            "captions, for a text file has no sounds"
        )
    wanted = {i: {"source": sounds.sources[i]} for i, _ in sorted(pairs)}
    wanted, counts = split_leaks(wanted, held_out or {})
    pairs = sorted(pair for pair in pairs if pair[0] in wanted)

    def _tables():
        for start in range(0, len(pairs), GROUP_PAIRS):
            part = pairs[start : start + GROUP_PAIRS]
            columns = [
                (*sounds.place(i), sounds.ids[i], sounds.sources[i])
                for i, _ in part
            ]
            columns = zip(SOUND, zip(*columns, strict=True), strict=True)
            yield _table(
                pa.table(
                    {
                        name: pa.array(values, SCHEMA.field(name).type)
                        for name, values in columns
                    }
                ),
                texts.take(pa.array([caption for _, caption in part])),
                pa.nulls(len(part), pa.float32()),
            )

    return Pairs(_tables(), counts)


def write_curation(folder, plan, pairs, counts, labels=()):
    """Writes the pairs and, last, what is to be known of them.

    Arguments
    ---------
    folder : str or pathlib.Path
        Gets `pairs.parquet` and `curation.json`.
    plan : dict
        What the result depends on, of JSON's types.
    pairs : Pairs
        What to write.
    counts : dict
        What is known already.
    labels : sequence of str
        All labels, for those that no pair has.

    Returns
    -------
    dict
        What `curation.json` holds.
    """
    folder = pathlib.Path(folder)
    per_label = collections.Counter(dict.fromkeys(labels, 0))
    sounds, captions = set(), set()
    total = 0
    with (
        atomic_write(folder / PAIRS) as temporary,
        pq.ParquetWriter(
            temporary,
            SCHEMA,
            compression="zstd",
            # Texts come again and again: their table must not overflow.
            dictionary_pagesize_limit=1 << 26,
        ) as writer,
    ):
        for table in _grouped(pairs.tables):
            writer.write_table(table, row_group_size=GROUP_PAIRS)
            total += table.num_rows
            # By hash: ids of millions of sounds are not to lie in memory.
            sounds |= _hashes(table["audio_id"])
            captions |= _hashes(table["caption_id"])
            for each in pc.value_counts(table["label"].drop_null()).to_pylist():
                per_label[each["values"]] += each["counts"]
    found = {
        "method": plan["method"],
        "pairs": total,
        "counts": {
            **counts,
            "sounds_paired" if plan["method"] == "DS" else "wild_paired": len(
                sounds
            ),
            "captions_paired": len(captions),
            "pairs_per_label": dict(per_label),
        },
        "held_out": pairs.held_out,
        "made_of": plan,
    }
    write_json(folder / CURATION, found)
    return found


def _hashes(column):
    return {hash(name) for name in pc.unique(column).to_pylist()}


def _sound_columns(store):
    """A store's rows under the names that they have in pairs."""
    stored = {"audio_path": "path", "audio_id": "id", "audio_source": "source"}
    there = pq.read_schema(store.folder / ROWS).names
    names = {name: stored.get(name, name) for name in SOUND}
    rows = store.rows([name for name in names.values() if name in there])
    nothing = pa.nulls(len(store))
    return pa.table(
        {
            name: (rows[its] if its in there else nothing).cast(
                SCHEMA.field(name).type
            )
            for name, its in names.items()
        }
    )


def _text_columns(rows):
    table = pa.table({"caption": rows["text"], "caption_id": rows["id"]})
    for name in ("label", "label_similarity"):
        kind = SCHEMA.field(name).type
        values = (
            rows[name].cast(kind)
            if name in rows.column_names
            else pa.nulls(len(rows), kind)
        )
        table = table.append_column(name, values)
    return table


def _table(sounds, texts, values):
    columns = {name: sounds[name] for name in sounds.column_names}
    columns |= {name: texts[name] for name in texts.column_names}
    columns["similarity"] = values
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _grouped(tables):
    """Tables large enough for a group of rows each."""
    held, rows = [], 0
    for table in tables:
        held.append(table)
        rows += table.num_rows
        if rows >= GROUP_PAIRS:
            yield pa.concat_tables(held)
            held, rows = [], 0
    if rows:
        yield pa.concat_tables(held)
