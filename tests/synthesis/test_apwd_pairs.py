"""Tests of the pairs: what their texts say is measured in their mixes.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import json
import pathlib

import numpy as np
import pytest
import scipy.signal
import soundfile
from hyperpyyaml import load_hyperpyyaml

from speechbrain_clap.synthesis.jams import read_jams
from speechbrain_clap.synthesis.loudness import rms_db
from speechbrain_clap.synthesis.pair_texts import (
    TEMPLATES,
    describe,
    find_differences,
)
from speechbrain_clap.synthesis.pairs import Scene, plan_pair, write_pairs
from speechbrain_clap.synthesis.rendering import remake, render, write_mixes
from speechbrain_clap.synthesis.sources import rows_of_folder

RATE = 8000
ROOT = pathlib.Path(__file__).parents[2]
# Each label has frequencies of its own, so that it is found in a mix.
BANDS = {"rain": (200, 1200), "dog": (1500, 2200), "horn": (2500, 3500)}
SMALL = {
    "duration": 3.0,
    "sample_rate": RATE,
    "event_time": ["uniform", 0.0, 1.5],
    "event_duration": 1.0,
}
SIX = [
    ["increase", "rain"],
    ["decrease", "rain"],
    ["increase", "dog"],
    ["decrease", "dog"],
    ["add", "dog"],
    ["remove", "dog"],
]


def banded(rng, label, seconds, rate=RATE):
    """Noise between a label's frequencies."""
    noise = rng.standard_normal(round(seconds * rate))
    low, high = BANDS[label]
    sos = scipy.signal.butter(
        8, (low + 80, high - 80), "band", False, "sos", rate
    )
    wav = scipy.signal.sosfilt(sos, noise)
    return 0.5 * wav / np.abs(wav).max()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two sounds a label; one rain is shorter than a crop, one beside rate."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for label in BANDS:
        (folder / label).mkdir()
        for index, (seconds, rate) in enumerate(((2.0, 11025), (5.0, RATE))):
            soundfile.write(
                folder / label / f"{index}.wav",
                banded(rng, label, seconds, rate),
                rate,
            )
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    return rows_of_folder(folder)


def scene(**options):
    return Scene("rain", "rain", ["dog", "horn"], **{**SMALL, **options})


def band_db(wav, label):
    """Level of what lies in a label's band, in dB of full scale."""
    sos = scipy.signal.butter(8, BANDS[label], "band", False, "sos", RATE)
    return rms_db(scipy.signal.sosfilt(sos, wav))


def change_db(alpha, beta, label):
    """How much more of a label there is in beta."""
    return band_db(beta, label) - band_db(alpha, label)


@pytest.mark.parametrize("level", ["rms", "lufs"])
@pytest.mark.parametrize("difference", SIX, ids=" ".join)
def test_each_difference_does_what_its_text_says(
    rows, folder, tmp_path, difference, level
):
    made = scene(
        level=level, event_time=["uniform", 0.0, 2.0], background_layers=2
    )
    mixer = made.mixer(rows, root=folder)
    action, label = difference
    for seed in range(3):
        rng = np.random.default_rng(seed)
        *plans, _ = plan_pair(rng, made, mixer, [difference])
        paths = [tmp_path / f"{seed}{half}.wav" for half in "ab"]
        write_mixes([list(zip(paths, plans, strict=True))], folder)
        alpha, beta = (soundfile.read(path)[0] for path in paths)
        change = change_db(alpha, beta, label)
        least = 3.0 if label == "rain" else 4.0
        if action in ("add", "remove"):
            least = 15.0
        sign = 1 if action in ("increase", "add") else -1
        assert sign * change > least
        # All else stays: the other crop of rain, no horn.
        if label == "dog":
            assert abs(change_db(alpha, beta, "rain")) < 0.8
        assert band_db(alpha, "horn") < -45 and band_db(beta, "horn") < -45


@pytest.mark.parametrize("action", ["increase", "decrease"])
def test_event_levels_are_the_snrs_drawn(rows, folder, action):
    made = scene(level="rms", loud=8.0, soft=-1.0, ref_db=-30.0)
    mixer = made.mixer(rows, root=folder)
    rng = np.random.default_rng(0)
    *plans, _ = plan_pair(rng, made, mixer, [[action, "dog"]])
    levels = []
    for plan in plans:
        layer = plan["layers"][-1]
        first = round(layer["event_time"] * RATE)
        last = first + round(layer["event_duration"] * RATE)
        # The filter rings for a moment, and the fades cost a little.
        levels.append(band_db(render(plan, folder)[first:last], "dog"))
    expected = [-31, -22] if action == "increase" else [-22, -31]
    assert levels == pytest.approx(expected, abs=0.6)


