"""A causal language model that continues a prefix of vectors.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import pathlib

import torch

from speechbrain_clap.utils.huggingface import (
    find_model,
    load_config,
    load_tokenizer,
)


class PrefixDecoder(torch.nn.Module):
    """GPT2, or another causal language model of Hugging Face, with its head.

    A prefix of vectors stands where the first tokens would. There is no
    mask: each position sees those before it, so what pads a text on its right
    changes nothing before it. The model itself is the attribute `model`;
    where its head is tied to its token embeddings it stays so, whatever
    weights are loaded, and they may name either of the two or both.

    Weights come through SpeechBrain's ``HFTransformersInterface`` from a local
    folder, or from the hub's cache, or from the hub.

    Arguments
    ---------
    source : str, pathlib.Path, dict or transformers.PretrainedConfig
        A folder with the model, or its name on the hub, such as "gpt2". With
        ``pretrained=False`` also a configuration: transformers' object, or a
        dict with ``model_type`` and what differs from its defaults;
        ``{"model_type": "gpt2"}`` is GPT2 small, as ClapCap has it.
    pretrained : bool
        If False, random weights on the configuration found at `source`.
    tokenizer_source : str, pathlib.Path or transformers tokenizer, optional
        Where the tokenizer lies, or the tokenizer. Default: `source`, unless
        that is a configuration. It is read when strings are asked for.
    frozen : bool or int
        If True, the model stays in eval mode and its weights get no gradient;
        the prefix still gets one. A number: partly frozen, so many of the
        first blocks and the embeddings (with the head, where it is tied to
        them) get none. False: all of it learns.
    save_path : str or pathlib.Path, optional
        Folder for downloads. Default: Hugging Face's cache (``HF_HOME``).
    local_files_only : bool
        If True, never ask the network, as with ``HF_HUB_OFFLINE=1``.

    Raises
    ------
    OSError
        If the model is neither on the disk nor to be had from the hub.
    ValueError
        If weights are asked of a configuration, or more blocks are to be
        frozen than there are.

    Example
    -------
    >>> sizes = {"n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 30}
    >>> decoder = PrefixDecoder({"model_type": "gpt2", **sizes}, False)
    >>> prefix, ids = torch.randn(2, 4, 8), torch.tensor([[5, 6], [7, 8]])
    >>> decoder(prefix, ids).shape
    torch.Size([2, 3, 30])
    """

    def __init__(
        self,
        source,
        pretrained=True,
        tokenizer_source=None,
        frozen=False,
        save_path=None,
        local_files_only=False,
    ):
        super().__init__()
        place = {"save_path": save_path, "local_files_only": local_files_only}
        if isinstance(source, (str, pathlib.Path)):
            tokenizer_source = tokenizer_source or source
            source = find_model(source, weights=pretrained, **place)
        elif pretrained:
            raise ValueError(
                "a configuration has no weights: pass the model's folder or "
                "its name on the hub, or pretrained=False"
            )
        # Half precision on the disk is no reason to train in half precision.
        build = _load_model if pretrained else _build_model
        self.model = build(source).float()
        self.embedding_dim = self.model.get_input_embeddings().embedding_dim
        self.vocab_size = self.model.config.vocab_size
        # None where the model knows no bound.
        self.max_positions = getattr(
            self.model.config, "max_position_embeddings", None
        )
        self._load_tokenizer = functools.partial(
            load_tokenizer, tokenizer_source, self.vocab_size, **place
        )
        self.register_load_state_dict_pre_hook(_complete_tied)
        self.register_load_state_dict_post_hook(_tie)
        self.frozen = frozen
        if frozen is True:
            self.requires_grad_(False)
            self.eval()
        elif frozen:
            _freeze_first(self.model, frozen)

    @functools.cached_property
    def tokenizer(self):
        """The tokenizer, read when it is first asked for.

        Returns
        -------
        transformers.PreTrainedTokenizerBase
            The same at each call.

        Raises
        ------
        OSError
            If it is not to be had.
        ValueError
            If there is none, or if it is not the model's.
        """
        return self._load_tokenizer()

    def forward(self, prefix, token_ids):
        """Scores a text token by token, as training needs it.

        Arguments
        ---------
        prefix : torch.Tensor
            [B, P, embedding_dim].
        token_ids : torch.Tensor
            The text, padded on its right with any token [B, L].

        Returns
        -------
        torch.Tensor
            Logits [B, L + 1, vocab_size], those of the token that follows:
            first the prefix, then each token.
        """
        embeddings = self._embed(prefix, token_ids)
        self.check_length(embeddings.shape[1])
        output = self.model(
            inputs_embeds=embeddings,
            use_cache=False,
            logits_to_keep=token_ids.shape[1] + 1,
        )
        return output.logits

    def _embed(self, prefix, token_ids):
        """Prefix and tokens as vectors, [B, P + L, embedding_dim]."""
        table = self.model.get_input_embeddings()
        prefix = prefix.to(table.weight.dtype)
        if token_ids is None:
            return prefix
        return torch.cat([prefix, table(token_ids)], 1)

    def start(self, prefix, token_ids=None, room=0):
        """Begins to write.

        Arguments
        ---------
        prefix : torch.Tensor
            [B, P, embedding_dim].
        token_ids : torch.Tensor or None
            A text that stands between the prefix and what is written, [B, L].
        room : int
            How many tokens may be read after it.

        Returns
        -------
        torch.Tensor
            Logits of the first token [B, vocab_size].
        transformers.Cache
            Keys and values of the B rows, for `proceed`.

        Raises
        ------
        ValueError
            If the model has too few positions.
        """
        embeddings = self._embed(prefix, token_ids)
        self.check_length(embeddings.shape[1] + room)
        output = self.model(
            inputs_embeds=embeddings,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1], output.past_key_values

    def proceed(self, tokens, parents, cache):
        """Writes one more token.

        Arguments
        ---------
        tokens : torch.Tensor
            The last token of each row [R].
        parents : torch.Tensor
            The row of the last call that each continues [R].
        cache : transformers.Cache
            From `start`; it is brought up to date in place.

        Returns
        -------
        torch.Tensor
            Logits of the next token [R, vocab_size].
        """
        cache.reorder_cache(parents)
        output = self.model(
            input_ids=tokens[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        return output.logits[:, -1]

    @property
    def end_id(self):
        """The token that ends a text.

        Returns
        -------
        int
            The tokenizer's end of text: 50256 of GPT2.

        Raises
        ------
        OSError, ValueError
            See `tokenizer`; or if it has no such token.
        """
        if self.tokenizer.eos_token_id is None:
            raise ValueError(
                "the language model's tokenizer has no end of text: name the "
                "token that ends a caption as stop_id"
            )
        return self.tokenizer.eos_token_id

    def fit_vocabulary(self, captions):
        """Nothing: the vocabulary is the language model's own.

        Arguments
        ---------
        captions : iterable of str
            Not read.
        """

    def encode(self, texts, continued=False):
        """Cuts texts into tokens, with no special ones.

        Arguments
        ---------
        texts : list of str
            "" gives no token.
        continued : bool
            The texts follow others: they begin with a blank.

        Returns
        -------
        list of list of int
            One for each.

        Raises
        ------
        OSError, ValueError
            See `tokenizer`.
        """
        texts = [f" {text}" if continued and text else text for text in texts]
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"]

    def decode(self, ids):
        """The text of some tokens.

        Arguments
        ---------
        ids : list of int
            The tokens.

        Returns
        -------
        str
            Special tokens included.

        Raises
        ------
        OSError, ValueError
            See `tokenizer`.
        """
        # Said outright, since its default is not the same in all versions.
        return self.tokenizer.decode(ids, clean_up_tokenization_spaces=True)

    def check_length(self, length):
        """Refuses what is longer than the model can read.

        Arguments
        ---------
        length : int
            Prefix and tokens together.

        Raises
        ------
        ValueError
            If the model has fewer positions.
        """
        if self.max_positions is not None and length > self.max_positions:
            raise ValueError(
                f"the language model has {self.max_positions} positions, but "
                f"prefix and text together need {length}: shorten the text"
            )

    def train(self, mode=True):
        """Sets training mode, except that a frozen model stays in eval mode.

        Arguments
        ---------
        mode : bool
            True for training.

        Returns
        -------
        PrefixDecoder
            Itself.
        """
        return super().train(mode and self.frozen is not True)

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Width, vocabulary, positions, whether it is frozen.
        """
        return (
            f"embedding_dim={self.embedding_dim}, "
            f"vocab_size={self.vocab_size}, "
            f"max_positions={self.max_positions}, frozen={self.frozen}"
        )


def _build_model(source):
    """A model with random weights: from a folder, a dict, a configuration."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(load_config(source, "'gpt2'"))


def _load_model(folder):
    """A model with its weights, through SpeechBrain's interface.

    It always reads a folder here: left to itself it asks the hub for a list
    of files even when they are all in the cache.
    """
    from speechbrain.integrations.huggingface.huggingface import (
        HFTransformersInterface,
    )

    return HFTransformersInterface(str(folder), with_lm_head=True).model


def _freeze_first(model, count):
    """Takes the gradient from the embeddings and the first blocks."""
    depth = model.config.num_hidden_layers
    if not 0 < count <= depth:
        raise ValueError(
            f"frozen={count}: expected True, False, or a number of blocks from "
            f"1 to {depth}, which the language model has"
        )
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    blocks = next(m for m in lists if len(m) == depth)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.requires_grad_(False)
    blocks[:count].requires_grad_(False)


def _tied(model):
    """The module and the head that share their weight, or nothing."""
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = model.config.tie_word_embeddings and head is not None
    return (table, head) if tied else ()


def _complete_tied(decoder, state_dict, prefix, *_):
    """Before weights are loaded: the one of a tied pair serves for both."""
    names = {module: name for name, module in decoder.named_modules()}
    keys = [f"{prefix}{names[x]}.weight" for x in _tied(decoder.model)]
    given = [key for key in keys if key in state_dict]
    for key in keys:
        if given:
            state_dict.setdefault(key, state_dict[given[0]])


def _tie(decoder, _):
    """After it: with ``assign=True`` torch gives each a tensor of its own."""
    pair = _tied(decoder.model)
    if pair:
        pair[1].weight = pair[0].weight
