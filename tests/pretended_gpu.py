"""A GPU that is none: tensors that refuse to meet those of the CPU.

What belongs on a GPU and stays on the CPU goes unnoticed where there is no
GPU. Here the device "lazy", which PyTorch knows and nobody has, stands for
one. Its tensors compute on the CPU, with true values and gradients, but an
operation that takes one of them beside a tensor of the CPU fails, as with
CUDA: operands, CPU generators, `numpy()`. Numbers and single indices may mix,
as they may there. It says nothing of kernels, autocast, streams or NCCL.

Any script can be run like this, without this file knowing it:

    python tests/pretended_gpu.py recipes/ESC50/train_clap.py
        recipes/ESC50/hparams/clap.yaml --device=lazy --precision=fp32

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import os
import runpy
import sys
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "lazy"
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
# These give a Python value, or move what they are given.
NO_TENSOR = {"_local_scalar_dense", "equal", "is_same_size"}
MOVING = {"_to_copy", "copy_"}


class OnGPU(torch.Tensor):
    """A tensor that says it is on the device, and is in `inner` on the CPU.

    Arguments
    ---------
    inner : torch.Tensor
        On the CPU.
    """

    @staticmethod
    def __new__(cls, inner):
        """Makes the outside.

        Arguments
        ---------
        inner : torch.Tensor
            On the CPU.

        Returns
        -------
        OnGPU
            With the shape and type of `inner`.
        """
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"OnGPU({self.inner})"

    def __format__(self, spec):
        return format(self.inner, spec)

    def __reduce_ex__(self, protocol):
        return self.inner.__reduce_ex__(protocol)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            copy = OnGPU(self.inner.clone())
            if isinstance(self, torch.nn.Parameter):
                copy = torch.nn.Parameter(copy)
            memo[id(self)] = copy.requires_grad_(self.requires_grad)
        return memo[id(self)]

    def __getitem__(self, key):
        return super().__getitem__(_listed(key))

    def __setitem__(self, key, value):
        super().__setitem__(_listed(key), value)

    def tolist(self):
        """Copies to the CPU, as a GPU's tensor does.

        Returns
        -------
        list
            The values.
        """
        return self.inner.tolist()

    def new_tensor(self, data, *, dtype=None, device=None):
        """Makes another one.

        Arguments
        ---------
        data : object
            As ``torch.tensor`` takes it.
        dtype : torch.dtype or None
            None: that of this tensor.
        device : str or None
            None: that of this tensor.

        Returns
        -------
        torch.Tensor
            With these values.
        """
        return torch.tensor(
            data, dtype=dtype or self.dtype, device=device or self.device
        )

    def numpy(self, **_):
        """Fails, as a GPU's tensor does.

        Arguments
        ---------
        **_ : dict
            Whatever ``torch.Tensor.numpy`` takes.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError("a tensor of the GPU has no numpy(): use cpu() first")

    def __array__(self, *_, **__):
        return self.numpy()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        """Computes on the CPU, after a look at what meets.

        Arguments
        ---------
        func : torch._ops.OpOverload
            The operation.
        types : tuple
            Of the tensors.
        args : tuple
            Of the operation.
        kwargs : dict or None
            Of the operation.

        Returns
        -------
        object
            What the operation gives.
        """
        return _compute(func, args, dict(kwargs or {}))


class _Generator(torch.Generator):
    """A generator of any device; the pretended one's is on the CPU."""

    of_the_gpu = []  # kept, so that no later one gets a number of theirs

    def __new__(cls, device="cpu"):
        if not _is_ours(device):
            return super().__new__(cls, device)
        cls.of_the_gpu.append(super().__new__(cls, "cpu"))
        return cls.of_the_gpu[-1]


