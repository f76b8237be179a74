"""Building a network whose weights are about to be replaced.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.overrides import TorchFunctionMode


class NoInitialisation(TorchFunctionMode):
    """Within it, parameters are not filled: they only get their place.

    Filling a hundred million numbers at random takes seconds, and touching
    their memory doubles what loading a file needs. Buffers are computed as
    ever.

    Example
    -------
    >>> with NoInitialisation():
    ...     layer = torch.nn.Linear(1000, 1000)
    >>> _ = layer.load_state_dict(
    ...     {"weight": torch.ones(1000, 1000), "bias": torch.ones(1000)},
    ...     assign=True,
    ... )
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Passes on every call but those that fill a parameter in place.

        Arguments
        ---------
        func : callable
            What is called.
        types : list of type
            Types of its arguments.
        args : tuple
            Its arguments.
        kwargs : dict or None
            Its keyword arguments.

        Returns
        -------
        object
            What the call returns; for a skipped one the parameter.
        """
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        # The functions of torch.nn.init give it by name.
        target = args[0] if args else kwargs.get("tensor")
        if (
            isinstance(target, torch.nn.Parameter)
            and name.endswith("_")
            and not name.endswith("__")
            and name != "requires_grad_"
        ):
            return target
        return func(*args, **kwargs)
