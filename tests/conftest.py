"""What the papers' own code computes: the golden files of ../shared.

They are no part of this repository; where they are not there, the tests that
compare with them skip and say so.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import gzip
import importlib.util
import json
import pathlib

import pytest
import torch

FOLDER = pathlib.Path(__file__).parents[2] / "shared" / "golden"


class Golden:
    """One golden file: weights, inputs, wanted outputs, tolerances.

    Arguments
    ---------
    name : str
        The family's, such as "wav2clip".
    """

    def __init__(self, name):
        path = FOLDER / f"{name}.json.gz"
        if not path.is_file():
            pytest.skip("../shared/golden is not there: no published outputs")
        spec = importlib.util.spec_from_file_location("f", FOLDER / "fill.py")
        self.fill = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.fill)
        self.name = name
        self.facts = json.loads(gzip.decompress(path.read_bytes()))

    def decode(self, packed):
        """An encoded array as a tensor."""
        return torch.from_numpy(self.fill.decode(packed).copy())

    def weights(self, prefix=""):
        """The tensors whose official key has this prefix, without it."""
        shapes = {
            key: size
            for key, size in self.facts["parameters"].items()
            if key.startswith(prefix)
        }
        state = {
            key: torch.as_tensor(value)
            for key, value in self.fill.fill_state_dict(shapes).items()
        }
        for key, packed in self.facts.get("explicit_parameters", {}).items():
            if key.startswith(prefix):
                state[key] = self.decode(packed).reshape(shapes[key])
        return {key.removeprefix(prefix): x for key, x in state.items()}

    def waves(self, case=None):
        """The waves of a case, float32 [B, T]; of the file by default."""
        case = self.facts if case is None else case
        return torch.from_numpy(self.fill.waveform(**case["input"]))

    def wanted(self, name, case=None):
        """A wanted output."""
        case = self.facts if case is None else case
        return self.decode(case["outputs"][name])

    def tolerance(self, name):
        """Largest difference allowed, in units of the output's scale."""
        tolerance = self.facts["tolerance"]
        if name in tolerance:
            return tolerance[name]
        by_name = tolerance.get("suggested_relative_by_name", {})
        return by_name.get(name, tolerance.get("suggested_relative", 2e-5))

    def check(self, name, ours, case=None):
        """Compares one output, within the tolerance that the file states."""
        wanted = self.wanted(name, case)
        ours = torch.as_tensor(ours).detach().float().reshape(wanted.shape)
        difference = (ours - wanted).abs().max() / wanted.abs().max()
        assert difference <= self.tolerance(name), f"{name}: {difference:.2g}"


@pytest.fixture(scope="session")
def golden():
    """``golden(name)`` gives a golden file, read once."""
    return functools.cache(Golden)
