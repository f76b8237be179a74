"""Folders of transformers' ClapModel: written, read, the same embeddings."""

import json
import re

import pytest
import torch

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from speechbrain_clap.checkpoints import transformers_layout  # noqa: E402
from speechbrain_clap.checkpoints.reading import (  # noqa: E402
    CheckpointError,
)
from speechbrain_clap.checkpoints.transformers_layout import (  # noqa: E402
    load_transformers,
    save_transformers,
    to_transformers,
)
from speechbrain_clap.lobes.features import LogMel  # noqa: E402
from speechbrain_clap.lobes.htsat import HTSAT  # noqa: E402
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion  # noqa: E402
from speechbrain_clap.lobes.projection import (  # noqa: E402
    LinearProjection,
    MLPProjection,
)
from speechbrain_clap.lobes.text import HuggingFaceText  # noqa: E402
from speechbrain_clap.models.clap import CLAP  # noqa: E402

TEXTS = ["a dog barks", "rain falls on a tin roof in the night", "wind"]
KINDS = ["unfused", "fused"]
SAMPLES = 32000  # of a clip: 201 frames, of the 256 that fit
SIZES = {
    "embed_dim": 12,
    "depths": [2, 1],
    "num_heads": [2, 4],
    "spec_size": 128,
    "mlp_ratio": 2.0,
}
TEXT_SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 60,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """RoBERTa's, over a vocabulary of its own."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "<pad>", "</s>", "<unk>", *alphabet, "Ġd", "Ġdo", "<mask>"]
    folder = tmp_path_factory.mktemp("tokenizer")
    table = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(table))
    (folder / "merges.txt").write_text("#version: 0.2\nĠ d\nĠd o\n")
    return transformers.RobertaTokenizerFast.from_pretrained(folder)


def stir(network):
    """Weights large enough for everything to matter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            scale = 1.0
            if "bias_table" not in name and parameter.ndim > 1:
                scale = parameter[0].numel() ** -0.5
            if parameter.ndim > 1:
                parameter.normal_(0, scale)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in network.named_buffers():
            if re.search(r"(bn0|batch_norm)\.running_mean", name):
                buffer.fill_(-30.0)
            elif re.search(r"(bn0|batch_norm)\.running_var", name):
                buffer.fill_(100.0)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)


def make(kind, tokenizer=None, **sizes):
    """A small CLAP of LAION's shape, with weights of every size."""
    cls, scale = {
        "unfused": (HTSAT, "slaney"),
        "fused": (HTSATFusion, "htk"),
    }[kind]
    features = LogMel(16000, 512, 512, 160, f_max=8000.0, mel_scale=scale)
    encoder = cls(features, clip_seconds=2.0, **{**SIZES, **sizes})
    vocabulary = {"model_type": "roberta", "vocab_size": 263}
    clap = CLAP(
        encoder,
        HuggingFaceText(
            {**vocabulary, **TEXT_SIZES},
            "pooler",
            pretrained=False,
            tokenizer_source=tokenizer,
            max_length=50,
        ),
        MLPProjection(24, 10),
        MLPProjection(24, 10),
    )
    stir(clap)
    return clap.eval()


