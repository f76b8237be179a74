"""The offline chain of Wav2CLIP: pictures, frames, sounds, and then its use.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import json
import pathlib

import pytest
import torch

from speechbrain_clap.evaluation.running import parse
from speechbrain_clap.inference.loading import load_embedder

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "VGGSound"
SAMPLES = ROOT / "tests" / "samples" / "VGGSound"
SIZES = "embed_dim: 8, quick_gelu: False"
VISION = "image_size: 32, layers: [1, 1, 1, 1], width: 8"
TEXT = "text_cfg: {width: 8, heads: 2, layers: 1}"
CPU = ("--device=cpu", "--noprogressbar")
PROJECTION = "{in_dim: 8, out_dim: 8}"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a script of the recipe in this process; gives its folder."""
    pytest.importorskip("open_clip")
    pytest.importorskip("av")
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(RECIPE))

    def _run(script, yaml, *options):
        spec = importlib.util.spec_from_file_location(
            f"{script}_run", RECIPE / f"{script}.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        start = module.extract if script == "extract_clip" else module.train
        output = tmp_path / yaml
        arguments = [f"hparams/{yaml}.yaml", f"--output_folder={output}"]
        start(*parse([*arguments, *CPU, *options]))
        return output

    return _run


def test_from_pictures_to_sounds(run, monkeypatch):
    """Each step takes what the one before left; nothing is done twice."""
    clip = run(
        "train_small_clip",
        "small_clip",
        "--number_of_epochs=1",
        "--train_pictures=8",
        "--valid_pictures=4",
        "--batch_size=4",
        "--picture_size=32",
        f"--sizes={{{SIZES}, vision_cfg: {{{VISION}}}, {TEXT}}}",
    )
    extraction = (
        "extract_clip",
        "extract_clip",
        f"--data_folder={SAMPLES}",
        f"--clip={clip / 'model'}",
        "--rate=4",
        "--num_workers=1",
    )
    frames = run(*extraction)
    report = json.loads((frames / "extraction.json").read_text())
    assert report["clips"] == 10 and report["bad"] == {}
    assert report["frames"] == 40  # ten videos of 1 s
    run(*extraction)
    again = json.loads((frames / "extraction.json").read_text())
    assert again["clips"] == 10 and again["frames"] == 0

    # Training has nothing to do with videos and images.
    import speechbrain_clap.dataio.video as video
    from speechbrain_clap.lobes.vision import OpenClipVision

    def _never(*args, **kwargs):
        raise AssertionError("no image tower and no frame in training")

    monkeypatch.setattr(OpenClipVision, "__init__", _never)
    monkeypatch.setattr(video, "all_frames", _never)
    output = run(
        "train_wav2clip",
        "wav2clip_small",
        f"--data_folder={SAMPLES}",
        f"--frames_folder={frames / 'frames'}",
        "--number_of_epochs=2",
        "--valid_clips=2",
        "--batch_size=2",
        "--clip_seconds=0.5",
        f"--clip={{{SIZES}, {TEXT}}}",
        "--wav2clip={audio_encoder: {widths: [4, 4, 4, 8]}}",
        f"--audio_projection={PROJECTION}",
        f"--image_projection={PROJECTION}",
    )
    log = (output / "train_log.txt").read_text()
    assert log.count("epoch:") == 2 and "audio_to_image_MRR" in log
    metrics = json.loads((output / "test_VGGSound/metrics.json").read_text())
    assert metrics["clips"] == 4 and metrics["sounds"] == "made-up"
    assert metrics["items"] == {"audio": 4, "image": 4, "text": 4}
    assert set(metrics["directions"]) >= {"audio_to_image", "audio_to_text"}

    model = load_embedder(output / "model", device="cpu")
    assert type(model).__name__ == "Wav2CLIP"
    sound = SAMPLES / "audio" / "madeup50000_000030.flac"
    scores = model.classify_file(sound)
    assert "sea waves" in scores and sum(scores.values()) == pytest.approx(1)
    texts = model.encode_text(["dog", "rain"])
    kept = torch.load(frames / "frames" / "clip_text.pt", weights_only=True)
    key = "token_embedding.weight"
    assert torch.equal(model.model.text_encoder.state_dict()[key], kept[key])
    assert texts.shape == (2, 8)
    embedded, seconds = model.encode_frames_file(sound)
    assert embedded.shape == (1, 8) and seconds == 1.0
