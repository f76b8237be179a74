"""CLIP's image towers against open_clip, and how they are prepared and read.

Authors
 * The speechbrain_clap team 2026
"""

import copy
import io
import json
import pickle
import sys

import pytest
import torch

from speechbrain_clap.lobes.vision import OpenClipVision

open_clip = pytest.importorskip(
    "open_clip", reason="the extra vision is not installed"
)
Image = pytest.importorskip("PIL.Image")

TOWERS = {
    "resnet": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8},
    "vit": {
        "image_size": 64,
        "layers": 2,
        "width": 16,
        "head_width": 8,
        "patch_size": 16,
    },
}
TEXT = {"vocab_size": 50, "width": 8, "heads": 2, "layers": 1}


def config(kind="resnet"):
    """A tiny CLIP with this tower."""
    return {
        "embed_dim": 12,
        "quick_gelu": True,
        "vision_cfg": TOWERS[kind],
        "text_cfg": TEXT,
    }


@pytest.fixture(params=list(TOWERS))
def kind(request):
    return request.param


def scramble(module):
    """No parameter keeps a special value, such as 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, x in module.state_dict().items():
            if x.is_floating_point():
                noise = torch.randn(x.shape, generator=generator)
                x.add_(0.2 * (noise.abs() if "var" in name else noise))
    return module


@pytest.fixture
def clip(kind, tmp_path):
    """open_clip's own model of the tiny configuration, eval mode."""
    (tmp_path / f"tiny-{kind}.json").write_text(json.dumps(config(kind)))
    open_clip.add_model_config(tmp_path / f"tiny-{kind}.json")
    return scramble(open_clip.create_model(f"tiny-{kind}")).eval()


@pytest.fixture
def image():
    """A Pillow image, wider than high."""
    generator = torch.Generator().manual_seed(1)
    small = torch.randint(
        0, 256, (9, 14, 3), generator=generator, dtype=torch.uint8
    )
    return Image.fromarray(small.numpy()).resize((140, 90), Image.BICUBIC)


def pixels(image):
    """The same as a tensor, [3, H, W]."""
    x = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return x.reshape(image.height, image.width, 3).permute(2, 0, 1)


@torch.no_grad()
def test_equals_open_clip(kind, clip):
    """Bit for bit, and the keys are those of the tower in a CLIP."""
    encoder = OpenClipVision(config(kind)).eval()
    state = {
        key.removeprefix("visual."): x
        for key, x in clip.state_dict().items()
        if key.startswith("visual.")
    }
    assert list(encoder.state_dict()) == list(state)
    encoder.load_state_dict(state)
    images = torch.randn(3, 3, 64, 64)
    assert torch.equal(encoder(images), clip.encode_image(images))
    assert encoder.embedding_dim == 12 and encoder.image_size == 64
    # A registered name gives the same tower as its configuration.
    named = OpenClipVision(f"tiny-{kind}").eval()
    named.load_state_dict(state, assign=True)
    assert torch.equal(named(images), encoder(images))
    assert "image_size=64, embedding_dim=12" in repr(named)


