"""Hugging Face text models on tiny configurations, offline.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from speechbrain_clap.lobes.text import HuggingFaceText  # noqa: E402

TEXTS = [
    "a dog barks",
    "rain falls on a tin roof in the night",
    "wind",
    "a man speaks and a door closes",
]
LONG = "rain falls on a roof " * 20
WORDS = sorted({word for text in TEXTS for word in text.split()})
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}


def wordpiece(first="[CLS]", last="[SEP]"):
    """A tokenizer of whole words and letters, in BERT's manner."""
    pieces = ["[PAD]", "[UNK]", first, last, *WORDS, "r", "##oof"]
    table = {piece: number for number, piece in enumerate(pieces)}
    core = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(table, unk_token="[UNK]")
    )
    core.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return wrap(core, first, last, pad="[PAD]")


def byte_level(first, last, pad):
    """A byte-level BPE, in the manner of GPT2, RoBERTa and CLIP."""
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=290,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    core.train_from_iterator(TEXTS, trainer)
    return wrap(core, first, last, pad)


def wrap(core, first, last, pad):
    special = [token for token in (first, last, pad) if token]
    core.add_special_tokens(list(dict.fromkeys(special)))
    if first:
        core.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{first} $A {last}",
            special_tokens=[
                (token, core.token_to_id(token)) for token in (first, last)
            ],
        )
    roles = {"bos_token": first, "eos_token": last, "pad_token": pad}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, **{k: v for k, v in roles.items() if v}
    )


