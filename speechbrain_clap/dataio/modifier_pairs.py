"""Pairs of sounds and the text that leads from one to the other.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch

from speechbrain_clap.dataio.manifest import (
    ManifestError,
    drop_bad,
    read_manifest,
)
from speechbrain_clap.dataio.pairs import FileRows, ManifestPairs

NEEDED = ("path", "target_path", "text", "events", "target_events")


def read_modifier_pairs(path, data_root, labels, on_bad_clip="stop"):
    """Reads a manifest as ``speechbrain_clap.synthesis.pairs`` writes it.

    Arguments
    ---------
    path : str or pathlib.Path
        The manifest.
    data_root : str or pathlib.Path
        What "{data_root}" in a path stands for.
    labels : list of str
        The events that a row may name.
    on_bad_clip : str
        What to do about rows whose files do not exist: "stop" or "skip".

    Returns
    -------
    dict
        Id to row: `path`, `target_path`, `text`, `events`, `target_events`
        and whatever else the manifest tells.

    Raises
    ------
    ManifestError
        If the manifest is missing or malformed, or names an event that is not
        among the labels.
    ValueError
        If a file does not exist and the rule is "stop".

    Example
    -------
    >>> import json
    >>> folder = getfixture("tmp_path")
    >>> row = {"path": f"{folder}/a.wav", "target_path": f"{folder}/b.wav"}
    >>> row |= {"text": "dog", "events": [], "target_events": ["dog"]}
    >>> _ = (folder / "dev.json").write_text(json.dumps({"x": row}))
    >>> (folder / "a.wav").touch(), (folder / "b.wav").touch()
    (None, None)
    >>> read_modifier_pairs(folder / "dev.json", folder, ["rain"])
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.manifest.ManifestError: ...--labels=[dog]...
    """
    found = read_manifest(path, data_root, NEEDED, on_bad_clip)
    heard = sorted(
        {
            event
            for row in found.values()
            for event in (*row["events"], *row["target_events"])
        }
    )
    unknown = [event for event in heard if event not in labels]
    if unknown:
        raise ManifestError(
            f"{path}: holds the event '{unknown[0]}', which is not among the "
            f"labels {', '.join(labels)}: give --labels=[{','.join(heard)}]"
        )
    for row in found.values():
        target = str(row["target_path"])
        row["target_path"] = target.replace("{data_root}", str(data_root))
    problems = {
        name: f"does not exist (row '{name}' of {path})"
        for name, row in found.items()
        if not pathlib.Path(row["target_path"]).is_file()
    }
    targets = {
        name: {"path": row["target_path"]} for name, row in found.items()
    }
    kept = drop_bad(targets, problems, on_bad_clip)
    return {name: found[name] for name in kept}


class ModifierPairs(FileRows):
    """Pairs of a manifest: alpha, the query; beta, the target; the text.

    Arguments
    ---------
    name : str
        Of the set.
    rows : dict
        From `read_modifier_pairs`.
    labels : list of str
        The events, in the order of the columns of `events`.

    Attributes
    ----------
    texts : list of str
        One for each pair.
    events : torch.Tensor
        v: 1 for an event in alpha, 0 for another, float32, [N, labels].
    target_events : torch.Tensor
        w, of beta.

    Example
    -------
    >>> row = {"path": "a.wav", "target_path": "b.wav", "text": "add dog"}
    >>> row |= {"events": [], "target_events": ["dog"]}
    >>> pairs = ModifierPairs("rain", {"x": row}, ["rain", "dog"])
    >>> pairs.target_events, pairs.sounds().ids
    (tensor([[0., 1.]]), ['x/query', 'x/target'])
    """

    def __init__(self, name, rows, labels):
        super().__init__(name, rows)
        self.labels = list(labels)
        self.texts = [row["text"] for row in self.rows]
        self.events = self._marks("events")
        self.target_events = self._marks("target_events")

    def _marks(self, key):
        marks = torch.zeros(len(self.rows), len(self.labels))
        for row, each in zip(marks, self.rows, strict=True):
            row[[self.labels.index(event) for event in each[key]]] = 1.0
        return marks

    def files(self, i):
        """The two sounds of a pair.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        tuple of str
            Paths of alpha and of beta.
        """
        return self.rows[i]["path"], self.rows[i]["target_path"]

    def sounds(self):
        """All sounds, one after the other: alpha and beta of each pair.

        Returns
        -------
        speechbrain_clap.dataio.pairs.ManifestPairs
            2 N clips, to be embedded; its captions are of no use.
        """
        return ManifestPairs(
            self.name,
            {
                f"{name}/{half}": {"path": path, "captions": [text]}
                for i, (name, text) in enumerate(
                    zip(self.ids, self.texts, strict=True)
                )
                for half, path in zip(
                    ("query", "target"), self.files(i), strict=True
                )
            },
        )
