"""A trained query modifier from its folder: sums, files, mistakes."""

import pathlib
import shutil

import numpy
import pytest
import soundfile
import torch
from torch.nn.functional import normalize

from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.checkpoints.start import start_audio_from
from speechbrain_clap.inference import CLAP, QueryModifierRetrieval
from speechbrain_clap.models.export import export_model
from speechbrain_clap.utils.hparams import load_hparams

TEXTS = pathlib.Path(__file__).parents[1] / "samples" / "text_models"
YAML = """
clip_policy: {{padding: zero, long: {long}}}
query_modifier: !new:speechbrain_clap.models.query_modifier.QueryModifier
    audio_encoder: !new:speechbrain_clap.lobes.cnn14.CNN6
        features: !new:speechbrain_clap.lobes.features.LogMel
            sample_rate: 16000
            f_max: 8000.0
        clip_seconds: 1.0
        channels: [4, 8]
        embedding_dim: 16
    text_encoder: !new:speechbrain_clap.lobes.text.HuggingFaceText
        source: {source}
        pooling: cls
        pretrained: False
    audio_projection: !new:speechbrain_clap.lobes.projection.ResidualProjection
        in_dim: 16
        out_dim: 12
    text_projection: !new:speechbrain_clap.lobes.projection.ResidualProjection
        in_dim: 16
        out_dim: 12
    embedding_dim: 12
    labels: [dog, thunder]
    use_text: {use_text}
"""


def export(tmp_path, long="center", use_text=True, nested=False):
    """A model folder, alone on the disk, and the model that was written."""
    torch.manual_seed(0)
    source = tmp_path / "source"
    shutil.copytree(TEXTS / "bert", source)
    path = tmp_path / "inner.yaml"
    path.write_text(YAML.format(long=long, source=source, use_text=use_text))
    if nested:  # as a row of a table takes another YAML in
        path = tmp_path / "outer.yaml"
        path.write_text("experiment: !include:inner.yaml\n    note: a row\n")
    hparams = load_hparams(path)
    model = hparams.get("experiment", hparams)["query_modifier"].eval()
    folder = export_model(
        tmp_path / "model",
        path,
        {},
        {"query_modifier": model},
        {"epoch": 3},
        kept=("clip_policy",),
        more={},
        loaded_by="QueryModifierRetrieval",
    )
    shutil.rmtree(source)
    return folder, model


@pytest.mark.parametrize("nested", [False, True])
def test_a_folder_gives_the_model_that_was_trained(tmp_path, nested):
    """Sums and unit vectors; the text model travels with the folder."""
    folder, model = export(tmp_path, nested=nested)
    loaded = QueryModifierRetrieval.from_hparams(source=folder)
    wavs = 0.1 * torch.randn(2, 16000)
    with torch.no_grad():
        audio = model.embed_audio(wavs)
        text = model.embed_text(["add dog", "remove rain"])
    torch.testing.assert_close(loaded.embed_audio(wavs), audio)
    torch.testing.assert_close(
        loaded.embed_text(["add dog", "remove rain"]), text
    )
    assert (audio.norm(dim=1) > 2).all()
    torch.testing.assert_close(
        loaded.encode_query(wavs, ["add dog", "remove rain"], text_weight=0.5),
        normalize(audio + 0.5 * text, dim=-1),
    )
    torch.testing.assert_close(
        loaded.encode_audio(wavs), normalize(audio, dim=-1)
    )
    assert loaded.labels == ["dog", "thunder"] and loaded.sample_rate == 16000
    assert loaded.event_probabilities(wavs).shape == (2, 2)
    assert "#" not in "".join(
        line
        for line in (folder / "hyperparams.yaml").read_text().splitlines()[3:]
    )
    with pytest.raises(ValueError, match="2 sounds and 1 texts"):
        loaded.encode_query(wavs, "add dog")


