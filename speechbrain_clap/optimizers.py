"""Optimisers by their names, for a YAML that lets its reader choose.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import torch


def named_optimizer(name, lr, weight_decay=0.0, momentum=0.9):
    """Makes what a Brain takes as its `opt_class`.

    Arguments
    ---------
    name : str
        "sgd", with Nesterov's momentum, or "adamw".
    lr : float
        Learning rate.
    weight_decay : float
        In SGD a part of the gradient, in AdamW apart from it.
    momentum : float
        Of SGD.

    Returns
    -------
    callable
        From parameters, or groups of them, to the optimiser.

    Raises
    ------
    ValueError
        If there is no such optimiser.

    Example
    -------
    >>> opt_class = named_optimizer("adamw", lr=0.001)
    >>> opt_class([torch.nn.Parameter(torch.ones(2))]).defaults["lr"]
    0.001
    >>> named_optimizer("adam", lr=0.001)
    Traceback (most recent call last):
    ...
    ValueError: optimizer is 'adam', expected 'sgd' or 'adamw'
    """
    common = {"lr": lr, "weight_decay": weight_decay}
    if name == "sgd":
        return functools.partial(
            torch.optim.SGD, momentum=momentum, nesterov=True, **common
        )
    if name == "adamw":
        return functools.partial(torch.optim.AdamW, **common)
    raise ValueError(f"optimizer is '{name}', expected 'sgd' or 'adamw'")
