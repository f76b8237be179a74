"""Pairs: the same crop and caption of a clip, whoever reads it.

Authors
 * The speechbrain_clap team 2026
"""

import collections

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.clips import fit_clip
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.manifest import ManifestError
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, ManifestPairs, PairDataset
from speechbrain_clap.dataio.segments import SegmentReader

RATE = 8000
CLIPS = {"birds": 13, "rain": 10}


@pytest.fixture
def sources(tmp_path):
    """Two sets of noises of 1 s."""
    found = []
    for name, clips in CLIPS.items():
        rows = {}
        for i in range(clips):
            path = tmp_path / f"{name}{i}.wav"
            noise = numpy.random.default_rng(i).uniform(-0.5, 0.5, RATE)
            soundfile.write(path, noise, RATE)
            captions = [f"{name} {i} {word}" for word in "abcde"[: 1 + i % 5]]
            rows[f"{i}"] = {"path": str(path), "captions": captions}
        found.append(ManifestPairs(name, rows))
    return found


def epoch_of(sources, workers=0, ranks=1, rank=0, batch_size=2, start=0):
    """Id to (text, crop) of all that a rank reads in epoch 2."""
    pairs = PairDataset(sources, SegmentReader(RATE, 0.25), seed=3)
    batches = MixtureBatches(
        sources, batch_size, seed=3, ranks=ranks, rank=rank
    )
    batches.epoch, batches.start = 2, start
    loader = torch.utils.data.DataLoader(
        pairs,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=ClipCollate(fill=True),
    )
    read = []
    for batch in loader:
        read += zip(
            batch.id, batch.text, batch.sig.data, batch.captions, strict=True
        )
    return read


def test_two_ranks_of_two_workers_read_every_clip_once_and_alike(sources):
    alone = {pair[0]: pair for pair in epoch_of(sources, batch_size=1)}
    assert len(alone) == 23
    both = [
        pair
        for rank in range(2)
        for pair in epoch_of(sources, 2, 2, rank, batch_size=1)
    ]
    counts = collections.Counter(pair[0] for pair in both)
    assert len(counts) == 22 and set(counts.values()) == {1}  # one is left
    for name, text, wav, captions in both:
        assert text == alone[name][1] and text in captions
        assert torch.equal(wav, alone[name][2])
        assert captions == alone[name][3]


def test_resumed_epoch_reads_the_same_rest(sources):
    full = epoch_of(sources)
    rest = epoch_of(sources, start=4, workers=1)
    assert [pair[:2] for pair in rest] == [pair[:2] for pair in full[8:]]
    for one, other in zip(rest, full[8:], strict=True):
        assert torch.equal(one[2], other[2])


def test_crops_and_captions_change_with_epoch_seed_and_clip():
    captions = [f"{i}" for i in range(4)]
    row = {"path": "a.wav", "captions": captions}
    rows = {f"{i}": row for i in range(500)}

    def reader(file, start, stop, position):
        return position

    sources = [ManifestPairs("a", rows), ManifestPairs("b", rows)]
    pairs = PairDataset(sources, reader, seed=1)
    drawn = [pairs[1, 0, i] for i in range(500)]
    positions = numpy.array([pair["sig"] for pair in drawn])
    assert len(set(positions)) == 500
    assert abs(positions.mean() - 0.5) < 0.05
    texts = collections.Counter(pair["text"] for pair in drawn)
    assert sorted(texts) == captions and min(texts.values()) > 90
    others = [
        pairs[2, 0, 0],
        pairs[1, 1, 0],
        PairDataset(sources, reader, seed=2)[1, 0, 0],
    ]
    assert drawn[0]["sig"] not in [pair["sig"] for pair in others]
    assert pairs[1, 0, 0] == drawn[0]
    assert drawn[0]["id"] == "a/0" and drawn[0]["set"] == "a"
    assert len(pairs) == 1000


def test_evaluation_takes_the_policys_own_crop(sources):
    source = sources[0]
    wav, _ = soundfile.read(source.file(3), dtype="float32")
    for policy in ({"samples": 2001}, {"samples": 100, "crop": "start"}):
        expected = fit_clip(torch.from_numpy(wav), **policy)
        for seconds in (None, 0.5):
            clips = ClipPairs(source, SegmentReader(RATE, seconds), policy)
            assert len(clips) == 13
            clip = clips[3]
            assert torch.equal(clip.pop("sig"), expected)
            assert clip == {
                "id": "birds/3",
                "captions": source.captions(3),
                "set": "birds",
            }
    clips = ClipPairs(source, SegmentReader(RATE), {"samples": 2 * RATE})
    assert clips[0]["sig"].shape == (2 * RATE,)
    assert ClipPairs(source, SegmentReader(RATE))[0]["sig"].shape == (RATE,)
    with pytest.raises(ValueError, match="policy wants 8000 samples"):
        ClipPairs(source, SegmentReader(RATE, 0.5), {"samples": RATE})


def test_bad_clip_is_none_and_left_to_the_collate(sources):
    source = sources[0]
    source.rows[0] = {"path": "missing.wav", "captions": ["x"]}
    pairs = PairDataset(sources, SegmentReader(RATE), seed=1)
    assert pairs[1, 0, 0]["sig"] is None
    examples = [pairs[1, 0, 0], pairs[1, 0, 1]]
    assert ClipCollate(fill=True)(examples).id == ["birds/1", "birds/1"]
    clips = ClipPairs(source, SegmentReader(RATE), {"samples": 9})
    assert clips[0]["sig"] is None


@pytest.mark.parametrize("captions", ["rain", [], [""], [None], None])
def test_captions_must_be_a_list_of_texts(captions):
    rows = {"7": {"path": "a.wav", "captions": captions}}
    with pytest.raises(ManifestError, match="garden: row '7' has captions"):
        ManifestPairs("garden", rows)


def test_names_must_differ(sources):
    with pytest.raises(ValueError, match="two sets have one name: birds, bi"):
        PairDataset([sources[0], sources[0]], None, seed=1)
