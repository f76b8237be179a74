"""Loading, writing and fetching whole families, filled with random numbers."""

import functools
import hashlib
import http.server
import pathlib
import threading

import pytest
import soundfile
import torch

from speechbrain_clap.checkpoints import (
    FAMILIES,
    CheckpointError,
    load_published,
    save_published,
)
from speechbrain_clap.checkpoints.building import NoInitialisation
from speechbrain_clap.checkpoints.networks import build
from speechbrain_clap.checkpoints.reading import read_state
from speechbrain_clap.dataio.download import DownloadError
from speechbrain_clap.inference import CLAP

SAMPLES = pathlib.Path(__file__).parents[1] / "samples" / "text_models"


@functools.cache
def official(family):
    """A state dict of the family's official layout, random, of small scale."""
    torch.manual_seed(0)
    with NoInitialisation():
        model = build(family, "published", None, {"image_transform.x"})
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if parameter.ndim > 1:
                parameter.uniform_(-0.03, 0.03)
            else:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    state = model.net.state_dict()
    names = {key: model.keys.official(key) for key in state}
    return {names[key]: value for key, value in state.items() if names[key]} | {
        k: v for k, v in model.constants.items() if v is not None
    }


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_there_and_back_is_exact(tmp_path, suffix):
    """The same keys, the same numbers, the same container."""
    for family in ("wav2clip", "htsat_audioset"):
        state = official(family)
        state = {k: v for k, v in state.items() if "num_batches" not in k}
        model = load_published(family, state)
        path = save_published(model, family, tmp_path / f"{family}{suffix}")
        row = FAMILIES[family]
        back = read_state(path, row.container, row.prefix)
        assert back.keys() == state.keys()
        for key, value in state.items():
            assert torch.equal(back[key], value), key
        again = load_published(family, path)
        wavs = 0.1 * torch.randn(2, 20000)
        assert torch.equal(again.encode_audio(wavs), model.encode_audio(wavs))


def test_what_was_trained_since_is_written(tmp_path):
    """The parameters of now, not those of the file."""
    model = load_published("wav2clip", official("wav2clip"))
    with torch.no_grad():
        model.net.audio_encoder.conv1.weight.mul_(2)
    path = save_published(model, "wav2clip", tmp_path / "a.pt")
    key = "audio_encoder.conv1.weight"
    wanted = 2 * official("wav2clip")[key]
    assert torch.equal(read_state(path)[key], wanted)
    with pytest.raises(ValueError, match="expected a model of 'vggish'"):
        save_published(model, "vggish", path)
    with pytest.raises(ValueError, match="got Linear"):
        save_published(torch.nn.Linear(1, 1), "vggish", path)


def test_a_dict_stays_its_owners():
    """Training the model leaves the tensors that were given alone."""
    state = official("wav2clip")
    key = "audio_encoder.conv1.weight"
    before = state[key].clone()
    model = load_published("wav2clip", state)
    with torch.no_grad():
        model.net.audio_encoder.conv1.weight.zero_()
    assert torch.equal(state[key], before)


def test_gradients_in_training_mode_only():
    """Eval mode, as it is loaded, keeps none."""
    model = load_published("wav2clip", official("wav2clip"))
    wavs = 0.1 * torch.randn(2, 8000)
    assert not model.encode_audio(wavs).requires_grad
    assert model.train().encode_audio(wavs).requires_grad


@pytest.mark.parametrize("name", ["wav2clip", "htsat_audioset"])
def test_waves_of_every_kind(name):
    """float64, int16, [T]; what is no mono wave is refused."""
    model = load_published(name, official(name), prefer="ours")
    wavs = (0.1 * torch.randn(2, 9000)).clamp(-1, 1)
    wanted = model.encode_audio(wavs)
    torch.testing.assert_close(model.encode_audio(wavs.double()), wanted)
    torch.testing.assert_close(
        model.encode_audio(wavs[0]), wanted[:1], atol=1e-5, rtol=1e-4
    )
    short = (wavs * 32768).round().to(torch.int16)
    coarse = model.encode_audio(short.float() / 32768)
    torch.testing.assert_close(model.encode_audio(short), coarse)
    with pytest.raises(ValueError, match="mono"):
        model.encode_audio(wavs.unsqueeze(1))
    with pytest.raises(ValueError, match="NaN"):
        model.encode_audio(wavs / 0)
    for samples in (1, 1600):
        assert model.encode_audio(wavs[:, :samples]).isfinite().all()
    assert model.encode_audio(torch.zeros(1, 9000)).isfinite().all()


