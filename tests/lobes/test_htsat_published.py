"""HTS-AT and the audio towers of two CLAPs against their authors' code."""

import gzip
import importlib.util
import json
import pathlib

import pytest
import torch
from torch.nn import functional

from speechbrain_clap.lobes.features import published_log_mel
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.projection import MLPProjection, ResidualProjection

GOLDEN = pathlib.Path(__file__).parents[3] / "shared" / "golden"
PREFIXES = {
    "htsat_audioset": "",
    "msclap_2023": "audio_encoder.base.htsat.",
    "laion_clap_htsat_tiny_unfused": "audio_branch.",
}
LONG = {"htsat_audioset": "half", "msclap_2023": 689}


class Published:
    """One golden file: our network with its weights, inputs and outputs."""

    def __init__(self, name):
        path = GOLDEN / f"{name}.json.gz"
        if not path.is_file():
            pytest.skip("../shared/golden is not there: no published outputs")
        spec = importlib.util.spec_from_file_location("f", GOLDEN / "fill.py")
        self.fill = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.fill)
        self.name = name
        self.golden = json.loads(gzip.decompress(path.read_bytes()))
        self.encoder = HTSAT(
            published_log_mel(name),
            num_classes=527,
            window_frames=LONG.get(name),
            cover_tail=False,
        ).eval()
        state = self.weights(PREFIXES[name])
        del state["head.weight"], state["head.bias"]  # never used
        report = self.encoder.load_state_dict(state, strict=False)
        assert not report.unexpected_keys
        for key in report.missing_keys:
            assert key.startswith("features.") or "num_batches" in key

    def weights(self, prefix):
        """The tensors whose official key has this prefix, without it."""
        shapes = self.golden["parameters"]
        state = self.fill.fill_state_dict(
            {
                key: size
                for key, size in shapes.items()
                if key.startswith(prefix)
            }
        )
        return {
            key.removeprefix(prefix): torch.from_numpy(value)
            for key, value in state.items()
        }

    def project(self, latent):
        """The published projection of the latent."""
        if self.name == "msclap_2023":
            layer = ResidualProjection(768, 1024).eval()
            layer.load_state_dict(self.weights("audio_encoder.projection."))
            return layer(latent)
        layer = MLPProjection(768, 512)
        names = {"0": "linear1", "2": "linear2"}
        state = self.weights("audio_projection.")
        layer.load_state_dict(
            {names[key[0]] + key[1:]: value for key, value in state.items()}
        )
        return layer(latent)

    def waves(self, case):
        """The input of a case, prepared as the case says."""
        wavs = torch.from_numpy(self.fill.waveform(**case["input"]))
        preparation = case.get("preparation", "")
        if "repeated and cut to 308700" in preparation:
            wavs = wavs.repeat(1, 3)[:, :308700]
        elif "zeros up to 480000" in preparation:
            wavs = functional.pad(wavs.repeat(1, 3), (0, 90000))
        return wavs

    def check(self, case, name, ours):
        """Compares within the tolerance that the file states."""
        wanted = torch.from_numpy(
            self.fill.decode(case["outputs"][name]).copy()
        )
        tolerance = self.golden["tolerance"]
        relative = tolerance["suggested_relative_by_name"].get(
            name, tolerance["suggested_relative"]
        )
        difference = (ours - wanted).abs().max() / wanted.abs().max()
        assert difference <= relative, f"{name}: {difference:.2g}"


@pytest.fixture(scope="module", params=list(PREFIXES))
def published(request):
    """Each published model, built once."""
    return Published(request.param)


def check_outputs(published, case):
    """Clip embedding, projection, probabilities, frames."""
    encoder = published.encoder
    wavs = published.waves(case)
    outputs = case["outputs"]
    scores = encoder.classify(wavs).sigmoid()
    published.check(case, "clipwise_output", scores)
    if "latent" in outputs:
        latent = encoder(wavs)
        published.check(case, "latent", latent)
    if "audio_projected" in outputs:
        published.check(case, "audio_projected", published.project(latent))
    if "audio_embedding" in outputs:
        embedding = published.project(latent)
        if published.name != "msclap_2023":
            embedding = functional.normalize(embedding, dim=-1)
        published.check(case, "audio_embedding", embedding)
    name = "framewise_output_every64_first64classes"
    if name in outputs:
        # 1024 frames, 32 to a step: every second step.
        frames = encoder.step_logits(wavs).sigmoid().mean(1)
        published.check(case, name, frames[:, ::2, :64])


@torch.no_grad()
def test_published_clip(published):
    """From the spectrogram to the embedding, stage by stage."""
    case = published.golden
    encoder = published.encoder
    wavs = published.waves(case)
    check_outputs(published, case)
    published.check(
        case, "logmel_item0_first64frames", encoder.features(wavs)[0, :64]
    )
    image = encoder.image(encoder.spectrogram(wavs))
    published.check(case, "image_item0_every4th", image[0, 0, ::4, ::4])
    x = encoder.patch_embed(image)
    published.check(case, "patch_tokens_item0_first16", x.flatten(1, 2)[0, :16])
    stage = encoder.layers[0](x).mean((1, 2))
    published.check(case, "stage1_mean_over_tokens", stage)
    tokens = encoder.trunk(image)[0]  # [rows, steps, D]
    if "final_tokens_item0_first64" in case["outputs"]:
        # Theirs are still in the order of the image.
        raster = tokens.unflatten(1, (4, 8)).transpose(0, 1).flatten(0, 2)
        published.check(case, "final_tokens_item0_first64", raster[:, :64])
    if "fine_grained_item0_every128" in case["outputs"]:
        fine = tokens.mean(0)[::4, :128]  # 1024 frames, 32 to a step
        published.check(case, "fine_grained_item0_every128", fine)


@torch.no_grad()
def test_published_short_and_long(published):
    """Stretched, repeated, and cut into windows by the published rules."""
    for name, case in published.golden["more_cases"].items():
        if name != "short_infer_mode":
            check_outputs(published, case)
            continue
        # What repeats the spectrogram itself is no mode of ours.
        x = published.encoder.spectrogram(published.waves(case))
        image = published.encoder.image(x.repeat(1, 3, 1))
        latent = published.encoder.trunk(image).mean((1, 2))
        published.check(case, "latent", latent)
