"""Trains a tiny AudioCLIP on clips with and without pictures.

Not a test: `test_audioclip_brain.py` imports it, and runs it under torchrun.

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
from speechbrain_clap.brains.audioclip import AudioCLIPBrain, freeze_unused
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, PairDataset
from speechbrain_clap.dataio.video_pairs import (
    ClipPictures,
    Pictures,
    TrainingPictures,
    VideoPairs,
)
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.losses.multimodal import MultimodalLoss
from speechbrain_clap.models.audioclip import AudioCLIP
from speechbrain_clap.schedulers import ExponentialDecay
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

THINGS = ["dog", "rain", "clock", "waves"]
DIM, SAMPLES, SIDE = 8, 64, 4


class Sounds(torch.nn.Module):
    """Linear layers in place of the sound head."""

    sample_rate, clip_seconds, num_classes = SAMPLES, 1.0, DIM

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(SAMPLES, 16),
            torch.nn.Tanh(),
            torch.nn.Linear(16, DIM),
        )

    def classify(self, wavs, lens=None):
        """Embeds waves."""
        return self.net(wavs)


class Images(torch.nn.Module):
    """A linear layer in place of the image head."""

    embedding_dim, image_size = DIM, SIDE

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3 * SIDE * SIDE, DIM)

    def preprocess(self, image):
        """From uint8."""
        return image.float() / 255

    def forward(self, images):
        """Embeds images."""
        return self.net(images.flatten(1))

    def freeze(self):
        """For good."""
        return self.requires_grad_(False)


class Frames:
    """Ten frames of each clip of the rows of even number; notes each."""

    def __init__(self, none=False):
        self.none = none
        self.read_of = []

    def count(self, clip):
        """Ten, or none."""
        return 0 if self.none or int(clip.split("/")[-1]) % 2 else 10

    def read(self, clip, k):
        """A picture that follows from clip and number."""
        self.read_of.append((clip, k))
        number = int(clip.split("/")[-1])
        generator = torch.Generator().manual_seed(100 * number + k)
        noise = torch.randint(100, (3, SIDE, SIDE), generator=generator)
        noise[:, number % 4] += 155
        return noise.to(torch.uint8)


def read(file, start, stop, position):
    """A clip that follows from its name alone."""
    generator = torch.Generator().manual_seed(int(file))
    wav = torch.randn(SAMPLES, generator=generator)
    wav[16 * (int(file) % 4) :][:16] += 3
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
    return VideoPairs(name, rows, SAMPLES)


def make_model():
    """Untrained; every parameter is used by a step with all modalities."""
    torch.manual_seed(0)
    text = SubwordTransformer(embedding_dim=DIM, nhead=2, d_ffn=16, dropout=0.0)
    text.fit_vocabulary(THINGS)
    return AudioCLIP(
        Sounds(), Images(), text, initial_scale=5.0, initial_audio_scale=5.0
    )


class Killed(AudioCLIPBrain):
    """Gives up at the step asked for."""

    kill_at = None

    def on_fit_batch_start(self, batch, should_step):
        """Raises, as good as a kill to what is on the disk."""
        if [self.hparams.epoch_counter.current, self.step] == self.kill_at:
            raise KeyboardInterrupt
        super().on_fit_batch_start(batch, should_step)


def train(folder, run_opts, options, frames=None):
    """Trains for three epochs; gives the brain."""
    folder = pathlib.Path(folder)
    model = make_model()
    modalities = options.get("modalities", ["audio", "image", "text"])
    freeze_unused(model, modalities, options.get("locked", []))
    schedule = ExponentialDecay(gamma=0.9)
    counter = EpochCounterWithStopper(3, 10, 0, "max")
    brain = Killed(
        modules={"audioclip": model},
        opt_class=functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": schedule,
            "train_loggers": [FileTrainLogger(folder / "train_log.txt")],
            "selection": "mAP",
            "modalities": modalities,
            "crop": RandomCropOrPad(1.0, SAMPLES),
            "augment": [GaussianNoise(probability=0.5)]
            if options.get("noisy")
            else [],
            "loss": MultimodalLoss(),
            "norm_loss": 0.0,
            "lr_factors": {},
        },
        run_opts=run_opts,
        checkpointer=AtomicCheckpointer(
            folder / "save",
            {"audioclip": model, "lr_schedule": schedule, "counter": counter},
        ),
    )
    brain.kill_at = options.get("kill_at")
    pictures = None
    if "image" in modalities:
        images = model.image_encoder
        frames = frames or Frames()
        pictures = Pictures(frames, images.preprocess, images.image_size)
    sources = [source("train", 0, options.get("clips", 16))]
    batches = MixtureBatches(sources, options["batch_size"], seed=1)
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            TrainingPictures(PairDataset(sources, read, seed=1), pictures),
            batch_sampler=batches,
            collate_fn=ClipCollate(fill=True),
        ),
        ClipPictures(ClipPairs(source("valid", 40, 8), read), pictures),
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
    model = brain.modules.audioclip
    torch.save(
        getattr(model, "module", model).state_dict(),
        f"{options['folder']}/parameters{os.environ.get('RANK', '0')}.pt",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
