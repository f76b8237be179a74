"""Probes of a frozen encoder: splits, label fractions, zero-shot, files.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import numpy as np
import torch
from speechbrain.utils.logger import get_logger
from torch.nn.functional import normalize

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.probe_report import write_probe_report
from speechbrain_clap.metrics.probe_scores import probe_score
from speechbrain_clap.utils.files import write_json
from speechbrain_clap.utils.prompts import fill_template

logger = get_logger(__name__)


def run_probes(
    output_folder,
    probe_set,
    features,
    trainer,
    fractions,
    seed,
    protocol,
    device="cpu",
    zero_shot=None,
):
    """Trains and tests probes at each label fraction, and writes the results.

    The splits of a fraction are trained together. Each fraction leaves a file
    in `fractions/`: a run that was killed goes on behind the last of them.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Gets what ``write_probe_report`` writes, and `fractions/`.
    probe_set : speechbrain_clap.dataio.probe_sets.ProbeSet
        The loaded set.
    features : speechbrain_clap.evaluation.features.Features
        Of its clips.
    trainer : speechbrain_clap.evaluation.probe_training.ProbeTrainer
        How probes are trained.
    fractions : list of float
        Shares of the labels, up to 1.
    seed : int
        Of all that is drawn.
    protocol : dict
        What the result is to say of itself.
    device : str
        Where to train.
    zero_shot : dict or None
        What ``zero_shot_part`` gave, told beside the result.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    DataError
        If no clip of a part could be read.
    """
    check_fractions(fractions)
    folder = pathlib.Path(output_folder)
    vectors = torch.from_numpy(features.vectors).to(device)
    ids = list(features.index)
    targets = torch.from_numpy(probe_set.targets(ids)).to(device)
    splits = probe_set.splits(seed)
    for fraction in fractions:
        if fraction_file(folder, fraction).is_file():
            logger.info("%g %% of the labels: done", 100 * fraction)
            continue
        smaller = [probe_set.reduce(split, fraction) for split in splits]
        rows = []
        for split in smaller:
            parts = [features.rows(split.train), features.rows(split.valid)]
            if not len(parts[0]) or not len(features.rows(split.test)):
                raise DataError(
                    f"{probe_set.name}, {split.name}: no clip to train or to "
                    "test on could be read"
                )
            rows.append((*parts, split.seed))
        fitted = trainer.fit(vectors, targets, rows, len(probe_set.class_names))
        results = []
        for number, split in enumerate(smaller):
            logits = fitted.scores(number, features.rows(split.test))
            results.append(
                split_result(
                    probe_set,
                    split,
                    features.kept(split.test),
                    logits,
                    trainer.metric,
                    {
                        **fitted.best[number],
                        "train_clips": len(rows[number][0]),
                        "valid_clips": len(rows[number][1]),
                    },
                )
            )
        save_fraction(folder, fraction, results)
    return write_probe_report(
        folder,
        probe_set,
        load_fractions(folder, fractions),
        trainer.metric,
        protocol,
        skipped=features.skipped,
        zero_shot=zero_shot,
    )


def check_fractions(fractions):
    """Refuses fractions without the whole, which the report is about.

    Arguments
    ---------
    fractions : list of float
        Shares of the labels.

    Raises
    ------
    DataError
        If 1 is not among them.

    Example
    -------
    >>> check_fractions([0.1, 1])
    """
    if 1 not in fractions:
        raise DataError(
            f"fractions are {list(fractions)}, expected 1 among them: report "
            "and confusions are about all labels"
        )


def split_result(probe_set, split, clips, logits, metric, facts):
    """What one split gave.

    Arguments
    ---------
    probe_set : speechbrain_clap.dataio.probe_sets.ProbeSet
        The set.
    split : speechbrain_clap.dataio.probe_sets.Split
        Trained on.
    clips : list of str
        Ids of the test clips, N.
    logits : numpy.ndarray
        [N, C].
    metric : str
        See ``speechbrain_clap.metrics.probe_scores.probe_score``.
    facts : dict
        What else is to be told.

    Returns
    -------
    dict
        `split`, `value`, `clips` (how many), the facts, and `ids` and
        `logits`.
    """
    value = probe_score(metric, logits, probe_set.targets(clips))
    logger.info(
        "%s, %s, %d training clips: %s %.3f",
        probe_set.name,
        split.name,
        facts["train_clips"],
        metric,
        value,
    )
    return {
        "split": split.name,
        "value": value,
        "clips": len(clips),
        **facts,
        "ids": clips,
        "logits": np.asarray(logits, np.float32),
    }


def fraction_file(folder, fraction):
    """Where the results of a label fraction are.

    Arguments
    ---------
    folder : pathlib.Path
        The output folder.
    fraction : float
        Share of the labels.

    Returns
    -------
    pathlib.Path
        Written last; a ``.npz`` of that name holds the logits.

    Example
    -------
    >>> fraction_file(pathlib.Path("out"), 0.05).as_posix()
    'out/fractions/5.json'
    """
    return pathlib.Path(folder, "fractions", f"{100 * fraction:g}.json")


def save_fraction(folder, fraction, results):
    """Writes the results of a label fraction.

    The logits are kept of the whole alone.

    Arguments
    ---------
    folder : pathlib.Path
        The output folder.
    fraction : float
        Share of the labels.
    results : list of dict
        From ``split_result``, for each split.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> result = {"split": "fold 1", "value": 0.5, "clips": 2}
    >>> logits = {"ids": ["a", "b"], "logits": np.zeros((2, 3))}
    >>> save_fraction(folder, 1.0, [{**result, **logits}])
    >>> load_fractions(folder, [1.0])[1.0][0]["logits"].shape
    (2, 3)
    """
    path = fraction_file(folder, fraction)
    path.parent.mkdir(parents=True, exist_ok=True)
    if fraction == 1:
        for number, result in enumerate(results):
            np.save(path.with_name(f"logits-{number}.npy"), result["logits"])
    plain = [
        {
            key: value
            for key, value in result.items()
            if key != "logits" and (key != "ids" or fraction == 1)
        }
        for result in results
    ]
    write_json(path, plain)


def load_fractions(folder, fractions):
    """Reads what ``save_fraction`` wrote.

    Arguments
    ---------
    folder : pathlib.Path
        The output folder.
    fractions : list of float
        Shares of the labels.

    Returns
    -------
    dict
        Fraction to the results of its splits, those of the whole with
        `logits`.
    """
    found = {}
    for fraction in sorted(fractions):
        path = fraction_file(folder, fraction)
        found[fraction] = json.loads(path.read_text("utf-8"))
        if fraction == 1:
            for number, result in enumerate(found[fraction]):
                result["logits"] = np.load(
                    path.with_name(f"logits-{number}.npy")
                )
    return found


@torch.no_grad()
def zero_shot_part(embedder, probe_set, features, templates, metric):
    """Scores the test clips of a set by text, without any training.

    Arguments
    ---------
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        With a tower for texts.
    probe_set : speechbrain_clap.dataio.probe_sets.ProbeSet
        The loaded set: with folds all its clips are tested.
    features : speechbrain_clap.evaluation.features.Features
        Its embeddings.
    templates : list of str
        Each holds "{}" where a class goes; their embeddings are averaged.
    metric : str
        See ``speechbrain_clap.metrics.probe_scores.probe_score``: clips are
        ranked by the cosine itself where they may have several labels.

    Returns
    -------
    dict
        `value`, `clips`, `templates` and `metric`.

    Raises
    ------
    DataError
        If the model embeds no texts.
    """
    clips = features.kept(
        [
            clip
            for clip, part in probe_set.part_of.items()
            if probe_set.folds is not None or part == "test"
        ]
    )
    try:
        each = [
            embedder.encode_text(
                [fill_template(t, name) for name in probe_set.class_names]
            )
            for t in templates
        ]
    except NotImplementedError as error:
        raise DataError(
            "zero_shot_templates are given, but the model embeds no texts: "
            "give none"
        ) from error
    texts = normalize(torch.stack(each).mean(0), dim=-1).cpu()
    sounds = torch.from_numpy(features.vectors[features.rows(clips)])
    scores = (normalize(sounds, dim=-1) @ texts.T).numpy()
    return {
        "metric": metric,
        "value": probe_score(metric, scores, probe_set.targets(clips)),
        "clips": len(clips),
        "templates": list(templates),
    }
