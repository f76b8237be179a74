"""The data of a report card: sets of clips, and what is asked of them.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

from speechbrain.utils.distributed import ddp_barrier, if_main_process
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.utils.files import write_json
from speechbrain_clap.utils.hparams import HparamsError
from speechbrain_clap.utils.prompts import fill_template

logger = get_logger(__name__)

ABSENT = "absent.json"
KINDS = {
    "multiclass": ("accuracy",),
    "multilabel": ("mAP", "F1"),
    "retrieval": ("R@1",),
    "captioning": ("SPIDEr",),
}
DIRECTIONS = ("audio_to_text", "text_to_audio")


class CardSet:
    """A set of clips that tasks of a report card are about.

    Arguments
    ---------
    name : str
        How tasks call it.
    data_folder : str or None
        Where it lies. None, or a folder that is not there: its tasks are
        listed as absent.
    prepare : callable
        A recipe's preparation, called with `data_folder` and
        `manifest_folder`; writes manifests and one ``prepare*.json`` with
        `dataset`, `sounds` and, of labelled sets, `classes`.
    parts : list of str
        The manifests that are tested together, without their ".json".
    where : str
        Where to get the set.
    valid_parts : list of str
        Manifests on which thresholds are fitted, where they are there.

    Attributes
    ----------
    rows : dict
        Id to row of the clips that are tested; after `load`.
    valid_rows : dict
        Of the clips that validate, perhaps none.
    facts : dict
        What the preparation wrote of the set.
    absent : str or None
        Why it is not there.

    Example
    -------
    >>> nothing = CardSet("pets", None, None, ["test"], "https://example.org")
    >>> nothing.load(getfixture("tmp_path"))
    False
    >>> nothing.absent
    'no folder is given'
    """

    def __init__(
        self, name, data_folder, prepare, parts, where, valid_parts=()
    ):
        self.name = name
        self.data_folder = data_folder
        self.prepare = prepare
        self.parts = parts
        self.where = where
        self.valid_parts = valid_parts
        self.absent = None

    def load(self, folder):
        """Prepares the set and reads its clips, where it is there.

        On several ranks all call it; the first one prepares.

        Arguments
        ---------
        folder : str or pathlib.Path
            Gets the manifests, in a folder of the set's name.

        Returns
        -------
        bool
            Whether it is there.

        Raises
        ------
        DataError
            If the preparation finds a fault.
        """
        if self.data_folder is None:
            self.absent = "no folder is given"
            return False
        folder = pathlib.Path(folder) / self.name
        if if_main_process():
            self._prepare(folder)
        ddp_barrier()
        if (folder / ABSENT).is_file():
            text = (folder / ABSENT).read_text("utf-8")
            self.absent = json.loads(text)["reason"]
            return False
        report = next(folder.glob("prepare*.json"))
        self.facts = json.loads(report.read_text("utf-8"))
        self.rows = self._read(folder, self.parts)
        self.valid_rows = self._read(folder, self.valid_parts)
        if not self.rows:
            self.absent = f"no clip of it is in {self.data_folder}"
        return bool(self.rows)

    def _prepare(self, folder):
        """Writes the manifests, or why there are none."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABSENT).unlink(missing_ok=True)
        try:
            if not pathlib.Path(self.data_folder).is_dir():
                raise FileNotFoundError(f"there is no {self.data_folder}")
            self.prepare(
                data_folder=self.data_folder, manifest_folder=str(folder)
            )
        except FileNotFoundError as error:
            # Not there is no fault; what is there and broken is one.
            write_json(folder / ABSENT, {"reason": str(error)})
            logger.info("%s is absent: %s", self.name, error)

    def _read(self, folder, parts):
        """Id to row of some manifests; a part that was not written is none."""
        rows = {}
        for part in parts:
            if (folder / f"{part}.json").is_file():
                rows |= read_manifest(
                    folder / f"{part}.json",
                    self.data_folder,
                    needed=("path",),
                    on_bad_clip="skip",
                )
        return rows

    def listed(self):
        """How many clips the set's own lists name.

        Returns
        -------
        int
            Those that are missing or bad among them.
        """
        parts = self.facts.get("parts")
        if parts is None:  # a set with folds, or of scenes
            return len(self.rows) + len(self.facts["skipped"])
        return sum(parts[part]["listed"] for part in self.parts)

    def classes(self, key):
        """The classes that a key of the rows is taken from.

        Arguments
        ---------
        key : str
            Such as "label".

        Returns
        -------
        list of str
            In the set's order.

        Raises
        ------
        DataError
            If the preparation lists none.
        """
        classes = self.facts.get("classes")
        if isinstance(classes, dict):
            classes = classes.get(key)
        if not classes:
            raise DataError(f"{self.name}: its preparation lists no classes")
        return classes


