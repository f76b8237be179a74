#!/usr/bin/env python3
"""Mixes pairs of soundscapes that differ as a text says.

    python synthesise.py hparams/apwd_synthesise.yaml --scene=rain
        --fsd50k_folder=/data/FSD50K --esc50_folder=/data/ESC-50-master

Killed at any moment, the same command goes on.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import shutil
import sys

import speechbrain as sb

from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.synthesis.pair_sources import (
    gather_sources,
    present_sets,
    write_splits,
)
from speechbrain_clap.utils.files import atomic_write
from speechbrain_clap.utils.hparams import check_same_experiment, load_hparams


def synthesise(hparams_file, run_opts, overrides):
    """Prepares the sources and writes the pairs of both splits.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        Not used: nothing is computed on a device.
    overrides : dict
        Changes to the YAML.
    """
    del run_opts
    hparams = load_hparams(hparams_file, overrides)
    folder = pathlib.Path(hparams["output_folder"])
    scene_file = find_scene(hparams["scene"], hparams_file)
    scene = load_hparams(scene_file)["scene"]
    sets = present_sets(hparams["sources"], hparams["data_folder"])
    check_same_experiment(folder, hparams_file, overrides)
    sb.create_experiment_directory(folder, hparams_file, overrides)
    with atomic_write(folder / f"scene_{scene.name}.yaml") as temporary:
        shutil.copyfile(scene_file, temporary)
    rows, facts = gather_sources(
        sets, hparams["save_folder"], hparams["on_bad_clip"]
    )
    write_splits(
        folder,
        scene,
        rows,
        facts,
        {"dev": hparams["dev_pairs"], "eval": hparams["eval_pairs"]},
        hparams["seed"],
        hparams["num_workers"],
        hparams["exclude"],
        hparams["suffix"],
        hparams["on_bad_clip"],
    )


def find_scene(scene, hparams_file):
    """Finds the YAML of a scene.

    Arguments
    ---------
    scene : str
        A path, or the name of one in `scenes/` beside the experiment's YAML.
    hparams_file : str
        The experiment's YAML, or a link to it.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileNotFoundError
        If it is neither.
    """
    folder = pathlib.Path(hparams_file).resolve().parent / "scenes"
    for path in (pathlib.Path(scene), folder / f"{scene}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise FileNotFoundError(
        f"scene is {scene}: expected the path of a YAML, or one of {known}"
    )


if __name__ == "__main__":
    run_recipe(synthesise, sys.argv[1:])