def test_copies_have_weights_of_their_own(kind):
    """Copied, pickled, moved: forward always reads what is registered."""
    encoder = scramble(OpenClipVision(config(kind))).eval()
    images = torch.randn(2, 3, 64, 64)
    wanted = encoder(images)
    for twin in (
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert torch.equal(twin(images), wanted)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.zero_()
        assert not torch.equal(twin(images), wanted)
        assert torch.equal(encoder(images), wanted)
    assert encoder.double()(images.double()).dtype == torch.float64
    shared = torch.func.functional_call(
        encoder,
        {k: torch.zeros_like(v) for k, v in encoder.named_parameters()},
        (images.double(),),
    )
    assert shared.abs().max() == 0


def test_preprocess_equals_open_clip(image):
    """Exactly for Pillow images; within two levels of 255 for tensors."""
    encoder = OpenClipVision(config())
    theirs = open_clip.image_transform(64, is_train=False)
    for picture in (image, image.rotate(90, expand=True), image.convert("L")):
        assert torch.equal(encoder.preprocess(picture), theirs(picture))
    level = 1 / 255 / min(encoder.std)
    found = encoder.preprocess(pixels(image))
    assert (found - theirs(image)).abs().max() < 2.01 * level
    # Without resizing there is nothing to round.
    square = image.crop((10, 5, 74, 69))
    torch.testing.assert_close(
        encoder.preprocess(pixels(square)), theirs(square)
    )


def test_preprocess_takes_batches_and_lists(image):
    """Each image as if it were alone."""
    encoder = OpenClipVision(config())
    video = torch.randint(0, 256, (2, 4, 3, 70, 80), dtype=torch.uint8)
    frames = encoder.preprocess(video)
    assert frames.shape == (2, 4, 3, 64, 64) and frames.dtype == torch.float32
    assert torch.equal(frames[1, 2], encoder.preprocess(video[1, 2]))
    several = encoder.preprocess([image, image.resize((30, 200)), video[0, 0]])
    assert several.shape == (3, 3, 64, 64)
    assert torch.equal(several[0], encoder.preprocess(image))


def test_what_preprocess_and_forward_refuse():
    """Each says what was expected."""
    encoder = OpenClipVision(config())
    with pytest.raises(TypeError, match="uint8.*float32"):
        encoder.preprocess(torch.rand(3, 64, 64))
    with pytest.raises(ValueError, match=r"3, H, W\], got \[64, 64, 3\]"):
        encoder.preprocess(torch.zeros(64, 64, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="empty"):
        encoder.preprocess([])
    with pytest.raises(ValueError, match=r"3, 64, 64\], got \[2, 3, 32, 32\]"):
        encoder(torch.randn(2, 3, 32, 32))
    with pytest.raises(ValueError, match="uint8"):
        encoder(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))


def test_frozen_stays_frozen(kind):
    """No gradient, no statistics, whatever train is told."""
    encoder = OpenClipVision(config(kind), frozen=True)
    before = copy.deepcopy(encoder.state_dict())
    encoder.train()
    images = torch.randn(4, 3, 64, 64)
    assert not encoder(images).requires_grad
    assert not any(module.training for module in encoder.modules())
    for key, x in encoder.state_dict().items():
        assert torch.equal(x, before[key]), key
    # The images may still be learned.
    images.requires_grad_(True)
    encoder(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_every_parameter_has_a_gradient(kind):
    """As DDP wants it, also compiled in one piece, also under bf16."""
    encoder = scramble(OpenClipVision(config(kind))).train()
    images = torch.randn(4, 3, 64, 64)
    encoder(images).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
    encoder.eval()
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), encoder(images))
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(images)
    assert half.dtype == torch.float32
    cosine = torch.cosine_similarity(half, encoder(images))
    assert cosine.min() > 0.99


@pytest.mark.parametrize("layout", ["clip", "wrapped", "tower", "safetensors"])
def test_weights_from_a_file(kind, clip, tmp_path, layout):
    """A whole CLIP, as a checkpoint of training, or the tower alone."""
    state = clip.state_dict()
    path = tmp_path / "weights.pt"
    if layout == "clip":
        half = {key: x.half() for key, x in state.items()}
        torch.save(half | {"input_resolution": torch.tensor(64)}, path)
    elif layout == "wrapped":
        state = {f"module.{key}": x for key, x in state.items()}
        torch.save({"state_dict": state, "epoch": 3}, path)
    elif layout == "tower":
        torch.save(clip.visual.state_dict(), path)
    else:
        path = path.with_suffix(".safetensors")
        safetensors = pytest.importorskip("safetensors.torch")
        safetensors.save_file(state, path)
    encoder = OpenClipVision(config(kind), pretrained=path).eval()
    images = torch.randn(2, 3, 64, 64)
    exact = 1e-2 if layout == "clip" else 0
    torch.testing.assert_close(
        encoder(images), clip.encode_image(images), atol=exact, rtol=exact
    )
    assert next(encoder.parameters()).dtype == torch.float32


