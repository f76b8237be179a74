"""From the names of a published file to ours and back, each key once.

Authors
 * The speechbrain_clap team 2026
"""

import dataclasses
import re

import torch

from speechbrain_clap.checkpoints.reading import CheckpointError

# Rounding differs between libraries; a wrong constant differs by far more.
SAME = 1e-4


@dataclasses.dataclass(frozen=True)
class KeyMap:
    """What each key of a published state dict is to us.

    Arguments
    ---------
    prefixes : tuple of tuple of str
        Pairs (official, ours) of the fronts of keys; the longest that fits is
        exchanged.
    unused : tuple of str
        Fronts of official keys that the published network has and never
        uses. They are kept beside our module, for the way back.
    ignored : tuple of str
        Patterns of keys that some files hold and that mean nothing.
    tied : tuple of str
        Official keys of tensors that are another one as well: a file may
        leave them out.

    Example
    -------
    >>> keys = KeyMap((("branch.", "encoder."), ("branch.bn0.", "norm.")))
    >>> keys.ours("branch.fc.weight"), keys.ours("branch.bn0.bias")
    ('encoder.fc.weight', 'norm.bias')
    >>> keys.official("norm.bias")
    'branch.bn0.bias'
    """

    prefixes: tuple
    unused: tuple = ()
    ignored: tuple = ()
    tied: tuple = ()

    def ours(self, key):
        """Our name of an official key.

        Arguments
        ---------
        key : str
            Official.

        Returns
        -------
        str or None
            Ours; None if no prefix fits.
        """
        return _exchange(key, self.prefixes)

    def official(self, key):
        """The official name of a key of ours.

        Arguments
        ---------
        key : str
            Ours.

        Returns
        -------
        str or None
            The official one; None if no prefix fits.
        """
        return _exchange(key, [pair[::-1] for pair in self.prefixes])

    def is_unused(self, key):
        """Whether the published network has the key and never uses it.

        Arguments
        ---------
        key : str
            Official.

        Returns
        -------
        bool
            True if so.
        """
        return key.startswith(self.unused) if self.unused else False

    def is_ignored(self, key):
        """Whether the key means nothing.

        Arguments
        ---------
        key : str
            Official.

        Returns
        -------
        bool
            True if so.
        """
        return any(re.fullmatch(pattern, key) for pattern in self.ignored)


def _exchange(key, pairs):
    fitting = [pair for pair in pairs if key.startswith(pair[0])]
    if not fitting:
        return None
    front, other = max(fitting, key=lambda pair: len(pair[0]))
    return other + key[len(front) :]


@dataclasses.dataclass
class Report:
    """What became of every key of a file.

    Arguments
    ---------
    loaded : list of str
        Official keys that went into the module.
    constants : list of str
        Keys that the file holds and we compute: they were compared.
    different : list of str
        Those of them that are not ours; a sentence each.
    unused : list of str
        Keys that the published network never uses.
    ignored : list of str
        Keys that mean nothing.
    missing : list of str
        Keys that should be there.
    unexpected : list of str
        Keys that should not.
    misshapen : list of str
        Keys of another shape; a sentence each.

    Example
    -------
    >>> print(Report(loaded=["a.weight"], missing=["a.bias"]))
    loaded: 1
    missing: 1 (a.bias)
    """

    loaded: list = dataclasses.field(default_factory=list)
    constants: list = dataclasses.field(default_factory=list)
    different: list = dataclasses.field(default_factory=list)
    unused: list = dataclasses.field(default_factory=list)
    ignored: list = dataclasses.field(default_factory=list)
    missing: list = dataclasses.field(default_factory=list)
    unexpected: list = dataclasses.field(default_factory=list)
    misshapen: list = dataclasses.field(default_factory=list)

    @property
    def strict(self):
        """Whether every key was used, and every place was filled.

        Returns
        -------
        bool
            True if so.
        """
        return not (self.missing or self.unexpected or self.misshapen)

    def __str__(self):
        """A line for each kind of key that there is, with its first names."""
        lines = []
        for field in dataclasses.fields(self):
            keys = getattr(self, field.name)
            if not keys:
                continue
            line = f"{field.name}: {len(keys)}"
            if field.name not in ("loaded", "constants"):
                more = ", ..." if len(keys) > 6 else ""
                line += f" ({', '.join(keys[:6])}{more})"
            lines.append(line)
        return "\n".join(lines)


