"""Training goes on from published weights, or from an earlier model."""

import pathlib
import shutil

import pytest
import torch

from speechbrain_clap.checkpoints.networks import build
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.checkpoints.start import start_from
from speechbrain_clap.utils.hparams import load_hparams

ROOT = pathlib.Path(__file__).parents[2]


def published_state(family):
    """Random weights in the authors' layout."""
    from speechbrain_clap.checkpoints.keys import official_state

    model = build(family, "published", None, set())
    return official_state(
        model.net, model.keys, model.constants, {}, None
    ), model.net.state_dict()


@pytest.mark.parametrize(
    "yaml, family, text",
    [
        ("clap_2022", "msclap_2022", "bert"),
        ("clap_2023", "msclap_2023", "gpt2"),
    ],
)
def test_the_paper_scale_yaml_takes_the_published_weights(
    yaml, family, text, monkeypatch, tmp_path
):
    """At full size: every part of our model finds its weights."""
    folder = tmp_path / "text"
    shutil.copytree(ROOT / "tests" / "samples" / "text_models" / text, folder)
    # The published sizes, which are the defaults.
    (folder / "config.json").write_text(f'{{"model_type": "{text}"}}')
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "CLAP"))
    hparams = load_hparams(
        ROOT / "hparams" / f"{yaml}.yaml",
        {
            "text_pretrained": False,
            "text_source": str(folder),
            "output_folder": str(tmp_path),
        },
    )
    clap = hparams["clap"]
    state, ours = published_state(family)
    start_from(clap, state, family)
    for key, value in clap.state_dict().items():
        torch.testing.assert_close(value, ours[key], msg=key)


def test_an_earlier_model_of_other_sizes_is_refused(tiny_clap_folder, tmp_path):
    """By name, and a folder that is none too."""
    from speechbrain_clap.inference import CLAP

    clap = CLAP.from_hparams(source=tiny_clap_folder).mods.clap
    start_from(clap, tiny_clap_folder)
    with pytest.raises(CheckpointError, match="holds no clap.ckpt"):
        start_from(clap, tmp_path)
    clap.audio_projection = torch.nn.Linear(16, 13)
    with pytest.raises(CheckpointError, match="such as audio_projection"):
        start_from(clap, tiny_clap_folder)
