"""Runs every recipe in small, the way SpeechBrain's recipe tests do.

Each row of tests/recipes/<Dataset>.csv is one command: its script and YAML
with its ``test_debug_flags``. What ``test_debug_checks`` lists must be there
afterwards.

Authors
 * The speechbrain_clap team 2026
"""

import collections
import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 120
SHOWN_CHARACTERS = 4000
ROWS_OF_A_TABLE = 2  # that are run; the others of the table are loaded only


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


@pytest.mark.parametrize("row", recipe_params())
def test_recipe_runs(row, tmp_path):
    output_folder = tmp_path / "output"
    script = ROOT / row["Script_file"]
    command = [
        sys.executable,
        row["Script_file"],
        row["Hparam_file"],
        *shlex.split(row["test_debug_flags"]),
        "--device=cpu",
        f"--output_folder={output_folder}",
        "--debug",
        "--debug_persistently",
    ]
    path = os.pathsep.join([str(script.parent), str(ROOT)])
    result = subprocess.run(
        command,
        cwd=ROOT,  # the CSVs' paths start here
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    shown = f"{shlex.join(command)}\n{result.stdout[-SHOWN_CHARACTERS:]}"
    assert result.returncode == 0, shown
    missing = [
        name
        for name in expected_files(row["test_debug_checks"])
        if not (output_folder / name).exists()
    ]
    assert not missing, f"not written: {missing}\n{shown}"


def test_expected_files_are_read_as_speechbrain_reads_them():
    checks = "file_exists=[log.txt, save/a.txt] performance_check=[x]"
    assert expected_files(checks) == ["log.txt", "save/a.txt"]
    assert expected_files("") == []