def test_one_background_is_cropped_twice(rows):
    made = scene(background_layers=2)
    alpha, beta, _ = plan_pair(
        np.random.default_rng(0), made, made.mixer(rows), [["add", "dog"]]
    )
    grounds = [
        [layer for layer in plan["layers"] if layer["role"] == "background"]
        for plan in (alpha, beta)
    ]
    files = [[layer["source_file"] for layer in two] for two in grounds]
    assert files[0] == files[1] and len(set(files[0])) == 2
    times = [[layer["source_time"] for layer in two] for two in grounds]
    assert all(a != b for a, b in zip(*times, strict=True))


def test_layers_tell_the_differences_that_were_drawn(rows):
    made, counts = scene(two_differences=0.4), collections.Counter()
    mixer = made.mixer(rows)
    two = 0
    for seed in range(600):
        rng = np.random.default_rng(seed)
        alpha, beta, drawn = plan_pair(rng, made, mixer)
        found = find_differences(alpha["layers"], beta["layers"])
        assert sorted(found) == sorted(drawn)
        assert len({label for _, label in drawn}) == len(drawn)
        assert alpha["ref_db"] == beta["ref_db"]
        two += len(drawn) == 2
        if len(drawn) == 1:
            ((action, label),) = drawn
            counts[action, label == "rain"] += 1
    assert two / 600 == pytest.approx(0.4, abs=0.06)
    assert len(counts) == 6
    # All six alike: 60 of 360 each, with a deviation of 7.
    assert min(counts.values()) > 35 and max(counts.values()) < 90


def test_the_same_bytes_with_any_number_of_workers(rows, folder, tmp_path):
    arguments = {"scene": scene(), "split": "dev", "root": folder}
    shuffled = dict(reversed(rows.items()))
    one = write_pairs(tmp_path / "one", rows=rows, count=8, **arguments).parent
    two = write_pairs(
        tmp_path / "two", rows=shuffled, count=10, workers=2, **arguments
    ).parent
    names = sorted(path.name for path in (one / "dev").iterdir())
    assert len(names) == 8 * 4
    for name in names:
        here, there = ((x / "dev" / name).read_bytes() for x in (one, two))
        assert here == there, name
    manifests = [
        json.loads((place / "rain_dev.json").read_text())
        for place in (one, two)
    ]
    assert list(manifests[0].items()) == list(manifests[1].items())[:8]
    # Nothing is made twice, and another split draws otherwise.
    stamps = {p: p.stat().st_mtime_ns for p in (one / "dev").iterdir()}
    write_pairs(one, rows=rows, count=8, **arguments)
    assert stamps == {p: p.stat().st_mtime_ns for p in (one / "dev").iterdir()}
    other = write_pairs(
        one, rows=rows, count=1, **{**arguments, "split": "eval"}
    )
    row = json.loads(other.read_text())["rain_eval_00000"]
    assert row != manifests[0]["rain_dev_00000"]


def test_rows_and_files_agree_and_are_made_again(rows, folder, tmp_path):
    made = scene(names={"dog": ["dog bark"]})
    path = write_pairs(tmp_path, made, rows, "dev", 12, root=folder)
    for name, row in json.loads(path.read_text()).items():
        layers = []
        for key, events in (
            ("path", "events"),
            ("target_path", "target_events"),
        ):
            file = pathlib.Path(row[key].replace("{data_root}", str(tmp_path)))
            jams = file.with_suffix(".jams")
            plan, *_ = read_jams(jams)
            layers.append(plan["layers"])
            heard = {x["label"] for x in plan["layers"]} - {"rain"}
            assert heard == set(row[events])
            remake(jams, tmp_path / "again.wav", folder)
            assert (tmp_path / "again.wav").read_bytes() == file.read_bytes()
        found = find_differences(*layers)
        assert sorted(found) == sorted(row["differences"])
        words = [
            "dog bark" if label == "dog" else label
            for _, label in row["differences"]
        ]
        places = [row["text"].index(word) for word in words]
        assert places == sorted(places), (name, row["text"])