class _Mode(TorchDispatchMode):
    """Sees operations without any tensor of the device, too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        here = any(isinstance(x, OnGPU) for x in tree_leaves((args, kwargs)))
        if here or _is_ours(kwargs.get("device")):
            return _compute(func, args, kwargs)
        return func(*args, **kwargs)


def _listed(key):
    """Lists among indices as tensors: PyTorch makes them below our sight."""
    if isinstance(key, list):
        return torch.tensor(key, dtype=None if key else torch.long)
    if isinstance(key, tuple):
        return tuple(_listed(k) if isinstance(k, list) else k for k in key)
    return key


def _is_ours(device):
    return device is not None and torch.device(device).type == NAME


def _inner(x):
    return x.inner if isinstance(x, OnGPU) else x


def _compute(func, args, kwargs):
    name = func.overloadpacket.__name__
    leaves = tree_leaves((args, kwargs))
    tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
    ours = [x for x in tensors if isinstance(x, OnGPU)]
    device = kwargs.get("device")
    made_here = name not in NO_TENSOR and (
        _is_ours(device) or (device is None and bool(ours))
    )
    if name not in MOVING:
        _check(func, name, args, leaves, made_here)
    if _is_ours(device):
        kwargs["device"] = torch.device("cpu")
        kwargs.pop("pin_memory", None)
    result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    given = {id(_inner(x)): x for x in tensors}

    def _outside(x):
        if not isinstance(x, torch.Tensor):
            return x
        if func._schema.is_mutable and id(x) in given:
            return given[id(x)]
        return OnGPU(x) if made_here else x

    return tree_map(_outside, result)


def _check(func, name, args, leaves, made_here):
    """Fails where a GPU would.

    Raises
    ------
    RuntimeError
        If devices are mixed.
    """
    ours = [x for x in leaves if isinstance(x, OnGPU)]
    others = [
        x
        for x in leaves
        if isinstance(x, torch.Tensor)
        and not isinstance(x, OnGPU)
        and x.dim() > 0
    ]
    # Operations see generators by other objects of Python.
    known = {x._cdata for x in _Generator.of_the_gpu}
    drawn_by = {x._cdata for x in leaves if isinstance(x, torch._C.Generator)}
    if made_here and not drawn_by <= known:
        raise RuntimeError(f"{func}: a generator of the CPU on the GPU")
    if name in INDEXING:  # indices may be the CPU's, all else may not
        others = [
            x
            for x in (args[0], *args[2:3])
            if isinstance(x, torch.Tensor) and not isinstance(x, OnGPU)
        ]
    if ours and others:
        raise RuntimeError(
            f"{func}: a tensor of the CPU, {list(others[0].shape)}, beside one "
            f"of the GPU, {list(ours[0].shape)}"
        )


@contextlib.contextmanager
def pretended_gpu():
    """Within, "lazy" is a device.

    Yields
    ------
    str
        Its name.
    """
    tensor, as_tensor = torch.tensor, torch.as_tensor
    autocast = torch.amp.autocast_mode.autocast.__init__

    def _tensor(data, *, device=None, **options):
        if _is_ours(device):
            return tensor(_inner(data), **options).to(device)
        return tensor(_inner(data), device=device, **options)

    def _as_tensor(data, dtype=None, device=None):
        if _is_ours(device) or isinstance(data, OnGPU):
            if not isinstance(data, torch.Tensor):
                data = as_tensor(data)
            return data.to(device=device or data.device, dtype=dtype)
        return as_tensor(data, dtype=dtype, device=device)

    def _autocast(self, device_type, *args, **options):
        device_type = "cpu" if device_type == NAME else device_type
        autocast(self, device_type, *args, **options)

    with (
        mock.patch("torch.tensor", _tensor),
        mock.patch("torch.as_tensor", _as_tensor),
        mock.patch("torch.Generator", _Generator),
        mock.patch("torch.amp.autocast_mode.autocast.__init__", _autocast),
        _Mode(),
    ):
        yield NAME


if __name__ == "__main__":
    script = sys.argv[1]
    del sys.argv[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    with pretended_gpu():
        runpy.run_path(script, run_name="__main__")