class CardTask:
    """What is asked of a set, and what others have scored.

    Arguments
    ---------
    id : str
        Short name.
    name : str
        For reports.
    domain : str
        Kind of sounds.
    set : str
        Name of the `CardSet`.
    kind : str
        "multiclass", "multilabel", "retrieval" or "captioning".
    metric : str
        "accuracy"; "mAP" or "F1"; "R@1"; "SPIDEr".
    labels : str
        Key of the rows that holds what is right: a text, or a list of texts.
    split : str
        Which clips are tested, in words.
    templates : list of str
        Prompts of a class, averaged; each holds "{}".
    spoken : dict or None
        Label to how it is said, where it is not just its name with spaces for
        underscores.
    classes : int or None
        How many the published scores are about: with others, of a part of the
        set say, they are not shown beside ours.
    direction : str or None
        Of retrieval: "audio_to_text" or "text_to_audio".
    published : dict or None
        Name of a system to its score, or None where it is not known.
    published_map : dict or None
        Of retrieval: the same for mAP@10.
    benchmark_source : str
        Whose score "benchmark" is.
    prompt_source : str
        Where the templates are from.
    note : str
        What a reader should know.

    Raises
    ------
    HparamsError
        If kind, metric, direction or a template is not what it should be.

    Example
    -------
    >>> task = CardTask(
    ...     "pets", "Pets", "animals", "pets", "multiclass", "accuracy",
    ...     "label", "all", templates=["a {} is heard"],
    ...     spoken={"felis": "cat"},
    ... )  # fmt: skip
    >>> task.prompts(["felis", "big_dog"])
    ['a cat is heard', 'a big dog is heard']
    """

    def __init__(
        self, id, name, domain, set, kind, metric, labels, split,
        templates=(), spoken=None, classes=None, direction=None,
        published=None, published_map=None, benchmark_source="",
        prompt_source="", note="",
    ):  # fmt: skip
        self.id, self.name, self.domain = id, name, domain
        self.set, self.kind, self.metric = set, kind, metric
        self.labels, self.split = labels, split
        self.templates = list(templates)
        self.spoken = spoken or {}
        self.classes = classes
        self.direction = direction
        self.published = published or {}
        self.published_map = published_map or {}
        self.benchmark_source = benchmark_source
        self.prompt_source = prompt_source
        self.note = note
        self._check()

    def _check(self):
        if self.kind not in KINDS or self.metric not in KINDS[self.kind]:
            raise HparamsError(
                f"task {self.id}: kind '{self.kind}' with metric "
                f"'{self.metric}', expected one of "
                + "; ".join(f"{k} with {' or '.join(KINDS[k])}" for k in KINDS)
            )
        if self.kind == "retrieval" and self.direction not in DIRECTIONS:
            raise HparamsError(
                f"task {self.id}: direction is {self.direction!r}, expected "
                f"{' or '.join(DIRECTIONS)}"
            )
        if self.is_labelled and not self.templates:
            raise HparamsError(
                f"task {self.id}: has no templates, expected a list such as "
                "['this is a sound of {}']"
            )
        for template in self.templates:
            try:
                fill_template(template, "")
            except ValueError as error:
                raise HparamsError(f"task {self.id}: {error}") from error

    @property
    def is_labelled(self):
        """Whether classes are told by prompts.

        Returns
        -------
        bool
            False for retrieval and captioning.
        """
        return self.kind in ("multiclass", "multilabel")

    def prompts(self, classes, templates=None):
        """The texts of classes, all of a template together.

        Arguments
        ---------
        classes : list of str
            C labels.
        templates : list of str or None
            Others than the task's own, T.

        Returns
        -------
        list of str
            T x C texts.
        """
        return [
            fill_template(template, str(self.spoken.get(label, label)))
            for template in templates or self.templates
            for label in classes
        ]
