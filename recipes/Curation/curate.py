#!/usr/bin/env python3
"""Pairs captions with sounds by what a trained CLAP, the teacher, finds near.

    python curate.py hparams/curation_ads.yaml --teacher=<model/>
        --captions=<manifest> --captions_root=<its sounds>
        --wild=<folder, manifest or shards> --task=esc50

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib
import sys

import speechbrain as sb
from speechbrain.utils.distributed import ddp_barrier
from speechbrain.utils.logger import get_logger

from speechbrain_clap.curation.curate import curate_ads, curate_ds, curate_du
from speechbrain_clap.curation.embed import embed_sounds, embed_texts
from speechbrain_clap.curation.ingredients import (
    choose_threshold,
    embed_labels,
    gather_held_out,
    open_captions,
)
from speechbrain_clap.curation.tasks import find_task
from speechbrain_clap.dataio.sounds import open_sounds
from speechbrain_clap.evaluation.curation_page import report_curation
from speechbrain_clap.evaluation.running import run_recipe
from speechbrain_clap.inference.loading import load_clap
from speechbrain_clap.utils.hparams import HparamsError, load_hparams

logger = get_logger(__name__)

NEEDED = {"DU": ["wild"], "DS": ["task"], "ADS": ["wild", "task"]}


def curate(hparams_file, run_opts, overrides):
    """Embeds what is not embedded yet, pairs, and writes the page.

    Arguments
    ---------
    hparams_file : str
        The YAML.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_hparams(hparams_file, overrides)
    output_folder = pathlib.Path(hparams["output_folder"])
    hparams = hparams["curation"]
    method = hparams["method"]
    for key in ("teacher", "captions", *NEEDED[method]):
        if hparams[key] is None:
            raise HparamsError(
                f"--{key} is not given: see recipes/Curation/README.md"
            )
    folder, threshold = output_folder / method, hparams["threshold"]
    if "task" in NEEDED[method]:
        task = find_task(hparams["task"])
        folder = output_folder / f"{method}_{task.name}"
        text_threshold = choose_threshold(
            "text_threshold", hparams["text_threshold"], task
        )
    if method == "ADS":
        threshold = choose_threshold("threshold", threshold, task)
    sb.create_experiment_directory(folder, hparams_file, overrides)

    # Embeddings: those of other methods and thresholds are taken as they are
    clap = load_clap(hparams["teacher"], device=run_opts.get("device"))
    teacher, stores = clap.mods.clap, pathlib.Path(hparams["embeddings"])
    own, texts = open_captions(hparams["captions"], hparams["captions_root"])
    captions = embed_texts(teacher, texts, stores / "captions")

    def _embed(sounds, name):
        return embed_sounds(
            teacher,
            sounds,
            stores / name,
            clap.padding,
            on_bad_clip=hparams["on_bad_clip"],
            batch_size=hparams["batch_size"],
            num_workers=hparams["num_workers"],
        )

    join = {"memory_megabytes": hparams["memory_megabytes"]}
    join["device"] = str(clap.device)
    rest, wild = {"join": join}, None
    if "wild" in NEEDED[method]:
        sounds = open_sounds(
            hparams["wild"],
            hparams["wild_root"],
            names=hparams["wild_names"],
            on_bad_clip=hparams["on_bad_clip"],
        )
        wild = _embed(sounds, "wild")
        rest["held_out"] = gather_held_out(
            hparams["held_out"],
            sounds,
            own if hparams["leave_out_own"] else None,
        )
        rest["dry_run"] = hparams["dry_run"]
    if "task" in NEEDED[method]:
        labels = embed_labels(
            teacher, task, hparams["template"], stores / task.name
        )

    # Pairs
    if method == "DU":
        found = curate_du(captions, wild, folder, threshold, **rest)
    elif method == "DS":
        if own is None:
            raise HparamsError(
                f"--captions={hparams['captions']} has no sounds, and DS pairs "
                "captions with their own: give a manifest"
            )
        found = curate_ds(captions, labels, own, folder, text_threshold, **rest)
    else:
        found = curate_ads(
            captions, labels, wild, folder, text_threshold, threshold, **rest
        )
    logger.info("%s: %s", folder, json.dumps(found, indent=2))
    if hparams["dry_run"] and wild is not None:
        return

    # What they look and sound like
    cosine, heard = hparams["near_duplicates"], None
    if cosine is None:
        wild = None  # nobody looks
    elif wild is not None and own is not None:
        heard = _embed(own, "own")
    report_curation(
        folder,
        wild,
        heard,
        cosine,
        join,
        places=[hparams["captions_root"], hparams["wild"]],
    )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(curate, sys.argv[1:])
