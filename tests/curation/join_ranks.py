"""One rank of a join, which may be killed on the way.

Not a test: `test_join.py` runs it. LIVES counts the parts before it is
killed, -1 for never; PER is whose rows have a top k, or "no".

    python join_ranks.py RANK RANKS FOLDER OUT LIVES PER [PER]

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib
import sys

import torch

from speechbrain_clap.curation import join
from speechbrain_clap.curation.store import EmbeddingStore


def dying(lives):
    """A `write_part` that ends the process within the part after `lives`."""
    write = join.write_part
    done = []

    def some(chunks):
        yield from chunks
        if len(done) == lives:
            os._exit(9)

    def write_part(path, chunks):
        write(path, some(chunks))
        done.append(path)

    return write_part


def run(folder, out, per, memory=10):
    """Joins left and right of a folder into a folder named OUT-PER."""
    settings = {} if per == "no" else {"top_k": 3, "per": per}
    join.SimilarityJoin(
        0.2,
        **settings,
        rows_per_part=16,
        memory_megabytes=memory,
        progress=False,
    ).run(
        EmbeddingStore.open(folder / "left"),
        EmbeddingStore.open(folder / "right"),
        folder / f"{out}-{per}",
    )


if __name__ == "__main__":
    rank, ranks, folder, out, lives, *pers = sys.argv[1:]
    if int(ranks) > 1:
        torch.distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/meeting",
            rank=int(rank),
            world_size=int(ranks),
        )
    if int(lives) >= 0:
        join.write_part = dying(int(lives))
    for per in pers:
        run(pathlib.Path(folder), out, per, memory=0.05)
    if int(ranks) > 1:
        torch.distributed.destroy_process_group()
