"""SpeechBrain's own consistency checks, run on this repository.

They need a copy of SpeechBrain's repository (its wheel has no tests):
``SPEECHBRAIN_REPO=path/to/speechbrain pytest tests/consistency``.

Their checks look at the folder they run in. So a temporary one is made that
holds links to our files, and their checks where theirs would be.

Authors
 * The speechbrain_clap team 2026
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OURS = ("speechbrain_clap", "recipes", "hparams", "benchmarks", "README.md")
THEIRS = ("tests/consistency", "tests/utils")


@pytest.fixture(scope="module")
def checked_root(root, tmp_path_factory):
    """Makes a folder of our files with SpeechBrain's checks in it."""
    named = os.environ.get("SPEECHBRAIN_REPO")
    if not named:
        pytest.skip("SPEECHBRAIN_REPO names no copy of SpeechBrain")
    repo = Path(named).resolve()
    for folder in THEIRS:
        if not (repo / folder).is_dir():
            pytest.fail(f"SPEECHBRAIN_REPO={named} has no folder {folder}")
    if not list((root / "tests" / "recipes").glob("*.csv")):
        pytest.skip("no tests/recipes/*.csv yet")
    made = tmp_path_factory.mktemp("speechbrain_own")
    for name in OURS:
        if (root / name).exists():
            (made / name).symlink_to(root / name)
    (made / "tests").mkdir()
    (made / "tests" / "recipes").symlink_to(root / "tests" / "recipes")
    for folder in THEIRS:
        shutil.copytree(repo / folder, made / folder)
    # Any installed package called `tests` must not come first.
    (made / "tests" / "__init__.py").touch()
    (made / "pytest.ini").write_text("[pytest]\n")
    return made


def run_there(folder, *arguments):
    """Runs this Python in a folder and returns its exit status and output.

    Arguments
    ---------
    folder : pathlib.Path
        Where to run.
    *arguments : str
        What follows `python`.

    Returns
    -------
    tuple
        The exit status, and stdout and stderr as one str.
    """
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        # The package of this checkout, installed or not.
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return result.returncode, result.stdout


@pytest.mark.parametrize(
    "check", ["test_docstrings.py", "test_recipe.py", "test_yaml.py"]
)
def test_their_check_passes(checked_root, check):
    status, output = run_there(
        checked_root,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        f"tests/consistency/{check}",
    )
    assert status == 0, output


def test_their_loading_of_every_yaml_passes(checked_root):
    # These fetch a language model as they are loaded, as SpeechBrain's own do.
    texts = {
        path: path.read_text("utf-8")
        for path in checked_root.glob("recipes/*/hparams/*.yaml")
    }
    fetching = {
        path.name
        for path, text in texts.items()
        if re.search("^(text|language)_pretrained: True", text, re.M)
    }
    from_the_hub = [
        str(path.relative_to(checked_root))
        for path, text in texts.items()
        # a table's row takes in the YAML of its experiment
        if fetching & {path.name, *re.findall("!include:(.*)", text)}
    ]
    status, output = run_there(
        checked_root,
        "-c",
        "import sys\n"
        "from tests.utils.recipe_tests import load_yaml_test\n"
        f"sys.exit(0 if load_yaml_test(avoid_list={from_the_hub!r}) else 1)",
    )
    assert status == 0, output
