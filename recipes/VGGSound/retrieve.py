#!/usr/bin/env python3
"""Cross-modal retrieval: sounds look for pictures, pictures for sounds.

    python retrieve.py hparams/wav2clip_cross_modal.yaml --data_folder=...
        --frames_folder=results/clip_frames/frames --model=wav2clip

The model may also be the folder model/ that train_wav2clip.py left;
extract_clip.py writes the frames.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from vggsound_prepare import prepare_vggsound

from speechbrain_clap.evaluation.running import load_experiment, run_recipe


def evaluate(hparams_file, run_opts, overrides):
    """Prepares the set, embeds sounds, writes scores and report.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    prepare_vggsound(
        hparams["data_folder"],
        hparams["manifest_folder"],
        hparams["on_bad_clip"],
        videos=True,
    )
    hparams["evaluate"](device=run_opts.get("device"))


if __name__ == "__main__":
    run_recipe(evaluate, sys.argv[1:])
