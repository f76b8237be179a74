#!/usr/bin/env python3
"""Probes of a frozen encoder on a labelled set, and zero-shot beside them.

    python probe.py hparams/probe_esc50.yaml --data_folder=... --model=wav2clip
    python probe.py hparams/probe_esc50.yaml --model=<model/ of a training>

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import if_main_process, run_on_main

from speechbrain_clap.evaluation.features import extract_features
from speechbrain_clap.evaluation.probes import run_probes, zero_shot_part
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.inference.frozen import load_frozen


def probe(hparams_file, run_opts, overrides):
    """Extracts the features once, trains probes on them and tests these.

    Arguments
    ---------
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    folder = hparams["output_folder"]
    sb.create_experiment_directory(folder, hparams_file, overrides)
    hparams = hparams["experiment"]
    device = run_opts.get("device")

    # Data
    probe_set = hparams["probe_set"]
    manifests = hparams["manifest_folder"]
    run_on_main(probe_set.write_manifests, args=[manifests])
    probe_set.load(manifests)

    # Features
    embedder = load_frozen(
        hparams["model"],
        hparams["weights"],
        hparams["encoder"],
        hparams["clip_policy"],
        hparams["clip_weights"],
        device,
    )
    features = extract_features(
        embedder,
        probe_set.name,
        probe_set.rows,
        hparams["features_folder"],
        hparams["on_bad_clip"],
        hparams["batch_size"],
        hparams["num_workers"],
    )

    # Probes: on the main process alone, the others are done
    if if_main_process():
        shot = None
        if hparams["zero_shot_templates"] is not None:
            shot = zero_shot_part(
                embedder,
                probe_set,
                features,
                hparams["zero_shot_templates"],
                hparams["metric"],
            )
        keys = "model hidden dropout lr probe_batch_size epochs patience"
        keys += " min_steps standardise seed"
        run_probes(
            folder,
            probe_set,
            features,
            hparams["trainer"],
            hparams["fractions"],
            hparams["seed"],
            {
                "training": "a probe of the frozen encoder",
                "encoder": type(embedder).__name__,
                **{key: hparams[key] for key in keys.split()},
                "clip_policy": dict(embedder.hparams.clip_policy),
                "features": str(features.folder),
                "extraction": features.speed,
            },
            device=device or "cpu",
            zero_shot=shot,
        )


if __name__ == "__main__":
    run_recipe(probe, sys.argv[1:])
