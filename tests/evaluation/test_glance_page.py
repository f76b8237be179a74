"""Pictures of sounds on files and on a page.

Authors
 * The speechbrain_clap team 2026
"""

import io
import json

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.glance import find_sounds, generate_images
from speechbrain_clap.inference.frozen import FrozenEncoder
from speechbrain_clap.lobes.resnet18 import ResNet18
from speechbrain_clap.models.glance import Glance


class Canvas(torch.nn.Module):
    """A latent that is the picture."""

    def start(self, height, width, generator):
        return torch.rand(1, 3, height, width, generator=generator)

    def keep_inside(self, latent):
        return latent.clamp_(0, 1)

    def forward(self, latent):
        return latent


class Colours(torch.nn.Module):
    """Sees the mean of each colour, twice."""

    image_size, mean, std = 8, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)

    def forward(self, images):
        return images.mean((2, 3)).repeat(1, 2)


@pytest.fixture
def sounds(tmp_path):
    for i, name in enumerate(("a <b>.wav", "c.wav")):
        wave = 0.1 * np.sin(np.arange(8000) * 0.1 * (i + 1))
        soundfile.write(tmp_path / name, wave, 16000)
    return find_sounds(tmp_path)


def make(width=6, **options):
    torch.manual_seed(0)
    encoder = ResNet18(widths=[4, 4, 4, width])
    embedder = FrozenEncoder.from_encoder(encoder, "zero", "whole")
    options = {"cut_outs": 4, "lr": 0.02, "steps": 30, "every": 10, **options}
    return embedder, Glance(Canvas(), Colours(), **options)


def test_pictures_and_page(tmp_path, sounds):
    Image = pytest.importorskip("PIL.Image", reason="Pillow is missing")
    folder = tmp_path / "output"
    metrics = generate_images(folder, *make(), sounds, 16, 24, seed=2)
    assert metrics["after"] > metrics["before"] + 0.1
    assert list(metrics["sounds"]) == [str(path) for path in sounds]
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    names = {path.name for path in folder.iterdir()}
    assert {"000_a <b>.png", "001_c.png", "001_c_progress.png"} <= names
    with Image.open(folder / "001_c.png") as image:
        assert image.size == (24, 16)
    with Image.open(folder / "001_c_progress.png") as image:
        assert image.size == (4 * 24, 16)
    similarity = json.loads((folder / "001_c_similarity.json").read_text())
    assert len(similarity) == 31
    page = (folder / "report.html").read_text("utf-8")
    assert page.count("<audio") == 2 and page.count("<img") == 4
    assert "a &lt;b&gt;.wav" in page and "a <b>" not in page
    # The same seed gives the same bytes.
    generate_images(tmp_path / "again", *make(), sounds, 16, 24, seed=2)
    for name in ("001_c.png", "report.html"):
        again = io.FileIO(tmp_path / "again" / name).readall()
        assert again == (folder / name).read_bytes()


def test_a_model_of_another_space(tmp_path, sounds):
    embedder, glance = make(width=4, steps=1)
    with pytest.raises(DataError, match="a <b>.wav: .* in 4 dimensions"):
        generate_images(tmp_path / "output", embedder, glance, sounds, 8, 8)
    assert not (tmp_path / "output" / "metrics.json").exists()


def test_which_sounds(tmp_path, sounds):
    assert find_sounds(sounds[0]) == sounds[:1]
    assert find_sounds([str(sounds[1])]) == sounds[1:]
    with pytest.raises(DataError, match="no.wav: expected a sound file"):
        find_sounds(tmp_path / "no.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: expected a sound file"):
        find_sounds(tmp_path / "empty")
