"""The most memory that a function holds, measured in a process of its own.

Authors
 * The speechbrain_clap team 2026
"""

import gc
import json
import pathlib
import re
import subprocess
import sys

import torch


def peak_bytes(function, device="cpu"):
    """Calls a function and says how far memory rose above what was held.

    Arguments
    ---------
    function : callable
        Called with no argument.
    device : str
        "cpu": the memory of this process (Linux). "cuda": what torch has
        allocated there.

    Returns
    -------
    int
        Bytes.

    Example
    -------
    >>> peak = peak_bytes(lambda: torch.ones(2**24).sum())
    >>> 0.9 < peak / (4 * 2**24) < 1.5
    True
    """
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        function()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - held
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    held = _bytes_of("/proc/self/status", "VmRSS")
    function()
    return _bytes_of("/proc/self/status", "VmHWM") - held


def available_bytes():
    """The memory that the system could give without swapping (Linux).

    Returns
    -------
    int
        Bytes.

    Example
    -------
    >>> available_bytes() > 0
    True
    """
    return _bytes_of("/proc/meminfo", "MemAvailable")


def _bytes_of(path, name):
    found = re.search(rf"{name}:\s+(\d+) kB", pathlib.Path(path).read_text())
    return 1024 * int(found.group(1))


def run_in_child(script, *arguments):
    """Runs a script by itself, so that no other job's memory is kept.

    Arguments
    ---------
    script : str
        Its path.
    *arguments : str
        Its arguments.

    Returns
    -------
    dict
        The JSON object in the last line that it prints.

    Raises
    ------
    RuntimeError
        If it fails; with what it said.
    """
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[1:])} ended with {done.returncode}:\n"
            f"{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])