def test_batch_rule_of_wav2clip():
    """Theirs depends on the neighbours, ours does not."""
    state = official("wav2clip")
    # Two clips of unlike loudness, and statistics that tell them apart.
    wavs = torch.randn(2, 16000) * torch.tensor([[0.5], [0.01]])
    for prefer, depends in (("published", True), ("ours", False)):
        model = load_published("wav2clip", state, prefer=prefer)
        x = model.net.audio_encoder.features(wavs)[0]
        alone = model.net.audio_encoder.features(wavs[:1])[0]
        assert torch.allclose(x, alone, atol=1e-4) is not depends


def test_faults_are_named(tmp_path):
    """The wrong family, a wrong word, a file of something else."""
    with pytest.raises(ValueError, match="no family 'clap'.*msclap_2022"):
        load_published("clap")
    with pytest.raises(ValueError, match="expected 'published', 'ours'"):
        load_published("wav2clip", {}, prefer="best")
    with pytest.raises(CheckpointError, match="missing: .*\nunexpected: "):
        load_published("vggish", official("wav2clip"))
    with pytest.raises(DownloadError, match="drive.google.com.*source"):
        load_published("htsat_audioset", cache_folder=tmp_path)


@pytest.fixture
def server(tmp_path):
    """A local server of the files in `tmp_path / "www"`."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Nothing on the screen."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_fetched_once_and_checked(server, tmp_path, monkeypatch):
    """Downloaded into the cache, then used from there; hashes compared."""
    import dataclasses

    folder, address = server
    row = FAMILIES["wav2clip"]
    torch.save(official("wav2clip"), folder / row.file)
    content = (folder / row.file).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    here = dataclasses.replace(
        row,
        address=f"{address}/{row.file}",
        size=len(content),
        sha256_start=digest[:8],
    )
    monkeypatch.setitem(FAMILIES, "wav2clip", here)
    monkeypatch.setenv("SPEECHBRAIN_CLAP_CACHE", str(tmp_path / "cache"))
    model = load_published("wav2clip")
    assert model.report.strict
    (folder / row.file).unlink()  # offline from here on
    load_published("wav2clip")
    wrong = dataclasses.replace(here, sha256_start="00000000")
    monkeypatch.setitem(FAMILIES, "wav2clip", wrong)
    with pytest.raises(DownloadError, match="begins with 00000000"):
        load_published("wav2clip")
    monkeypatch.setenv("SPEECHBRAIN_CLAP_CACHE", str(tmp_path / "empty"))
    with pytest.raises(DownloadError, match="wav2clip/Wav2CLIP.pt|404"):
        load_published("wav2clip")


def test_one_line_to_a_working_clap(tmp_path):
    """Any label, any file: the family's prompt and policy, not normed."""
    clap = CLAP.from_published(
        "laion_clap_htsat_tiny_unfused",
        official("laion_clap_htsat_tiny_unfused"),
        tokenizer_source=SAMPLES / "roberta",
    )
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * torch.randn(30000, 2).numpy(), 22050)
    scores = clap.classify_file(str(path), ["dog", "sea_waves"])
    assert sorted(scores) == ["dog", "sea_waves"]
    assert abs(sum(scores.values()) - 1) < 1e-5
    audio = clap.encode_audio_file(str(path))
    assert audio.shape == (512,) and abs(audio.norm() - 1) < 1e-5
    with pytest.raises(ValueError, match="pass labels"):
        clap.classify_file(str(path))
    with pytest.raises(ValueError, match="'wav2clip' has no text"):
        CLAP.from_published("wav2clip", official("wav2clip"))
