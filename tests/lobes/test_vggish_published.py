"""VGGish against torchvggish: examples, maps, embeddings, pooling.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.vggish import VGGish


@pytest.fixture(scope="module")
def vggish(golden):
    """The golden file."""
    return golden("vggish")


def network(vggish, **options):
    """The network with the published weights, strictly by their names."""
    encoder = VGGish(**options).eval()
    wanted = "features." if options.get("pooling") == "max_mean" else ""
    state = vggish.weights(wanted)
    encoder.load_state_dict({wanted + key: x for key, x in state.items()})
    return encoder


@torch.no_grad()
def test_embedding(vggish):
    """With and without the last ReLU, and all that leads there."""
    encoder, wavs = network(vggish), vggish.waves()
    examples = encoder.front_end(wavs)
    assert examples.shape == (2, vggish.facts["examples_per_clip"], 96, 64)
    vggish.check("examples", examples[:, :, ::4, ::4])
    seen = {}
    encoder.features[14].register_forward_hook(
        lambda module, x, y: seen.update(last=y.clone())
    )
    encoder.embeddings.register_forward_hook(
        lambda module, x, y: seen.update(flattened=x[0])
    )
    frames, seconds = encoder.forward_frames(wavs)
    assert seconds == pytest.approx(0.96)
    last = seen["last"].unflatten(0, (2, -1))
    vggish.check("last_conv_relu", last[:, :1, ::16])
    vggish.check("flattened", seen["flattened"][:, :1, :2048])
    vggish.check("features", encoder.maps(wavs)[:, :1, ::2])
    vggish.check("embedding", frames)
    wanted = vggish.wanted("embedding").mean(1)
    torch.testing.assert_close(encoder(wavs), wanted, atol=2e-5, rtol=2e-5)
    del encoder.embeddings[5]  # as last_relu=False makes it
    vggish.check("embedding_before_last_relu", encoder.over_time(wavs))


@torch.no_grad()
def test_pooling_over_time(vggish):
    """The query-modifier's, on the convolutional part alone."""
    wavs = vggish.waves()
    for last_pool, suffix, step in (
        (True, "", 1),
        (False, "_before_last_pool", 2),
    ):
        encoder = network(vggish, pooling="max_mean", last_pool=last_pool)
        x = encoder.over_time(wavs)
        vggish.check(f"max_over_time{suffix}", x.amax(1)[:, ::step])
        vggish.check(f"mean_over_time{suffix}", x.mean(1)[:, ::step])
        both = vggish.wanted(f"max_over_time{suffix}")
        both = both + vggish.wanted(f"mean_over_time{suffix}")
        embedding = encoder(wavs)[:, ::step]
        torch.testing.assert_close(embedding, both, atol=2e-5, rtol=2e-5)
