"""Language models of Hugging Face as text encoders.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import pathlib

import torch

from speechbrain_clap.lobes.text_encoder import TextEncoder, masked_mean
from speechbrain_clap.utils.huggingface import (
    find_model,
    load_config,
    load_tokenizer,
)

# How each family can be pooled; "gpt2" and "clip_text_model" are causal, so
# their first token knows nothing of the text.
POOLINGS = {
    "bert": ("cls", "pooler", "mean"),
    "roberta": ("cls", "pooler", "mean"),
    "distilbert": ("cls", "mean"),
    "gpt2": ("end_of_text", "last_nonzero", "mean"),
    "clip_text_model": ("eot", "mean"),
}
WITH_POOLER = ("bert", "roberta")


class HuggingFaceText(TextEncoder):
    """BERT, RoBERTa, DistilBERT, GPT2 or CLIP's text model, with a pooling.

    Weights come through SpeechBrain's ``HFTransformersInterface`` from a local
    folder, or from the hub's cache, or from the hub. Once they are on the
    disk no network is needed. Needs transformers 4.57 or later.

    The published systems use: Microsoft CLAP 2022 BERT with "cls", Microsoft
    CLAP 2023 GPT2 with "end_of_text", LAION CLAP RoBERTa with "pooler".

    Arguments
    ---------
    source : str, pathlib.Path, dict or transformers.PretrainedConfig
        A folder with the model, or its name on the hub. With
        ``pretrained=False`` also a configuration: transformers' object, or a
        dict with ``model_type`` and what differs from its defaults.
    pooling : str
        "cls", the first token's hidden state (BERT, RoBERTa, DistilBERT);
        "pooler", that through the model's dense layer and tanh (BERT,
        RoBERTa); "mean" over the tokens (any); "eot", the last token (CLIP);
        "end_of_text", the hidden state of the ``<|endoftext|>`` that is
        appended to the text, after a space, and survives truncation (GPT2);
        "last_nonzero", the same text, but the token is found as Microsoft
        CLAP 2023 finds it, by counting the ids that are not 0: a '!' in the
        text, whose id is 0, shifts it (GPT2).
    pretrained : bool
        If False, random weights on the configuration found at `source`.
    tokenizer_source : str, pathlib.Path or transformers tokenizer, optional
        Where the tokenizer lies, or the tokenizer. Default: `source`. Beside
        a configuration it is looked for at the first text, and without one
        the encoder takes tokens only.
    max_length : int
        Longer texts are cut to this many tokens, with one warning.
    frozen : bool
        If True, the model stays in eval mode, gets no gradient, and remembers
        the vectors of texts it has seen.
    save_path : str or pathlib.Path, optional
        Folder for downloads. Default: Hugging Face's cache (``HF_HOME``).
    local_files_only : bool
        If True, never ask the network, as with ``HF_HUB_OFFLINE=1``.

    Raises
    ------
    OSError
        If the model is neither on the disk nor to be had from the hub: the
        message says what to download and where to put it.
    ValueError
        If the pooling does not suit the model, `max_length` is above its
        number of positions, or model and tokenizer do not fit.
    ImportError
        If transformers is not installed.

    Example
    -------
    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> from transformers import PreTrainedTokenizerFast
    >>> words = {"[PAD]": 0, "a": 1, "dog": 2, "barks": 3, "[UNK]": 4}
    >>> tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> encoder = HuggingFaceText(
    ...     {
    ...         "model_type": "bert",
    ...         "vocab_size": 5,
    ...         "hidden_size": 8,
    ...         "num_hidden_layers": 1,
    ...         "num_attention_heads": 2,
    ...         "intermediate_size": 16,
    ...     },
    ...     pooling="mean",
    ...     pretrained=False,
    ...     tokenizer_source=PreTrainedTokenizerFast(
    ...         tokenizer_object=tokenizer, pad_token="[PAD]"
    ...     ),
    ... )
    >>> encoder.encode(["a dog barks", "a dog"]).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        source,
        pooling,
        pretrained=True,
        tokenizer_source=None,
        max_length=77,
        frozen=False,
        save_path=None,
        local_files_only=False,
    ):
        _require_transformers()
        place = {"save_path": save_path, "local_files_only": local_files_only}
        named = isinstance(source, (str, pathlib.Path))
        if pretrained and not named:
            raise ValueError(
                "a configuration has no weights: pass the model's folder or "
                "its name on the hub, or pretrained=False"
            )
        if named:
            source = find_model(source, weights=pretrained, **place)
            tokenizer_source = tokenizer_source or source
        config = _text_config(source)
        _check_config(config, pooling, max_length)

        super().__init__(config.hidden_size, max_length)
        self.pooling = pooling
        self._load_tokenizer = functools.partial(
            load_tokenizer, tokenizer_source, config.vocab_size, **place
        )
        # GPT2 has no padding token; its authors' CLAP pads with '!', id 0.
        self.padding_id = 0
        if config.model_type != "gpt2":
            self.padding_id = config.pad_token_id or 0
        if named or not isinstance(
            tokenizer_source, (str, pathlib.Path, type(None))
        ):
            _ = self.tokenizer  # a fault is told now, not at the first text

        # An unused pooler would have no gradient, which DDP refuses.
        options = {}
        if config.model_type in WITH_POOLER:
            options["add_pooling_layer"] = pooling == "pooler"
        if pretrained:
            model = _load_model(source, **options)
        else:
            from transformers import AutoModel

            model = AutoModel.from_config(config, **options)
        # transformers 4 wraps CLIP's text model once more than 5 does: without
        # the wrapper our checkpoints have the same keys under both. Half
        # precision on the disk is no reason to train in half precision.
        self.model = getattr(model, "text_model", model).float()
        # GPT2's memory of past keys is for generation.
        self.model.config.use_cache = False
        if frozen:
            self.freeze()

    @functools.cached_property
    def tokenizer(self):
        """The tokenizer.

        Returns
        -------
        transformers.PreTrainedTokenizerBase
            Loaded now, if it was not before.

        Raises
        ------
        OSError
            If it is not to be had.
        ValueError
            If there is none, or if it is not the model's.
        """
        return self._load_tokenizer()

    def token_ids(self, texts):
        """The tokens of each text, at most `max_length`, special ones kept.

        Arguments
        ---------
        texts : list of str
            Already checked.

        Returns
        -------
        list of list of int
            One row per text.
        """
        ending = []
        if self.pooling in ("end_of_text", "last_nonzero"):
            suffix = f" {self.tokenizer.eos_token}"
            ending = self._ids([suffix])[0]
            texts = [text + suffix for text in texts]
        rows = self._ids(texts)
        long = [i for i, row in enumerate(rows) if len(row) > self.max_length]
        self._warn_truncated(len(long), len(texts))
        for i in long:
            if ending:
                rows[i] = rows[i][: self.max_length - len(ending)] + ending
            else:
                rows[i] = self._ids(
                    [texts[i]], truncation=True, max_length=self.max_length
                )[0]
        # A tokenizer without special tokens may find nothing in a text.
        return [row or [self.padding_id] for row in rows]

    def _ids(self, texts, **options):
        """Token ids; the tokenizer's own warnings on length are kept quiet."""
        return self.tokenizer(
            texts,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
            **options,
        )["input_ids"]

    def forward(self, ids, mask):
        """Vectors of tokenised texts, pooled as `pooling` says.

        Arguments
        ---------
        ids : torch.Tensor
            From `tokenize` [B, L].
        mask : torch.Tensor
            True or 1 for a token, False or 0 for padding [B, L].

        Returns
        -------
        torch.Tensor
            [B, D], float32 under autocast too.
        """
        output = self.model(input_ids=ids, attention_mask=mask.long())
        hidden = output.last_hidden_state
        if self.pooling == "mean":
            return masked_mean(hidden, mask)
        if self.pooling == "cls":
            vectors = hidden[:, 0]
        elif self.pooling == "pooler":
            vectors = output.pooler_output
        else:
            rows = torch.arange(len(ids), device=ids.device)
            text = ids != 0 if self.pooling == "last_nonzero" else mask
            vectors = hidden[rows, text.long().sum(1) - 1]
        return vectors.to(torch.promote_types(vectors.dtype, torch.float32))


