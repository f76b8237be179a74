"""What the tests of preparations share: a script, sounds, what it wrote.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import numpy
import pytest
import soundfile

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def write_sound():
    """Writes 0.1 s of noise, with the folders above it."""

    def _write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        wav = 0.1 * numpy.random.default_rng(0).standard_normal(800)
        soundfile.write(path, wav, 8000)

    return _write


@pytest.fixture
def preparation(tmp_path):
    """Runs a set's preparation on tmp_path/data, gives parts and report."""

    def _prepare(recipe, data=None, **options):
        name = f"{recipe.lower()}_prepare"
        path = ROOT / "recipes" / recipe / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"{name}_tested", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        data, folder = str(data or tmp_path / "data"), tmp_path / "save"
        getattr(module, f"prepare_{recipe.lower()}")(
            data, str(folder), **options
        )
        parts = {
            part: json.loads((folder / f"{part}.json").read_text("utf-8"))
            for part in ("train", "valid", "test")
            if (folder / f"{part}.json").is_file()
        }
        report = folder / "prepare.json"
        return parts, (
            json.loads(report.read_text("utf-8")) if report.is_file() else None
        )

    return _prepare
