#!/usr/bin/env python3
"""The supervised baseline: an encoder from scratch, on every split.

    python train_supervised.py hparams/supervised_esc50.yaml --data_folder=...
        --fractions=[0.1,1.0]

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb

from speechbrain_clap.brains.classifier import ClassifierBrain
from speechbrain_clap.dataio.datasets import clip_dataset
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.evaluation.supervised import train_all


def train_split(hparams_file, run_opts, overrides, probe_set, split):
    """Trains and tests on one split.

    Arguments
    ---------
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    probe_set : speechbrain_clap.dataio.probe_sets.ProbeSet
        The loaded set.
    split : speechbrain_clap.dataio.probe_sets.Split
        Which clips train, choose the epoch and test.

    Returns
    -------
    list of str
        Ids of the test clips.
    numpy.ndarray
        Their logits, [N, C].
    dict
        `epoch`: the one that was chosen.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    hparams = hparams["experiment"]

    # Data
    def _clips(ids, policy=None):
        # The Brain looks labels up by id, several to a clip where they are.
        rows = {name: {"label": None, **probe_set.rows[name]} for name in ids}
        return clip_dataset(rows, hparams["reader"], policy)

    valid, test = (
        _clips(ids, hparams["policy"]) if ids else None
        for ids in (split.valid, split.test)
    )

    # Brain
    model = hparams["classifier"](num_classes=len(probe_set.class_names))
    hparams["checkpointer"].add_recoverable("classifier", model)
    brain = ClassifierBrain(
        modules={"classifier": model},
        opt_class=hparams["opt_class"],
        hparams={**hparams["brain_hparams"], "targets": probe_set.targets},
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
    )

    # Fit
    brain.fit(
        hparams["epoch_counter"],
        _clips(split.train),
        valid,
        train_loader_kwargs=dict(hparams["train_loader"]),
        valid_loader_kwargs=dict(hparams["test_loader"]),
    )

    # Evaluate
    brain.evaluate(test, test_loader_kwargs=dict(hparams["test_loader"]))
    ids, logits = brain.results()
    return ids, logits.numpy(), {"epoch": brain.evaluated.meta["epoch"]}


def train(hparams_file, run_opts, overrides):
    """Trains on all splits at all label fractions.

    Arguments
    ---------
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    # A later run with other settings is refused, not mixed with this one.
    hparams = load_experiment(hparams_file, run_opts, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    train_all(train_split, hparams, hparams_file, run_opts, overrides)


if __name__ == "__main__":
    run_recipe(train, sys.argv[1:])
