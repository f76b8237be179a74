"""Many independent tasks on several processes, in a fixed order.

Authors
 * The speechbrain_clap team 2026
"""

import concurrent.futures
import multiprocessing
import os
import threading

import torch


def run_tasks(function, tasks, workers):
    """Calls a function on every task.

    The processes are spawned, so that a caller with threads or with PyTorch
    is safe; a script that asks for more than one needs the usual
    ``if __name__ == "__main__":``. Each uses one thread, and ends when its
    parent is killed.

    Arguments
    ---------
    function : callable
        Of a module, of one argument. What it gives must not depend on the
        order of calls.
    tasks : list
        Arguments, which can be pickled.
    workers : int
        Processes; 1 works in this one.

    Returns
    -------
    list
        Results, in the order of the tasks.

    Raises
    ------
    ValueError
        If there are fewer than one worker.

    Example
    -------
    >>> run_tasks(abs, [-1, 2], workers=1)
    [1, 2]
    """
    if workers < 1:
        raise ValueError(f"workers={workers} must be 1 or more")
    if workers == 1 or len(tasks) < 2:
        return [function(task) for task in tasks]
    with concurrent.futures.ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=_begin_worker,
    ) as executor:
        try:
            return list(executor.map(function, tasks, chunksize=4))
        except BaseException:
            # Otherwise an error is told only after all other tasks are done.
            executor.shutdown(cancel_futures=True)
            raise


def _begin_worker():
    torch.set_num_threads(1)

    def _watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=_watch, daemon=True).start()
