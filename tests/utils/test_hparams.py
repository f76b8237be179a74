"""A mistyped key is named, and no run goes on in another's folder.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import speechbrain as sb

from speechbrain_clap.utils.hparams import (
    FREE_KEYS,
    HparamsError,
    check_same_experiment,
    load_hparams,
    plain_values,
)

YAML = """# A comment: with a colon
seed: 1
test_fold: 1
batch_size: 4
lr: 0.002
number_of_epochs: 50
output_folder: !ref results/<seed>
num_workers: 0
templates: ['the sound of {}']
clip_policy:
    padding: zero
    long: center
layers: !new:collections.OrderedDict
    width: !ref <batch_size>
prepare:
    test_fold: !ref <test_fold>
    manifest_folder: !ref <output_folder>/save
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(YAML)
    return path


def test_overrides_reach_what_refers_to_them(path):
    hparams = load_hparams(path, {"batch_size": 8, "seed": 2})
    assert hparams["layers"] == {"width": 8}
    assert hparams["output_folder"] == "results/2"
    assert load_hparams(path, "batch_size: 9")["layers"] == {"width": 9}
    assert load_hparams(str(path))["batch_size"] == 4
    assert load_hparams(path, "")["batch_size"] == 4


@pytest.mark.parametrize(
    "wrong, meant",
    [
        ("batch_sise", "did you mean --batch_size?"),
        ("batchsize", "did you mean --batch_size?"),
        ("test_folds", "did you mean --test_fold?"),
        ("number_epochs", "did you mean --number_of_epochs?"),
        ("template", "did you mean --templates?"),
        ("zzz", "its keys are seed, test_fold, batch_size, lr,"),
        # A key within a key is not one of the file's.
        ("padding", "a.yaml; its keys are"),
    ],
)
def test_a_mistyped_key_names_the_meant_one(path, wrong, meant):
    with pytest.raises(HparamsError) as error:
        load_hparams(path, {wrong: 8})
    assert f"--{wrong}: no key of {path}; " in str(error.value)
    assert meant in str(error.value)


def test_one_wrong_key_among_right_ones(path):
    with pytest.raises(HparamsError, match="--sed: .*mean --seed?"):
        load_hparams(path, {"batch_size": 8, "sed": 1})


def test_no_such_file(tmp_path):
    with pytest.raises(HparamsError, match="b.yaml: there is no such file"):
        load_hparams(tmp_path / "b.yaml")


def test_plain_values(path):
    values = plain_values(path, {"test_fold": 3})
    assert values == {
        "seed": 1,
        "test_fold": 3,
        "batch_size": 4,
        "lr": 0.002,
        "number_of_epochs": 50,
        "output_folder": "results/1",
        "num_workers": 0,
        "templates": ["the sound of {}"],
        "clip_policy": {"padding": "zero", "long": "center"},
        "prepare": {"test_fold": 3, "manifest_folder": "results/1/save"},
    }


@pytest.fixture
def used(path, tmp_path):
    """An output folder as SpeechBrain leaves it, and a check against it."""
    folder = tmp_path / "output"
    sb.create_experiment_directory(
        experiment_directory=str(folder),
        hyperparams_to_save=str(path),
        overrides={"batch_size": 8},
        save_env_desc=False,
    )

    def check(**overrides):
        overrides = {"batch_size": 8, **overrides}
        check_same_experiment(folder, path, overrides)

    return check


def test_the_same_experiment_goes_on(used):
    used()


@pytest.mark.parametrize(
    "overrides",
    [{"num_workers": 4}, {"output_folder": "elsewhere"}],
)
def test_where_it_is_done_may_differ(used, overrides):
    assert set(overrides) <= FREE_KEYS
    used(**overrides)


@pytest.mark.parametrize(
    "overrides, words",
    [
        ({"test_fold": 2}, "test_fold: 1 there, 2 now"),
        ({"batch_size": 16}, "batch_size: 8 there, 16 now"),
        ({"templates": ["a {}"]}, "templates: ['the sound of {}'] there"),
        ({"clip_policy": {"padding": "repeat"}}, "clip_policy[padding]: "),
        ({"test_fold": 2, "lr": 0.1}, "lr: 0.002 there, 0.1 now; "),
    ],
)
def test_another_experiment_is_refused(used, overrides, words):
    with pytest.raises(HparamsError) as error:
        used(**overrides)
    assert words in str(error.value)
    assert "output holds another experiment" in str(error.value)
    assert "choose another --output_folder" in str(error.value)


def test_a_new_folder_is_anybodys(path, tmp_path):
    check_same_experiment(tmp_path / "none", path)
    (tmp_path / "empty").mkdir()
    check_same_experiment(tmp_path / "empty", path)