def test_both_of_a_pair_are_scaled_alike(rows, folder, tmp_path):
    made = scene(ref_db=-8.0, level="rms", boost=12.0, loud=20.0)
    mixer = made.mixer(rows, root=folder)
    rng = np.random.default_rng(0)
    *plans, _ = plan_pair(rng, made, mixer, [["increase", "rain"]])
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    counts = write_mixes([list(zip(paths, plans, strict=True))], folder)
    assert counts["scaled"] == 2
    scales = [read_jams(path.with_suffix(".jams"))[1] for path in paths]
    assert scales[0] == scales[1] < 1
    alpha, beta = (soundfile.read(path)[0] for path in paths)
    assert change_db(alpha, beta, "rain") == pytest.approx(
        10 * np.log10(1 + 10**1.2), abs=1.0
    )


def test_texts_are_imperative_and_vary():
    rng = np.random.default_rng(0)
    found = {
        describe([["decrease", "car_horn"], ["add", "dog"]], rng=rng)
        for _ in range(300)
    }
    every = len(TEMPLATES["decrease"]) * len(TEMPLATES["add"]) * 3
    assert len(found) == every
    assert all("_" not in text and text == text.lower() for text in found)
    assert "make car horn lower and add dog" in found
    with pytest.raises(ValueError, match="action 'mute'"):
        describe([["mute", "dog"]])
    with pytest.raises(ValueError, match="0 differences"):
        describe([])


def test_differences_of_apwd_files_are_told():
    shared = ROOT.parent / "shared" / "datasets" / "samples" / "apwd"
    paths = sorted(shared.rglob("*_s1.jams"))
    if not paths:
        pytest.skip("../shared holds no samples in the form of APwD")
    found = []
    for path in paths:
        target = path.with_name(path.name.replace("_s1", "_s2"))
        (alpha, *_), (beta, *_) = read_jams(path), read_jams(target)
        assert (alpha["sample_rate"], alpha["duration"]) == (44100, 10.0)
        found += find_differences(alpha["layers"], beta["layers"])
    assert found == [
        ["decrease", "dog"],
        ["add", "thunder"],
        ["remove", "footsteps"],
        ["increase", "rain"],
    ]


def test_layers_without_a_difference_are_refused():
    dog = {"label": "dog", "role": "foreground", "snr": 7}
    with pytest.raises(ValueError, match="'dog' is in both"):
        find_differences([dog], [dog])
    with pytest.raises(ValueError, match="twice"):
        find_differences([dog, dog], [])


@pytest.mark.parametrize("name", ["rain", "traffic"])
def test_yaml_scenes_make_pairs(name, rows, folder):
    with open(ROOT / "hparams" / "scenes" / f"{name}.yaml") as file:
        made = load_hyperpyyaml(file)["scene"]
    assert made.name == name
    assert set(made.aliases.values()) <= set(made.labels)
    assert set(made.names) <= set(made.labels)
    # Some sounds under each label, half of them by its name in a data set.
    paths = [row["path"] for row in rows.values()]
    aliases = {label: alias for alias, label in made.aliases.items()}
    some = {}
    for i, label in enumerate(made.labels):
        said = [label, aliases.get(label, label)]
        for j in range(2):
            path = paths[(2 * i + j) % len(paths)]
            some[f"{i}{j}"] = {"path": path, "label": said[j]}
    mixer = made.mixer(some)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alpha, beta, differences = plan_pair(rng, made, mixer)
        assert find_differences(alpha["layers"], beta["layers"])
        assert describe(differences, made.names, rng)


def test_impossible_scenes_are_refused(rows, tmp_path):
    with pytest.raises(ValueError, match="none the background"):
        Scene("rain", "rain", ["rain", "dog"])
    with pytest.raises(ValueError, match="one event or more"):
        Scene("rain", "rain", [])
    with pytest.raises(ValueError, match="two_differences=2"):
        Scene("rain", "rain", ["dog"], two_differences=2)
    made = Scene("rain", "rain", ["dog", "cat"], **SMALL)
    with pytest.raises(ValueError, match="label 'cat' has no usable sounds"):
        write_pairs(tmp_path / "pairs", made, rows, "dev", 1)
    assert not (tmp_path / "pairs").exists()
    made = scene(soft=["uniform", 0, 9], loud=-1.0)
    with pytest.raises(ValueError, match="ranges that do not overlap"):
        plan_pair(np.random.default_rng(0), made, made.mixer(rows), [SIX[2]])


def test_one_event_label_is_enough(rows):
    made = Scene("rain", "rain", ["dog"], two_differences=1.0, **SMALL)
    for seed in range(30):
        found = made.draw_differences(np.random.default_rng(seed))
        assert sorted(label for _, label in found) == ["dog", "rain"]