def test_weights_that_do_not_fit(clip, kind, tmp_path):
    """The file, and which keys are wrong."""
    path = tmp_path / "weights.pt"
    state = clip.state_dict()
    state.pop("visual.conv1.weight")
    torch.save(state, path)
    with pytest.raises(ValueError, match="weights.pt.*fit[^$]*conv1.weight"):
        OpenClipVision(config(kind), pretrained=path)
    torch.save({"other.weight": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="no weights of this tower.*other"):
        OpenClipVision(config(kind), pretrained=path)
    torch.save([1, 2], path)
    with pytest.raises(OSError, match="holds a list"):
        OpenClipVision(config(kind), pretrained=path)


class Poison:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_file_is_data(tmp_path):
    """Nothing in it runs; a TorchScript archive is told how to convert."""
    path, victim = tmp_path / "weights.pt", tmp_path / "victim"
    torch.save({"visual.conv1.weight": Poison(victim)}, path)
    with pytest.raises(OSError, match="cannot be read as data"):
        OpenClipVision(config(), pretrained=path)
    assert not victim.exists()
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), buffer)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(OSError, match=r"torch\.jit\.load"):
        OpenClipVision(config(), pretrained=path)


def test_a_tag_offline(monkeypatch):
    """What to fetch and where to put it."""

    def _offline(tag):
        raise FileNotFoundError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", _offline)
    with pytest.raises(OSError, match="no route") as error:
        OpenClipVision("RN50-quickgelu", pretrained="openai")
    assert "https://huggingface.co/timm/resnet50_clip.openai/resolve/" in str(
        error.value
    )
    assert "pretrained=FILE" in str(error.value)
    with pytest.raises(OSError, match="neither a file.*openai, yfcc15m"):
        OpenClipVision("RN50-quickgelu", pretrained="laion")
    with pytest.raises(OSError, match="neither a file.*none"):
        OpenClipVision(config(), pretrained="openai")


def test_a_tag_brings_its_preprocessing(kind, clip, tmp_path, monkeypatch):
    """Other means are taken over, another way of resizing is refused."""
    path = tmp_path / "weights.pt"
    torch.save(clip.state_dict(), path)
    tag = {"quick_gelu": True, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    monkeypatch.setattr(
        open_clip, "list_pretrained_tags_by_model", lambda name: ["made"]
    )
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: tag)
    monkeypatch.setattr(open_clip, "download_pretrained", lambda tag: path)
    encoder = OpenClipVision(f"tiny-{kind}", pretrained="made")
    white = torch.full((3, 64, 64), 255, dtype=torch.uint8)
    assert encoder.preprocess(white).eq(1).all()
    tag["resize_mode"] = "squash"
    with pytest.raises(ValueError, match="resize_mode='squash'"):
        OpenClipVision(f"tiny-{kind}", pretrained="made")
    tag["quick_gelu"] = False
    with pytest.raises(ValueError, match="without quick GELU"):
        OpenClipVision(f"tiny-{kind}", pretrained="made")


def test_models_that_are_not_clips():
    """What was meant, or what it is."""
    with pytest.raises(ValueError, match="did you mean.*RN50-quickgelu"):
        OpenClipVision("RN50-quickgel")
    with pytest.raises(ValueError, match="not one of CLIP's own.*timm"):
        OpenClipVision("convnext_base")
    with pytest.raises(ValueError, match="missing embed_dim"):
        OpenClipVision({"vision_cfg": TOWERS["vit"]})
    wide = {"vision_cfg": TOWERS["vit"] | {"image_size": [64, 32]}}
    with pytest.raises(ValueError, match=r"image_size.*\[64, 32\]"):
        OpenClipVision(config() | wide)


def test_without_open_clip(monkeypatch):
    """One clear error."""
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match=r"speechbrain_clap\[vision\]"):
        OpenClipVision(config())
