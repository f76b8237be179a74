"""What is watched while a model trains: gradients, skipped steps, speed.

Authors
 * The speechbrain_clap team 2026
"""

import time

import torch
from speechbrain.utils import checkpoints


@checkpoints.register_checkpoint_hooks
class TrainMonitor:
    """Counts over one epoch.

    Norms and skipped steps follow from the data and the seed; they are saved
    with a checkpoint, so that a log of a resumed run equals that of a whole
    one. Times do not, and are of this process alone.

    Example
    -------
    >>> monitor = TrainMonitor()
    >>> monitor.start_epoch()
    >>> monitor.start_step(), monitor.end_step(clips=4)
    (None, None)
    >>> monitor.gradient(torch.tensor(2.0)), monitor.skip()
    (None, None)
    >>> monitor.scores()
    {'gradient_norm': 2.0, 'skipped_steps': 1}
    >>> sorted(monitor.speed())
    ['clips_per_second', 'data_wait']
    """

    def __init__(self):
        self._reset_counts()
        self.start_epoch()

    def _reset_counts(self):
        self.counts = {"norm": 0.0, "steps": 0, "skipped": 0}

    def start_epoch(self):
        """Begins to measure the times of an epoch."""
        self.clips, self.waited = 0, 0.0
        self.began = self.waiting_since = time.monotonic()

    def start_step(self):
        """Says that a batch has arrived."""
        self.waited += time.monotonic() - self.waiting_since

    def end_step(self, clips):
        """Says that a batch is done and the next one awaited.

        Arguments
        ---------
        clips : int
            How many it held, on this rank.
        """
        self.clips += clips
        self.waiting_since = time.monotonic()

    def gradient(self, norm):
        """Takes the norm of a gradient that is used.

        Arguments
        ---------
        norm : torch.Tensor
            Before clipping, a scalar.
        """
        self.counts["norm"] += float(norm)
        self.counts["steps"] += 1

    def skip(self):
        """Counts a step whose loss or gradient was not finite."""
        self.counts["skipped"] += 1

    def scores(self):
        """What is counted, and then begins again.

        Returns
        -------
        dict
            `gradient_norm`, the mean before clipping, and `skipped_steps`.
        """
        counts = self.counts
        self._reset_counts()
        return {
            "gradient_norm": counts["norm"] / max(counts["steps"], 1),
            "skipped_steps": counts["skipped"],
        }

    def speed(self):
        """How fast the epoch goes, on this rank.

        Returns
        -------
        dict
            `clips_per_second`, and `data_wait`, the share of the time in
            which a batch was awaited.
        """
        seconds = max(time.monotonic() - self.began, 1e-9)
        return {
            "clips_per_second": self.clips / seconds,
            "data_wait": self.waited / seconds,
        }

    @checkpoints.mark_as_saver
    def save(self, path):
        """Saves the counts.

        Arguments
        ---------
        path : str
            The file.
        """
        torch.save(self.counts, path)

    @checkpoints.mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers the counts.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used: then they are zero.
        """
        del end_of_epoch
        self.counts = torch.load(path, weights_only=True)
