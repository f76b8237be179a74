"""Weights from outside are data: nothing is executed, faults are named."""

import os
import pathlib

import numpy
import pytest
import torch

from speechbrain_clap.checkpoints.reading import CheckpointError, read_state


class Poison:
    """What would run a command if it were unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_poison_executes_nothing(tmp_path):
    """Refused, and the message tells how to get at the tensors."""
    mark, path = tmp_path / "mark", tmp_path / "poison.pt"
    state = {"weight": torch.ones(2)}
    torch.save({"state_dict": state, "extra": Poison(mark)}, path)
    with pytest.raises(CheckpointError, match="holds more than tensors") as e:
        read_state(path, container=("state_dict",))
    assert not mark.exists()
    # The steps that it prints are right, for who trusts the file.
    steps = str(e.value).split("\n    ", 1)[1].split("\nand load")[0]
    exec("\n".join(line.strip() for line in steps.splitlines()))
    assert mark.exists()
    converted = read_state(tmp_path / "poison_tensors.pt")
    torch.testing.assert_close(converted, state)


def test_numbers_beside_tensors_are_data(tmp_path):
    """A training's checkpoint, with an optimiser and NumPy's numbers."""
    path = tmp_path / "training.pt"
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save(
        {
            "epoch": 3,
            "best": numpy.float64(0.5),
            "optimizer": optimizer.state_dict(),
            "state_dict": {
                f"module.{key}": value
                for key, value in layer.state_dict().items()
            },
        },
        path,
    )
    state = read_state(path, container=("state_dict",), prefix="module.")
    assert sorted(state) == ["bias", "weight"]


def test_both_formats_and_old_zip(tmp_path):
    """safetensors, torch.save, and torch.save's format of before 1.6."""
    import safetensors.torch

    state = {"a": torch.randn(3), "b": torch.arange(4)}
    for name in ("new.pt", "old.pth", "safe.safetensors"):
        path = tmp_path / name
        if path.suffix == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save(
                state,
                path,
                _use_new_zipfile_serialization=path.stem == "new",
            )
        torch.testing.assert_close(read_state(path), state)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04"])
def test_no_weights_at_all(tmp_path, suffix, content):
    """A page of an error, an empty file, the start of a zip."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"a{suffix}: is no"):
        read_state(path)


def test_cut_off(tmp_path):
    """Half of a file."""
    path = tmp_path / "a.pt"
    torch.save({"a": torch.randn(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="a.pt: is not a file of torch"):
        read_state(path)


def test_other_content_is_named(tmp_path):
    """No file, no dict, no tensors."""
    with pytest.raises(CheckpointError, match="there is no such file"):
        read_state(tmp_path / "none.pt")
    path = tmp_path / "a.pt"
    torch.save([torch.ones(1)], path)
    with pytest.raises(CheckpointError, match="holds a list"):
        read_state(path)
    with pytest.raises(CheckpointError, match="expected a state dict under m"):
        read_state({"epoch": 3}, container=("model",))


def test_paths_are_paths_or_strings(tmp_path):
    """Either is taken."""
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(1)}, path)
    assert read_state(str(path)).keys() == read_state(pathlib.Path(path)).keys()
