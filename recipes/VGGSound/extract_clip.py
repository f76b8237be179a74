#!/usr/bin/env python3
"""Writes what CLIP makes of the frames of VGGSound's videos, once and for all.

    python extract_clip.py hparams/extract_clip.yaml --data_folder=...
    torchrun --nproc_per_node=8 extract_clip.py hparams/extract_clip.yaml ...

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

import speechbrain as sb
from speechbrain.utils.distributed import (
    ddp_barrier,
    if_main_process,
    infer_device,
)
from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.clip_towers import (
    keep_text_tower,
    load_clip_towers,
)
from speechbrain_clap.dataio.distillation import frames_id
from speechbrain_clap.dataio.frame_embeddings import write_frame_embeddings
from speechbrain_clap.evaluation.running import load_experiment, run_recipe
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)


def extract(hparams_file, run_opts, overrides):
    """Embeds the frames of all clips that are there.

    Arguments
    ---------
    hparams_file : str
        The YAML of the extraction.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.
    """
    hparams = load_experiment(hparams_file, run_opts, overrides)
    output = pathlib.Path(hparams["output_folder"])
    sb.create_experiment_directory(output, hparams_file, overrides)

    image_encoder, text_encoder = load_clip_towers(
        hparams["clip"], hparams["clip_weights"]
    )
    sets = hparams["data"]["sets"]()
    clips = {frames_id(clip): row for clip, row in sets.videos().items()}
    report = write_frame_embeddings(
        hparams["frames_folder"],
        clips,
        image_encoder.to(run_opts.get("device") or infer_device()),
        rate=hparams["rate"],
        batch_size=hparams["batch_size"],
        clips_per_part=hparams["clips_per_part"],
        on_bad_clip=hparams["on_bad_clip"],
        workers=hparams["num_workers"],
    )
    if if_main_process():
        # So that training needs nothing else of CLIP.
        keep_text_tower(hparams["frames_folder"], text_encoder)
        report |= {"clip": hparams["clip"], "rate": hparams["rate"]}
        write_json(output / "extraction.json", report)
        logger.info(
            "%d clips have embeddings, %d are bad; %.0f frames/s on this "
            "rank, %.0f %% of the time waiting for frames (see "
            "extraction.json)",
            report["clips"],
            len(report["bad"]),
            report["frames"] / max(report["seconds"], 1e-9),
            100 * report["decoding"],
        )
    ddp_barrier()


if __name__ == "__main__":
    run_recipe(extract, sys.argv[1:])
