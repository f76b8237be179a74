"""Learning rates over time.

Authors
 * The speechbrain_clap team 2026
"""

import math

import torch
from speechbrain.utils import checkpoints


@checkpoints.register_checkpoint_hooks
class WarmupCosine:
    """A linear warm-up, then half a cosine down to a share of the peak.

    Each parameter group keeps its own peak: the learning rate that the
    optimiser was built with.

    Arguments
    ---------
    warmup : float
        Share of all steps that the rise takes.
    final : float
        Learning rate at the end, as a share of the peak.

    Example
    -------
    >>> parameter = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = torch.optim.SGD([parameter], lr=1.0)
    >>> schedule = WarmupCosine(warmup=0.5)
    >>> schedule.total_steps = 4
    >>> rates = []
    >>> for _ in range(4):
    ...     schedule(optimizer)
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 2))
    ...     optimizer.step()
    >>> rates
    [0.5, 1.0, 0.5, 0.0]
    """

    def __init__(self, warmup=0.1, final=0.0):
        self.warmup = warmup
        self.final = final
        self.total_steps = None  # known when the data are
        self.steps = 0

    def factor(self):
        """The learning rate of the present step, as a share of the peak.

        Returns
        -------
        float
            In 0 .. 1.
        """
        warm = self.warmup * self.total_steps
        if self.steps <= warm:
            return self.steps / max(warm, 1.0)
        done = (self.steps - warm) / max(self.total_steps - warm, 1e-9)
        cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return self.final + (1 - self.final) * cosine

    def __call__(self, optimizer):
        """Sets the learning rates of the next step.

        Arguments
        ---------
        optimizer : torch.optim.Optimizer
            Whose groups are set.
        """
        self.steps += 1
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] * self.factor()

    def end_epoch(self, loss):
        """Nothing: the rates follow from the number of steps alone.

        Arguments
        ---------
        loss : float
            Not used.
        """

    @checkpoints.mark_as_saver
    def save(self, path):
        """Saves the number of steps.

        Arguments
        ---------
        path : str
            The file.
        """
        state = {"steps": self.steps, "total_steps": self.total_steps}
        torch.save(state, path)

    @checkpoints.mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers the number of steps.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used: steps count over epochs.
        """
        del end_of_epoch
        state = torch.load(path, weights_only=True)
        self.steps = state["steps"]
        self.total_steps = state["total_steps"]


@checkpoints.register_checkpoint_hooks
class ReduceOnPlateau:
    """Lowers the learning rates when the loss has stopped to fall.

    As PyTorch's scheduler of that name, but each parameter group keeps its
    own peak, and the state is SpeechBrain's to save.

    Arguments
    ---------
    factor : float
        What the rates are multiplied by.
    patience : int
        Epochs without a lower loss that are borne before.
    warmup_steps : int
        The rates rise linearly over so many steps at first; 0: they do not.
    final : float
        Share of the peak below which the rates are not lowered.

    Example
    -------
    >>> parameter = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = torch.optim.SGD([parameter], lr=1.0)
    >>> schedule = ReduceOnPlateau(factor=0.1, patience=1)
    >>> for loss in (1.0, 2.0, 2.0):
    ...     schedule(optimizer)
    ...     schedule.end_epoch(loss)
    >>> schedule(optimizer)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    def __init__(self, factor=0.1, patience=15, warmup_steps=0, final=0.0):
        self.factor = factor
        self.patience = patience
        self.final = final
        self.warmup_steps = warmup_steps
        self.total_steps = None  # is set for every schedule; not used here
        self.state = {
            "steps": 0, "scale": 1.0, "best": math.inf, "bad_epochs": 0
        }  # fmt: skip

    def __call__(self, optimizer):
        """Sets the learning rates of the next step.

        Arguments
        ---------
        optimizer : torch.optim.Optimizer
            Whose groups are set.
        """
        self.state["steps"] += 1
        warm = min(self.state["steps"] / max(self.warmup_steps, 1), 1.0)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] * self.state["scale"] * warm

    def end_epoch(self, loss):
        """Counts the epochs without a lower loss.

        Arguments
        ---------
        loss : float
            Of the validation set, or of training where there is none.
        """
        state = self.state
        if loss < state["best"]:
            state.update(best=loss, bad_epochs=0)
            return
        state["bad_epochs"] += 1
        if state["bad_epochs"] > self.patience:
            scale = max(state["scale"] * self.factor, self.final)
            state.update(scale=scale, bad_epochs=0)

    @checkpoints.mark_as_saver
    def save(self, path):
        """Saves what was counted.

        Arguments
        ---------
        path : str
            The file.
        """
        torch.save(self.state, path)

    @checkpoints.mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers what was counted.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used.
        """
        del end_of_epoch
        self.state = torch.load(path, weights_only=True)


@checkpoints.register_checkpoint_hooks
class ExponentialDecay:
    """Multiplies the learning rates by a constant after each epoch.

    As PyTorch's ``ExponentialLR``, but the state is SpeechBrain's to save.

    Arguments
    ---------
    gamma : float
        What the rates are multiplied by.

    Example
    -------
    >>> parameter = torch.nn.Parameter(torch.zeros(1))
    >>> optimizer = torch.optim.SGD([parameter], lr=1.0)
    >>> schedule = ExponentialDecay(gamma=0.5)
    >>> schedule(optimizer)
    >>> schedule.end_epoch(loss=1.0)
    >>> schedule(optimizer)
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(self, gamma):
        self.gamma = gamma
        self.total_steps = None  # is set for every schedule; not used here
        self.epochs = 0

    def __call__(self, optimizer):
        """Sets the learning rates of the next step.

        Arguments
        ---------
        optimizer : torch.optim.Optimizer
            Whose groups are set.
        """
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = group["initial_lr"] * self.gamma**self.epochs

    def end_epoch(self, loss):
        """Counts an epoch.

        Arguments
        ---------
        loss : float
            Not used.
        """
        del loss
        self.epochs += 1

    @checkpoints.mark_as_saver
    def save(self, path):
        """Saves the number of epochs.

        Arguments
        ---------
        path : str
            The file.
        """
        torch.save({"epochs": self.epochs}, path)

    @checkpoints.mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers the number of epochs.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used: it is counted before the checkpoint is saved.
        """
        del end_of_epoch
        self.epochs = torch.load(path, weights_only=True)["epochs"]


def named_schedule(name, warmup=0.0, patience=10):
    """Makes a schedule, for a YAML that lets its reader choose.

    Arguments
    ---------
    name : str
        "plateau": a tenth of the rate when the loss has stopped to fall;
        "cosine": down to zero over the whole training.
    warmup : float
        For "cosine", the share of the steps over which the rate rises.
    patience : int
        For "plateau", epochs without a lower loss that are borne before.

    Returns
    -------
    ReduceOnPlateau or WarmupCosine
        The schedule.

    Raises
    ------
    ValueError
        If there is no such schedule.

    Example
    -------
    >>> named_schedule("plateau", patience=3).patience
    3
    >>> named_schedule("linear")
    Traceback (most recent call last):
    ...
    ValueError: schedule is 'linear', expected 'plateau' or 'cosine'
    """
    if name == "plateau":
        return ReduceOnPlateau(factor=0.1, patience=patience)
    if name == "cosine":
        return WarmupCosine(warmup=warmup, final=0.0)
    raise ValueError(f"schedule is '{name}', expected 'plateau' or 'cosine'")
