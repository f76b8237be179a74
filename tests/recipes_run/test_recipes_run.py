"""Runs every recipe in small, the way SpeechBrain's recipe tests do.

Each row of tests/recipes/<Dataset>.csv is one command: its script and YAML
with its ``test_debug_flags``. What ``test_debug_checks`` lists must be there
afterwards. One recipe of each kind runs on a pretended GPU, too, where what
has been left on the CPU is found: see tests/pretended_gpu.py.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import csv
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 120
SHOWN_CHARACTERS = 4000
ROWS_OF_A_TABLE = 2  # that are run; the others of the table are loaded only
GPU = ROOT / "tests" / "pretended_gpu.py"
ON_GPU = """
APwD-apwd AudioSet-audioclip_stage1_small Captioning-captioner_small ESC50-clap
VGGSound-wav2clip_small
""".split()


def recipe_params():
    """Reads the rows of the CSVs as parameters of a test.

    A table of a paper is one experiment, taken in by YAMLs of a few lines. Of
    each the first rows are run; that all load, and set nothing that nobody
    reads, tests/consistency shows.

    Returns
    -------
    list
        One `pytest.param` per row.
    """
    params = []
    for path in sorted((ROOT / "tests" / "recipes").glob("*.csv")):
        tables = collections.Counter()
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                yaml = (ROOT / row["Hparam_file"]).read_text("utf-8")
                for table in re.findall(r"^experiment: (.*)$", yaml, re.M):
                    tables[table] += 1
                    if tables[table] > ROWS_OF_A_TABLE:
                        break
                else:
                    name = f"{path.stem}-{Path(row['Hparam_file']).stem}"
                    params.append(pytest.param(row, id=name))
    return params


def expected_files(checks):
    """Reads the list of files out of a row's `test_debug_checks`.

    Arguments
    ---------
    checks : str
        Such as "file_exists=[log.txt,save/label_encoder.txt]".

    Returns
    -------
    list of str
        Paths in the output folder.
    """
    match = re.search(r"file_exists=\[(.*?)\]", checks)
    names = match.group(1).split(",") if match else []
    return [name.strip() for name in names if name.strip()]


def run(command, script):
    """Runs one command from the root, as a recipe test of SpeechBrain does.

    Arguments
    ---------
    command : list of str
        What follows the name of Python.
    script : str
        Of the recipe: its folder is in the path.

    Returns
    -------
    int
        The exit status.
    str
        The command, and the end of what it printed.
    """
    path = os.pathsep.join([str((ROOT / script).parent), str(ROOT)])
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,  # the CSVs' paths start here
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    shown = f"{shlex.join(command)}\n{result.stdout[-SHOWN_CHARACTERS:]}"
    return result.returncode, shown


def run_row(row, output_folder, *options):
    """Runs a row; what its `test_debug_checks` lists must be there then.

    Arguments
    ---------
    row : dict
        Of a CSV.
    output_folder : pathlib.Path
        For the recipe.
    *options : str
        The device and what it asks for.
    """
    command = [
        row["Script_file"],
        row["Hparam_file"],
        *shlex.split(row["test_debug_flags"]),
        *options,
        f"--output_folder={output_folder}",
        "--debug",
        "--debug_persistently",
    ]
    if "--device=cpu" not in options:
        command.insert(0, str(GPU))
    status, shown = run(command, row["Script_file"])
    assert status == 0, shown
    missing = [
        name
        for name in expected_files(row["test_debug_checks"])
        if not (output_folder / name).exists()
    ]
    assert not missing, f"not written: {missing}\n{shown}"


@pytest.mark.parametrize("row", recipe_params())
def test_recipe_runs(row, tmp_path):
    run_row(row, tmp_path / "output", "--device=cpu")


@pytest.mark.parametrize(
    "row", [param for param in recipe_params() if param.id in ON_GPU]
)
def test_recipe_runs_on_a_pretended_gpu(row, tmp_path):
    options = ("--device=lazy", "--precision=fp32")
    run_row(row, tmp_path / "output", *options)


def test_a_pretended_gpu_computes_and_refuses_what_is_on_the_cpu():
    pretended_gpu = runpy.run_path(str(GPU))["pretended_gpu"]
    with pretended_gpu() as device:
        layer = torch.nn.Linear(2, 1).to(device)
        x = torch.tensor([[1.0, 2.0]], device=device)
        layer(x).sum().backward()
        assert layer.weight.grad.device.type == device
        assert layer.weight.grad.tolist() == [[1.0, 2.0]]
        assert x[:, torch.tensor([1])].cpu().numpy().tolist() == [[2.0]]
        assert (2.0 * x + torch.tensor(1.0)).tolist() == [[3.0, 5.0]]
        with pytest.raises(RuntimeError, match=r"the CPU, \[1, 2\], beside"):
            x + torch.ones(1, 2)
        with pytest.raises(RuntimeError, match="a tensor of the CPU"):
            torch.ones(2)[torch.tensor([1], device=device)]
        with pytest.raises(RuntimeError, match="a generator of the CPU"):
            torch.rand(2, device=device, generator=torch.Generator())
        with pytest.raises(TypeError, match="use cpu"):
            x.numpy()


def test_expected_files_are_read_as_speechbrain_reads_them():
    checks = "file_exists=[log.txt, save/a.txt] performance_check=[x]"
    assert expected_files(checks) == ["log.txt", "save/a.txt"]
    assert expected_files("") == []
