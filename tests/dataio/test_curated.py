"""Curated pairs as a source of pairs: values, blocks, memory, faults."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from speechbrain_clap.curation.curated_files import SCHEMA
from speechbrain_clap.dataio.curated import CuratedPairs
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import PairDataset
from speechbrain_clap.dataio.segments import SegmentReader


def write(folder, rows, **options):
    rows = [{**dict.fromkeys(SCHEMA.names), **row} for row in rows]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, folder / "pairs.parquet", **options)


def test_trains_like_any_other_source(tmp_path):
    rows = []
    for number in range(4):
        wav = np.linspace(0, 0.1 * (number + 1), 8000)
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, wav, 8000)
        for caption in ("a hum", "a buzz")[: 1 + number % 2]:
            rows.append(
                {
                    "audio_path": str(path),
                    "audio_id": f"clip {number}",
                    "caption": caption,
                    "caption_id": f"x/{caption}",
                    "start": 0.5 if number == 3 else None,
                    "stop": 0.75 if number == 3 else None,
                }
            )
    write(tmp_path, rows, row_group_size=2)  # dictionaries differ by group
    pairs = CuratedPairs("wild", tmp_path)
    assert len(pairs) == 6 and pairs.blocks == [range(6)]
    assert list(pairs.ids) == [
        f"{r['audio_id']}+{r['caption_id']}" for r in rows
    ]
    assert [pairs.captions(i) for i in range(6)] == [
        [r["caption"]] for r in rows
    ]
    assert [pairs.file(i) for i in range(6)] == [r["audio_path"] for r in rows]
    assert pairs.span(5) == (0.5, 0.75) and pairs.span(0) == (None, None)
    data = PairDataset([pairs], SegmentReader(8000, 0.2), seed=1)
    batches = list(MixtureBatches([pairs], 3, seed=1))
    seen = [data[index] for batch in batches for index in batch]
    assert sorted(pair["id"] for pair in seen) == sorted(
        f"wild/{name}" for name in pairs.ids
    )
    assert {len(pair["sig"]) for pair in seen} == {1600}


def test_sounds_in_tars(tmp_path):
    from speechbrain_clap.dataio.shard_packing import pack
    from speechbrain_clap.dataio.sounds import open_sounds

    rows = {}
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.full(800, (number + 1) / 10), 8000)
        rows[f"{number}"] = {"path": path, "captions": ["x"]}
    pack(rows, tmp_path / "shards", shard_megabytes=0.003)
    sounds = open_sounds(tmp_path / "shards")
    names = ("audio_path", "start", "stop", "audio_offset", "audio_bytes")
    write(
        tmp_path,
        [
            {
                **dict(zip(names, sounds.place(i), strict=True)),
                "audio_id": sounds.ids[i],
                "caption": "a hum",
                "caption_id": "c",
            }
            for i in (0, 0, 1, 2)
        ],
    )
    pairs = CuratedPairs("wild", tmp_path)
    assert len(sounds.blocks) > 1  # several tars
    assert [len(block) for block in pairs.blocks][0] >= 2
    assert sum(map(len, pairs.blocks)) == 4
    read = SegmentReader(8000, on_bad_clip="stop")
    loud = [float(read(pairs.file(i)).max()) for i in range(4)]
    assert loud == pytest.approx([0.1, 0.1, 0.2, 0.3], abs=1e-3)
    skip = SegmentReader(8000)
    for tar in (tmp_path / "shards").glob("*.tar"):
        tar.unlink()
    pairs = CuratedPairs("wild", tmp_path)
    from speechbrain_clap.dataio import curated, shard_files

    curated._changed.cache_clear()
    shard_files.opened.cache_clear()
    assert skip(pairs.file(3)) is None and len(skip.bad) == 1


def test_half_a_million_pairs_stay_small(tmp_path):
    count = 500_000
    numbers = np.arange(count)
    sounds = pa.array([f"wild/folder/{n:09}.wav" for n in range(count // 5)])
    texts = pa.array([f"a caption of some {n} words" for n in range(1000)])
    sound = sounds.take(pa.array(numbers // 5))
    text = texts.take(pa.array(numbers * 7919 % 1000))
    columns = {
        "audio_path": sound,
        "audio_id": sound,
        "caption": text,
        "caption_id": text,
    }
    table = pa.table(
        [
            columns.get(field.name, pa.nulls(count, field.type))
            for field in SCHEMA
        ],
        schema=SCHEMA,
    )
    pq.write_table(table, tmp_path / "pairs.parquet", row_group_size=1 << 16)
    before = pa.total_allocated_bytes()
    pairs = CuratedPairs("wild", tmp_path)
    held = pa.total_allocated_bytes() - before
    held += sum(codes.nbytes for codes, _ in pairs._texts.values())
    assert held < 40 * count  # bytes for a pair, its texts included
    assert pairs.captions(499_999) == [text[499_999].as_py()]
    assert pairs.file(123_456) == sound[123_456].as_py()


def test_what_is_no_curation(tmp_path):
    with pytest.raises(FileNotFoundError, match="curate.py wrote"):
        CuratedPairs("wild", tmp_path)
    write(tmp_path, [])
    with pytest.raises(DataError, match="holds no pair: curate with a lower"):
        CuratedPairs("wild", tmp_path)
    pq.write_table(pa.table({"caption": ["x"]}), tmp_path / "pairs.parquet")
    with pytest.raises(DataError, match="has no column audio_path, audio_id"):
        CuratedPairs("wild", tmp_path)
