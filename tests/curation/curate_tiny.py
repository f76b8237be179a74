"""Embeds and curates made sounds, on one process or on one of several ranks.

Not a test: `test_curate.py` runs it.

    python curate_tiny.py MODEL DATA FOLDER [kill]

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
import sys

import torch

from speechbrain_clap.curation import embed_parts as parts_module
from speechbrain_clap.curation.curate import curate_ads, curate_ds, curate_du
from speechbrain_clap.curation.duplicates import near_duplicates
from speechbrain_clap.curation.embed import embed_sounds, embed_texts
from speechbrain_clap.curation.ingredients import embed_labels
from speechbrain_clap.curation.tasks import Task
from speechbrain_clap.curation.texts import Texts
from speechbrain_clap.dataio.sounds import open_sounds
from speechbrain_clap.inference import CLAP

TASK = Task("farm", ["dog", "sea_waves", "cow"])
JOIN = {"progress": False, "rows_per_part": 4}


def curate(model, data, folder):
    """All three curations, their thresholds from the similarities."""
    clap = CLAP.from_hparams(source=model).mods.clap
    own = open_sounds(data / "train.json", data)
    texts = Texts.of_sounds(own)
    stores = folder / "embeddings"
    captions = embed_texts(
        clap, texts, stores / "captions", batch_size=2, rows_per_part=2
    )
    labels = embed_labels(clap, TASK, "the sound of {}", stores / "labels")
    wild = embed_sounds(
        clap,
        open_sounds(data / "wild", names="youtube"),
        stores / "wild",
        padding="zero",
        batch_size=2,
        num_workers=0,
        rows_per_part=3,
    )
    held_out = {"a list": {"youtube:" + "c" * 11}}
    rest = {"held_out": held_out, "join": JOIN}
    curate_du(captions, wild, folder / "DU", -1.0, **rest)
    curate_ds(captions, labels, own, folder / "DS", 0.3, join=JOIN)
    curate_ads(captions, labels, wild, folder / "ADS", 0.3, 0.0, **rest)
    near_duplicates(folder / "DU", wild, wild, join=JOIN)


if __name__ == "__main__":
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    if sys.argv[4:] == ["kill"]:
        # The second part of the wild sounds is never finished.
        whole = parts_module.np.savez

        def killed(path, **arrays):
            if "part-000001" in path.name and "wild" in path.parts:
                os._exit(9)
            whole(path, **arrays)

        parts_module.np.savez = killed
    curate(sys.argv[1], *map(pathlib.Path, sys.argv[2:4]))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