def theirs_of(folder):
    """ClapModel of a folder: nothing may be missing or left over."""
    model, report = transformers.ClapModel.from_pretrained(
        folder, output_loading_info=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not report[kind], report[kind]
    return model.eval()


def sounds(clap):
    """Waves, ours; features and flags, theirs. A long one in the second."""
    encoder = clap.audio_encoder
    torch.manual_seed(1)
    wavs = 0.1 * torch.randn(2, 50000)
    wavs[1] += torch.sin(torch.arange(50000) / 9)
    if not isinstance(encoder, HTSATFusion):
        wavs = wavs[:, :SAMPLES]
        lens = torch.ones(2)
        return wavs, lens, encoder.features(wavs).unsqueeze(1), None
    lens = torch.tensor([SAMPLES / 50000, 1.0])
    short = encoder.features(wavs[:1, :SAMPLES]).unsqueeze(1)
    long = encoder.views(encoder.features(wavs[1:]))
    views = torch.cat([short.repeat(1, 4, 1, 1), long])
    return wavs, lens, views, torch.tensor([[False], [True]])


def check_same(clap, theirs, atol=1e-6):
    """Both embeddings and both matrices of cosines."""
    wavs, lens, features, longer = sounds(clap)
    ids = torch.tensor([[0, 30, 40, 2, 1, 1], [0, 50, 3, 60, 261, 2]])
    mask = (ids != 1).long()
    with torch.no_grad():
        wanted = theirs(
            input_ids=ids,
            attention_mask=mask,
            input_features=features,
            is_longer=longer,
        )
        audio = clap.encode_audio(wavs, lens)
        text = clap.text_projection(clap.text_encoder(ids, mask))
        text = torch.nn.functional.normalize(text, dim=-1)
        logits = clap.logit_scale.exp() * audio @ text.T
    close = {"atol": atol, "rtol": 0}
    torch.testing.assert_close(audio, wanted.audio_embeds, **close)
    torch.testing.assert_close(text, wanted.text_embeds, **close)
    torch.testing.assert_close(
        logits, wanted.logits_per_audio, atol=20 * atol, rtol=0
    )
    # The embeddings differ from one another, or equality would say little.
    assert (audio[0] - audio[1]).abs().max() > 1000 * atol
    assert (text[0] - text[1]).abs().max() > 1000 * atol


@pytest.mark.parametrize("kind", KINDS)
def test_saved_is_read_by_transformers(kind, tmp_path):
    """Every tensor in its place, the same embeddings, equal scales."""
    clap = make(kind, num_classes=3)
    folder = save_transformers(clap, tmp_path / "a" / "b")
    theirs = theirs_of(folder)
    assert theirs.config.text_config.layer_norm_eps == 1e-5
    assert theirs.logit_scale_a == theirs.logit_scale_t == clap.logit_scale
    check_same(clap, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_is_exact(kind, tmp_path, tokenizer):
    """Sizes, weights, front end, tokens: all from the folder."""
    clap = make(kind, tokenizer)
    save_transformers(clap, tmp_path)
    loaded = load_transformers(tmp_path)
    again = loaded.clap
    assert loaded.report.strict and not loaded.report.different
    assert not again.training and type(again.audio_encoder) is type(
        clap.audio_encoder
    )
    assert loaded.logit_scale_text == clap.logit_scale
    state = clap.state_dict()
    assert state.keys() == again.state_dict().keys()
    for key, value in again.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert all(parameter.requires_grad for parameter in again.parameters())
    wavs, lens, _, _ = sounds(clap)
    with torch.no_grad():
        assert torch.equal(
            again.encode_audio(wavs, lens), clap.encode_audio(wavs, lens)
        )
        assert torch.equal(again.encode_text(TEXTS), clap.encode_text(TEXTS))
    assert again.clip_seconds == 2.0 and again.sample_rate == 16000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("safe", [True, False])
def test_reads_what_transformers_wrote(kind, safe, tmp_path, caplog):
    """Random sizes of theirs, without a front end or a tokenizer."""
    audio = {
        "spec_size": 256,
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 2],
        "num_attention_heads": [1, 2],
        "num_hidden_layers": 2,
        "enable_fusion": kind == "fused",
        "aff_block_r": 2,
    }
    text = {k: v for k, v in TEXT_SIZES.items() if k != "layer_norm_eps"}
    config = transformers.ClapConfig(
        text_config={"vocab_size": 263, **text},
        audio_config=audio,
        projection_dim=6,
    )
    theirs = transformers.ClapModel(config).eval()
    stir(theirs)
    theirs.logit_scale_t.data.fill_(1.5)
    theirs.save_pretrained(tmp_path)
    if not safe:
        (tmp_path / "model.safetensors").unlink()
        torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = load_transformers(tmp_path)
    clap = loaded.clap
    assert loaded.report.strict and loaded.logit_scale_text == 1.5
    assert clap.sample_rate == 48000 and clap.clip_seconds == 10.0
    wanted = {"fused": "htk", "unfused": "slaney"}[kind]
    assert clap.audio_encoder.features.mel_scale == wanted
    assert clap.text_encoder.model.config.layer_norm_eps == 1e-12
    features = 10 * torch.randn(2, 1, 1001, 64) - 30
    features = features if kind == "unfused" else features.repeat(1, 4, 1, 1)
    ids = torch.tensor([[0, 30, 40, 2], [0, 50, 2, 1]])
    with torch.no_grad():
        out = theirs(
            input_ids=ids,
            attention_mask=(ids != 1).long(),
            input_features=features,
            is_longer=torch.zeros(2, 1, dtype=torch.bool),
        )
        # Behind the front end: the waves of random features are not known.
        encoder = clap.audio_encoder
        x = encoder.bn0(features[:, 0].transpose(1, 2)).transpose(1, 2)
        latent = encoder.trunk(encoder.image(x)).mean((1, 2))
        audio = torch.nn.functional.normalize(clap.audio_projection(latent))
        text = clap.text_projection(clap.text_encoder(ids, ids != 1))
    close = {"atol": 1e-6, "rtol": 0}
    torch.testing.assert_close(audio, out.audio_embeds, **close)
    torch.testing.assert_close(
        torch.nn.functional.normalize(text), out.text_embeds, **close
    )
    # And back: both scales would be lost in a CLAP, so they become equal.
    save_transformers(clap, tmp_path / "again")
    again = theirs_of(tmp_path / "again")
    for key, value in theirs.state_dict().items():
        if key != "logit_scale_t":
            assert torch.equal(again.state_dict()[key], value), key
    assert "without a tokenizer" in caplog.text


def test_half_precision_becomes_float32(tmp_path):
    """As transformers writes models that were converted."""
    clap = make("unfused")
    save_transformers(clap, tmp_path)
    theirs_of(tmp_path).half().save_pretrained(tmp_path)
    loaded = load_transformers(tmp_path).clap
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    key = "audio_projection.linear1.weight"
    wanted = clap.state_dict()[key].half().float()
    assert torch.equal(loaded.state_dict()[key], wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_processor_gives_the_same(kind, tmp_path, tokenizer):
    """Waves and texts through transformers alone, short and long."""
    clap = make(kind, tokenizer)
    save_transformers(clap, tmp_path)
    processor = transformers.ClapProcessor(
        transformers.AutoFeatureExtractor.from_pretrained(tmp_path),
        transformers.AutoTokenizer.from_pretrained(tmp_path),
    )
    auto = transformers.AutoProcessor.from_pretrained(tmp_path)
    assert type(auto) is transformers.ClapProcessor
    theirs = theirs_of(tmp_path)
    torch.manual_seed(0)
    wavs = [0.1 * torch.randn(SAMPLES), 0.1 * torch.randn(14000)]
    prepared = [
        wavs[0],
        # Repeated as often as it fits, then silence.
        torch.nn.functional.pad(wavs[1].repeat(2), (0, SAMPLES - 28000)),
    ]
    extractor = processor.feature_extractor
    inputs = extractor(
        [wav.numpy() for wav in wavs], sampling_rate=16000, return_tensors="pt"
    )
    mel = clap.audio_encoder.features(torch.stack(prepared))
    their_mel = inputs["input_features"][:, 0].float()
    torch.testing.assert_close(mel, their_mel, atol=1e-3, rtol=0)
    tokens = processor.tokenizer(TEXTS[:2], padding=True, return_tensors="pt")
    ids, mask = clap.text_encoder.tokenize(TEXTS[:2])
    assert torch.equal(tokens["input_ids"], ids)
    with torch.no_grad():
        wanted = theirs(
            input_ids=ids,
            attention_mask=mask.long(),
            input_features=inputs["input_features"].float(),
            is_longer=torch.zeros(2, 1, dtype=torch.bool),
        )
        audio = clap.encode_audio(torch.stack(prepared))
        torch.testing.assert_close(
            audio, wanted.audio_embeds, atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            clap.encode_text(TEXTS[:2]), wanted.text_embeds, atol=1e-6, rtol=0
        )


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_those_of_the_golden_files(kind, golden):
    """The rules against the published table, key by key."""
    table = golden(f"laion_clap_htsat_tiny_{kind}").facts["transformers_port"]
    fronts = {
        "audio_branch.": "audio_encoder.",
        "text_branch.": "text_encoder.model.",
        "audio_projection.0.": "audio_projection.linear1.",
        "audio_projection.2.": "audio_projection.linear2.",
        "text_projection.0.": "text_projection.linear1.",
        "text_projection.2.": "text_projection.linear2.",
        "logit_scale_a": "logit_scale",
        "logit_scale_t": "logit_scale_text",
    }
    unused = ("_transform.", ".head.", "_extractor.", "attn_mask")
    count = 0
    for official, wanted in table["keys"].items():
        if any(part in official for part in unused):
            assert not wanted
            continue
        ours = official
        for front, own in fronts.items():
            if official.startswith(front):
                ours = own + official[len(front) :]
        found = to_transformers({ours: torch.zeros(3)})
        found.pop("logit_scale_t" if ours == "logit_scale" else "", None)
        assert list(found) == wanted, official
        back = transformers_layout.from_transformers(dict(found))
        assert not wanted or list(back) == [ours]
        count += 1
    assert count > 300


def test_wrong_keys_are_refused(tmp_path):
    """Missing, left over, of another shape: all named in one message."""
    safetensors = pytest.importorskip("safetensors.torch")
    save_transformers(make("fused"), tmp_path)
    path = tmp_path / "model.safetensors"
    state = safetensors.load_file(path)
    front = "audio_model.audio_encoder."
    gone = f"{front}layers.0.blocks.1.attention.self.key.weight"
    del state[gone]
    state[f"{front}extra.weight"] = torch.zeros(2)
    state["text_projection.linear1.bias"] = torch.zeros(11)
    counter = f"{front}batch_norm.num_batches_tracked"
    del state[counter]  # that may be
    safetensors.save_file(state, path)
    with pytest.raises(CheckpointError) as error:
        load_transformers(tmp_path)
    text = str(error.value)
    assert str(path) in text and counter not in text
    assert f"missing: 1 ({gone})" in text
    assert f"unexpected: 1 ({front}extra.weight)" in text
    assert "linear1.bias is [11], expected [10]" in text


def test_folders_that_cannot_be_read(tmp_path):
    """No configuration; no weights; a network that is none of ours."""
    with pytest.raises(OSError):
        load_transformers(tmp_path)
    clap = make("fused")
    save_transformers(clap, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    with pytest.raises(CheckpointError, match="no config.json"):
        load_transformers(tmp_path)
    config["audio_config"] |= {
        "fusion_type": "channel_map",
        "hidden_act": "relu",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="'relu'.*'channel_map'"):
        load_transformers(tmp_path)


def test_models_of_another_shape_are_refused(tmp_path):
    """All faults in one message, and nothing written."""
    folder = tmp_path / "a"
    clap = make("unfused")
    clap.audio_projection = LinearProjection(24, 10)
    clap.text_projection = LinearProjection(24, 10)
    with pytest.raises(ValueError, match="audio_projection.*text_projection"):
        save_transformers(clap, folder)
    clap = make("unfused")
    clap.text_encoder.pooling = "mean"
    clap.text_projection = MLPProjection(24, 10, hidden_dim=7)
    with pytest.raises(ValueError, match=r"'mean'.*\[7, 10\]"):
        save_transformers(clap, folder)
    # 32 and 16 tokens: one window of 16 in the second.
    clap = make("unfused", window_size=32)
    with pytest.raises(ValueError, match=r"\[32, 16\] tokens wide"):
        save_transformers(clap, folder)
    clap = make("unfused")
    clap.audio_encoder.clip_seconds = 2.5
    clap.audio_encoder.features = LogMel(
        16000, 512, 400, 160, f_max=8000.0, mel_scale="htk"
    )
    with pytest.raises(ValueError, match="2.5.*win_length is 400.*htk"):
        save_transformers(clap, folder)
    assert not folder.exists()


def test_nothing_half_written(tmp_path, monkeypatch):
    """A write that fails leaves what was there, and no config.json."""
    import safetensors.torch

    def _fail(state, path, metadata):
        path.write_bytes(b"half")
        raise OSError("the disk is gone")

    monkeypatch.setattr(safetensors.torch, "save_file", _fail)
    with pytest.raises(OSError, match="the disk is gone"):
        save_transformers(make("unfused"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_published_family(kind, tmp_path, tokenizer):
    """Through the one line that loads any published weights."""
    from speechbrain_clap.checkpoints import load_published

    clap = make(kind, tokenizer)
    save_transformers(clap, tmp_path)
    model = load_published("laion_clap_transformers", tmp_path)
    wavs = 0.1 * torch.randn(2, 50000)
    with torch.no_grad():
        torch.testing.assert_close(
            model.encode_audio(wavs), clap.encode_audio(wavs)
        )
        torch.testing.assert_close(
            model.encode_text(TEXTS), clap.encode_text(TEXTS)
        )
    assert model.report.strict
    assert torch.equal(model.rest["logit_scale_t"], clap.logit_scale.detach())
    whole = {"fused": "whole", "unfused": "windows"}[kind]
    assert model.family.clip_policy["long"] == whole
    with pytest.raises(CheckpointError, match="got a dict"):
        load_published("laion_clap_transformers", {"a": torch.ones(1)})
