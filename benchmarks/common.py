"""Fair timing of two ways to do one thing, and a report of it.

Authors
 * The speechbrain_clap team 2026
"""

import json
import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode


def describe_device(device):
    """Names a device the way every benchmark's report does.

    Arguments
    ---------
    device : str
        "cpu" or "cuda", as torch spells it.

    Returns
    -------
    str
        The card's name, or "cpu" and the number of threads.

    Example
    -------
    >>> describe_device("cpu").endswith("threads")
    True
    """
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def time_in_turns(ours, theirs, rounds=10, warm_up=2, device="cpu"):
    """Times two functions in alternating turns.

    What else the machine does falls on both alike, and a median forgets
    the odd slow turn.

    Arguments
    ---------
    ours : callable
        Called with no argument.
    theirs : callable
        The same job, done by the peer.
    rounds : int
        Timed turns of each.
    warm_up : int
        Turns of each before, which are not counted.
    device : str
        Where they run. On a card every turn waits for it to finish.

    Returns
    -------
    tuple
        Two floats: our median and their median, in milliseconds.

    Example
    -------
    >>> ours, theirs = time_in_turns(
    ...     lambda: time.sleep(0.001), lambda: time.sleep(0.003), rounds=3
    ... )
    >>> ours < theirs
    True
    """
    times = ([], [])
    for turn in range(warm_up + rounds):
        for function, record in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            function()
            if device.startswith("cuda"):
                torch.cuda.synchronize(device)
            if turn >= warm_up:
                record.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[0]), statistics.median(times[1])


def matrix_rate(device, dtype):
    """Floating-point operations per second of large matrix products.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".
    dtype : torch.dtype
        Of the matrices.

    Returns
    -------
    float
        Operations per second.

    Example
    -------
    >>> matrix_rate("cpu", torch.float32) > 0
    True
    """
    size = 2048 if device == "cpu" else 8192
    a = torch.randn(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        a @ a
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def count_operations(function):
    """Floating-point operations of one call.

    Arguments
    ---------
    function : callable
        Called with no argument.

    Returns
    -------
    int
        Their number.

    Example
    -------
    >>> count_operations(lambda: torch.ones(2, 3) @ torch.ones(3, 5))
    60
    """
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def training_step(network, forward, precision, device):
    """A function that runs forward and backward once.

    Arguments
    ---------
    network : torch.nn.Module
        Whose gradients are emptied.
    forward : callable
        Its forward, to a tensor.
    precision : bool
        True: in bf16.
    device : str
        "cpu" or "cuda".

    Returns
    -------
    callable
        To be called with no argument.

    Example
    -------
    >>> network = torch.nn.Linear(2, 2)
    >>> step = training_step(
    ...     network, lambda: network(torch.ones(1, 2)), False, "cpu"
    ... )
    >>> step()
    >>> network.weight.grad is None
    False
    """

    def _step():
        network.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=precision):
            loss = forward().float().square().mean()
        loss.backward()

    return _step


def make_claim(
    claim,
    ours,
    theirs,
    unit,
    benchmark,
    peer,
    device,
    smaller_is_better=True,
    limit=None,
):
    """Puts one comparison into the form that every benchmark prints.

    Arguments
    ---------
    claim : str
        What is compared, such as "time".
    ours : float
        Our number.
    theirs : float
        The peer's number.
    unit : str
        Of both.
    benchmark : str
        Name of the script.
    peer : str
        The peer's name and version.
    device : str
        Where both ran, from ``describe_device``.
    smaller_is_better : bool
        True for times and errors, False for rates.
    limit : float or None
        The physical bound on the same scale, where one is known.

    Returns
    -------
    dict
        The claim. Its ``ratio`` says how many times better ours is.

    Example
    -------
    >>> make_claim("time", 2.0, 9.0, "ms", "fft", "peer 1", "cpu")["ratio"]
    4.5
    """
    ratio = theirs / ours if smaller_is_better else ours / theirs
    return {
        "benchmark": benchmark,
        "claim": claim,
        "ours": float(f"{ours:.4g}"),
        "theirs": float(f"{theirs:.4g}"),
        "unit": unit,
        "peer": peer,
        "ratio": round(ratio, 2),
        "device": device,
        "limit": limit,
    }


def print_report(claims, goals):
    """Prints a table for people and then one JSON line per claim.

    Arguments
    ---------
    claims : list of dict
        From ``make_claim``.
    goals : list of str
        For each claim, the goal and whether it was reached, in words.

    Example
    -------
    >>> claim = make_claim("time", 2.0, 9.0, "ms", "fft", "peer 1", "cpu")
    >>> print_report([claim], ["4x or more: reached"])
    claim           ours    theirs  unit    ratio  goal
    time               2         9  ms       4.50  4x or more: reached
    against peer 1 on cpu
    {"benchmark": "fft", "claim": "time", ... "limit": null}
    """
    print(
        f"{'claim':<12} {'ours':>7} {'theirs':>9}  "
        f"{'unit':<6} {'ratio':>6}  goal"
    )
    for claim, goal in zip(claims, goals, strict=True):
        print(
            f"{claim['claim']:<12} {claim['ours']:>7.4g} "
            f"{claim['theirs']:>9.4g}  {claim['unit']:<6} "
            f"{claim['ratio']:>6.2f}  {goal}"
        )
    for line in sorted({f"{c['peer']} on {c['device']}" for c in claims}):
        print(f"against {line}")
    for claim in claims:
        print(json.dumps(claim))
