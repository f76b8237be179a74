"""Trains a tiny captioner, on one process or under torchrun.

Not a test: `test_captioning_brain.py` runs it, as a user runs a recipe.
"""

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
from train_tiny_pairs import THINGS

from speechbrain_clap.augment.waveform import RandomCropOrPad
from speechbrain_clap.brains.captioning import CaptioningBrain, training_pairs
from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, ManifestPairs, PairDataset
from speechbrain_clap.dataio.prompted import PromptedPairs
from speechbrain_clap.lobes.mapper import MLPMapper
from speechbrain_clap.lobes.subword_decoder import SubwordDecoder
from speechbrain_clap.losses.captioning import CaptionLoss
from speechbrain_clap.models.captioner import Captioner
from speechbrain_clap.schedulers import WarmupCosine
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer
from speechbrain_clap.utils.distributed import unwrap


class Killed(CaptioningBrain):
    """Dies in the middle of an epoch, as a killed process does."""

    kill_at = None

    def on_fit_batch_start(self, batch, should_step):
        """Exits without a word at the step asked for."""
        if [self.hparams.epoch_counter.current, self.step] == self.kill_at:
            os._exit(9)
        super().on_fit_batch_start(batch, should_step)


def read(file, start, stop, position):
    """A clip that tells what it is by the quarter that is loud."""
    generator = torch.Generator().manual_seed(int(file))
    wav = 0.1 * torch.randn(64, generator=generator)
    wav.view(4, 16)[int(file) % 4] += 3.0
    return wav


def main(arguments):
    """Trains, writes captions of new clips, and saves the parameters."""
    _, run_opts, overrides = sb.parse_arguments(arguments)
    options = yaml.safe_load(overrides)
    sb.utils.distributed.ddp_init_group(run_opts)
    folder = pathlib.Path(options["folder"])
    torch.manual_seed(0)
    rows = {
        str(i): {"path": str(i), "captions": [THINGS[i % 4]]} for i in range(24)
    }
    train = ManifestPairs("train", dict(list(rows.items())[:16]))
    valid = ManifestPairs("valid", dict(list(rows.items())[16:]))
    captioner = Captioner(
        TinyEncoder(options["dropout"]),
        torch.nn.Linear(8, 8),
        MLPMapper(8, 16, prefix_length=2),
        SubwordDecoder(16, 1, 2, 40, 48, options["dropout"]),
        normalise_prefix=False,
        stop_id=None,
    )
    captioner.decoder.fit_vocabulary(["heard:", *THINGS])
    if options["locked"]:
        captioner.lock("audio")
    schedule = WarmupCosine(0.0, 1.0)
    direction = "min" if options["selection"] == "loss" else "max"
    counter = EpochCounterWithStopper(options["epochs"], 99, 0, direction)
    brain = Killed(
        modules={"captioner": captioner},
        opt_class=functools.partial(
            torch.optim.Adam if options["adam"] else torch.optim.SGD, lr=0.01
        ),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [FileTrainLogger(folder / "train_log.txt")],
            "selection": options["selection"],
            "crop": RandomCropOrPad(1.0, 64),
            "augment": [],
            "loss": CaptionLoss(),
            "locked_audio": options["locked"],
            "answer_length": 20,
            "generation": {"beam_size": 2, "max_length": 20},
            "lr_factors": {},
        },
        run_opts=run_opts,
        checkpointer=AtomicCheckpointer(
            folder / "save",
            {
                "captioner": UnlockedParts(captioner),
                "lr_schedule": schedule,
                "counter": counter,
            },
        ),
    )
    brain.kill_at = options.get("kill_at")
    loader = {"batch_size": 8, "collate_fn": ClipCollate(fill=False)}
    clips = functools.partial(ClipPairs, reader=read, policy={"samples": 64})
    training = {
        "train_pairs": lambda sources: PairDataset(sources, read, seed=1),
        "test_pairs": clips,
        "test_loader": loader,
        "seed": 1,
        "clip_seconds": 1.0,
        "sample_rate": 64,
    }
    # Prompts and captions of many lengths: ranks have unlike many tokens.
    prompts = {"train": "heard:", "valid": "heard:"}
    pairs = training_pairs(brain, [train], training, folder / "heard")
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            PromptedPairs(pairs, prompts),
            batch_sampler=MixtureBatches([train], options["batch_size"], 1),
            collate_fn=ClipCollate(fill=True),
        ),
        PromptedPairs(clips(valid), prompts),
        valid_loader_kwargs=loader,
    )
    torch.save(
        unwrap(brain.modules.captioner).state_dict(),
        folder / f"parameters{os.environ.get('RANK', '0')}.pt",
    )
    brain.evaluate(
        PromptedPairs(clips(valid), prompts), test_loader_kwargs=loader
    )
    torch.save(brain.results(), folder / "results.pt")


if __name__ == "__main__":
    main(sys.argv[1:])
