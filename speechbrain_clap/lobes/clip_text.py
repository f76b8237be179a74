"""CLIP's text tower, from open_clip.

"Learning Transferable Visual Models From Natural Language Supervision",
Radford et al. 2021, https://arxiv.org/abs/2103.00020.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import torch

from speechbrain_clap.lobes.text_encoder import TextEncoder
from speechbrain_clap.utils.openclip import (
    build_clip,
    clip_config,
    find_weights,
    load_weights,
    require_open_clip,
)


@functools.cache
def clip_tokenizer():
    """CLIP's byte pairs, lower case; the vocabulary lies in open_clip.

    Returns
    -------
    open_clip.SimpleTokenizer
        One for all.

    Raises
    ------
    ImportError
        If open_clip is not installed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> clip_tokenizer().encode("A dog barks")
    [320, 1929, 1040, 662]
    """
    return require_open_clip().SimpleTokenizer()


class OpenClipText(TextEncoder):
    """The causal transformer of CLIP, read at a text's end token.

    AudioCLIP has the text half of "RN50-quickgelu". Needs open_clip, which the
    extra ``vision`` installs. The parameters have the names they have in a
    CLIP, without prefix. Nothing of the image half is kept.

    Arguments
    ---------
    name : str or dict
        A model that open_clip knows, or a configuration as open_clip writes
        it: ``embed_dim``, ``text_cfg`` and, if True, ``quick_gelu``. Other
        text towers than CLIP's own are not taken: for those of Hugging Face
        see ``speechbrain_clap.lobes.text``.
    pretrained : str, pathlib.Path or None
        One of open_clip's tags for the model, such as "openai", or a file
        with the state dict of a whole CLIP or of the tower alone. None:
        random weights.
    max_length : int or None
        Longer texts are cut to this many tokens, the end token kept, with one
        warning. None: the tower's context, 77 as published.
    frozen : bool
        If True, the tower stays in eval mode, gets no gradient, and remembers
        the vectors of texts it has seen.

    Raises
    ------
    ImportError
        If open_clip is not installed.
    ValueError
        If there is no such model, it is not CLIP's own, the weights are not
        its, or `max_length` does not suit it.
    OSError
        If the weights are not to be had, or are not safe to read: the message
        says what to fetch and where to put it.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> sizes = {"width": 8, "heads": 2, "layers": 1}
    >>> encoder = OpenClipText({"embed_dim": 16, "text_cfg": sizes})
    >>> encoder.tokenize(["a dog barks", "rain"])[0]
    tensor([[49406,   320,  1929,  1040,   662, 49407],
            [49406,  2443, 49407,     0,     0,     0]])
    >>> encoder.encode(["a dog barks", "rain"]).shape
    torch.Size([2, 16])
    """

    def __init__(
        self,
        name="RN50-quickgelu",
        pretrained=None,
        max_length=None,
        frozen=False,
    ):
        require_open_clip()
        config = clip_config(name, "text_cfg")
        clip = build_clip(config)
        context = clip.context_length
        max_length = context if max_length is None else max_length
        if not 3 <= max_length <= context:
            raise ValueError(
                f"max_length={max_length} does not suit this tower: expected "
                f"3 to {context} tokens"
            )
        super().__init__(config["embed_dim"], max_length)
        self.name = name if isinstance(name, str) else "CLIP text"
        self.context_length = context
        self.vocab_size = clip.vocab_size
        self.positional_embedding = clip.positional_embedding
        self.text_projection = clip.text_projection
        self.transformer = clip.transformer
        self.token_embedding = clip.token_embedding
        self.ln_final = clip.ln_final
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)
        if pretrained is not None:
            path, _ = find_weights(name, pretrained)
            load_weights(self, path, "text.")
        if frozen:
            self.freeze()

    def token_ids(self, texts):
        """The tokens of each text, at most `max_length`, between two marks.

        Arguments
        ---------
        texts : list of str
            Already checked.

        Returns
        -------
        list of list of int
            One row per text: start, the text's tokens, end.

        Raises
        ------
        ValueError
            If the tower was made for fewer tokens than CLIP's vocabulary has.
        """
        tokenizer = clip_tokenizer()
        start, end = tokenizer.sot_token_id, tokenizer.eot_token_id
        if end >= self.vocab_size:
            raise ValueError(
                f"CLIP's vocabulary has {end + 1} tokens, this tower was made "
                f"for {self.vocab_size}: give it tokens, not texts"
            )
        rows = [tokenizer.encode(text) for text in texts]
        room = self.max_length - 2
        self._warn_truncated(sum(len(row) > room for row in rows), len(rows))
        return [[start, *row[:room], end] for row in rows]

    def forward(self, ids, mask):
        """Vectors of tokenised texts, taken at the end token.

        The end token is the first among those with the highest id of a row.
        It sees what stands before it and nothing else, so that padding may be
        left out: rows padded to the whole context give the same.

        Arguments
        ---------
        ids : torch.Tensor
            From `tokenize` [B, L], L at most `context_length`.
        mask : torch.Tensor
            True or 1 for a token, False or 0 for padding [B, L].

        Returns
        -------
        torch.Tensor
            Not normalised, float32 under autocast too, [B, embedding_dim].

        Raises
        ------
        ValueError
            If the rows are longer than the context.
        """
        length = ids.shape[1]
        if length > self.context_length:
            raise ValueError(
                f"expected rows of at most {self.context_length} tokens, got "
                f"{length}"
            )
        # Whatever the padding is, it must not be taken for the end token.
        ids = ids.masked_fill(~mask.bool(), self.padding_id)
        x = self.token_embedding(ids) + self.positional_embedding[:length]
        x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])
        rows = torch.arange(len(ids), device=ids.device)
        x = self.ln_final(x[rows, ids.argmax(1)]) @ self.text_projection
        return x.to(torch.promote_types(x.dtype, torch.float32))

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Model, embedding size, longest text, whether it is frozen.
        """
        return (
            f"{self.name}, embedding_dim={self.embedding_dim}, "
            f"max_length={self.max_length}, frozen={self.frozen}"
        )
