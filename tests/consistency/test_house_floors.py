"""Imports go down the floors of the house only, and files stay short.

Authors
 * The speechbrain_clap team 2026
"""

import ast

PACKAGE = "speechbrain_clap"

# A file may import from its own folder and from every lower number.
FLOORS = {
    "utils": 0,
    "lobes": 1,
    "losses": 1,
    "augment": 1,
    "optimizers": 1,
    "schedulers": 1,
    "models": 2,
    "checkpoints": 2,
    "dataio": 2,
    "synthesis": 2,
    "metrics": 2,
    "brains": 3,
    "curation": 3,
    "inference": 4,
    "evaluation": 4,
    "cli": 5,
}

# Same floor, one direction: published weights are fetched by dataio and put
# into models, which know nothing of them; mixes are made of sounds that dataio
# reads.
NEIGHBOURS = {"checkpoints": {"dataio", "models"}, "synthesis": {"dataio"}}

# Lines a file must stay under: past them, look for its second purpose.
LONGEST_PACKAGE_FILE = 400
LONGEST_SCRIPT = 150
LONGEST_PREPARE = 300


def imported_rooms(tree, own_parts):
    """Lists which rooms of the package a module imports from.

    Arguments
    ---------
    tree : ast.Module
        The parsed file. Imports inside functions count as well.
    own_parts : tuple of str
        The module's dotted name in parts, for relative imports; its last
        part is the module (or `__init__`).

    Returns
    -------
    list of tuple
        Room (such as "lobes") and line number.
    """
    rooms = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = own_parts[: len(own_parts) - node.level]
            base = [".".join(above)] if node.level else []
            base = ".".join(base + ([node.module] if node.module else []))
            # `from speechbrain_clap import lobes` names a room as well.
            names = (
                [f"{base}.{alias.name}" for alias in node.names]
                if base == PACKAGE
                else [base]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE and len(parts) > 1:
                rooms.append((parts[1], node.lineno))
    return rooms


def upward_imports(tree, own_parts):
    """Finds the imports of one module that do not go down.

    Arguments
    ---------
    tree : ast.Module
        The parsed file.
    own_parts : tuple of str
        The module's dotted name in parts.

    Returns
    -------
    list of str
        One message per import.
    """
    own = own_parts[1]
    if own not in FLOORS:
        return [f"{own} has no floor: add it to FLOORS and to DESIGN.md"]
    return [
        f"line {line}: {own} (floor {FLOORS[own]}) imports {room} "
        f"(floor {FLOORS[room]})"
        for room, line in imported_rooms(tree, own_parts)
        if room in FLOORS
        and room not in {own} | NEIGHBOURS.get(own, set())
        and FLOORS[room] >= FLOORS[own]
    ]


def count_lines(path):
    """Counts a file's lines.

    Arguments
    ---------
    path : pathlib.Path
        A text file.

    Returns
    -------
    int
        How many lines it has.
    """
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_check_itself_sees_imports_that_go_up():
    source = """
import torch
from speechbrain_clap.utils.files import atomic_write
from speechbrain_clap.models import clap
from speechbrain_clap import dataio, __version__
from . import cnn14
from ..brains.contrastive import ContrastiveBrain

def late():
    import speechbrain_clap.cli.main
"""
    own = (PACKAGE, "lobes", "features")
    assert upward_imports(ast.parse(source), own) == [
        "line 4: lobes (floor 1) imports models (floor 2)",
        "line 5: lobes (floor 1) imports dataio (floor 2)",
        "line 7: lobes (floor 1) imports brains (floor 3)",
        "line 10: lobes (floor 1) imports cli (floor 5)",
    ]
    assert upward_imports(ast.parse(""), (PACKAGE, "attic", "x"))


def test_imports_go_down_only(root):
    problems = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts == (PACKAGE, "__init__"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(root)
        problems += [f"{where}: {text}" for text in upward_imports(tree, parts)]
    assert not problems, "\n" + "\n".join(problems)


def test_the_package_does_not_import_recipes_or_tests(root):
    for path in sorted((root / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert top not in ("recipes", "tests", "benchmarks"), path


def test_files_are_short(root):
    problems = []

    def check(path, limit):
        lines = count_lines(path)
        if lines >= limit:
            where = path.relative_to(root)
            problems.append(f"{where}: {lines} lines, must be under {limit}")

    for path in sorted((root / PACKAGE).rglob("*.py")):
        check(path, LONGEST_PACKAGE_FILE)
    for path in sorted((root / "recipes").rglob("*.py")):
        prepares = path.stem.endswith("_prepare")
        check(path, LONGEST_PREPARE if prepares else LONGEST_SCRIPT)
    assert not problems, "\n" + "\n".join(problems)
