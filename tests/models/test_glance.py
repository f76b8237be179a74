"""Listening at a glance: an untrained decoder, and a similarity that rises.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.models.glance import (
    CutOuts,
    Glance,
    spherical_distance,
)

SIZES = {
    "block_out_channels": [8, 8],
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "num_vq_embeddings": 32,
}


class Eye(torch.nn.Module):
    """What an image tower has: it sees which colours there are.

    An untrained CLIP sees the same in all pictures, and one with untrained
    edges sees another picture wherever a part is mirrored or enlarged.
    """

    image_size, mean, std = 32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def __init__(self):
        super().__init__()
        self.see = torch.nn.Conv2d(3, 16, 1, bias=False)
        self.tell = torch.nn.Linear(16, 16, bias=False)

    def forward(self, images):
        return self.tell(self.see(images).tanh().mean((2, 3)))


@pytest.fixture
def make():
    """Makes a glance of a tiny image tower and an untrained VQ decoder."""
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    from speechbrain_clap.lobes.vq_decoder import VQDecoder

    def _make(**options):
        torch.manual_seed(0)
        decoder = VQDecoder(SIZES)
        with torch.no_grad():  # codes and colours as far apart as if trained
            decoder.model.quantize.embedding.weight.normal_()
            decoder.model.decoder.conv_out.weight.mul_(8)
        codes = decoder.model.quantize.embedding.weight
        decoder.lowest.copy_(codes.amin(0)[:, None, None])
        decoder.highest.copy_(codes.amax(0)[:, None, None])
        return Glance(decoder, Eye(), **options)

    return _make


def test_the_similarity_rises(make):
    glance = make(cut_outs=8, steps=40, every=20)
    weights = {k: x.clone() for k, x in glance.state_dict().items()}
    torch.manual_seed(1)
    for seed in range(2):
        target = torch.randn(16)
        found = glance(target, 32, 40, seed=seed)
        similarity = found["similarity"]
        assert len(similarity) == 41
        assert similarity[-1] > similarity[0] + 0.1
        assert found["picture"].shape == (3, 32, 40)
        assert found["picture"].dtype == torch.uint8
        assert len(found["stages"]) == 3
    # Neither CLIP nor the decoder has changed.
    for key, value in glance.state_dict().items():
        assert torch.equal(value, weights[key])


def test_one_seed_one_picture(make):
    glance = make(cut_outs=2, steps=2)
    target = torch.ones(16)
    first = glance(target, 16, 16, seed=3)
    torch.rand(5)  # what else is drawn does not matter
    again = glance(target, 16, 16, seed=3)
    assert torch.equal(first["picture"], again["picture"])
    other = glance(target, 16, 16, seed=4)
    assert not torch.equal(first["picture"], other["picture"])


def test_another_space(make):
    with pytest.raises(ValueError, match="in 12 dimensions, pictures in 16"):
        make(steps=1)(torch.ones(12), 16, 16)
    with pytest.raises(ValueError, match="17 x 16: expected multiples of 2"):
        make(steps=1)(torch.ones(16), 17, 16)


def test_a_folder_of_diffusers(make, tmp_path):
    from speechbrain_clap.lobes.vq_decoder import VQDecoder

    decoder = make().decoder
    decoder.model.save_pretrained(tmp_path / "vqvae")
    latent = decoder.start(16, 16, torch.Generator().manual_seed(0))
    again = VQDecoder(tmp_path / "vqvae")
    assert torch.equal(again(latent), decoder(latent))
    picture = decoder(latent)
    assert 0 <= float(picture.min()) and float(picture.max()) <= 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty holds no config.json"):
        VQDecoder(tmp_path / "empty")


def test_a_latent_is_kept_among_the_codes(make):
    decoder = make().decoder
    latent = torch.full((1, 3, 2, 2), 100.0)
    inside = decoder.keep_inside(latent)
    assert inside is latent
    highest = decoder.model.quantize.embedding.weight.amax(0)
    assert torch.equal(latent[0, :, 0, 0], highest)


def test_cut_outs_show_parts_of_the_picture():
    plain = CutOuts(
        16, 20, degrees=0, shift=0, perspective=0, colour=0, noise=0
    )
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 48, 64)
    parts = plain(ramp.clone(), torch.Generator().manual_seed(0))
    assert parts.shape == (20, 3, 16, 16)
    # Some are mirrored, none is changed otherwise: brightness goes one way.
    ends = (parts[:, 0, :, -1] - parts[:, 0, :, 0]).mean(1)
    assert (ends.abs() > 0.1).all() and (ends > 0).any() and (ends < 0).any()
    assert torch.allclose(parts[:, 0, 0], parts[:, 0, 9], atol=1e-5)
    assert 0 <= float(parts.min()) and float(parts.max()) <= 1
    # A picture of one colour stays one, however it is turned.
    grey = torch.full((1, 3, 32, 32), 0.5)
    turned = CutOuts(16, 8, colour=0, noise=0)
    parts = turned(grey, torch.Generator().manual_seed(0))
    assert torch.allclose(parts, torch.full_like(parts, 0.5), atol=1e-5)
    # A picture smaller than the parts is enlarged.
    parts = turned(torch.rand(1, 3, 8, 8), torch.Generator().manual_seed(0))
    assert parts.shape == (8, 3, 16, 16)


def test_the_distance_is_half_of_the_squared_angle():
    angle = torch.tensor([0.0, 0.3, 2.0])
    x = torch.stack([angle.cos(), angle.sin()], 1)
    found = spherical_distance(x, torch.tensor([1.0, 0.0]))
    assert torch.allclose(found, angle**2 / 2, atol=1e-5)
