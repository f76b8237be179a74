#!/usr/bin/env python3
"""Runs a table of the curation paper: teacher, curations, students, seeds.

    python run_table.py hparams/curation_table.yaml --data_folder=/data/audioset
        --teacher_options="{clotho_folder: /data/clotho}" ...

Each step is a command of its own. What is done is not done again: killed at
any moment, the same command goes on.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

from speechbrain_clap.curation.tasks import find_task
from speechbrain_clap.evaluation.running import run_recipe, run_step
from speechbrain_clap.evaluation.seeds import write_seed_table
from speechbrain_clap.utils.hparams import load_hparams

HERE = pathlib.Path(__file__).resolve().parent
CURATIONS = {  # of each row: what is curated, what is replayed
    "sl": (None, None),
    "du": ("DU", None),
    "du_sl": ("DU", None),
    "ds": (None, "DS"),
    "ds_sl": (None, "DS"),
    "ads": ("ADS", "DS"),
    "ads_sl": ("ADS", "DS"),
}


def run(hparams_file, run_opts, overrides):
    """Runs all steps for all seeds and writes the table.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        Not used: `run_options` of the YAML go to every command.
    overrides : dict
        Changes to the YAML.
    """
    del run_opts
    h = load_hparams(hparams_file, overrides)
    root = pathlib.Path(h["output_folder"])
    yamls = pathlib.Path(hparams_file).parent
    python = [sys.executable] if h["launcher"] == ["python"] else h["launcher"]

    task = find_task(h["task"]).name
    folders = {"DU": "DU", "DS": f"DS_{task}", "ADS": f"ADS_{task}"}

    thresholds = {
        "DU": {"threshold": h["du_threshold"]},
        "DS": {"text_threshold": h["text_threshold"]},
        "ADS": {
            "text_threshold": h["text_threshold"],
            "threshold": h["ads_threshold"],
        },
    }

    def _start(script, *arguments):
        run_step([*python, str(script)], *arguments, h["run_options"])

    for seed in h["seeds"]:
        folder = root / f"seed{seed}"
        teacher = folder / "teacher"
        _start(
            HERE.parent / "CLAP" / "train_clap.py",
            h["teacher_yaml"],
            teacher,
            "model/hyperparams.yaml",
            {"seed": seed, "keep_pairs": True, **h["teacher_options"]},
        )
        for method in thresholds:
            if not any(method in CURATIONS[row] for row in h["rows"]):
                continue
            _start(
                HERE / "curate.py",
                yamls / f"curation_{method.lower()}.yaml",
                folder,
                f"{folders[method]}/curation.json",
                {
                    "teacher": str(teacher / "model"),
                    "captions": str(teacher / "save" / "train_pairs.json"),
                    "wild": h["data_folder"],
                    "task": h["task"],
                    **thresholds[method],
                    **h["curation_options"],
                },
            )
        for row in h["rows"]:
            curated, replayed = (
                method and str(folder / folders[method])
                for method in CURATIONS[row]
            )
            _start(
                HERE / "train_student.py",
                yamls / f"curation_student_{row}.yaml",
                folder / row,
                "model/hyperparams.yaml",
                {
                    "seed": seed,
                    "teacher": str(teacher / "model"),
                    "data_folder": str(teacher / "save"),
                    "curated": curated,
                    "replayed": replayed,
                    **h["student_options"],
                },
            )
    write_seed_table(root, h["seeds"], ["teacher", *h["rows"]])


if __name__ == "__main__":
    run_recipe(run, sys.argv[1:])
