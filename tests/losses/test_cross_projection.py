"""Wav2CLIP's loss against the formula written out, on one rank and on two.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.util
import math
import pathlib
import subprocess
import sys

import torch
from torch.nn.functional import cosine_similarity

from speechbrain_clap.losses.cross_projection import CrossProjectionLoss

SCRIPT = pathlib.Path(__file__).with_name("cross_two_ranks.py")
LOSS = CrossProjectionLoss()


def embeddings(items=5):
    """Audio and g(image), f(audio) and image: two spaces, any norms."""
    generator = torch.Generator().manual_seed(0)
    sizes = (4, 3, 3, 4)
    return [5 * torch.randn(items, size, generator=generator) for size in sizes]


def one_way(x, y, scale):
    """Mean of -log p(y_i | x_i), by a loop, in float64."""
    x, y, found = x.double(), y.double(), []
    for index in range(len(x)):
        scores = scale * cosine_similarity(x[index : index + 1], y)
        found.append(scores.exp().sum().log() - scores[index])
    return sum(found) / len(found)


def test_is_the_formula():
    """Both ways, in both spaces, each with its own scale."""
    audio, projected_audio, image, projected_image = embeddings()
    wanted = (
        one_way(audio, projected_image, 3.0)
        + one_way(projected_image, audio, 3.0)
        + one_way(projected_audio, image, 150.0)
        + one_way(image, projected_audio, 150.0)
    ) / 4
    scales = torch.tensor(3.0), torch.tensor(150.0)  # the second unclamped
    found = LOSS(audio, projected_audio, image, projected_image, *scales)
    torch.testing.assert_close(found, wanted.float())


def test_norms_do_not_matter_and_nothing_known_is_ln_of_the_items():
    """Only directions do; equal vectors leave every choice open."""
    scale = torch.tensor(7.0)
    given = embeddings()
    found = LOSS(*given, scale, scale)
    longer = LOSS(*[9 * x for x in given], scale, scale)
    torch.testing.assert_close(found, longer)
    same = LOSS(*[torch.ones(5, 3)] * 4, scale, scale)
    assert abs(same.item() - math.log(5)) < 1e-6


def test_float32_under_bf16_and_gradient_to_all():
    """Exact whatever the autocast."""
    given = [x.bfloat16().requires_grad_(True) for x in embeddings()]
    scales = [torch.tensor(x, requires_grad=True) for x in (3.0, 9.0)]
    with torch.autocast("cpu", torch.bfloat16):
        found = LOSS(*given, *scales)
    assert found.dtype == torch.float32
    exact = LOSS(*[x.detach().float() for x in given], *scales)
    torch.testing.assert_close(found, exact, atol=0, rtol=0)
    found.backward()
    for x in [*given, *scales]:
        assert x.grad.abs().sum() > 0


def test_two_ranks_are_one_process(tmp_path):
    """Loss and gradients, those of the two scales among them, under DDP."""
    ranks = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), "2", str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in ranks]
    assert not any(p.returncode for p in ranks), b"".join(said).decode()
    spec = importlib.util.spec_from_file_location("cross_two_ranks", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    wanted = script.gradients(0, 1)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    mean = (first.pop("loss") + second.pop("loss")) / 2
    torch.testing.assert_close(mean, wanted.pop("loss"))
    for name, value in wanted.items():  # DDP has averaged
        assert value.abs().sum() > 0, name
        torch.testing.assert_close(first[name], value)
        torch.testing.assert_close(second[name], value)
