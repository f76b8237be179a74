"""Files of weights from outside, read as data: nothing in them is executed.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import pathlib
import pickle
import re
import zipfile

import numpy
import torch

# What plain numbers beside the tensors are made of. They rebuild an array
# from bytes and can do nothing else, so a file that holds them stays data.
# NumPy 2 moved the first, and files have either name.
_SCALAR = numpy.float64(0).__reduce__()[0]
_NUMBERS = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    numpy.dtype,
    numpy.dtypes.Float64DType,
    numpy.dtypes.Float32DType,
    numpy.dtypes.Int64DType,
]

CONVERT = """\
    import torch
    checkpoint = torch.load({path!r}, map_location="cpu", weights_only=False)
    state = checkpoint{container}
    tensors = {{k: v for k, v in state.items() if torch.is_tensor(v)}}
    torch.save(tensors, {converted!r})"""


class CheckpointError(RuntimeError):
    """A file of weights that cannot be used; the message says what to do.

    Example
    -------
    >>> raise CheckpointError("a.pt: 3 keys are missing")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: a.pt: 3 keys are \
missing
    """


def read_state(source, container=(), prefix=""):
    """A state dict out of a file, or out of a dict that was read already.

    Arguments
    ---------
    source : str, pathlib.Path or dict
        A file of torch.save or of safetensors, or what it holds.
    container : tuple of str
        Keys that lead to the state dict. A file that holds the tensors
        themselves is taken as well.
    prefix : str
        Removed from the front of every key, if they all begin with it.

    Returns
    -------
    dict
        Key to tensor, on the CPU.

    Raises
    ------
    CheckpointError
        If it is missing, broken, holds more than tensors and numbers, or no
        tensors at all.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.pt"
    >>> torch.save({"model": {"module.weight": torch.ones(2)}}, path)
    >>> read_state(path, container=("model",), prefix="module.")
    {'weight': tensor([1., 1.])}
    """
    name = "the state dict"
    if not isinstance(source, dict):
        name = str(source)
        source = _read_file(pathlib.Path(source), container)
    for key in container:
        if isinstance(source.get(key), dict):
            source = source[key]
    state = {k: v for k, v in source.items() if torch.is_tensor(v)}
    if not state:
        raise CheckpointError(
            f"{name}: holds no tensors, only {sorted(map(str, source))[:8]}; "
            f"expected a state dict"
            + (f" under {' / '.join(container)}" if container else "")
        )
    if prefix and all(key.startswith(prefix) for key in state):
        state = {key.removeprefix(prefix): state[key] for key in state}
    return state


def _read_file(path, container):
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        import safetensors.torch

        try:
            return safetensors.torch.load_file(path)
        except safetensors.SafetensorError as error:
            raise CheckpointError(
                f"{path}: is no file of safetensors, or a broken one ({error})"
            ) from error
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _is_torch_file(path):
            raise CheckpointError(
                f"{path}: is not a file of torch.save, or a broken one"
            ) from error
        raise CheckpointError(
            _needs_more(path, container, str(error))
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is not a file of torch.save, or a broken one ({error}); "
            "fetch it again"
        ) from error
    if not isinstance(loaded, dict):
        raise CheckpointError(
            f"{path}: holds a {type(loaded).__name__}, expected a state dict"
        )
    return loaded


def _is_torch_file(path):
    """Whether the file is of either kind that torch.save writes."""
    if zipfile.is_zipfile(path):
        return True
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        return stream.read(1) == b"\x80"  # a pickle of protocol 2 or later
    return False


def _needs_more(path, container, reason):
    """How to get the tensors out of a file that holds other objects too."""
    steps = CONVERT.format(
        path=str(path),
        container="".join(f"[{key!r}]" for key in container),
        converted=str(path.with_name(path.stem + "_tensors.pt")),
    )
    wanted = re.search(r"GLOBAL ([\w.]+)", reason)
    wanted = f": it asks for {wanted.group(1)}" if wanted else ""
    return (
        f"{path}: holds more than tensors, and reading that could run code "
        f"of the file's author, so it was refused{wanted}. If you trust "
        f"where it comes from, take the tensors out of it once, best on a "
        f"machine with nothing to lose:\n{steps}\nand load that file instead"
    )
