"""A language model behind a prefix: cache, tying, loading, freezing.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder  # noqa: E402

SIZES = {
    "model_type": "gpt2",
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 24,
    "vocab_size": 40,
    "bos_token_id": None,
    "eos_token_id": None,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 40,
}


def make(config=SIZES, **options):
    torch.manual_seed(0)
    return PrefixDecoder(dict(config), pretrained=False, **options).eval()


def words(count=30):
    """A tokenizer of whole words."""
    table = {"<unk>": 0, "A": 1, "dog": 2, "barks": 3, ".": 4}
    table |= {f"w{number}": number for number in range(5, count)}
    core = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(table, unk_token="<unk>")
    )
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>"
    )


@pytest.mark.parametrize("config", [SIZES, LLAMA], ids=["gpt2", "llama"])
@torch.no_grad()
def test_cache_equals_the_whole_sequence(config):
    """With rows reordered, repeated and dropped on the way."""
    decoder = make(config)
    prefix = torch.randn(2, 4, 16)
    first, cache = decoder.start(prefix)
    none = torch.empty(2, 0, dtype=torch.long)
    torch.testing.assert_close(first, decoder(prefix, none)[:, 0])
    whole = none
    for parents in ([0, 0, 1, 1, 1], [4, 0, 2], [0, 1, 2], [2, 2]):
        parents = torch.tensor(parents)
        tokens = torch.randint(40, parents.shape)
        logits = decoder.proceed(tokens, parents, cache)
        prefix = prefix[parents]
        whole = torch.cat([whole[parents], tokens[:, None]], 1)
        wanted = decoder(prefix, whole)
        torch.testing.assert_close(logits, wanted[:, -1])


@torch.no_grad()
def test_padding_changes_nothing_before_it():
    decoder = make()
    prefix = torch.randn(1, 4, 16)
    ids = torch.tensor([[5, 6, 7]])
    padded = torch.tensor([[5, 6, 7, 0, 39]])
    torch.testing.assert_close(
        decoder(prefix, padded)[:, :4], decoder(prefix, ids)
    )


@torch.no_grad()
def test_logits_are_those_of_transformers():
    decoder = make()
    prefix, ids = torch.randn(2, 4, 16), torch.randint(40, (2, 5))
    tokens = decoder.model.transformer.wte(ids)
    wanted = decoder.model(inputs_embeds=torch.cat([prefix, tokens], 1)).logits
    torch.testing.assert_close(decoder(prefix, ids), wanted[:, 3:])


def is_tied(decoder):
    model = decoder.model
    return model.lm_head.weight is model.transformer.wte.weight


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("missing", ["lm_head", "transformer.wte", None])
def test_the_head_stays_tied(missing, assign):
    """Alone and inside another module, on real and on meta tensors."""
    source = make()
    state = source.state_dict()
    state.pop(f"model.{missing}.weight", None)
    with torch.device("meta" if assign else "cpu"):
        outer = torch.nn.ModuleDict({"decoder": PrefixDecoder(SIZES, False)})
    with torch.no_grad():
        state = {f"decoder.{k}": v.clone() + 1 for k, v in state.items()}
    report = outer.load_state_dict(state, assign=assign)
    assert not report.missing_keys and not report.unexpected_keys
    decoder = outer["decoder"]
    assert is_tied(decoder)
    wanted = source.model.transformer.wte.weight + 1
    assert torch.equal(decoder.model.lm_head.weight, wanted)
    # Nothing is made up where both are missing.
    for name in ("lm_head", "transformer.wte"):
        state.pop(f"decoder.model.{name}.weight", None)
    with pytest.raises(RuntimeError, match="wte"):
        outer.load_state_dict(state)


def test_untied_heads_stay_untied():
    decoder = make({**SIZES, "tie_word_embeddings": False})
    assert not is_tied(decoder)
    state = decoder.state_dict()
    del state["model.lm_head.weight"]
    with pytest.raises(RuntimeError, match="lm_head"):
        decoder.load_state_dict(state)


def test_from_a_folder(tmp_path):
    """Weights, made float32, and the tokenizer; what is missing is told."""
    source = make()
    source.model.half().save_pretrained(tmp_path)
    decoder = PrefixDecoder(tmp_path).eval()
    assert decoder.model.dtype == torch.float32 and is_tied(decoder)
    torch.testing.assert_close(
        decoder.model.transformer.wte.weight,
        source.model.transformer.wte.weight.float(),
    )
    with pytest.raises(OSError, match="holds no tokenizer"):
        _ = decoder.tokenizer
    words().save_pretrained(tmp_path)
    assert decoder.decode([1, 2, 3, 4]) == "A dog barks."
    random = PrefixDecoder(tmp_path, pretrained=False)
    assert not torch.equal(
        random.model.lm_head.weight, decoder.model.lm_head.weight
    )


def test_without_a_tokenizer_only_strings_are_missing():
    decoder = make()
    with pytest.raises(ValueError, match="no tokenizer"):
        decoder.decode([1])
    with pytest.raises(ValueError, match="50 tokens.* only 40"):
        _ = make(tokenizer_source=words(50)).tokenizer
    assert make(tokenizer_source=words()).decode([1, 2]) == "A dog"


def test_frozen_but_the_prefix_learns():
    decoder = make(frozen=True).train()
    assert not any(module.training for module in decoder.modules())
    prefix = torch.randn(2, 4, 16, requires_grad=True)
    decoder(prefix, torch.randint(40, (2, 5))).sum().backward()
    assert prefix.grad.abs().sum() > 0
    assert all(x.grad is None for x in decoder.parameters())


def test_gradients_reach_every_parameter():
    decoder = make().train()
    prefix = torch.randn(2, 4, 16)
    logits = decoder(prefix, torch.randint(40, (2, 5)))
    torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), torch.randint(40, (10,))
    ).backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_what_cannot_be_is_refused():
    decoder = make()
    with pytest.raises(ValueError, match="24 positions.* need 25"):
        decoder(torch.randn(1, 20, 16), torch.randint(40, (1, 5)))
    with pytest.raises(ValueError, match="pretrained=False"):
        PrefixDecoder(SIZES)
    with pytest.raises(ValueError, match="model_type"):
        PrefixDecoder({"n_embd": 16}, pretrained=False)
    assert "vocab_size=40" in repr(decoder)


@torch.no_grad()
def test_a_text_between_the_prefix_and_what_is_written():
    """Started with tokens as if these had been written one by one."""
    decoder = make()
    prefix, ids = torch.randn(2, 4, 16), torch.randint(40, (2, 3))
    logits, _ = decoder.start(prefix, ids, room=17)
    torch.testing.assert_close(logits, decoder(prefix, ids)[:, -1])
    with pytest.raises(ValueError, match="24 positions.* need 25"):
        decoder.start(prefix, ids, room=18)


@pytest.mark.parametrize("config", [SIZES, LLAMA], ids=["gpt2", "llama"])
def test_partly_frozen(config):
    """The first block and the embeddings stay, the rest learns."""
    decoder = make(config, frozen=1).train()
    assert decoder.training
    logits = decoder(torch.randn(2, 4, 16), torch.randint(40, (2, 5)))
    logits.square().sum().backward()
    learns = {n for n, p in decoder.named_parameters() if p.requires_grad}
    blocks = {n.split(".")[3] for n in learns if ".h." in n or "layers" in n}
    assert blocks == {"1"}
    assert not any("wte" in n or "wpe" in n or "embed" in n for n in learns)
    for name, parameter in decoder.named_parameters():
        assert (parameter.grad is not None) == (name in learns), name
    with pytest.raises(ValueError, match="frozen=3.* 1 to 2"):
        make(config, frozen=3)


def test_texts_to_tokens():
    decoder = make(tokenizer_source=words())
    assert decoder.encode(["A dog", "", "barks ."]) == [[1, 2], [], [3, 4]]
    assert decoder.encode(["dog"], continued=True) == [[2]]
    with pytest.raises(ValueError, match="stop_id"):
        _ = decoder.end_id
