"""The result of each task of a report card, from a model's embeddings.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib

import numpy as np
from speechbrain.utils.distributed import if_main_process

from speechbrain_clap.evaluation.card_scores import (
    class_scores,
    class_targets,
    quick_value,
    score_captions,
    score_classes,
    score_none,
    score_retrieval,
)

SHOWN = 5  # captions that were written, as examples


class CardResults:
    """Scores tasks; each set and each list of texts is embedded once.

    Arguments
    ---------
    cache : speechbrain_clap.evaluation.card_embed.CardCache
        Embeds clips and texts, or finds them.
    sets : dict
        Name to ``speechbrain_clap.evaluation.card_sets.CardSet``, loaded.
    sweep : list of str
        Templates that are tried on each task of classes beside its own.
    none_of_these : bool
        Whether a threshold for "none of these" is fitted.
    caption : callable or None
        Takes a list of files, gives a caption of each.

    Attributes
    ----------
    heard : dict
        Name of a set to the ids of its clips that could be read.
    """

    def __init__(self, cache, sets, sweep, none_of_these, caption):
        self.cache = cache
        self.sets = sets
        self.sweep = sweep
        self.none_of_these = none_of_these
        self.caption = caption
        self.heard = {}
        self.audio = {}  # name of a set to embeddings, [N, D]
        self.retrieved = {}  # name of a set to both directions

    def result(self, task):
        """What the card says of a task.

        On several ranks all call, in one order.

        Arguments
        ---------
        task : speechbrain_clap.evaluation.card_sets.CardTask
            Its set is there.

        Returns
        -------
        dict or None
            Ready for JSON, on the main process: what the task is, `clips`,
            `skipped`, `sounds`, `value` (None: it cannot be computed here),
            `interval`, `published`, and what its kind has beside them.
        """
        of_set = self.sets[task.set]
        if task.set not in self.audio:
            self.heard[task.set], self.audio[task.set] = self.cache.sounds(
                task.set, of_set.rows
            )
        score = {
            "retrieval": self._retrieval,
            "captioning": self._captioning,
        }.get(task.kind, self._classes)
        found = score(task, of_set)
        if not if_main_process():
            return None
        heard = self.heard[task.set]
        return {
            "id": task.id,
            "name": _name(task, found.get("classes")),
            "domain": task.domain,
            "dataset": of_set.facts["dataset"],
            "split": task.split,
            "kind": task.kind,
            "metric": task.metric,
            "clips": len(heard),
            "skipped": of_set.listed() - len(heard),
            "sounds": of_set.facts["sounds"],
            "note": task.note,
            **_published(task, found.get("classes")),
            **found,
        }

    def _classes(self, task, of_set):
        classes = of_set.classes(task.labels)
        own = task.prompts(classes)
        tried = [t for t in self.sweep if [t] != task.templates]
        every = own + [p for t in tried for p in task.prompts(classes, [t])]
        texts = self.cache.texts(every)
        ids, audio = self.heard[task.set], self.audio[task.set]
        wants_valid = task.metric == "F1" or (
            self.none_of_these and task.metric == "accuracy"
        )
        valid = None
        if wants_valid and of_set.valid_rows:
            valid = self.cache.sounds(f"{task.set}-valid", of_set.valid_rows)
        if not if_main_process():
            return None

        def _pair(names, rows, vectors, prompts):
            scores = class_scores(vectors, prompts, len(classes))
            return scores, class_targets(task, rows, names, classes)

        def _both(prompts):
            other = None
            if valid is not None:
                other = _pair(valid[0], of_set.valid_rows, valid[1], prompts)
            return *_pair(ids, of_set.rows, audio, prompts), other

        scores, targets, other = _both(texts[: len(own)])
        folds = [of_set.rows[name].get("fold") for name in ids]
        folds = None if None in folds else folds
        found = {
            "classes": len(classes),
            **score_classes(task, scores, targets, classes, folds, other),
            "templates": task.templates,
            "prompt_source": task.prompt_source,
            "prompts": own[: len(classes)],
        }
        values = {}
        for place, template in enumerate(tried):
            first = len(own) + place * len(classes)
            values[template] = quick_value(
                task, *_both(texts[first : first + len(classes)])
            )
        if values:
            found["sweep"] = _sweep(task.templates, found["value"], values)
        if self.none_of_these and task.metric == "accuracy":
            if len(classes) > 1:
                found["none_of_these"] = _none(
                    scores, targets, other, folds, ids
                )
        return found

    def _retrieval(self, task, of_set):
        captions = [
            of_set.rows[name][task.labels] for name in self.heard[task.set]
        ]
        texts = self.cache.texts([text for each in captions for text in each])
        if not if_main_process():
            return None
        if task.set not in self.retrieved:
            clip_of = np.repeat(
                np.arange(len(captions)), list(map(len, captions))
            )
            self.retrieved[task.set] = score_retrieval(
                self.audio[task.set], texts, clip_of
            )
        found = self.retrieved[task.set][task.direction]
        return {"captions": len(texts), **found}

    def _captioning(self, task, of_set):
        if not if_main_process():
            return None
        rows = [of_set.rows[name] for name in self.heard[task.set]]
        written = self.caption([row["path"] for row in rows])
        return {
            **score_captions(written, [row[task.labels] for row in rows]),
            "written": dict(
                zip(self.heard[task.set][:SHOWN], written, strict=False)
            ),
        }


def _name(task, classes):
    """The task's name, with a word about a set that is not the whole one."""
    if task.classes in (None, classes):
        return task.name
    return f"{task.name}: {classes} of its {task.classes} classes"


def _published(task, classes):
    """The published scores, unless they are about other classes."""
    same = task.classes is None or classes == task.classes
    found = {"published": task.published if same else {}}
    if not same:
        found["published_note"] = (
            f"published scores are of {task.classes} classes, these clips "
            f"have {classes}"
        )
    if task.benchmark_source and same:
        found["benchmark_source"] = task.benchmark_source
    if task.published_map:
        found["published_mAP@10"] = task.published_map
    return found


def _sweep(templates, default, values):
    """The task's own prompts, the others, and the best of all."""
    # Of equal values the task's own prompts, then the first.
    best, value = templates, default
    for template, each in values.items():
        if each > value:
            best, value = [template], each
    return {
        "default": {"templates": templates, "value": default},
        "best": {
            "templates": best,
            "value": value,
            "chosen_on": "the test clips: optimistic",
        },
        "others": values,
    }


def _none(scores, targets, valid, folds, ids):
    """A threshold from validation clips: a part, a fold, or half of them."""
    if valid is not None:
        return {
            "fitted_part": "the validation part",
            **score_none(scores, targets, valid),
        }
    if folds is not None and len(set(folds)) > 1:
        first = min(folds)
        chosen = np.array([fold == first for fold in folds])
        part = f"fold {first}"
    else:
        # By a hash: another copy of the set has nearly the same half.
        digests = [hashlib.sha256(name.encode()).digest()[0] for name in ids]
        chosen = np.array(digests) % 2 == 0
        part = "half of the clips, by a hash of their names"
    if chosen.all() or not chosen.any():
        return {"fitted_part": "too few clips"}
    return {
        "fitted_part": part,
        **score_none(
            scores[~chosen],
            targets[~chosen],
            (scores[chosen], targets[chosen]),
        ),
    }
