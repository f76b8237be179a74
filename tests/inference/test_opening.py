"""Any model by one name: our folders, and those of transformers."""

import pathlib
import shutil

import pytest
import torch

from speechbrain_clap.inference.opening import open_captioner, open_model

transformers = pytest.importorskip("transformers")

TOKENS = pathlib.Path(__file__).parents[1] / "samples/text_models/roberta"


def test_a_folder_of_transformers(tmp_path):
    torch.manual_seed(0)
    config = transformers.ClapConfig(
        text_config={
            "vocab_size": 300,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 80,
        },
        audio_config={
            "spec_size": 256,
            "patch_embeds_hidden_size": 8,
            "hidden_size": 16,
            "depths": [1, 1],
            "num_attention_heads": [1, 2],
            "num_hidden_layers": 2,
        },
        projection_dim=6,
    )
    transformers.ClapModel(config).save_pretrained(tmp_path)
    for path in TOKENS.iterdir():
        if path.name != "config.json":
            shutil.copy(path, tmp_path)
    clap = open_model(str(tmp_path), device="cpu")
    assert clap.sample_rate == 48000
    assert clap.encode_text(["a dog", "rain"]).shape == (2, 6)
    assert clap.encode_audio(0.1 * torch.randn(1, 24000)).shape == (1, 6)


def test_our_folder_and_nothing(tiny_clap_folder, tmp_path):
    assert open_model(tiny_clap_folder, device="cpu").sample_rate == 16000
    with pytest.raises(FileNotFoundError, match="names? of published weights"):
        open_model(str(tmp_path / "no"), device="cpu")
    with pytest.raises(FileNotFoundError):
        open_captioner(str(tmp_path), device="cpu")
