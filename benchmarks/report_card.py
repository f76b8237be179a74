"""The report card's time once embeddings exist: 10,000 clips, 26 label sets.

    python benchmarks/report_card.py [--full]

Label sets have the sizes and metrics of the 20 tasks of classes; six of 50
classes stand for the tasks of retrieval and captioning. Embeddings of clips and
prompts are made up and in memory. Ours is the whole card: values, intervals,
eight templates, table, page. The peer, what one writes by hand with
scikit-learn, gives the values alone, of one template; its time is counted
eight times. With `--full` it does all eight.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import tempfile
import time
from types import SimpleNamespace

import numpy as np
import sklearn
from common import describe_device, make_claim, print_report
from sklearn.metrics import average_precision_score

from speechbrain_clap.evaluation.card_sets import CardTask
from speechbrain_clap.evaluation.report_card import write_report_card

CLIPS, DIM, TEMPLATES = 10_000, 512, 8
GOAL_SECONDS = 10.0
ACCURACY = [50, 10, 6, 4, 15, 2, 10, 112, 5, 4, 11, 6, 8, 12, 11, *[50] * 6]
TAGGING = [("mAP", 200), ("F1", 17), ("mAP", 527), ("mAP", 20), ("mAP", 10)]


def make_up(metric, classes, random):
    """Clips around the texts of their classes.

    Arguments
    ---------
    metric : str
        "accuracy", "mAP" or "F1".
    classes : int
        C.
    random : numpy.random.Generator
        Of all numbers.

    Returns
    -------
    ndarray
        Embeddings of clips, [CLIPS, DIM].
    ndarray
        Of prompts, [TEMPLATES * C, DIM].
    ndarray
        Numbers of classes, [CLIPS]; or 0 and 1, [CLIPS, C].
    """

    def _normal(rows):
        made = random.standard_normal((rows, DIM), np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    centres = _normal(classes)
    texts = np.concatenate(
        [centres + 0.5 * _normal(classes) for _ in range(TEMPLATES)]
    )
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    if metric == "accuracy":
        targets = random.integers(classes, size=CLIPS)
        mixed = centres[targets]
    else:  # about three labels a clip, as in FSD50K
        targets = random.random((CLIPS, classes)) < min(0.3, 3 / classes)
        targets[np.arange(CLIPS), random.integers(classes, size=CLIPS)] = True
        mixed = targets.astype(np.float32) @ centres
    audio = mixed + 3.0 * _normal(CLIPS)
    audio /= np.linalg.norm(audio, axis=1, keepdims=True)
    return audio, texts, targets


class MadeUp:
    """What a card asks of its cache and of its sets, from memory.

    Arguments
    ---------
    tasks : list of tuple
        Metric and number of classes of each set.
    """

    def __init__(self, tasks):
        random = np.random.default_rng(0)
        self.ids = [f"clip {number}" for number in range(CLIPS)]
        self.made, self.sets, self.tasks = {}, {}, []
        for number, (metric, classes) in enumerate(tasks):
            name = f"set {number}"
            self.made[name] = make_up(metric, classes, random)
            self.add(name, metric, classes)

    def add(self, name, metric, classes):
        """Adds a set and what is asked of it.

        Arguments
        ---------
        name : str
            Of the set.
        metric : str
            Of the task.
        classes : int
            C.
        """
        names = [f"{name} class {number}" for number in range(classes)]
        targets = self.made[name][2]
        if metric == "accuracy":
            rows = [{"label": names[number]} for number in targets]
        else:
            heard = [np.flatnonzero(row) for row in targets]
            rows = [{"label": [names[i] for i in row]} for row in heard]
        self.sets[name] = SimpleNamespace(
            rows=dict(zip(self.ids, rows, strict=True)),
            valid_rows={},
            facts={"dataset": name, "sounds": "made-up"},
            absent=None,
            classes=lambda key: names,
            listed=lambda: CLIPS,
        )
        kind = "multiclass" if metric == "accuracy" else "multilabel"
        self.tasks.append(
            CardTask(
                name,
                name,
                "made-up",
                name,
                kind,
                metric,
                "label",
                "all",
                templates=["{} 0"],
            )  # fmt: skip
        )

    def sounds(self, name, rows):
        """Embeddings of clips, as ``CardCache.sounds`` gives.

        Arguments
        ---------
        name : str
            Of the set.
        rows : dict
            Not used.

        Returns
        -------
        list of str
            Ids.
        ndarray
            [CLIPS, DIM].
        """
        return self.ids, self.made[name][0]

    def texts(self, texts):
        """Embeddings of all prompts of a set, as ``CardCache.texts`` gives.

        Arguments
        ---------
        texts : list of str
            Of all templates, each with all classes.

        Returns
        -------
        ndarray
            [TEMPLATES * C, DIM].
        """
        return self.made[texts[0].split(" class")[0]][1]


def score_plainly(metric, audio, texts, targets, templates):
    """The same values as one computes them by hand.

    Arguments
    ---------
    metric : str
        Of the task.
    audio : ndarray
        [CLIPS, DIM].
    texts : ndarray
        [TEMPLATES * C, DIM].
    targets : ndarray
        As from `make_up`.
    templates : int
        How many of them.

    Returns
    -------
    list of float
        The value of each of these templates.
    """
    classes, found = len(texts) // TEMPLATES, []
    for first in range(0, templates * classes, classes):
        scores = audio @ texts[first : first + classes].T
        if metric == "accuracy":
            found.append(float((scores.argmax(1) == targets).mean()))
        elif metric == "F1":
            said = scores >= 0
            right = (said & targets).sum()
            found.append(float(2 * right / (said.sum() + targets.sum())))
        else:
            found.append(average_precision_score(targets, scores))
    return found


def main():
    """Scores all sets both ways, set after set, and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    templates = TEMPLATES if parser.parse_args().full else 1
    tasks = [("accuracy", classes) for classes in ACCURACY] + TAGGING
    made = MadeUp(tasks)
    sweep = [f"{{}} {number}" for number in range(1, TEMPLATES)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        card = write_report_card(
            made, made.sets, made.tasks, folder, {"model": "made-up"}, sweep
        )
        ours = time.perf_counter() - start
    worst, start = 0.0, time.perf_counter()
    for (metric, _), result in zip(tasks, card["tasks"], strict=True):
        arrays = made.made[result["id"]]
        wanted = score_plainly(metric, *arrays, templates)
        values = [result["value"], *result["sweep"]["others"].values()]
        gaps = np.abs(np.array(values[:templates]) - wanted)
        worst = max(worst, float(gaps.max()))
    # Of as many templates.
    theirs = (time.perf_counter() - start) * TEMPLATES / templates
    print(
        f"{len(tasks)} label sets, {sum(c for _, c in tasks):,} classes, "
        f"{CLIPS:,} clips, {TEMPLATES} templates; values differ from the "
        f"peer's by {worst:.1e} at most"
    )
    reached = "reached" if ours < GOAL_SECONDS else "not reached"
    claim = make_claim(
        "time",
        ours,
        theirs,
        "s",
        "report_card",
        f"scikit-learn {sklearn.__version__}, values alone",
        describe_device("cpu"),
    )
    print_report([claim], [f"under {GOAL_SECONDS:g} s: {reached}"])


if __name__ == "__main__":
    main()
