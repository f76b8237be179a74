"""Labelled sets, the splits that they are tried on, and parts of their labels.

Authors
 * The speechbrain_clap team 2026
"""

import dataclasses
import json
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import (
    DataError,
    split_folds,
    validation_fold,
)
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.splits import draw_parts

logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which clips train, choose the epoch and test.

    Arguments
    ---------
    name : str
        Such as "fold 1", or "trial 1" where a set has no folds.
    seed : int
        Of everything that is drawn in it.
    train : list of str
        Ids of clips.
    valid : list of str
        Ids, maybe none.
    test : list of str
        Ids.

    Example
    -------
    >>> Split("fold 1", 1, ["a", "b"], [], ["c"]).test
    ['c']
    """

    name: str
    seed: int
    train: list
    valid: list
    test: list


class ProbeSet:
    """A set of clips with one label each, or with several.

    A set with folds is tested fold by fold: the next one validates. One with
    parts is tested on its test part, in several trials, which differ in their
    seeds; where it has no validation part, a share of the recordings of its
    training part is drawn for it, the same in all trials.

    Arguments
    ---------
    name : str
        For reports and the names of folders.
    data_folder : str
        Where the set lies.
    prepare : callable
        A recipe's preparation, called with `data_folder` and
        `manifest_folder`; writes manifests whose rows have a `label`, or
        `labels`, and one ``prepare*.json`` with `classes`, in their order, and
        `sounds` ("real" or "made-up").
    parts : list of str
        The manifests, without their ".json": of a set with folds those that
        hold all its clips together; else "train", "test" and maybe "valid".
    folds : list of int or None
        The folds that are tested; rows then have `fold` and `source`.
    trials : int
        How many, for a set without folds.
    multi_label : bool
        Whether a clip may have several labels.
    drop_leaks : bool
        Of a set with folds: leave out training clips of a recording that is
        also tested or validated, see
        ``speechbrain_clap.dataio.folds.split_folds``.
    valid_fraction : float
        Share of the training clips that validate, of a set with parts but no
        "valid" among them.

    Attributes
    ----------
    rows : dict
        Id to row of all clips, after ``load``.
    class_names : list of str
        In the set's order.
    sounds : str
        "real" or "made-up".
    skipped : int
        Clips that the preparation left out as bad or missing.

    Example
    -------
    >>> from speechbrain_clap.dataio.manifest import write_manifest
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(b"")
    >>> def prepare(data_folder, manifest_folder):
    ...     for part in ("train", "test"):
    ...         row = {"path": "{data_root}/a.wav", "label": "dog"}
    ...         rows = {f"{part}{n}": {**row, "source": n} for n in range(4)}
    ...         write_manifest(f"{manifest_folder}/{part}.json", rows)
    ...     report = pathlib.Path(manifest_folder, "prepare.json")
    ...     _ = report.write_text('{"classes": ["dog"], "sounds": "real"}')
    >>> pets = ProbeSet("pets", folder, prepare, ["train", "test"], trials=1)
    >>> pets.load(folder / "save")
    >>> [split] = pets.splits(seed=1)
    >>> split.name, len(split.train), len(split.valid), len(split.test)
    ('trial 1', 3, 1, 4)
    """

    def __init__(
        self,
        name,
        data_folder,
        prepare,
        parts,
        folds=None,
        trials=3,
        multi_label=False,
        drop_leaks=True,
        valid_fraction=0.1,
    ):
        self.name = name
        self.data_folder = data_folder
        self.prepare = prepare
        self.parts = parts
        self.folds = folds
        self.trials = trials
        self.multi_label = multi_label
        self.drop_leaks = drop_leaks
        self.valid_fraction = valid_fraction

    def write_manifests(self, folder):
        """Runs the preparation, unless it was run before.

        Arguments
        ---------
        folder : str or pathlib.Path
            Gets the manifests.
        """
        folder = pathlib.Path(folder)
        if not list(folder.glob("prepare*.json")):
            folder.mkdir(parents=True, exist_ok=True)
            self.prepare(
                data_folder=str(self.data_folder), manifest_folder=str(folder)
            )

    def load(self, folder):
        """Prepares the set if need be, and reads its clips.

        On several ranks, the main process alone calls `write_manifests`
        before.

        Arguments
        ---------
        folder : str or pathlib.Path
            Where the manifests are.

        Raises
        ------
        DataError
            If a clip has no label, or one that is none of the classes.
        """
        folder = pathlib.Path(folder)
        self.write_manifests(folder)
        self.part_of, self.rows = {}, {}
        for part in self.parts:
            rows = read_manifest(
                folder / f"{part}.json",
                self.data_folder,
                needed=("path",),
                on_bad_clip="skip",
            )
            self.rows |= rows
            self.part_of |= dict.fromkeys(rows, part)
        report = next(folder.glob("prepare*.json"))
        facts = json.loads(report.read_text("utf-8"))
        self.class_names = facts["classes"]
        self.sounds = facts["sounds"]
        self.dataset = facts.get("dataset", self.name)
        missing = facts.get("missing", {})
        self.skipped = sum(missing.values()) + len(
            facts.get("bad", facts.get("skipped", {}))
        )
        self.index = {name: i for i, name in enumerate(self.class_names)}
        for clip in self.rows:
            unknown = [x for x in self.labels(clip) if x not in self.index]
            if unknown:
                raise DataError(
                    f"{folder}: clip '{clip}' has the label '{unknown[0]}', "
                    f"which is none of the classes in {report.name}"
                )

    def labels(self, clip):
        """What is heard in a clip.

        Arguments
        ---------
        clip : str
            Its id.

        Returns
        -------
        list of str
            Names of classes, one at least.

        Raises
        ------
        DataError
            If the clip has none.
        """
        row = self.rows[clip]
        found = row.get("labels") if self.multi_label else [row.get("label")]
        if not found or not all(found):
            key = "labels" if self.multi_label else "label"
            raise DataError(f"{self.name}: clip '{clip}' has no {key}")
        return found

    def targets(self, clips):
        """The classes of some clips, as numbers.

        Arguments
        ---------
        clips : list of str
            Ids.

        Returns
        -------
        numpy.ndarray
            int64, [N]; for several labels float32, 0 or 1, [N, C].
        """
        if not self.multi_label:
            numbers = [self.index[self.labels(clip)[0]] for clip in clips]
            return np.array(numbers, np.int64)
        targets = np.zeros((len(clips), len(self.class_names)), np.float32)
        for row, clip in enumerate(clips):
            targets[row, [self.index[x] for x in self.labels(clip)]] = 1
        return targets

    def splits(self, seed):
        """What is trained and tested, one after the other.

        Arguments
        ---------
        seed : int
            Of the drawn validation part; each split has one of its own.

        Returns
        -------
        list of Split
            A fold each, or a trial each.
        """
        if self.folds is not None:
            return [self._fold(fold, seed) for fold in self.folds]
        parts = {
            name: {
                c: r for c, r in self.rows.items() if self.part_of[c] == name
            }
            for name in ("train", "valid", "test")
        }
        if not parts["valid"]:
            drawn = draw_parts(
                parts["train"], {"valid": self.valid_fraction}, seed
            )
            parts |= {"valid": {}, **drawn}
        ids = [list(parts[name]) for name in ("train", "valid", "test")]
        if not ids[2]:
            raise DataError(f"{self.name}: no usable clip to test on")
        return [
            Split(f"trial {number}", seed + number, *ids)
            for number in range(1, self.trials + 1)
        ]

    def _fold(self, fold, seed):
        # Of all folds, though only some may be tested.
        folds = sorted({row["fold"] for row in self.rows.values()})
        valid = validation_fold(fold, "next", folds)
        parts, _ = split_folds(self.rows, fold, valid, self.drop_leaks)
        ids = [list(parts[name]) for name in ("train", "valid", "test")]
        return Split(f"fold {fold}", seed + fold, *ids)

    def reduce(self, split, fraction):
        """A split with a part of the labels.

        Training and validation are reduced alike: whoever has few labels has
        few to validate with. The same seed gives parts that lie in each
        other, 1 % in 2 % and so on. Of clips with one label, a share of each
        class is taken, one at least.

        Arguments
        ---------
        split : Split
            The whole one.
        fraction : float
            Share of the clips, above 0, up to 1.

        Returns
        -------
        Split
            With the same test clips.

        Raises
        ------
        DataError
            If the fraction is none.
        """
        if not 0 < fraction <= 1:
            raise DataError(
                f"fraction is {fraction}, expected one above 0, up to 1"
            )
        parts = {
            name: self._part(getattr(split, name), fraction, [split.seed, n])
            for n, name in enumerate(("train", "valid"))
        }
        return dataclasses.replace(split, **parts)

    def _part(self, clips, fraction, seed):
        """A share of some clips, in their order."""
        groups = {}
        for clip in clips:
            group = None if self.multi_label else self.labels(clip)[0]
            groups.setdefault(group, []).append(clip)
        kept = set()
        for number, name in enumerate(sorted(groups, key=str)):
            members = sorted(groups[name])
            draw = np.random.default_rng([*seed, number])
            order = draw.permutation(len(members))
            count = max(1, round(fraction * len(members)))
            kept |= {members[i] for i in order[:count]}
        return [clip for clip in clips if clip in kept]