@pytest.mark.parametrize("long", ["center", "windows"])
def test_files_alone_and_in_batches(tmp_path, long):
    """Of any length; windows are averaged without being normalised."""
    folder, _ = export(tmp_path, long)
    loaded = QueryModifierRetrieval.from_hparams(source=folder)
    generator, paths = numpy.random.default_rng(0), []
    for i, seconds in enumerate((1.0, 0.3, 3.0)):
        wav = 0.1 * generator.standard_normal(round(16000 * seconds))
        paths.append(tmp_path / f"{i}.wav")
        soundfile.write(paths[-1], wav, 16000, "FLOAT")
    together = loaded.embed_audio_files(paths, batch_size=2)
    alone = torch.cat([loaded.embed_audio_files([path]) for path in paths])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    wav = torch.from_numpy(soundfile.read(paths[2], dtype="float32")[0])
    parts = loaded.embed_audio(wav.reshape(3, 16000))
    wanted = parts[1] if long == "center" else parts.mean(0)
    torch.testing.assert_close(together[2], wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        loaded.encode_audio_file(paths[0]), normalize(together[0], dim=-1)
    )
    for bad in (paths[0], str(paths[0]), []):
        with pytest.raises(ValueError, match="list of paths"):
            loaded.embed_audio_files(bad)


def test_the_baseline_has_no_direction_for_a_text(tmp_path):
    """T is zero in the sum; a text alone is refused."""
    folder, _ = export(tmp_path, use_text=False)
    loaded = QueryModifierRetrieval.from_hparams(source=folder)
    assert not loaded.use_text
    assert not loaded.embed_text(["add dog"]).any()
    with pytest.raises(ValueError, match="use_text: False"):
        loaded.encode_text(["add dog"])


def test_the_folder_of_another_kind_of_model(tmp_path, tiny_clap_folder):
    """Is named, both ways."""
    folder, _ = export(tmp_path)
    with pytest.raises(FileNotFoundError, match="no query_modifier.ckpt"):
        QueryModifierRetrieval.from_hparams(source=tiny_clap_folder)
    with pytest.raises(FileNotFoundError, match="holds no clap.ckpt"):
        CLAP.from_hparams(source=folder)


def test_clap_embeds_what_it_encodes(tiny_clap_folder):
    """Its parts are of norm one, under both names."""
    clap = CLAP.from_hparams(source=tiny_clap_folder)
    wavs = 0.1 * torch.randn(2, 16000)
    torch.testing.assert_close(clap.embed_audio(wavs), clap.encode_audio(wavs))
    torch.testing.assert_close(
        clap.embed_text(["a dog"]), clap.encode_text(["a dog"])
    )


def test_an_audio_encoder_starts_from_any_trained_model(
    tmp_path, tiny_clap_folder
):
    """Of a CLAP or of a query modifier; another size is refused."""
    folder, model = export(tmp_path)
    clap = CLAP.from_hparams(source=tiny_clap_folder).model.audio_encoder
    start_audio_from(model.audio_encoder, tiny_clap_folder)
    for key, value in model.audio_encoder.state_dict().items():
        assert torch.equal(value, clap.state_dict()[key]), key
    start_audio_from(model.audio_encoder, folder)
    with pytest.raises(CheckpointError, match="audio_encoder_from: .* has no"):
        start_audio_from(torch.nn.Linear(3, 3), folder)
    with pytest.raises(CheckpointError, match="clap.ckpt or query_modifier"):
        start_audio_from(model.audio_encoder, tmp_path)


def test_vggish_without_its_last_layers_takes_the_published_weights():
    """The convolutions are filled, the fully connected part is left out."""
    from speechbrain_clap.checkpoints.keys import official_state
    from speechbrain_clap.checkpoints.networks import build
    from speechbrain_clap.lobes.vggish import VGGish

    published = build("vggish", "ours", None, set())
    state = official_state(
        published.net, published.keys, published.constants, {}, None
    )
    encoder = VGGish(pooling="max_mean")
    start_audio_from(encoder, state, "vggish")
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, published.net.state_dict()[key]), key
