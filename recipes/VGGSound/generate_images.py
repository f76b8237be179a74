#!/usr/bin/env python3
"""Listening at a glance: pictures that CLIP sees as a model hears sounds.

    python generate_images.py hparams/glance.yaml --data_folder=/data/sounds
        --model=wav2clip --clip_weights=openai --vq_model=/models/vqvae

The model may also be the folder model/ that train_wav2clip.py left, then with
--clip of the CLIP that taught it.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import speechbrain as sb
from speechbrain.utils.distributed import infer_device

from speechbrain_clap.checkpoints.clip_towers import load_clip_towers
from speechbrain_clap.evaluation.glance import find_sounds, generate_images
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.lobes.vq_decoder import VQDecoder


def generate(hparams_file, run_opts, overrides):
    """Loads the three models, makes a picture for each sound.

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
    sounds = find_sounds(hparams["data_folder"], hparams["max_sounds"])
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    device = run_opts.get("device") or infer_device()
    image_encoder, _ = load_clip_towers(
        hparams["clip"], hparams["clip_weights"]
    )
    glance = hparams["glance"](VQDecoder(hparams["vq_model"]), image_encoder)
    generate_images(
        hparams["output_folder"],
        hparams["load_model"](device=device),
        glance.to(device),
        sounds,
        hparams["height"],
        hparams["width"],
        hparams["seed"],
    )


if __name__ == "__main__":
    run_recipe(generate, sys.argv[1:])