def load_official(module, state, keys, constants, name):
    """Fills a module with a published state dict, strictly.

    The tensors themselves become the module's, without a copy, where their
    type and layout in memory fit.

    Arguments
    ---------
    module : torch.nn.Module
        Ours.
    state : dict
        Official key to tensor.
    keys : KeyMap
        What they are to us.
    constants : dict
        Official key to what we compute in its place: a tensor, or None where
        there is nothing to compare with.
    name : str
        Of the file, for messages.

    Returns
    -------
    Report
        What became of every key.
    dict
        The tensors that did not go into the module, for the way back.

    Raises
    ------
    CheckpointError
        If a key is missing, unexpected or of another shape: the message lists
        all of them.

    Example
    -------
    >>> layer = torch.nn.Linear(2, 1)
    >>> state = {"fc.weight": torch.ones(1, 2), "fc.bias": torch.zeros(1)}
    >>> report, rest = load_official(
    ...     layer, state, KeyMap((("fc.", ""),)), {}, "a.pt"
    ... )
    >>> layer(torch.ones(1, 2)).item(), report.strict, rest
    (2.0, True, {})
    """
    report, rest, found = Report(), {}, {}
    own = {k: v for k, v in module.state_dict().items() if v is not None}
    for key, value in state.items():
        target = keys.ours(key)
        if key in constants:
            report.constants.append(key)
            rest[key] = value
            if _differs(key, value, constants[key], report):
                place = "ours" if target not in own else "theirs"
                report.different.append(f"{key}: {place} is used")
                if target in own:
                    found[target] = _fitted(value, own[target])
        elif keys.is_ignored(key):
            report.ignored.append(key)
            rest[key] = value
        elif keys.is_unused(key):
            report.unused.append(key)
            rest[key] = value
        elif target not in own or target in found:
            report.unexpected.append(key)
        elif value.shape != own[target].shape:
            report.misshapen.append(
                f"{key} is {list(value.shape)}, expected "
                f"{list(own[target].shape)}"
            )
            found[target] = None
        else:
            report.loaded.append(key)
            found[target] = _fitted(value, own[target])
    for target in own:
        official = keys.official(target)
        # A counter of batches matters to training alone, and our own mel
        # matrix is a constant; what has no official name is ours too.
        if target in found or official is None or official in constants:
            continue
        if official in keys.tied:
            continue
        if not target.endswith("num_batches_tracked"):
            report.missing.append(official)
    if not report.strict:
        raise CheckpointError(
            f"{name}: is not what was expected.\n{report}\nIs it the file of "
            "another family, or one of a later training?"
        )
    module.load_state_dict(found, strict=False, assign=True)
    return report, rest


def official_state(module, keys, constants, rest, only=None):
    """The way back: a published state dict out of a module.

    Arguments
    ---------
    module : torch.nn.Module
        Ours.
    keys : KeyMap
        As for ``load_official``.
    constants : dict
        Official key to what we compute in its place; those that the file did
        not hold are added where there is a value.
    rest : dict
        What ``load_official`` left over.
    only : list of str or None
        The keys that ``load_official`` loaded: the same are written. None
        writes all that there are.

    Returns
    -------
    dict
        Official key to tensor.

    Example
    -------
    >>> layer = torch.nn.Linear(2, 1)
    >>> sorted(official_state(layer, KeyMap((("fc.", ""),)), {}, {}))
    ['fc.bias', 'fc.weight']
    """
    state = {}
    for key, value in module.state_dict().items():
        official = keys.official(key)
        if official is None or official in constants:
            continue
        if only is None or official in only:
            state[official] = value.detach().contiguous()
    if only is None:
        state |= {k: v for k, v in constants.items() if v is not None}
    return state | rest


def _fitted(value, place):
    """The tensor in the type and the layout of what it replaces."""
    value = value.to(place.dtype)
    if value.stride() != place.stride() and value.ndim == 4:
        value = value.contiguous(memory_format=torch.channels_last)
    return value


def _differs(key, theirs, ours, report):
    if ours is None:
        return False
    if theirs.shape != ours.shape:
        report.misshapen.append(
            f"{key} is {list(theirs.shape)}, expected {list(ours.shape)}"
        )
        return False
    theirs, ours = theirs.double(), ours.double()
    return bool((theirs - ours).abs().max() > SAME * ours.abs().max())
