"""ESResNeXt against torchvision's ResNeXt; lengths, channels, gradients."""

import pytest
import torch

from speechbrain_clap.lobes.esresnext import ESResNeXt

SIZES = {
    "n_fft": 256,
    "hop_length": 100,
    "win_length": 206,
    "depths": [1, 2, 1, 1],
    "channels": 4,
    "groups": 2,
}

LAST = "layer4.2.conv3.weight"


def make(**kwargs):
    """A small network with the statistics of a trained one."""
    torch.manual_seed(0)
    encoder = ESResNeXt(**{**SIZES, **kwargs}).train()
    with torch.no_grad():
        for _ in range(20):
            amplitude = torch.rand(8, 1)
            encoder(amplitude * torch.randn(8, 8000))
    return encoder.eval()


@pytest.fixture(scope="module")
def encoder():
    """Shared by tests that change nothing."""
    return make(num_classes=5)


def test_backbone_is_torchvisions():
    """Its state dict fits, and with open attention the features are equal."""
    resnet = pytest.importorskip("torchvision").models.resnet
    theirs = resnet.ResNet(
        resnet.Bottleneck, [1, 2, 1, 1], groups=2, width_per_group=4
    )
    for _ in range(3):
        theirs.train()(torch.randn(4, 3, 42, 30))
    theirs.fc = torch.nn.Identity()
    ours = ESResNeXt(**{**SIZES, "channels": 64}).eval()
    state = {**theirs.eval().state_dict(), "fc.weight": torch.ones(1000, 2048)}
    rest = ours.load_imagenet(state)
    for index in range(1, 6):
        norm = getattr(ours, f"att{index}").bn
        assert (norm.weight == 1).all() and (norm.bias == 1).all()
        torch.nn.init.constant_(norm.bias, 100.0)  # the sigmoid is 1
    wavs = 0.1 * torch.randn(2, 3000)
    with torch.no_grad():
        wanted = theirs(ours.features(wavs))
        torch.testing.assert_close(ours(wavs), wanted, rtol=1e-4, atol=1e-4)
    assert {key.split(".")[0] for key in rest} == {
        "fbsp",
        *(f"att{index}" for index in range(1, 6)),
    }
    assert set(rest) | set(state) >= set(ours.state_dict())


def test_published_sizes():
    """torchvision's largest state dict fits key by key."""
    models = pytest.importorskip("torchvision").models
    theirs = models.resnext50_32x4d().state_dict()
    ours = ESResNeXt(num_classes=527)
    rest = ours.load_imagenet(theirs)
    assert "fc.weight" in rest and ours.embedding_dim == 2048
    assert torch.equal(ours.layer4[2].conv3.weight, theirs[LAST])
    # Older files lack the counters.
    older = {k: v for k, v in theirs.items() if "num_batches" not in k}
    assert ours.load_imagenet(older) == rest


def test_imagenet_of_other_sizes_is_refused():
    """One message that names the keys; nothing is loaded."""
    encoder = make()
    state = {
        key: torch.zeros_like(value)
        for key, value in encoder.state_dict().items()
        if not key.startswith(("att", "fbsp"))
    }
    state["conv1.weight"] = torch.zeros(8, 3, 7, 7)
    state["layer9.weight"] = state.pop("bn1.weight")
    with pytest.raises(ValueError) as error:
        encoder.load_imagenet(state)
    for part in ("conv1.weight: expected", "bn1.weight", "layer9.weight"):
        assert part in str(error.value)
    assert encoder.layer1[0].conv1.weight.any()


@torch.no_grad()
def test_scale_and_bands(encoder):
    """The mapping of int16 numbers, the three bands, the floor."""
    wavs = 0.1 * torch.randn(1, 3000)
    numbers = (wavs * 32768).double()
    scaled = ((numbers + 32768) * 2 / 65535 - 1).float()
    power = encoder.fbsp.power(scaled)
    image = encoder.features(wavs)
    assert image.shape == (1, 3, 43, encoder.fbsp.count(3000))
    for band in range(3):
        wanted = 10 * power[:, 43 * band : 43 * band + 43].log10()
        torch.testing.assert_close(image[:, band], wanted, atol=1e-2, rtol=0)
    # Half a step below zero the mapped wave is zero, and so is its power.
    nothing = encoder.features(torch.full((1, 3000), -1 / 65536))
    assert (nothing == -180).all()
    assert (encoder.features(torch.zeros(1, 3000)) > -180).any()


@torch.no_grad()
def test_padded_equals_alone(encoder):
    """A clip in a padded batch gives what it gives by itself."""
    samples = [9000, 5000, 100]
    wavs = 0.1 * torch.randn(3, 9000)
    lens = torch.tensor(samples) / 9000
    together = encoder(wavs, lens)
    logits = encoder.classify(wavs, lens)
    frames, seconds = encoder.forward_frames(wavs, lens)
    assert frames.shape == (3, 3, encoder.embedding_dim)
    assert seconds == pytest.approx(3200 / 44100)
    for index, length in enumerate(samples):
        wav = wavs[index : index + 1, :length]
        alone = encoder(wav)[0]
        torch.testing.assert_close(together[index], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            logits[index], encoder.fc(alone), atol=1e-5, rtol=1e-5
        )
        own = encoder.forward_frames(wav)[0][0]
        torch.testing.assert_close(own.mean(0), alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            frames[index, : len(own)], own, atol=1e-5, rtol=1e-5
        )
        assert not frames[index, len(own) :].any()


