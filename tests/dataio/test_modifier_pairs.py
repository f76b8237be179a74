"""Pairs of sounds and texts: manifests, batches of waves and of features."""

import json

import numpy
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import ManifestError
from speechbrain_clap.dataio.modifier_batches import (
    DistinctTexts,
    FeaturePairs,
    WavePairs,
    good_pairs,
)
from speechbrain_clap.dataio.modifier_pairs import (
    ModifierPairs,
    read_modifier_pairs,
)
from speechbrain_clap.dataio.segments import SegmentReader

LABELS = ["dog", "thunder"]
ROWS = [
    ("add dog", [], ["dog"]),
    ("remove thunder", ["dog", "thunder"], ["dog"]),
    ("add dog", ["thunder"], ["dog", "thunder"]),
]


@pytest.fixture
def folder(tmp_path):
    """Three pairs of files and their manifest."""
    rows = {}
    for i, (text, events, target_events) in enumerate(ROWS):
        for j, half in enumerate(("a", "b")):
            wav = numpy.full(800, 0.1 * i + 0.05 * j + 0.1)
            soundfile.write(tmp_path / f"{i}{half}.wav", wav, 8000, "FLOAT")
        rows[f"p{i}"] = {
            "path": f"{{data_root}}/{i}a.wav",
            "target_path": f"{{data_root}}/{i}b.wav",
            "text": text,
            "events": events,
            "target_events": target_events,
            "background": "rain",
        }
    (tmp_path / "rain_dev.json").write_text(json.dumps(rows))
    return tmp_path


def read(folder, labels=LABELS, rule="stop"):
    """The pairs of the manifest."""
    rows = read_modifier_pairs(folder / "rain_dev.json", folder, labels, rule)
    return ModifierPairs("rain_dev", rows, labels)


def test_events_are_marked_in_the_order_of_the_labels(folder):
    """v and w of equation 6."""
    pairs = read(folder, ["thunder", "rain", "dog"])
    assert pairs.events.tolist() == [[0, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert pairs.target_events.tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 1]]
    assert pairs.files(1) == (f"{folder}/1a.wav", f"{folder}/1b.wav")
    sounds = pairs.sounds()
    assert sounds.ids[2:4] == ["p1/query", "p1/target"]
    assert sounds.file(3) == f"{folder}/1b.wav"


def test_faults_of_a_manifest_are_named(folder):
    """Another scene's labels, a missing target, a missing key."""
    with pytest.raises(ManifestError, match=r"give --labels=\[dog,thunder\]"):
        read(folder, ["dog", "birds"])
    (folder / "1b.wav").unlink()
    with pytest.raises(DataError, match="1b.wav does not exist .row 'p1'"):
        read(folder)
    assert read(folder, rule="skip").ids == ["p0", "p2"]
    path = folder / "rain_dev.json"
    rows = json.loads(path.read_text())
    del rows["p0"]["target_path"]
    path.write_text(json.dumps(rows))
    with pytest.raises(ManifestError, match="'p0' has no 'target_path'"):
        read(folder)


def test_batches_of_waves(folder):
    """Picked by row or by what the sampler gives; filled to one length."""
    reader = SegmentReader(8000, clip_seconds=0.2)
    waves = WavePairs(read(folder), [2, 0], reader, {"samples": 1000})
    batch = waves.__getitems__([(1, 0, 1), (1, 0, 0)])  # pairs 0 and 2
    assert batch.text == ["add dog", "add dog"] and batch.features == ()
    assert batch.query[:, 0].tolist() == pytest.approx([0.1, 0.3])
    assert batch.target[:, 0].tolist() == pytest.approx([0.15, 0.35])
    assert batch.query.shape == (2, 1000) and not batch.query[:, 800:].any()
    assert batch.events.tolist() == [[0, 0], [0, 1]]
    assert len(waves) == 2 and waves.blocks == [range(2)]


def test_a_bad_sound_gives_its_place_to_another_pair(folder):
    """Or ends the training, by the rule; all bad ones always do."""
    soundfile.write(folder / "0b.wav", numpy.zeros(800), 8000)
    pairs, policy = read(folder), {"samples": 800}
    batch = WavePairs(
        pairs, range(3), SegmentReader(8000), policy
    ).__getitems__([0, 1, 2])
    assert batch.text == ["remove thunder", "add dog", "remove thunder"]
    with pytest.raises(ValueError, match="no pair of a batch .*: p0"):
        WavePairs(pairs, [0], SegmentReader(8000), policy).__getitems__([0])
    strict = SegmentReader(8000, on_bad_clip="stop")
    with pytest.raises(ValueError, match="0b.wav: is silent"):
        WavePairs(pairs, [0], strict, policy).__getitems__([0])


def test_batches_of_features(folder):
    """Each distinct text is encoded once; NaN marks a bad sound."""
    pairs, asked = read(folder), []

    def encode(texts):
        asked.extend(texts)
        return torch.tensor([[float(len(text))] for text in texts])

    sounds = numpy.arange(12, dtype="float32").reshape(6, 2)
    texts = DistinctTexts(pairs.texts, encode)
    batch = FeaturePairs(pairs, [1, 2], sounds, texts).__getitems__([1, 0])
    assert asked == ["add dog", "remove thunder"]
    assert batch.query.tolist() == [[8, 9], [4, 5]]
    assert batch.target.tolist() == [[10, 11], [6, 7]]
    assert batch.text.tolist() == [[7], [14]]
    assert batch.features == ("audio", "text")
    assert FeaturePairs(pairs, [1], sounds).__getitems__([0]).text == [
        "remove thunder"
    ]
    sounds[3] = numpy.nan
    assert good_pairs(sounds) == [0, 2]
