"""One file, one embedding; every kind of input; classification."""

import numpy
import pytest
import soundfile
import torch
from speechbrain.dataio import audio_io

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.inference import CLAP


@pytest.fixture
def clap(tiny_clap_folder):
    """Takes the centre of long sounds."""
    return CLAP.from_hparams(source=tiny_clap_folder)


def write(folder, name, seconds, rate=16000, channels=1, **kwargs):
    """A file of noise that follows from its name."""
    generator = numpy.random.default_rng(len(name) + int(1000 * seconds))
    wav = 0.1 * generator.standard_normal((round(seconds * rate), channels))
    soundfile.write(folder / name, wav, rate, **kwargs)
    return str(folder / name)


@pytest.mark.parametrize("long", ["center", "windows"])
def test_alone_equals_batched(make_clap_folder, tmp_path, long):
    """Files of many lengths, in batches of two or one by one, twice."""
    clap = CLAP.from_hparams(source=str(make_clap_folder(long)))
    paths = [
        write(tmp_path, f"{i}.wav", seconds)
        for i, seconds in enumerate([1.0, 0.3, 2.7, 1.0, 5.0])
    ]
    together = clap.encode_audio_files(paths, batch_size=2)
    again = clap.encode_audio_files(paths[::-1], batch_size=5).flip(0)
    alone = torch.stack([clap.encode_audio_file(path) for path in paths])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(again, alone, atol=1e-5, rtol=0)
    assert torch.equal(alone[0], clap.encode_audio_file(paths[0]))


def test_long_clips_follow_the_policy(make_clap_folder):
    """The centre hears the middle second; windows hear all of it."""
    torch.manual_seed(1)
    middle, ends = 0.1 * torch.randn(2, 1, 16000)
    wav = torch.cat([ends, middle, ends], 1)
    center = CLAP.from_hparams(source=str(make_clap_folder("center")))
    torch.testing.assert_close(
        center.encode_audio(wav), center.encode_audio(middle)
    )
    windows = CLAP.from_hparams(source=str(make_clap_folder("windows")))
    mean = (2 * windows.encode_audio(ends) + windows.encode_audio(middle)) / 3
    torch.testing.assert_close(
        windows.encode_audio(wav), torch.nn.functional.normalize(mean, dim=-1)
    )


def test_channels_rates_and_widths(clap, tmp_path):
    """Stereo is averaged; rates are resampled; widths are the same sound."""
    rate = 16000
    wav = 0.3 * torch.sin(torch.arange(rate) * 2 * torch.pi * 440 / rate)
    want = clap.encode_audio(wav)[0]
    both = torch.stack([wav + 0.2, wav - 0.2], 1)
    files = {
        "stereo.wav": (both, rate, "PCM_16"),
        "six.wav": (wav[:, None].repeat(1, 6), rate, "FLOAT"),
        "eight_bits.wav": (wav[:, None], rate, "PCM_U8"),
        "double.wav": (wav[:, None], rate, "DOUBLE"),
    }
    for name, (samples, of, subtype) in files.items():
        soundfile.write(tmp_path / name, samples, of, subtype=subtype)
        found = clap.encode_audio_file(str(tmp_path / name))
        assert found @ want > (0.97 if "eight" in name else 0.9999), name
    high = torch.arange(192000) * 2 * torch.pi * 440 / 192000
    audio_io.save(tmp_path / "high.wav", 0.3 * torch.sin(high)[None], 192000)
    assert clap.encode_audio_file(str(tmp_path / "high.wav")) @ want > 0.99


def test_kinds_of_waves(clap):
    """float64 and int16 are taken, a single wave too; others are refused."""
    wavs = (3000 * torch.randn(2, 8000)).to(torch.int16)
    want = clap.encode_audio(wavs.float() / 32768)
    torch.testing.assert_close(clap.encode_audio(wavs), want)
    torch.testing.assert_close(clap.encode_audio(wavs.double() / 32768), want)
    torch.testing.assert_close(clap.encode_audio(wavs[0]), want[:1])
    for bad, words in (
        (torch.zeros(2, 3, 4), r"expected \[B, T\]"),
        (torch.zeros(2, 0), "T of at least 1"),
        (torch.zeros(2, 9, dtype=torch.int64), "int16"),
        (torch.full((1, 9), float("nan")), "NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            clap.encode_audio(bad)


def test_lens_hide_the_padding(clap):
    """A padded wave with its length is the wave."""
    wavs = 0.1 * torch.randn(2, 16000)
    found = clap.encode_audio(wavs, torch.tensor([1.0, 0.25]))
    torch.testing.assert_close(found[1:], clap.encode_audio(wavs[1:, :4000]))


def test_classify_file(clap, tmp_path):
    """Probabilities over labels given on the fly, or those of training."""
    path = write(tmp_path, "a.wav", 1.0)
    scores = clap.classify_file(path, ["dog", "rain", "a_new_label"])
    assert abs(sum(scores.values()) - 1) < 1e-5
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert set(clap.classify_file(path)) == {"dog", "sea_waves"}
    with pytest.raises(ValueError, match="twice"):
        clap.classify_file(path, ["dog", "dog"])
    with pytest.raises(ValueError, match="no '{}'"):
        clap.classify_file(path, ["dog"], templates=["a dog"])


def test_similarity_is_the_cosine(clap):
    """Of any scale."""
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([[0.0, 2.0], [5.0, 0.0]])
    torch.testing.assert_close(
        clap.similarity(a, b), torch.tensor([[0.8, 0.6]])
    )


def test_bad_files_are_named(clap, tmp_path):
    """One clear error each."""
    empty, text = tmp_path / "empty.wav", tmp_path / "text.wav"
    empty.write_bytes(b"")
    text.write_text("not a sound")
    soundfile.write(tmp_path / "silent.wav", numpy.zeros(100), 16000)
    for path, words in (
        (empty, "empty.wav: the file is empty"),
        (text, "text.wav: cannot be decoded"),
        (tmp_path / "silent.wav", "silent.wav: is silent"),
        (tmp_path / "none.wav", "none.wav: there is no such file"),
    ):
        with pytest.raises(BadClipError, match=words):
            clap.encode_audio_file(str(path))


def test_frozen_and_in_eval_mode(clap):
    """Inference needs no gradient and no batch statistics."""
    assert not any(p.requires_grad for p in clap.mods.parameters())
    assert not clap.mods.clap.audio_encoder.training


def test_labels_are_embedded_once_for_many_files(clap, tmp_path, monkeypatch):
    """And again for other labels, other prompts, and other weights."""
    path, asked = write(tmp_path, "a.wav", 1.0), []
    encode = clap.model.encode_classes

    def _encode(labels, templates):
        asked.append(labels)
        return encode(labels, templates)

    monkeypatch.setattr(clap.model, "encode_classes", _encode)
    labels = ["dog", "rain"]
    first = clap.classify_file(path, labels)
    assert clap.classify_file(path, labels) == first and len(asked) == 1
    assert set(clap.classify_file(path, ["rain", "sea"])) == {"rain", "sea"}
    assert clap.classify_file(path, labels, ["a {} here"]) != first
    assert clap.classify_file(path, labels) == first and len(asked) == 4
    with torch.no_grad():
        clap.model.text_projection.weight.mul_(-1)
    assert clap.classify_file(path, labels) != first and len(asked) == 5