@torch.no_grad()
def test_channels_are_summed(encoder):
    """Each channel alone, in a batch with lengths too."""
    wavs = 0.1 * torch.randn(2, 3, 6000)
    lens = torch.tensor([0.5, 1.0])
    alone = [encoder(wavs[:, channel], lens) for channel in range(3)]
    torch.testing.assert_close(encoder(wavs, lens), sum(alone))
    assert encoder.features(wavs).shape[:4] == (2, 3, 3, 43)
    frames, _ = encoder.forward_frames(wavs, lens)
    wanted = [encoder.forward_frames(wavs[:, c], lens)[0] for c in range(3)]
    torch.testing.assert_close(frames, sum(wanted))
    mono = wavs[:, :1]
    torch.testing.assert_close(encoder(mono), encoder(wavs[:, 0]))
    torch.testing.assert_close(
        encoder(mono.expand(-1, 2, -1)), 2 * encoder(mono)
    )


@torch.no_grad()
def test_silence_short_and_long_clips_are_finite(encoder):
    """No NaN from the edges of what can come; float64 is float32."""
    for wavs in (
        torch.zeros(1, 9000),
        torch.full((1, 9000), -1 / 65536),
        torch.ones(1, 1),
        0.1 * torch.randn(1, 4410),
        0.1 * torch.randn(1, 44100 * 180),
    ):
        assert torch.isfinite(encoder(wavs)).all()
    wavs = 0.1 * torch.randn(2, 9000, dtype=torch.float64)
    assert torch.equal(encoder(wavs), encoder(wavs.float()))


def test_silence_has_a_finite_gradient():
    """Zero power goes through the logarithm in training as well."""
    encoder = make()
    wavs = torch.full((2, 3000), -1 / 65536)
    wavs[1] = 0
    encoder(wavs).sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("num_classes", [0, 5])
def test_gradient_reaches_every_parameter(num_classes):
    """None is unused, as DDP demands: without a head, and through it."""
    encoder = make(num_classes=num_classes).train()
    embed = encoder.classify if num_classes else encoder
    loss = embed(0.1 * torch.randn(4, 6000)).square().sum()
    (loss + encoder.fbsp_norm_loss()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        # A bias before a batch norm has no effect.
        if "conv_depth.bias" not in name and "conv_point.bias" not in name:
            assert parameter.grad.abs().max() > 0, name


def test_trains_under_ddp(tmp_path):
    """The size-0 bias and the gradient hooks are no obstacle."""
    torch.distributed.init_process_group(
        "gloo", rank=0, world_size=1, init_method=f"file://{tmp_path}/meet"
    )
    try:
        encoder = make().train()
        wrapped = torch.nn.parallel.DistributedDataParallel(encoder)
        for _ in range(2):
            wrapped.zero_grad()
            wrapped(0.1 * torch.randn(4, 6000)).square().sum().backward()
        assert encoder.fbsp.fc.grad.abs().max() == 1
    finally:
        torch.distributed.destroy_process_group()


@torch.no_grad()
def test_bf16_is_close_to_float32(encoder):
    """Cosine above 0.999, of what tells clips apart too."""
    wavs = torch.rand(8, 1) * torch.randn(8, 9000)
    exact = encoder(wavs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(wavs).float()
    assert torch.cosine_similarity(exact, rough).min() > 0.999
    exact, rough = exact - exact.mean(0), rough - rough.mean(0)
    assert torch.cosine_similarity(exact, rough).min() > 0.98


@pytest.mark.parametrize("learning", [False, True])
def test_compiles_without_a_break(learning):
    """One graph; as without compilation; it sees changes too."""
    encoder = make(num_classes=5)
    compiled = torch.compile(encoder.classify, backend="eager", fullgraph=True)
    wavs = 0.1 * torch.randn(2, 6000)
    with torch.set_grad_enabled(learning):
        for _ in range(2):
            torch.testing.assert_close(compiled(wavs), encoder.classify(wavs))
            with torch.no_grad():
                encoder.fbsp.fc.add_(0.3)
    if learning:
        compiled(wavs).sum().backward()
        assert encoder.fbsp.m.grad.abs().max() == 1


def test_state_dict_round_trips():
    """Strictly; and what it gives is the same."""
    first, second = make(), make()
    torch.nn.init.normal_(first.fbsp.fc)
    second.load_state_dict(first.state_dict())
    wavs = 0.1 * torch.randn(1, 3000)
    assert torch.equal(second(wavs), first(wavs))


def test_no_head_no_tags():
    encoder = ESResNeXt(**SIZES)
    with pytest.raises(ValueError, match="num_classes"):
        encoder.classify(torch.rand(1, 3000))
    assert "embedding_dim=128" in repr(encoder)
