"""What a search over sounds was asked, and what it found.

Authors
 * The speechbrain_clap team 2026
"""

import os
from dataclasses import dataclass, field

import numpy as np

from speechbrain_clap.dataio.folds import DataError

EMPTY = 1e-6  # a query's norm, relative to that of its largest part


@dataclass(frozen=True)
class Hit:
    """A sound that was found.

    Arguments
    ---------
    path : str
        Relative to the sounds' folder, with "/".
    file : str
        Where it is.
    cosine : float
        Between the query and the sound.

    Example
    -------
    >>> print(Hit("a/b.wav", "sounds/a/b.wav", 0.51234))
    0.512  a/b.wav
    """

    path: str
    file: str
    cosine: float

    def __str__(self):
        return f"{self.cosine:.3f}  {self.path}"


@dataclass(frozen=True)
class Part:
    """A part of a query.

    Arguments
    ---------
    kind : str
        "text", "sound" or "modifier".
    what : str
        The text; or of a sound, its name.
    weight : float
        What its embedding was multiplied by.
    file : str or None
        Where a sound is.

    Example
    -------
    >>> print(Part("modifier", "add dog bark", 0.5))
    0.5 × “add dog bark”
    """

    kind: str
    what: str
    weight: float = 1.0
    file: str | None = None

    def __str__(self):
        what = self.what if self.kind == "sound" else f"“{self.what}”"
        return what if self.weight == 1 else f"{self.weight:g} × {what}"


@dataclass(frozen=True)
class Answer:
    """What a search found: a sequence of hits, best first.

    Arguments
    ---------
    parts : tuple of Part
        The query.
    hits : tuple of Hit
        What was found.
    searched : int
        How many sounds were looked through.
    exact : bool
        Whether all of them were compared.
    query : np.ndarray or None
        Its embedding, float64, [D].

    Example
    -------
    >>> hit = Hit("a.wav", "sounds/a.wav", 0.5)
    >>> answer = Answer((Part("text", "rain"),), (hit,), 9)
    >>> print(answer)
    “rain”: the best 1 of 9 sounds
      1  0.500  a.wav
    >>> answer[0].path, len(answer)
    ('a.wav', 1)
    """

    parts: tuple
    hits: tuple
    searched: int
    exact: bool = True
    query: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def asked(self):
        """The query in words."""
        return " + ".join(map(str, self.parts)).replace("+ -", "- ")

    def __len__(self):
        return len(self.hits)

    def __getitem__(self, place):
        return self.hits[place]

    def __str__(self):
        lines = [
            f"{self.asked}: the best {len(self)} of {self.searched:,} sounds"
        ]
        lines += [f"{place:3}  {hit}" for place, hit in enumerate(self, 1)]
        return "\n".join(lines)


def weighted(things):
    """One thing, several, or weighted ones, as pairs.

    Arguments
    ---------
    things : str, pathlib.Path, Hit, list, dict or None
        A dict is of things to weights; else these are 1.

    Returns
    -------
    list of tuple
        Each thing with its weight.

    Example
    -------
    >>> weighted("rain"), weighted({"rain": 1, "wind": -0.5}), weighted(None)
    ([('rain', 1.0)], [('rain', 1.0), ('wind', -0.5)], [])
    """
    if things is None:
        return []
    if isinstance(things, dict):
        return [(thing, float(weight)) for thing, weight in things.items()]
    if isinstance(things, (str, os.PathLike, Hit)):
        things = [things]
    return [(thing, 1.0) for thing in things]


def add_up(parts, embeddings):
    """The embedding of a query.

    Arguments
    ---------
    parts : list of Part
        With their weights.
    embeddings : list of np.ndarray
        [D] each.

    Returns
    -------
    np.ndarray
        Float64, [D], of any norm.

    Raises
    ------
    DataError
        If nothing is left of the parts.

    Example
    -------
    >>> rain, wind = Part("text", "rain"), Part("text", "wind", -2.0)
    >>> add_up([rain, wind], [np.array([1, 0]), np.array([1, 1])]).tolist()
    [-1.0, -2.0]
    """
    each = [
        part.weight * np.asarray(embedding, np.float64)
        for part, embedding in zip(parts, embeddings, strict=True)
    ]
    query = np.sum(each, axis=0)
    largest = max(np.linalg.norm(one) for one in each)
    # Written so that what is not a number is refused, too.
    if not EMPTY * largest < np.linalg.norm(query) < np.inf:
        raise DataError(
            f"{' + '.join(map(str, parts))} has no direction: its parts "
            "cancel out, or the model does not listen to them"
        )
    return query
