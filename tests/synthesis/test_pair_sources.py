"""The sources of the pairs: two sets, two splits, nothing in both.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import soundfile

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.synthesis.jams import read_jams
from speechbrain_clap.synthesis.pair_sources import (
    gather_sources,
    present_sets,
    write_splits,
)
from speechbrain_clap.synthesis.pairs import Scene
from speechbrain_clap.synthesis.rendering import remake
from speechbrain_clap.utils.hparams import load_hparams

ROOT = pathlib.Path(__file__).parents[2]
RATE = 8000


def recipe_function(recipe, script, function):
    """A function of a recipe's script."""
    path = ROOT / "recipes" / recipe / f"{script}.py"
    spec = importlib.util.spec_from_file_location(f"{script}_mixed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def write_sound(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = 0.3 * np.random.default_rng(seed).uniform(-1, 1, 4000)
    soundfile.write(path, wav, RATE)


@pytest.fixture
def data(tmp_path):
    """FSD50K with three rains, ESC-50 with dogs; one recording is in both."""
    folder = tmp_path / "data" / "FSD50K"
    for number, (half, name) in enumerate(
        (("dev", "11"), ("dev", "12"), ("dev", "13"), ("eval", "21"))
    ):
        write_sound(folder / f"FSD50K.{half}_audio" / f"{name}.wav", number)
    truth = folder / "FSD50K.ground_truth"
    truth.mkdir()
    (truth / "vocabulary.csv").write_text("0,Rain,/m/1\n1,Dog,/m/2\n")
    (truth / "dev.csv").write_text(
        "fname,labels,mids,split\n11,Rain,/m/1,train\n12,Rain,/m/1,val\n"
        "13,Dog,/m/2,train\n"
    )
    (truth / "eval.csv").write_text("fname,labels,mids\n21,Rain,/m/1\n")
    folder = tmp_path / "data" / "ESC-50"
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    # 5-13 was cut of FSD50K's 13, which is in its development set.
    for number, (fold, source) in enumerate(
        ((1, 31), (2, 32), (4, 34), (5, 35), (5, 13))
    ):
        name = f"{fold}-{source}-A-0.wav"
        write_sound(folder / "audio" / name, 10 + number)
        lines.append(f"{name},{fold},0,dog,True,{source},A")
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


@pytest.fixture
def sets(data):
    """As the YAML has them, with FSD50K and ESC-50 at hand."""
    fsd50k = recipe_function("FSD50K", "fsd50k_prepare", "prepare_fsd50k")
    esc50 = recipe_function("ESC50", "esc50_prepare", "prepare_esc50")
    return {
        "FSD50K": {
            "data_folder": str(data / "FSD50K"),
            "prepare": lambda **given: fsd50k(captions="labels", **given),
            "report": "prepare.json",
            "parts": {"dev": ["train", "valid"], "eval": ["test"]},
        },
        "ESC-50": {
            "data_folder": str(data / "ESC-50"),
            "prepare": lambda **given: esc50(
                test_fold=5, valid_fold="none", **given
            ),
            "report": "prepare_fold5.json",
            "parts": {"dev": ["train_fold5"], "eval": ["test_fold5"]},
        },
    }


def scene():
    return Scene(
        "small",
        "rain",
        ["dog"],
        aliases={"Rain": "rain", "Dog": "dog"},
        duration=1.0,
        sample_rate=RATE,
        event_time=["uniform", 0.0, 0.5],
        event_duration=0.4,
    )


def test_splits_share_no_recording(sets, data, tmp_path):
    rows, facts = gather_sources(sets, tmp_path / "save")
    assert set(rows["dev"]) == {
        "FSD50K/11",
        "FSD50K/12",
        "ESC-50/1-31-A-0",
        "ESC-50/2-32-A-0",
        "ESC-50/4-34-A-0",
    }
    assert set(rows["eval"]) == {
        "FSD50K/21",
        "ESC-50/5-35-A-0",
        "ESC-50/5-13-A-0",
    }
    assert facts == {"sounds": "real", "leaks": 1, "root": str(data)}
    sources = [
        {row["source"] for row in rows[split].values()} for split in rows
    ]
    assert not sources[0] & sources[1]


def test_pairs_of_two_sets(sets, data, tmp_path):
    before = sorted(data.rglob("*"))
    rows, facts = gather_sources(sets, tmp_path / "save")
    noisy = [tmp_path / "noisy.txt", tmp_path / "noisy.csv"]
    noisy[0].write_text("12  # wind\nno_such_file.wav\n")
    noisy[1].write_text("fname,label,clean\n1-31-A-0.wav,dog,FALSE\n")
    folder = tmp_path / "pairs"
    told = write_splits(
        folder,
        scene(),
        rows,
        facts,
        {"dev": 6, "eval": 4},
        exclude=noisy,
        suffix=".wav",
    )
    assert told == json.loads((folder / "prepare_small.json").read_text())
    assert told["excluded"] == 2 and told["leaks"] == 1
    assert told["pairs"] == {"dev": 6, "eval": 4} and told["sounds"] == "real"
    used = {}
    for split, count in told["pairs"].items():
        jams = sorted((folder / split).glob("*.jams"))
        assert len(jams) == 2 * count
        used[split] = {
            layer["source_file"]
            for path in jams
            for layer in read_jams(path)[0]["layers"]
        }
    assert used["dev"] <= {
        "FSD50K/FSD50K.dev_audio/11.wav",
        "ESC-50/audio/2-32-A-0.wav",
        "ESC-50/audio/4-34-A-0.wav",
    }
    assert "FSD50K/FSD50K.eval_audio/21.wav" in used["eval"]
    # A pair is made again of its JAMS and the noted root.
    remake(jams[0], tmp_path / "again.wav", told["source_root"])
    again = (tmp_path / "again.wav").read_bytes()
    assert again == jams[0].with_suffix(".wav").read_bytes()
    assert sorted(data.rglob("*")) == before


def test_one_set_is_enough_where_it_has_all_labels(sets, tmp_path):
    sets["FSD50K"]["data_folder"] = None
    found = present_sets(sets)
    assert list(found) == ["ESC-50"]
    rows, facts = gather_sources(found, tmp_path / "save")
    assert facts["leaks"] == 0 and len(rows["dev"]) == 3
    with pytest.raises(DataError, match="small, dev: label 'rain' has no us"):
        write_splits(
            tmp_path / "pairs", scene(), rows, facts, {"dev": 1, "eval": 1}
        )
    assert not (tmp_path / "pairs" / "prepare_small.json").exists()
    sets["ESC-50"]["data_folder"] = None
    assert present_sets(sets, tmp_path / "data").keys() == sets.keys()
    with pytest.raises(DataError, match="give the folder of FSD50K or ESC-50"):
        present_sets(sets, tmp_path)


def test_real_and_made_up_sounds_are_not_mixed(sets, data, tmp_path):
    (data / "ESC-50" / "synthesis.json").write_text("{}")
    with pytest.raises(DataError, match="some made-up sounds"):
        gather_sources(sets, tmp_path / "save")


def test_the_scene_of_esc10_names_its_classes():
    made = load_hparams(ROOT / "hparams" / "scenes" / "rain_esc10.yaml")
    made = made["scene"]
    with open(ROOT / "tests" / "samples" / "ESC50" / "meta" / "esc50.csv") as f:
        known = {line.split(",")[3] for line in f}
    assert made.name == "rain_esc10" and set(made.labels) <= known
    assert set(made.names) == set(made.events)


def test_a_scene_is_found_by_name_or_path(tmp_path):
    find = recipe_function("APwD", "synthesise", "find_scene")
    yaml = ROOT / "recipes" / "APwD" / "hparams" / "apwd_synthesise.yaml"
    assert find("traffic", yaml).stem == "traffic"  # through the link
    own = tmp_path / "own.yaml"
    own.write_text("")
    assert find(str(own), yaml) == own
    with pytest.raises(FileNotFoundError, match="rain, rain_esc10, traffic"):
        find("snow", yaml)
