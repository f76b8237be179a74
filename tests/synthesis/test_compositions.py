"""Compositions: what the captions say is what is mixed.

Authors
 * The speechbrain_clap team 2026
"""

import collections

import numpy as np
import pytest
import soundfile

from speechbrain_clap.synthesis.compositions import (
    BACKGROUNDS,
    EVENTS,
    STEMS,
    caption_composition,
    draw_composition,
    plan_composition,
    sources_named,
    write_compositions,
)
from speechbrain_clap.synthesis.jams import SUFFIX, read_jams
from speechbrain_clap.synthesis.soundscape import Mixer
from speechbrain_clap.synthesis.sources import SourceBank


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("sources"), {}
    rng = np.random.default_rng(0)
    for label in STEMS:
        for take in "ab":
            path = str(folder / f"{label}-{take}.wav")
            soundfile.write(path, 0.1 * rng.standard_normal(8000), 8000)
            found[f"{label}-{take}"] = {"path": path, "label": label}
    return found


def test_every_caption_names_its_sources():
    """And no other; each is told in other words."""
    rng = np.random.default_rng(0)
    kinds, said = collections.Counter(), set()
    for _ in range(500):
        events, background = draw_composition(rng)
        wanted = {label for label, _ in events} | {background} - {None}
        captions = caption_composition(events, background)
        assert len(captions) >= 2 - (len(events) == 0 and not background)
        assert len(set(captions)) == len(captions)
        for caption in captions:
            assert sources_named(caption) == wanted, caption
            twice = [n for _, n in events if n == 2]
            assert caption.count("twice") == len(twice)
        kinds[len(events), background is None] += 1
        said |= set(captions)
    assert sum(kinds.values()) == 500 and not kinds[0, True]
    assert (
        60 < kinds[0, False] < 140
        and 60 < kinds[2, True] + kinds[2, False] < 140
    )
    assert set().union(*map(sources_named, said)) == {*EVENTS, *BACKGROUNDS}
    assert sources_named("Someone whistles") == set()
    with pytest.raises(ValueError, match="expected one or two"):
        caption_composition([], None)


def test_pieces_lie_apart_and_in_order(rows):
    mixer = Mixer(SourceBank(rows), 5.0, 8000, level="rms")
    rng = np.random.default_rng(1)
    for _ in range(100):
        events, background = draw_composition(rng)
        plan = plan_composition(rng, mixer, events, background)
        layers = [x for x in plan["layers"] if x["role"] == "foreground"]
        wanted = [label for label, count in events for _ in range(count)]
        assert [x["label"] for x in layers] == wanted
        assert len(plan["layers"]) == len(layers) + (background is not None)
        end = 0.0
        for layer in layers:
            assert layer["event_time"] >= end
            end = layer["event_time"] + layer["event_duration"]
        assert end <= 5.0
        for label, _ in events:  # what comes again is the same piece
            mine = [x for x in layers if x["label"] == label]
            assert len({(x["source_file"], x["snr"]) for x in mine}) == 1


def test_files(rows, tmp_path):
    """The same again, whatever the number; parts differ; a resume."""
    sizes = {"seconds": 1.0, "sample_rate": 8000}
    found = write_compositions(tmp_path / "a", rows, "test", 3, **sizes)
    assert list(found) == ["test_00000", "test_00001", "test_00002"]
    again = write_compositions(tmp_path / "b", rows, "test", 2, **sizes)
    other = write_compositions(tmp_path / "b", rows, "valid", 2, **sizes)
    for name, row in again.items():
        assert row["captions"] == found[name]["captions"]
        assert row["file"].read_bytes() == found[name]["file"].read_bytes()
        assert soundfile.info(row["file"]).frames == 8000
        assert set(row["labels"]) == sources_named(row["captions"][0])
        plan, _, _ = read_jams(row["file"].with_suffix(SUFFIX))
        assert row["events"] == [
            [x["event_time"], x["event_time"] + x["event_duration"], x["label"]]
            for x in plan["layers"]
            if x["label"] in EVENTS
        ]
    assert [x["captions"] for x in other.values()] != [
        x["captions"] for x in again.values()
    ]
    path = again["test_00001"]["file"]
    kept = path.stat().st_mtime_ns
    again["test_00000"]["file"].unlink()
    write_compositions(tmp_path / "b", rows, "test", 2, **sizes)
    assert again["test_00000"]["file"].is_file()
    assert path.stat().st_mtime_ns == kept
