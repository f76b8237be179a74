"""Sounds, pictures and texts from files, searched by one another.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_clap.dataio.audio import AudioReader, BadClipError
from speechbrain_clap.inference import AudioCLIP
from speechbrain_clap.models.export import export_model
from speechbrain_clap.utils.hparams import load_hparams

pytest.importorskip("open_clip", reason="the extra vision is not installed")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

YAML = """
clip_policy: {padding: edge, long: whole, channels: CHANNELS, stretch: STRETCH}
templates: ['{}']
clip: {embed_dim: 8, vision_cfg: {image_size: 32, layers: [1, 1, 1, 1],
    width: 8}, text_cfg: {width: 8, heads: 2, layers: 1}}
audioclip: !new:speechbrain_clap.models.audioclip.AudioCLIP
    audio_encoder: !new:speechbrain_clap.lobes.esresnext.ESResNeXt
        sample_rate: 8000
        clip_seconds: 0.5
        n_fft: 256
        win_length: 206
        depths: [1, 1, 1, 1]
        channels: 4
        groups: 2
        num_classes: 8
    image_encoder: !new:speechbrain_clap.lobes.vision.OpenClipVision
        name: !ref <clip>
        pretrained: null
    text_encoder: !new:speechbrain_clap.lobes.clip_text.OpenClipText
        name: !ref <clip>
        pretrained: null
"""


@pytest.fixture
def make(tmp_path):
    """A model as stage 3 leaves it, loaded from its folder."""

    def _make(channels="null", stretch="False", row=False):
        torch.manual_seed(0)
        text = YAML.replace("CHANNELS", channels).replace("STRETCH", stretch)
        path = tmp_path / "whole.yaml"
        path.write_text(text)
        model = load_hparams(path)["audioclip"]
        if row:
            path = tmp_path / "row.yaml"
            path.write_text("experiment: !include:whole.yaml\n")
        with torch.no_grad():  # statistics as after training
            model.train().encode_audio(0.1 * torch.randn(8, 4000))
        folder = export_model(
            tmp_path / "model",
            path,
            {},
            {"audioclip": model.eval()},
            {},
            kept=("clip_policy", "templates"),
            more={"class_names": ["dog", "sea_waves"]},
            loaded_by="AudioCLIP",
        )
        return model, AudioCLIP.from_hparams(source=str(folder))

    return _make


@pytest.fixture
def files(tmp_path):
    """Three sounds and two pictures."""
    draw = numpy.random.default_rng(0)
    sounds, images = [], []
    for i in range(3):
        wav = 0.1 * torch.randn(1, 6000 + 3000 * i)
        sounds.append(str(tmp_path / f"{i}.wav"))
        audio_io.save(sounds[-1], wav, 8000 + 4000 * i)
    for i in range(2):
        pixels = draw.integers(0, 256, (40 + i, 60, 3), dtype=numpy.uint8)
        images.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(pixels).save(images[-1])
    return sounds, images


@pytest.mark.parametrize("row", [False, True])
def test_folder_gives_the_model_that_was_trained(make, files, row):
    """From files, of each modality; the row of a table exports as well."""
    model, clip = make(row=row)
    sounds, images = files
    together = clip.encode_audio_files(sounds)
    alone = torch.stack([clip.encode_audio_file(path) for path in sounds])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    pictures = clip.encode_image_files(images, batch_size=1)
    with torch.no_grad():
        pixels = model.image_encoder.preprocess(
            [Image.open(path) for path in images]
        )
        torch.testing.assert_close(pictures, model.encode_image(pixels))
        texts = ["a dog", "rain"]
        torch.testing.assert_close(
            clip.encode_text(texts), model.encode_text(texts)
        )


def test_classification_is_the_softmax_of_scaled_cosines(make, files):
    """By the scale of its own pair; the labels of the training by default."""
    model, clip = make()
    sounds, images = files
    for found, embedding, pair in (
        (
            clip.classify_file(sounds[0]),
            clip.encode_audio_file(sounds[0]),
            "audio_text",
        ),
        (
            clip.classify_image_file(images[0]),
            clip.encode_image_files(images[:1])[0],
            "image_text",
        ),
    ):
        text = clip.encode_text(["dog", "sea waves"])
        wanted = (model.scale(pair) * text @ embedding).softmax(0)
        assert found["dog"] == pytest.approx(wanted[0].item(), abs=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)
    with pytest.raises(ValueError, match="hold a name twice"):
        clip.classify_file(sounds[0], ["dog", "dog"])


def test_search_across_modalities(make, files):
    """Each by each; a query of several is their normalised mean."""
    _, clip = make()
    sounds, images = files
    index = {
        "sounds": clip.encode_audio_files(sounds),
        "images": clip.encode_image_files(images),
    }
    for query, candidates in (
        (clip.query(texts=["rain"]), index["sounds"]),
        (clip.query(images=images[:1]), index["sounds"]),
        (clip.query(sounds=sounds[:1]), index["images"]),
    ):
        found = clip.search(query, candidates, k=2)
        cosines = candidates @ query
        assert len(found) == 2
        assert found[0] == (
            int(cosines.argmax()),
            pytest.approx(cosines.max().item()),
        )
        assert found[0][1] >= found[1][1]
    # A sound is nearest to itself.
    assert (
        clip.search(clip.query(sounds=sounds[1:2]), index["sounds"])[0][0] == 1
    )
    both = clip.query(texts=["rain"], images=images[:1])
    mean = clip.encode_text(["rain"])[0] + index["images"][0]
    torch.testing.assert_close(both, mean / mean.norm())
    again = clip.query(texts=["rain"], embeddings=index["images"][:1])
    torch.testing.assert_close(both, again)
    with pytest.raises(ValueError, match="nothing is asked for"):
        clip.query()


def test_channels_and_stretch_of_the_training_are_kept(make, files):
    """A model of stereo, stretched clips hears every sound so."""
    sounds, _ = files
    model, clip = make(channels="2", stretch="True")
    wav = AudioReader(8000, channels=2, stretch=True)(sounds[0])
    with torch.no_grad():
        wanted = model.encode_audio(wav.T.unsqueeze(0))[0]
    found = clip.encode_audio_file(sounds[0])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    _, plain = make()
    assert not torch.allclose(plain.encode_audio_file(sounds[0]), found)


def test_bad_files_are_named(make, tmp_path):
    """Missing, and no picture."""
    _, clip = make()
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(BadClipError, match=r"bad.png: cannot be decoded"):
        clip.encode_image_files([bad])
    with pytest.raises(BadClipError, match=r"gone.png: there is no such file"):
        clip.query(images=[tmp_path / "gone.png"])
    with pytest.raises(ValueError, match="expected a list of paths"):
        clip.encode_image_files(str(bad))
