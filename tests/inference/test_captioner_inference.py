"""A captioner's folder: what training leaves is what writes captions.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import types

import pytest
import torch
from speechbrain.dataio import audio_io

pytest.importorskip("transformers")

import speechbrain_clap.inference.captioner as inference  # noqa: E402
from speechbrain_clap.checkpoints import FAMILIES  # noqa: E402
from speechbrain_clap.checkpoints.reading import CheckpointError  # noqa: E402
from speechbrain_clap.checkpoints.start_captioner import (  # noqa: E402
    start_captioner,
)
from speechbrain_clap.cli.main import main  # noqa: E402
from speechbrain_clap.inference import Captioner  # noqa: E402
from speechbrain_clap.models.export import export_model  # noqa: E402
from speechbrain_clap.utils.hparams import load_hparams  # noqa: E402

GPT2 = pathlib.Path(__file__).parents[1] / "samples" / "text_models" / "gpt2"
OWN = """
    decoder: !new:speechbrain_clap.lobes.subword_decoder.SubwordDecoder
        embedding_dim: 16
        num_layers: 1
        nhead: 2
        vocab_size: 60
        max_positions: 30
"""
OTHERS = f"""
    decoder: !new:speechbrain_clap.lobes.prefix_decoder.PrefixDecoder
        source: {GPT2}
        pretrained: False
        tokenizer_source: {GPT2}
        frozen: True
"""
YAML = """
clip_policy: {padding: repeat, long: center}
prompt: 'a sound of'
generation: {beam_size: 2, max_length: 6}
captioner: !new:speechbrain_clap.models.captioner.Captioner
    audio_encoder: !new:speechbrain_clap.lobes.cnn14.CNN6
        features: !new:speechbrain_clap.lobes.features.LogMel
            sample_rate: 16000
            f_max: 8000.0
        clip_seconds: 1.0
        channels: [4, 8]
        embedding_dim: 16
    audio_projection: !new:speechbrain_clap.lobes.projection.LinearProjection
        in_dim: 16
        out_dim: 12
    mapper: !new:speechbrain_clap.lobes.mapper.MLPMapper
        in_dim: 12
        out_dim: 16
        prefix_length: 2
    stop_id: null"""


def make(path, decoder):
    torch.manual_seed(0)
    path.write_text(YAML + decoder)
    captioner = load_hparams(path)["captioner"]
    captioner.decoder.fit_vocabulary(["a sound of rain", "a dog barks loudly"])
    with torch.no_grad():
        captioner.train().prefix(0.1 * torch.randn(8, 16000))
        captioner.mapper.linear1.weight.mul_(20)
        for parameter in captioner.decoder.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return captioner.eval()


@pytest.fixture(params=[OWN, OTHERS], ids=["own", "gpt2"])
def folder(request, tmp_path):
    """A folder `model/` of a captioner, and the captioner."""
    path = tmp_path / "a.yaml"
    captioner = make(path, request.param)
    kept = ("clip_policy", "prompt", "generation")
    folder = export_model(
        tmp_path / "model", path, {}, {"captioner": captioner}, {}, kept, {},
        "Captioner",
    )  # fmt: skip
    assert (folder / "text").is_dir() == (request.param is OTHERS)
    return folder, captioner


def test_folder_to_captions(folder, tmp_path, capsys):
    """Files of any length and rate; batched as alone; options."""
    folder, trained = folder
    captioner = Captioner.from_hparams(source=folder)
    generator = torch.Generator().manual_seed(2)
    waves = [0.3 * torch.randn(n, generator=generator) for n in (16000, 9000)]
    waves.append(waves[0].cumsum(0) / 40)
    paths = []
    for i, wav in enumerate(waves):
        paths.append(str(tmp_path / f"{i}.wav"))
        audio_io.save(paths[-1], wav[None].expand(2, -1), 16000)
    together = captioner.caption_files(paths)
    assert together == [captioner.caption_file(path) for path in paths]
    assert captioner.caption_files(paths, batch_size=2) == together
    wav = audio_io.load(paths[0])[0].mean(0)[None]
    wanted = trained.caption(
        wav, prompts=["a sound of"], beam_size=2, max_length=6
    )
    assert wanted == together[:1] == captioner.caption_waves(wav)
    drawn = {"top_p": 0.9, "seed": 5}
    assert captioner.caption_files(paths, **drawn) == [
        captioner.caption_file(path, **drawn) for path in paths
    ]
    shell = ["caption", str(folder), *paths, "--device", "cpu"]
    asked = {(): {}, ("--top_p", "0.9", "--seed", "5"): drawn}
    asked["--prompt", "", "--beam_size", "1"] = {"prompt": "", "beam_size": 1}
    for words, options in asked.items():
        capsys.readouterr()
        assert main([*shell, *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        captions = captioner.caption_files(paths, **options)
        pairs = zip(paths, captions, strict=True)
        assert lines == [f"{path}\t{caption}" for path, caption in pairs]
    other = captioner.caption_files(paths, prompt="", max_length=3)
    assert other != together
    # A padded wave and its length are the wave; a short one is repeated.
    padded = torch.zeros(1, 16000)
    padded[0, :9000] = waves[1]
    assert captioner.caption_waves(padded, [9000 / 16000]) == (
        captioner.caption_waves(waves[1])
    )
    torch.testing.assert_close(
        captioner.encode_audio(wav), trained.encode_audio(wav)
    )
    with pytest.raises(ValueError, match="caption_file"):
        captioner.caption_files(paths[0])


def test_where_a_captioner_starts(folder, tiny_clap_folder, tmp_path):
    """From all of another one, or from what a CLAP hears with."""
    folder, trained = folder
    own = "SubwordDecoder" in (folder / "hyperparams.yaml").read_text()
    new = make(tmp_path / "b.yaml", OWN if own else OTHERS)
    before = new.decoder.model.get_input_embeddings().weight.clone()
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.zero_()
    start_captioner(new, folder)
    for key, value in trained.state_dict().items():
        assert torch.equal(new.state_dict()[key], value), key
    with torch.no_grad():
        for parameter in new.decoder.parameters():
            parameter.zero_()
    start_captioner(new, tiny_clap_folder)
    clap = torch.load(f"{tiny_clap_folder}/clap.ckpt", weights_only=True)
    for key, value in new.state_dict().items():
        if key.startswith("audio_"):
            assert torch.equal(value, clap[key]), key
    after = new.decoder.model.get_input_embeddings().weight
    assert not after.any() and before.any()
    start_captioner(new)
    with pytest.raises(CheckpointError, match="holds no clap.ckpt"):
        start_captioner(new, tmp_path)


def test_published_weights(folder, monkeypatch):
    """Their policy, their search, no prompt; nothing is downloaded here."""
    _, trained = folder
    asked = []

    def load(family, source, **options):
        asked.append((family, source, options))
        return types.SimpleNamespace(net=trained, family=FAMILIES[family])

    monkeypatch.setattr(inference, "load_published", load)
    captioner = Captioner.from_published("a.pth", tokenizer_source="gpt2")
    wanted = {"prefer": "ours", "tokenizer_source": "gpt2"}
    assert asked == [("msclap_clapcap", "a.pth", wanted)]
    assert captioner.padding == "repeat" and captioner.hparams.prompt == ""
    wav = 0.1 * torch.randn(1, 16000)
    assert captioner.caption_waves(wav, max_length=5) == trained.caption(
        wav, beam_size=5, max_length=5
    )
