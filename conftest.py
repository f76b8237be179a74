"""Fixtures of the tests and doctests: small things made on the spot.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

import pytest
import torch

ROOT = pathlib.Path(__file__).parent


def pytest_configure(config):
    """One thread in each worker and in what it starts: they share the cores."""
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)


TINY = """
clip_policy:
    padding: zero
    long: {long}
templates: ['this is the sound of {{}}']
clap: !new:speechbrain_clap.models.clap.CLAP
    audio_encoder: !new:speechbrain_clap.lobes.cnn14.CNN6
        features: !new:speechbrain_clap.lobes.features.LogMel
            sample_rate: 16000
            f_max: 8000.0
        clip_seconds: 1.0
        channels: [4, 8]
        embedding_dim: 16
    text_encoder: !new:speechbrain_clap.lobes.subword_text.SubwordTransformer
        embedding_dim: 8
        nhead: 2
        d_ffn: 16
    audio_projection: !new:speechbrain_clap.lobes.projection.LinearProjection
        in_dim: 16
        out_dim: 12
    text_projection: !new:speechbrain_clap.lobes.projection.LinearProjection
        in_dim: 8
        out_dim: 12
"""


@pytest.fixture
def make_clap_folder(tmp_path):
    """Makes a model folder as training leaves one, untrained and tiny."""

    def _make(long="center"):
        # Imported late: pytest reads this file before anything is asked for.
        from speechbrain_clap.models.export import export_clap
        from speechbrain_clap.utils.hparams import load_hparams

        torch.manual_seed(0)
        path = tmp_path / f"tiny-{long}.yaml"
        path.write_text(TINY.format(long=long))
        clap = load_hparams(path)["clap"]
        classes = ["dog", "sea_waves"]
        clap.text_encoder.fit_vocabulary([f"the sound of {c}" for c in classes])
        # Statistics as after training, or batch norm would do nothing.
        with torch.no_grad():
            clap.train().encode_audio(0.1 * torch.randn(8, 16000))
        folder = tmp_path / f"tiny-{long}"
        return export_clap(folder, path, {}, clap.eval(), classes, {})

    return _make


@pytest.fixture
def tiny_clap_folder(make_clap_folder):
    """A model folder whose policy for long sounds is the centre."""
    return str(make_clap_folder())


@pytest.fixture
def esc10():
    """The real recordings, where they are."""
    folder = ROOT.parent / "shared" / "esc10"
    if not folder.is_dir():
        pytest.skip("../shared/esc10 is not there: no real recordings")
    return folder
