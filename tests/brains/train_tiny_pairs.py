"""Trains a tiny CLAP on pairs, on one process or under torchrun.

Not a test: `test_pairs_brain.py` runs it, as a user runs a recipe.
"""

import copy
import functools
import os
import pathlib
import sys

import speechbrain as sb
import torch
import yaml
from speechbrain.utils.epoch_loop import EpochCounterWithStopper
from speechbrain.utils.train_logger import FileTrainLogger
from train_tiny import TinyEncoder

from speechbrain_clap.augment.waveform import GaussianNoise, RandomCropOrPad
from speechbrain_clap.brains.locked import cache_locked_audio
from speechbrain_clap.brains.student import StudentBrain
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, ManifestPairs, PairDataset
from speechbrain_clap.lobes.projection import LinearProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses.blockwise import BlockwiseContrastiveLoss
from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.sigmoid import SigmoidLoss
from speechbrain_clap.losses.soft_labels import SoftLabelLoss
from speechbrain_clap.models.clap import CLAP
from speechbrain_clap.schedulers import ReduceOnPlateau
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer
from speechbrain_clap.utils.distributed import rank, unwrap

LOSSES = {
    "plain": ContrastiveLoss,
    "blockwise": functools.partial(BlockwiseContrastiveLoss, 3),
    "sigmoid": functools.partial(SigmoidLoss, 3),
    "soft": SoftLabelLoss,
}
THINGS = ["a dog barks", "rain falls", "a clock ticks", "waves break"]


class Faulty(StudentBrain):
    """Dies, or meets a loss that is not finite, at the steps asked for."""

    kill_at = None
    broken_at = ()

    def on_fit_batch_start(self, batch, should_step):
        """Exits without a word, or spoils the batch of one rank."""
        place = [self.hparams.epoch_counter.current, self.step]
        if place == self.kill_at:
            os._exit(9)
        if place in self.broken_at and rank() == 0:
            batch.sig.data[0] = float("nan")
        super().on_fit_batch_start(batch, should_step)


def read(file, start, stop, position):
    """A clip that follows from its name alone."""
    with open(HEARD, "a") as stream:
        stream.write(f"{file}\n")
    generator = torch.Generator().manual_seed(int(file))
    return torch.randn(64, generator=generator) + int(file) % 4


def sources():
    """Two sets, one with two captions a clip."""
    rows = [
        {
            str(i): {
                "path": str(100 * n + i),
                "captions": [THINGS[i % 4]] + n * [f"{THINGS[i % 4]} loudly"],
            }
            for i in range(size)
        }
        for n, size in enumerate((16, 8))
    ]
    return [ManifestPairs(f"set{n}", each) for n, each in enumerate(rows)]


def main(arguments):
    """Trains and saves the parameters."""
    global HEARD
    _, run_opts, overrides = sb.parse_arguments(arguments)
    options = yaml.safe_load(overrides)
    sb.utils.distributed.ddp_init_group(run_opts)
    folder = pathlib.Path(options["folder"])
    HEARD = folder / f"heard{os.environ.get('RANK', '0')}.txt"
    torch.manual_seed(0)
    noisy = options.get("noisy", False)
    text = SubwordTransformer(
        embedding_dim=8, nhead=2, d_ffn=16, dropout=0.1 if noisy else 0.0
    )
    pairs = sources()
    text.fit_vocabulary(
        [c for s in pairs for i in range(len(s)) for c in s.captions(i)]
    )
    kind = options.get("loss", "plain")
    clap = CLAP(
        TinyEncoder(0.1 if noisy else 0.0),
        text,
        LinearProjection(8, 8),
        LinearProjection(8, 8),
        initial_bias=-2.0 if kind == "sigmoid" else None,
    )
    locked = options.get("locked", False)
    torch.save(clap.state_dict(), folder / "initial.pt")
    if locked:
        clap.lock("audio")
    schedule = ReduceOnPlateau(patience=1)
    counter = EpochCounterWithStopper(3, 10, 0, "min")
    brain = Faulty(
        modules={"clap": clap},
        # Not Adam: it makes steps of full size out of rounding errors.
        opt_class=functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [FileTrainLogger(folder / "train_log.txt")],
            "selection": "loss",
            "crop": RandomCropOrPad(1.0, 64),
            "augment": [GaussianNoise(probability=0.5)] if noisy else [],
            "loss": LOSSES[kind](),
            "multi_positive": options.get("multi_positive", False),
            "max_captions": 2,
            "chunk_size": options.get("chunk_size", 0),
            "locked_audio": locked,
            "teacher": copy.deepcopy(clap) if kind == "soft" else None,
            "zero_shot_tasks": [],
            "grad_accumulation_factor": options.get("accumulate", 1),
            "lr_factors": {"clap.text_encoder": 0.5},
        },
        run_opts=run_opts,
        checkpointer=AtomicCheckpointer(
            folder / "save",
            {"clap": clap, "lr_schedule": schedule, "counter": counter},
        ),
    )
    brain.kill_at = options.get("kill_at")
    brain.broken_at = options.get("broken_at", [])
    loader = {"batch_size": 7, "collate_fn": ClipCollate(fill=False)}
    data = PairDataset(pairs, read, seed=1)
    if locked:
        clips = functools.partial(
            ClipPairs, reader=read, policy={"samples": 64}
        )
        data = cache_locked_audio(
            brain, pairs, clips, loader, folder / "locked", seed=1
        )
    batches = MixtureBatches(pairs, options["batch_size"], seed=1)
    valid = ClipPairs(pairs[1], read) if options.get("valid", True) else None
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            data, batch_sampler=batches, collate_fn=ClipCollate(fill=True)
        ),
        valid,
        valid_loader_kwargs=loader,
    )
    if kind == "soft":  # it neither learned nor moved
        teacher = brain.hparams.teacher
        assert not any(p.requires_grad for p in teacher.parameters())
        assert not torch.equal(
            next(teacher.audio_projection.parameters()),
            next(unwrap(brain.modules.clap).audio_projection.parameters()),
        )
        torch.save(teacher.state_dict(), folder / "teacher.pt")
    torch.save(
        unwrap(brain.modules.clap).state_dict(),
        folder / f"parameters{os.environ.get('RANK', '0')}.pt",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
