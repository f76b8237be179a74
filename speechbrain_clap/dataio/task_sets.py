"""Tasks over sets of sounds, mixed to train a model that answers in words.

Authors
 * The speechbrain_clap team 2026
"""

import random

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)


class TaskPairs(ManifestPairs):
    """The clips of a set that a task asks about, as a source of pairs.

    Arguments
    ---------
    name : str
        Of the task.
    rows : dict
        Id to row of one part of a set; those that do not fit are left out.
    rule : callable
        Of ``speechbrain_clap.dataio.task_rules`` or ``task_questions``.

    Example
    -------
    >>> from speechbrain_clap.dataio.task_rules import NameLabels
    >>> rows = {
    ...     "a": {"path": "a.wav", "captions": ["-"], "label": "dog"},
    ...     "b": {"path": "b.wav", "captions": ["-"]},
    ... }
    >>> pairs = TaskPairs("naming", rows, NameLabels("label", "what is it?"))
    >>> pairs.ids, pairs.ask(0, epoch=1)
    (['a'], ('what is it?', ['dog']))
    """

    def __init__(self, name, rows, rule):
        super().__init__(
            name, {key: row for key, row in rows.items() if rule.fits(row)}
        )
        self.rule = rule

    def ask(self, i, epoch=0, seed=0):
        """What is asked about a clip, the same whoever asks and whenever.

        Arguments
        ---------
        i : int
            Row.
        epoch : int
            Each epoch may ask something else; 0 is for evaluation.
        seed : int
            Of the draws in training.

        Returns
        -------
        str
            The prompt.
        list of str
            The right answers.
        """
        # random.Random hashes a string the same way in every process.
        draw = random.Random(f"{seed} {epoch} {self.name}/{self.ids[i]} asked")
        return self.rule(self.rows[i], self.rows, draw)


class AskedPairs(torch.utils.data.Dataset):
    """Adds `prompt`, `answer` and all right answers to the items of pairs.

    Arguments
    ---------
    pairs : object
        ``speechbrain_clap.dataio.pairs.PairDataset`` of all `sources`, or
        ``ClipPairs`` of the only one.
    sources : list of TaskPairs
        What it reads.
    seed : int
        Of what is asked in training.

    Example
    -------
    >>> from speechbrain_clap.dataio.pairs import ClipPairs
    >>> from speechbrain_clap.dataio.task_rules import WriteCaption
    >>> rows = {"a": {"path": "a.wav", "captions": ["a hum"]}}
    >>> source = TaskPairs("captions", rows, WriteCaption("caption:"))
    >>> item = AskedPairs(ClipPairs(source, lambda *_, position: 0), [source])[
    ...     0
    ... ]
    >>> item["prompt"], item["answer"], item["captions"]
    ('caption:', 'a hum', ['a hum'])
    """

    def __init__(self, pairs, sources, seed=0):
        self.pairs = pairs
        self.sources = sources
        self.seed = seed

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        """One item.

        Arguments
        ---------
        index : tuple or int
            (epoch, number of the source, row in it); in evaluation the row.

        Returns
        -------
        dict
            The pair's, with `prompt`, `answer` (str) and, as `captions`, all
            right answers.
        """
        pair = dict(self.pairs[index])
        if isinstance(index, tuple):
            epoch, number, row = index
            prompt, answers = self.sources[number].ask(row, epoch, self.seed)
        else:
            prompt, answers = self.sources[0].ask(index)
        pair |= {"prompt": prompt, "answer": answers[0], "captions": answers}
        return pair


