"""Teaches a tiny sound tower embeddings of images that were made before.

Not a test: `test_wav2clip_brain.py` imports it, and runs it under torchrun.

Authors
 * The speechbrain_clap team 2026
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

from speechbrain_clap.augment.waveform import GaussianNoise, RandomCropOrPad
from speechbrain_clap.brains.locked import UnlockedParts
from speechbrain_clap.brains.wav2clip import Wav2CLIPBrain
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.distillation import (
    CentredClips,
    DistillationClips,
    SeenSounds,
)
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.video_pairs import VideoPairs
from speechbrain_clap.lobes.projection import MLPProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses import cross_projection, distillation
from speechbrain_clap.models.wav2clip import Wav2CLIP
from speechbrain_clap.schedulers import ReduceOnPlateau
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

THINGS = ["dog", "rain", "clock", "waves"]
DIM, SAMPLES = 8, 64
LOSSES = {
    "cross": cross_projection.CrossProjectionLoss,
    "mse": distillation.MSEDistillation,
    "contrastive": distillation.ContrastiveDistillation,
}


class Sounds(torch.nn.Module):
    """Linear layers in place of the ResNet, whose batch norm knows ranks."""

    sample_rate, clip_seconds, embedding_dim = SAMPLES, 1.0, DIM

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(SAMPLES, 16),
            torch.nn.Tanh(),
            torch.nn.Linear(16, DIM),
        )

    def forward(self, wavs, lens=None):
        """Embeds waves."""
        return self.net(wavs)


class Embeddings:
    """Of a clip of two seconds: its class, and which part was asked for."""

    rate = 30.0

    def __contains__(self, clip):
        return True

    def seconds(self, clip):
        """Two."""
        return 2.0

    def mean(self, clip, start, stop):
        """Follows from clip and time."""
        number = int(clip.split("/")[-1])
        generator = torch.Generator().manual_seed(number)
        noise = torch.randn(DIM, generator=generator)
        noise[number % 4] += 3 + start
        return noise.numpy()


def read(file, start, stop, position):
    """A clip that follows from its name and the place in it."""
    generator = torch.Generator().manual_seed(int(file))
    wav = torch.randn(SAMPLES, generator=generator)
    wav[16 * (int(file) % 4) :][:16] += 3 + position
    return wav


def source(name, first, count):
    """Clips of four classes in turn."""
    rows = {
        str(i): {
            "path": str(i),
            "captions": [THINGS[i % 4]],
            "label": THINGS[i % 4],
        }
        for i in range(first, first + count)
    }
    return SeenSounds(VideoPairs(name, rows, SAMPLES), Embeddings(), 1.0)


def make_model():
    """Untrained, with a text tower that is not to change."""
    torch.manual_seed(0)
    text = SubwordTransformer(embedding_dim=DIM, nhead=2, d_ffn=16, dropout=0.0)
    text.fit_vocabulary(THINGS)
    sides = [MLPProjection(DIM, DIM) for _ in range(2)]
    return Wav2CLIP(Sounds(), *sides, text_encoder=text)


class Killed(Wav2CLIPBrain):
    """Gives up at the step asked for."""

    kill_at = None

    def on_fit_batch_start(self, batch, should_step):
        """Raises, as good as a kill to what is on the disk."""
        if [self.hparams.epoch_counter.current, self.step] == self.kill_at:
            raise KeyboardInterrupt
        super().on_fit_batch_start(batch, should_step)


def train(folder, run_opts, options):
    """Trains for three epochs; gives the brain."""
    folder = pathlib.Path(folder)
    model = make_model()
    if options.get("identity"):
        model.audio_projection = torch.nn.Identity()
        model.image_projection = torch.nn.Identity()
    schedule = ReduceOnPlateau(factor=0.1, patience=5, final=0.001)
    counter = EpochCounterWithStopper(options.get("epochs", 3), 10, 0, "min")
    brain = Killed(
        modules={"wav2clip": model},
        opt_class=functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [FileTrainLogger(folder / "train_log.txt")],
            "selection": "loss",
            "crop": RandomCropOrPad(1.0, SAMPLES),
            "augment": [GaussianNoise(probability=0.5)]
            if options.get("noisy")
            else [],
            "loss": LOSSES[options.get("loss", "cross")](),
            "lr_factors": {},
            "templates": ["{}"],
        },
        run_opts=run_opts,
        checkpointer=AtomicCheckpointer(
            folder / "save",
            {
                "wav2clip": UnlockedParts(model),
                "lr_schedule": schedule,
                "counter": counter,
            },
        ),
    )
    brain.kill_at = options.get("kill_at")
    sources = [source("train", 0, 16)]
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            DistillationClips(sources, read, seed=1),
            batch_sampler=MixtureBatches(
                sources, options["batch_size"], seed=1
            ),
            collate_fn=ClipCollate(fill=True),
        ),
        CentredClips(source("valid", 40, 8), read, {"samples": SAMPLES}),
        valid_loader_kwargs={
            "batch_size": 3,
            "collate_fn": ClipCollate(fill=False),
        },
    )
    return brain


def main(arguments):
    """Trains and saves the parameters."""
    _, run_opts, overrides = sb.parse_arguments(arguments)
    options = yaml.safe_load(overrides)
    sb.utils.distributed.ddp_init_group(run_opts)
    brain = train(options["folder"], run_opts, options)
    model = brain.modules.wav2clip
    torch.save(
        getattr(model, "module", model).state_dict(),
        f"{options['folder']}/parameters{os.environ.get('RANK', '0')}.pt",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
