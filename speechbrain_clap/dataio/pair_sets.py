"""The sets of a mixture: those that are there, without what leaks.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib
import random

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import split_leaks
from speechbrain_clap.dataio.manifest import read_manifest, write_manifest
from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.dataio.shards import ShardPairs
from speechbrain_clap.utils.distributed import alike
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

PARTS = ("train", "valid", "test")


class PairSets:
    """Reads the sets of a mixture and keeps training and testing apart.

    Arguments
    ---------
    mixture : dict
        Name of a set to a dict with

        - `prepare`: its preparation, called with `data_folder` and
          `manifest_folder`;
        - `data_folder`: where it lies; None: it is left out, the log says so;
        - `shards`: folder of tars that replace the files of its training
          part, or None;
        - `train_parts`: parts that train, such as [train];
        - `weight`: share of the draws of an epoch, or None.
    manifest_folder : str
        Gets a folder for each set.
    on_bad_clip : str
        "skip" or "stop".
    valid_clips : int or None
        Validation takes so many clips at most, evenly spread over all.
    subset_percent : float
        Share of the training clips that is used, drawn at random. Not of
        shards.
    seed : int
        Of that draw.
    data_folder : str or None
        Where sets may lie that have no `data_folder` of their own, each in a
        folder of its name.

    Attributes
    ----------
    train : list
        One source of pairs for each set that trains.
    weights : dict or None
        Set to weight; None: every clip once in an epoch.
    valid : ManifestPairs or None
        The validation parts of all sets, together.
    tests : dict
        Set to the source of its test part.
    sounds : dict
        Set to "real" or "made-up", as its preparation says.
    report : dict
        Clips by set and part, sets left out, leaks.
    """

    def __init__(
        self,
        mixture,
        manifest_folder,
        on_bad_clip="skip",
        valid_clips=None,
        subset_percent=100,
        seed=0,
        data_folder=None,
    ):
        if not 0 < subset_percent <= 100:
            raise DataError(
                f"subset_percent is {subset_percent}, expected more than 0 "
                "and at most 100"
            )
        self.mixture = mixture
        self.folder = pathlib.Path(manifest_folder)
        self.on_bad_clip = on_bad_clip
        self.valid_clips = valid_clips
        self.subset_percent = subset_percent
        self.seed = seed
        self.present = {}
        for name, options in mixture.items():
            if options["data_folder"] is None and data_folder is not None:
                own = pathlib.Path(data_folder) / name
                if own.is_dir():
                    options = {**options, "data_folder": str(own)}
            if options["data_folder"] or options["shards"]:
                self.present[name] = options

    def prepare(self):
        """Writes the manifests of the sets that are there.

        On the main process alone.

        Raises
        ------
        DataError
            If no set is there.
        """
        if not self.present:
            raise DataError(
                "no set of the mixture is there: give --data_folder, where "
                "they lie in folders of their names, or the folder of one of "
                f"{', '.join(self.mixture)}, each described in its "
                "recipes/<set>/README.md"
            )
        for name in self.mixture:
            if name not in self.present:
                logger.info("%s: no folder given, left out", name)
        for name, options in self.present.items():
            if options["data_folder"] is not None:
                options["prepare"](
                    data_folder=options["data_folder"],
                    manifest_folder=str(self.folder / name),
                    on_bad_clip=self.on_bad_clip,
                )

    def load(self, held_out=None):
        """Reads what was prepared.

        Training clips whose recording is in a validation or test part of any
        set, or in `held_out`, are left out and counted.

        Arguments
        ---------
        held_out : dict or None
            Name of a list to a set of sources that must not train.

        Returns
        -------
        PairSets
            Itself, with `train`, `valid`, `tests`, `weights` and `report`.

        Raises
        ------
        DataError
            If nothing is left to train on, some sets have weights and others
            none, or the ranks see different files.
        """
        rows = {name: self._parts(name) for name in self.present}
        held_out = dict(held_out or {})
        for name, parts in rows.items():
            for part in set(parts) - set(self.present[name]["train_parts"]):
                held_out[f"{name} {part}"] = {
                    row["source"] for row in parts[part].values()
                    if "source" in row
                }  # fmt: skip
        self.report = {
            "left_out": [n for n in self.mixture if n not in self.present],
            "clips": {},
            "leaks": {},
        }
        self.train, valid, self.tests, self.sounds = [], {}, {}, {}
        for name, parts in rows.items():
            self._add_training(name, parts, held_out)
            options = self.present[name]
            if "valid" in parts and "valid" not in options["train_parts"]:
                valid |= {
                    f"{name}/{key}": row for key, row in parts["valid"].items()
                }
            if "test" in parts and "test" not in options["train_parts"]:
                self.tests[name] = ManifestPairs(name, parts["test"])
                facts = (self.folder / name / "prepare.json").read_text("utf-8")
                self.sounds[name] = json.loads(facts)["sounds"]
        if not self.train:
            raise DataError(
                f"{', '.join(self.present)}: no clip is left to train on "
                f"(leaks: {self.report['leaks']})"
            )
        if not alike([len(source) for source in self.train]):
            raise DataError(
                "the ranks see different numbers of clips, here "
                f"{', '.join(f'{s.name}: {len(s)}' for s in self.train)}: all "
                "machines need the same files and tars"
            )
        self.valid = self._validation(valid)
        self.weights = self._weights()
        self.report["clips"]["valid"] = len(self.valid or ())
        for name, source in self.tests.items():
            self.report["clips"][f"{name} test"] = len(source)
        return self

    def write_report(self, keep_pairs=False):
        """Writes `pairs.json` beside the manifests; on the main process.

        Arguments
        ---------
        keep_pairs : bool
            Writes also what trains, leaks and all else that is left out gone,
            as `train_pairs.json`, and what validates as `valid_pairs.json`:
            manifests with full paths, ids beginning with the set's name.
            Shards are not in it.
        """
        write_json(self.folder / "pairs.json", self.report)
        if not keep_pairs:
            return
        files = [s for s in self.train if isinstance(s, ManifestPairs)]
        for part, sources in (
            ("train", files),
            ("valid", [] if self.valid is None else [self.valid]),
        ):
            rows = {
                # Ids of the validation set have their set's name already.
                key if part == "valid" else f"{source.name}/{key}": row
                for source in sources
                for key, row in zip(source.ids, source.rows, strict=True)
            }
            write_manifest(self.folder / f"{part}_pairs.json", rows)

    def _parts(self, name):
        """Part to rows of one set, of its parts that hold any."""
        folder = self.folder / name
        parts = {}
        for part in PARTS:
            if (folder / f"{part}.json").is_file():
                parts[part] = read_manifest(
                    folder / f"{part}.json",
                    self.present[name]["data_folder"],
                    needed=("path", "captions"),
                    on_bad_clip=self.on_bad_clip,
                )
        return {part: rows for part, rows in parts.items() if rows}

    def _add_training(self, name, parts, held_out):
        options = self.present[name]
        # Its own held-out parts too: a recording may give several clips.
        if options["shards"] is not None:
            source = ShardPairs(name, options["shards"], self.on_bad_clip)
            leaks = source.leave_out(held_out)
        else:
            rows = {}
            for part in options["train_parts"]:
                rows |= parts.get(part, {})
            rows, leaks = split_leaks(rows, held_out)
            source = ManifestPairs(name, self._subset(name, rows))
        self.report["leaks"][name] = leaks
        self.report["clips"][f"{name} train"] = len(source)
        logger.info(
            "%s: %d clips to train, %d leaks left out%s",
            name,
            len(source),
            sum(leaks.values()),
            f" ({leaks})" if leaks else "",
        )
        if len(source):
            self.train.append(source)

    def _subset(self, name, rows):
        """A share of the rows, in their order."""
        wanted = round(len(rows) * self.subset_percent / 100)
        draw = random.Random(f"{self.seed} {name}")
        chosen = set(draw.sample(list(rows), wanted))
        return {key: row for key, row in rows.items() if key in chosen}

    def _validation(self, rows):
        if self.valid_clips is not None and len(rows) > self.valid_clips:
            step = len(rows) / self.valid_clips
            names = list(rows)
            rows = {
                names[int(i * step)]: rows[names[int(i * step)]]
                for i in range(self.valid_clips)
            }
        return ManifestPairs("valid", rows) if rows else None

    def _weights(self):
        weights = {
            source.name: self.present[source.name]["weight"]
            for source in self.train
        }
        given = [name for name, weight in weights.items() if weight is not None]
        if not given:
            return None
        if len(given) < len(weights):
            without = sorted(set(weights) - set(given))
            raise DataError(
                f"mixture: {', '.join(given)} have a weight and "
                f"{', '.join(without)} none: give every set one, or none"
            )
        return weights

    def facts(self):
        """What a protocol is to say of the training clips.

        Returns
        -------
        dict
            `trained_on`, set to clips, `subset_percent` and
            `leaks_left_out`, set to list to clips.
        """
        return {
            "trained_on": {s.name: len(s) for s in self.train},
            "subset_percent": self.subset_percent,
            "leaks_left_out": self.report["leaks"],
        }

    def listed(self, name):
        """How many clips a test part has, bad ones among them.

        Arguments
        ---------
        name : str
            Of its set.

        Returns
        -------
        int
            At least 1.
        """
        return len(self.tests[name])

    def captions(self):
        """All captions of the training clips, for a vocabulary.

        Only read where a text encoder learns its words from them.

        Yields
        ------
        str
            In the order of the sets.
        """
        for source in self.train:
            for i in range(len(source)):
                yield from source.captions(i)

    def max_captions(self):
        """The most captions that a training clip has.

        Returns
        -------
        int
            At least 1.
        """
        return max(
            len(source.captions(i))
            for source in self.train
            for i in range(len(source))
        )


def kept_pairs(folder, part):
    """The pairs that an earlier training was made with.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where ``PairSets.write_report(keep_pairs=True)`` wrote.
    part : str
        "train" or "valid".

    Returns
    -------
    dict
        Id to row.

    Raises
    ------
    FileNotFoundError
        If they were not kept.

    Example
    -------
    >>> kept_pairs("/no/such/folder", "train")
    Traceback (most recent call last):
    ...
    FileNotFoundError: /no/such/folder/train_pairs.json does not exist: ...
    """
    path = pathlib.Path(folder) / f"{part}_pairs.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: train with --keep_pairs=True and give "
            "the folder save/ of that training"
        )
    return read_manifest(path, "", ("path", "captions"), on_bad_clip="skip")