def make(family):
    """Configuration and tokenizer of a family."""
    if family in ("bert", "distilbert"):
        tokenizer = wordpiece()
    elif family == "roberta":
        tokenizer = byte_level("<s>", "</s>", "<pad>")
    elif family == "gpt2":
        tokenizer = byte_level(None, "<|endoftext|>", None)
    else:
        tokenizer = byte_level(
            "<|startoftext|>", "<|endoftext|>", "<|endoftext|>"
        )
    # Large weights, so that the vectors depend on the text.
    spread = {"initializer_range": 0.2}
    sizes = {**SIZES, "vocab_size": len(tokenizer)}
    if family == "bert":
        config = transformers.BertConfig(**sizes, **spread)
    elif family == "roberta":
        config = transformers.RobertaConfig(
            **sizes, **spread, pad_token_id=tokenizer.pad_token_id
        )
        config.max_position_embeddings = 40 + tokenizer.pad_token_id + 1
    elif family == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=len(tokenizer),
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=32,
            max_position_embeddings=40,
            **spread,
        )
    elif family == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=40,
            **spread,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    else:
        config = transformers.CLIPTextConfig(
            **sizes,
            initializer_factor=4.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    return config, tokenizer


CASES = [
    ("bert", "cls"),
    ("bert", "pooler"),
    ("bert", "mean"),
    ("roberta", "cls"),
    ("roberta", "pooler"),
    ("roberta", "mean"),
    ("distilbert", "cls"),
    ("distilbert", "mean"),
    ("gpt2", "end_of_text"),
    ("gpt2", "mean"),
    ("clip", "eot"),
    ("clip", "mean"),
]
every_case = pytest.mark.parametrize("family, pooling", CASES)


def build(family, pooling, seed=0, **options):
    config, tokenizer = make(family)
    torch.manual_seed(seed)
    options = {"max_length": 40, **options}
    return HuggingFaceText(
        config,
        pooling,
        pretrained=False,
        tokenizer_source=tokenizer,
        **options,
    )


@every_case
def test_batched_equals_single(family, pooling):
    encoder = build(family, pooling).eval()
    batch = encoder.encode(TEXTS)
    single = torch.cat([encoder.encode([text]) for text in TEXTS])
    assert batch.shape == (4, encoder.embedding_dim) == (4, 16)
    torch.testing.assert_close(batch, single, rtol=0, atol=1e-6)
    assert (batch[0] - batch[3]).abs().max() > 1e-3


@every_case
def test_every_parameter_gets_a_gradient(family, pooling):
    encoder = build(family, pooling).train()
    encoder.encode(TEXTS).square().sum().backward()
    missing = [n for n, p in encoder.named_parameters() if p.grad is None]
    assert missing == []


@every_case
def test_bf16_autocast_gives_float32_near_full_precision(family, pooling):
    encoder = build(family, pooling).eval()
    full = encoder.encode(TEXTS)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder.encode(TEXTS)
    assert mixed.dtype == torch.float32
    likeness = torch.nn.functional.cosine_similarity(mixed, full)
    assert likeness.min() > 0.995


@every_case
def test_truncation_keeps_special_tokens_and_warns_once(
    family, pooling, caplog
):
    encoder = build(family, pooling, max_length=10).eval()
    ids, mask = encoder.tokenize([LONG, "wind"])
    assert ids.shape == (2, 10) and mask[0].all()
    encoder.encode([LONG])
    said = [r for r in caplog.records if "were cut" in r.getMessage()]
    assert len(said) == 1
    if (family, pooling) != ("gpt2", "mean"):
        last = mask.sum(1) - 1
        assert ids[0, last[0]] == ids[1, last[1]]


def reference(family, pooling, folder, tokenizer, text):
    """What the family's own class gives for one text."""
    if pooling == "end_of_text":
        text += " <|endoftext|>"
    inputs = {"input_ids": torch.tensor([tokenizer(text)["input_ids"]])}
    if family == "clip":
        model = transformers.CLIPModel.from_pretrained(folder).eval()
        features = model.text_model(**inputs)
        if pooling == "eot":
            return features.pooler_output
        return features.last_hidden_state.mean(1)
    name = {
        "bert": "BertModel",
        "roberta": "RobertaModel",
        "distilbert": "DistilBertModel",
        "gpt2": "GPT2Model",
    }[family]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    output = model(**inputs)
    if pooling == "pooler":
        dense = model.pooler.dense
        return torch.tanh(
            output.last_hidden_state[:, 0] @ dense.weight.T + dense.bias
        )
    hidden = output.last_hidden_state
    return {
        "cls": hidden[:, 0],
        "mean": hidden.mean(1),
        "end_of_text": hidden[:, -1],
    }[pooling]


@every_case
def test_weights_from_a_folder(family, pooling, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config, tokenizer = make(family)
    torch.manual_seed(0)
    if family == "clip":
        vision = {
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 8,
            "patch_size": 4,
        }
        whole = transformers.CLIPConfig(
            text_config=config.to_dict(), vision_config=vision
        )
        model = transformers.CLIPModel(whole)
    else:
        model = transformers.AutoModel.from_config(config)
    # On the disk in half precision: it must be used in float32 all the same.
    model.half().save_pretrained(tmp_path)
    model.float().save_pretrained(tmp_path / "single")
    tokenizer.save_pretrained(tmp_path)

    encoder = HuggingFaceText(tmp_path, pooling, max_length=40).eval()
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    expected = torch.cat(
        [
            reference(family, pooling, tmp_path / "single", tokenizer, text)
            for text in TEXTS
        ]
    )
    torch.testing.assert_close(
        encoder.encode(TEXTS), expected, rtol=0, atol=1e-6
    )


def test_end_of_text_is_a_space_and_the_token_and_padding_is_zero():
    encoder = build("gpt2", "end_of_text").eval()
    ids, mask = encoder.tokenize(["wind!", "a dog barks in the night"])
    end = encoder.tokenizer.eos_token_id
    space = encoder.tokenizer.convert_tokens_to_ids("Ġ")
    count = int(mask[0].sum())
    assert ids[0, count - 2 : count].tolist() == [space, end]
    assert ids[0, count - 3] == 0  # a real "!" has the padding's number ...
    assert ids[0, count:].eq(0).all() and not mask[0, count:].any()
    single = encoder.encode(["wind!"])  # ... and does not move the pooling
    both = encoder.encode(["wind!", "a dog barks in the night"])
    torch.testing.assert_close(single, both[:1], rtol=0, atol=1e-6)


def test_frozen_remembers_and_forgets_when_weights_are_loaded():
    encoder = build("bert", "cls", frozen=True)
    sizes = []
    encoder.register_forward_hook(lambda m, args, out: sizes.append(len(out)))
    torch.nn.ModuleList([encoder]).train()
    assert not any(module.training for module in encoder.modules())
    first = encoder.encode(TEXTS)
    assert first.grad_fn is None
    assert torch.equal(encoder.encode(TEXTS), first)
    assert sizes == [4]
    other = build("bert", "cls", seed=1).eval()
    encoder.load_state_dict(other.state_dict())
    torch.testing.assert_close(encoder.encode(TEXTS), other.encode(TEXTS))
    assert sizes == [4, 4]


def test_unused_poolers_are_not_built():
    for pooling, has in (("cls", False), ("mean", False), ("pooler", True)):
        names = [n for n, _ in build("roberta", pooling).named_parameters()]
        assert any("pooler" in name for name in names) == has


def test_clip_keys_do_not_depend_on_the_version_of_transformers():
    keys = build("clip", "eot").state_dict()
    assert "model.final_layer_norm.weight" in keys


def test_configuration_alone_as_dict_or_folder(tmp_path):
    config, tokenizer = make("bert")
    config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    encoder = HuggingFaceText(
        str(tmp_path), "cls", pretrained=False, max_length=40
    )
    assert encoder.encode(TEXTS).shape == (4, 16)
    encoder = HuggingFaceText(
        config.to_dict(),
        "cls",
        pretrained=False,
        tokenizer_source=tmp_path,
        max_length=40,
    )
    assert encoder.encode(TEXTS).shape == (4, 16)
    with pytest.raises(OSError, match="holds no weights"):
        HuggingFaceText(tmp_path, "cls", max_length=40)


def test_a_missing_model_offline_says_what_to_download(tmp_path):
    with pytest.raises(OSError, match="hf download nobody/nothing") as caught:
        HuggingFaceText(
            "nobody/nothing", "cls", save_path=tmp_path, local_files_only=True
        )
    assert str(tmp_path) in str(caught.value)
    assert "source=FOLDER" in str(caught.value)


def test_a_mistyped_folder_gets_the_same_error():
    with pytest.raises(OSError, match="neither a folder nor"):
        HuggingFaceText("/no/such/folder", "cls", local_files_only=True)


def test_a_model_in_the_cache_needs_no_network(tmp_path):
    config, tokenizer = make("bert")
    repository = tmp_path / "models--nobody--bert"
    snapshot = repository / "snapshots" / "0" / ""
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0")
    transformers.BertModel(config).save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    encoder = HuggingFaceText(
        "nobody/bert",
        "cls",
        max_length=40,
        save_path=tmp_path,
        local_files_only=True,
    )
    assert encoder.encode(TEXTS).shape == (4, 16)


def test_a_folder_without_tokenizer_says_so(tmp_path):
    config, _ = make("gpt2")
    transformers.GPT2Model(config).save_pretrained(tmp_path)
    with pytest.raises(OSError, match="holds no tokenizer"):
        HuggingFaceText(tmp_path, "mean", max_length=40)


@pytest.mark.parametrize(
    "family, options, said",
    [
        ("gpt2", {"pooling": "cls"}, "does not suit a gpt2 .* end_of_text"),
        ("distilbert", {"pooling": "pooler"}, "choose one of cls, mean"),
        ("bert", {"pooling": "max"}, "pooling='max'"),
        ("bert", {"pooling": "cls", "max_length": 41}, "3 to 40"),
        ("roberta", {"pooling": "cls", "max_length": 41}, "3 to 40"),
        ("bert", {"pooling": "cls", "max_length": 2}, "3 to 40"),
    ],
)
def test_what_the_model_cannot_do_is_refused(family, options, said):
    with pytest.raises(ValueError, match=said):
        build(family, **options)


def test_other_mistakes_are_named():
    config, tokenizer = make("bert")
    with pytest.raises(ValueError, match="no weights"):
        HuggingFaceText(config, "cls")
    alone = HuggingFaceText(config, "cls", pretrained=False, max_length=40)
    ids = torch.tensor([[2, 3]])
    assert alone.eval()(ids, ids > 0).shape == (1, config.hidden_size)
    with pytest.raises(ValueError, match="pass tokenizer_source"):
        alone.encode(["a dog"])
    options = {"pretrained": False, "tokenizer_source": tokenizer}
    with pytest.raises(ValueError, match="model_type"):
        HuggingFaceText({"hidden_size": 16}, "cls", **options)
    with pytest.raises(ValueError, match="'t5' is not supported"):
        HuggingFaceText({"model_type": "t5"}, "cls", **options)
    config.vocab_size = 5
    with pytest.raises(ValueError, match="do not belong together"):
        HuggingFaceText(config, "cls", max_length=40, **options)