class TaskSets:
    """The tasks whose sets are there, each part by itself.

    Arguments
    ---------
    tasks : dict
        Name of a task to a dict with

        - `set`: a set of the mixture;
        - `rule`: how it asks and answers, see
          ``speechbrain_clap.dataio.task_rules``;
        - `weight`: its share of the draws of an epoch, on any scale.
    sets : speechbrain_clap.dataio.pair_sets.PairSets
        The sets, of which none has a weight.
    seed : int
        Of what is asked in training.

    Attributes
    ----------
    train : list of TaskPairs
        What trains.
    weights : dict
        Task to weight.
    valid : list of TaskPairs
        The validation parts.
    tests : dict
        Task to the source of its test part.
    sounds : dict
        Task to "real" or "made-up".
    left_out : dict
        Task to the set that is not there.

    Raises
    ------
    DataError
        If a task is of a set that the mixture does not have.
    """

    def __init__(self, tasks, sets, seed=0):
        for name, task in tasks.items():
            if task["set"] not in sets.mixture:
                raise DataError(
                    f"tasks: '{name}' is of the set '{task['set']}', expected "
                    f"one of {', '.join(sets.mixture)}"
                )
        self.tasks = tasks
        self.sets = sets
        self.seed = seed

    def load(self):
        """Reads what the sets' preparation wrote.

        Returns
        -------
        TaskSets
            Itself, with all attributes.

        Raises
        ------
        DataError
            If a set is there, but none of its training clips fits its task, or
            no task is left.
        """
        self.sets.load()
        trained = {source.name: source for source in self.sets.train}
        self.train, self.valid, self.tests = [], [], {}
        self.weights, self.sounds, self.left_out = {}, {}, {}
        for name, task in self.tasks.items():
            home, rule = task["set"], task["rule"]
            if home not in trained:
                logger.info("Task %s: %s is not there, left out", name, home)
                self.left_out[name] = home
                continue
            source = TaskPairs(name, _rows(trained[home]), rule)
            if not len(source):
                raise DataError(
                    f"task '{name}': none of the {len(trained[home])} training "
                    f"clips of {home} has what {type(rule).__name__} asks "
                    "about: give it another set, or another key"
                )
            self.train.append(source)
            self.weights[name] = task["weight"]
            if self.sets.valid is not None:
                prefix = f"{home}/"  # of the ids of a joint validation part
                rows = {
                    key.removeprefix(prefix): row
                    for key, row in _rows(self.sets.valid).items()
                    if key.startswith(prefix)
                }
                self._keep(TaskPairs(name, rows, rule), self.valid)
            if home in self.sets.tests:
                source = TaskPairs(name, _rows(self.sets.tests[home]), rule)
                if len(source):
                    self.tests[name] = source
                    self.sounds[name] = self.sets.sounds[home]
        if not self.train:
            raise DataError(
                f"tasks: none of {', '.join(self.tasks)} has its set; there is "
                f"{', '.join(trained)}"
            )
        return self

    def _keep(self, source, sources):
        if len(source):
            sources.append(source)

    def write_report(self, folder):
        """Writes `tasks.json`: clips of each task, and what is left out.

        On the main process.

        Arguments
        ---------
        folder : str or pathlib.Path
            Where to.
        """
        parts = {"train": self.train, "valid": self.valid}
        parts["test"] = list(self.tests.values())
        write_json(
            f"{folder}/tasks.json",
            {
                "clips": {
                    part: {source.name: len(source) for source in sources}
                    for part, sources in parts.items()
                },
                "weights": self.weights,
                "left_out": self.left_out,
            },
        )

    def texts(self):
        """Prompts and answers of all training clips, for a vocabulary.

        Yields
        ------
        str
            In the order of the tasks.
        """
        for source in self.train:
            for i in range(len(source)):
                prompt, answers = source.ask(i, epoch=1, seed=self.seed)
                yield from (prompt, *answers)

    def facts(self):
        """What a protocol is to say of the training clips.

        Returns
        -------
        dict
            Of the sets, with `tasks` (task to clips and weight) and
            `tasks_left_out`.
        """
        return {
            **self.sets.facts(),
            "tasks": {
                source.name: {
                    "set": self.tasks[source.name]["set"],
                    "clips": len(source),
                    "weight": self.weights[source.name],
                }
                for source in self.train
            },
            "tasks_left_out": self.left_out,
        }

    def listed(self, name):
        """How many clips a test part has, bad ones among them.

        Arguments
        ---------
        name : str
            Of a task.

        Returns
        -------
        int
            At least 1.
        """
        return len(self.tests[name])


def _rows(source):
    return dict(zip(source.ids, source.rows, strict=True))