def _require_transformers():
    """One clear error where the optional dependency is missing."""
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "language models need transformers: "
            'pip install "speechbrain_clap[language]"'
        ) from error


def _text_config(source):
    """The configuration of the text part: folder, dict or object."""
    config = load_config(source, f"one of {', '.join(POOLINGS)}")
    if config.model_type == "clip":
        return config.text_config
    return config


def _check_config(config, pooling, max_length):
    """Refuses what the model cannot do."""
    family = config.model_type
    if family not in POOLINGS:
        raise ValueError(
            f"a text model of type {family!r} is not supported: expected one "
            f"of {', '.join(POOLINGS)}"
        )
    if pooling not in POOLINGS[family]:
        raise ValueError(
            f"pooling={pooling!r} does not suit a {family} model: choose one "
            f"of {', '.join(POOLINGS[family])}"
        )
    positions = config.max_position_embeddings
    if family == "roberta":
        # Its positions are counted from behind the padding's number.
        positions -= config.pad_token_id + 1
    if not 2 < max_length <= positions:
        raise ValueError(
            f"max_length={max_length} does not suit this {family} model: "
            f"expected 3 to {positions} tokens"
        )


def _load_model(folder, **options):
    """A model with its weights, through SpeechBrain's interface.

    The interface always reads a folder here: left to itself it asks the hub
    for a list of files even when they are all in the cache, and it can
    neither be told to stay offline nor build a model from a configuration.
    """
    from speechbrain.integrations.huggingface.huggingface import (
        HFTransformersInterface,
    )

    class _Interface(HFTransformersInterface):
        """SpeechBrain's, for a local folder."""

        def override_config(self, config):
            """Takes the part of a configuration that is built."""
            # Of CLIP only the text half is built and loaded.
            if config.model_type == "clip":
                return config.text_config
            return config

    return _Interface(str(folder), **options).model
