"""A vocabulary of subwords that is learnt from captions and written back.

Authors
 * The speechbrain_clap team 2026
"""

import io

import sentencepiece
import torch

PADDING_ID = 0
UNKNOWN_ID = 1
END_ID = 2  # of vocabularies that have an end of text
BYTES = 256  # pieces that spell whatever no other piece covers


def learn_pieces(captions, pieces, character_coverage=1.0, end_id=-1):
    """Learns a SentencePiece unigram model (https://arxiv.org/abs/1808.06226).

    Text is NFKC-normalised and lower-cased; characters that the captions did
    not hold are spelled in bytes. The same captions give the same model,
    whatever their order.

    Arguments
    ---------
    captions : iterable of str
        The training captions; ten short ones suffice.
    pieces : int
        At most so many, the fixed ones and the bytes among them.
    character_coverage : float
        Share of the captions' characters that the pieces must hold.
    end_id : int
        Of a piece that ends a text; -1: there is none.

    Returns
    -------
    bytes
        The serialised model.

    Raises
    ------
    ValueError
        If there is no caption with a visible character, or the captions hold
        more distinct characters than there may be pieces.

    Example
    -------
    >>> model = learn_pieces(["a dog barks", "rain on a roof"], 400)
    >>> words = sentencepiece.SentencePieceProcessor(model_proto=model)
    >>> words.decode(words.encode("A dog"))
    'a dog'
    """
    captions = sorted(captions)
    if not any(caption.strip() for caption in captions):
        raise ValueError(
            f"cannot learn a vocabulary: none of the {len(captions)} "
            "captions holds any text"
        )
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(captions),
            model_writer=written,
            model_type="unigram",
            vocab_size=pieces,
            # Few captions hold fewer pieces than asked for.
            hard_vocab_limit=False,
            byte_fallback=True,
            character_coverage=character_coverage,
            normalization_rule_name="nmt_nfkc_cf",
            pad_id=PADDING_ID,
            unk_id=UNKNOWN_ID,
            bos_id=-1,
            eos_id=end_id,
            # One thread: sums in several have no fixed order.
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        characters = len(set("".join(captions)))
        fixed = BYTES + (3 if end_id >= 0 else 2)
        raise ValueError(
            f"cannot learn a vocabulary of vocab_size={pieces - fixed} "
            f"from {len(captions)} captions with {characters} distinct "
            "characters: raise vocab_size above that number, or lower "
            f"character_coverage={character_coverage}, down to 0.98 "
            f"(rare ones are spelled in bytes). SentencePiece: {error}"
        ) from error
    return written.getvalue()


class SubwordVocabulary(torch.nn.Module):
    """Texts to ids and back, for a decoder that writes captions.

    It has no parameters. What it learnt is part of the state dict, so that a
    checkpoint is complete; its size is fixed, so that any vocabulary fits.

    Arguments
    ---------
    vocab_size : int
        At most so many learnt pieces, beside 256 bytes, padding, unknown and
        the end of a text.

    Attributes
    ----------
    size : int
        Ids that there may be.
    end_id : int
        The id that ends a text.

    Example
    -------
    >>> vocabulary = SubwordVocabulary(vocab_size=50)
    >>> vocabulary.fit_vocabulary(["a dog barks", "rain falls on a roof"])
    >>> [ids] = vocabulary.encode(["A dog on a roof"])
    >>> vocabulary.decode([*ids, vocabulary.end_id])
    'a dog on a roof'
    """

    def __init__(self, vocab_size=500):
        super().__init__()
        self.size = vocab_size + BYTES + 3
        self.end_id = END_ID
        self._pieces = None

    def fit_vocabulary(self, captions):
        """Learns the vocabulary; one that was there before is replaced.

        Arguments
        ---------
        captions : iterable of str
            The training captions, the same in every process.

        Raises
        ------
        ValueError
            See ``learn_pieces``.
        """
        self._read(learn_pieces(captions, self.size, end_id=END_ID))

    def _read(self, serialised):
        """Takes a serialised model; empty bytes for none."""
        pieces = None
        if serialised:
            pieces = sentencepiece.SentencePieceProcessor(
                model_proto=serialised
            )
            if pieces.get_piece_size() > self.size:
                raise ValueError(
                    f"the vocabulary has {pieces.get_piece_size()} pieces, but "
                    f"the decoder was built for {self.size}: build it with "
                    f"vocab_size={pieces.get_piece_size() - BYTES - 3} or more"
                )
        self._pieces = pieces

    def get_extra_state(self):
        """The learnt vocabulary, for the state dict.

        Returns
        -------
        torch.Tensor
            uint8; of size 0 before anything was learnt.
        """
        learnt = b""
        if self._pieces is not None:
            learnt = self._pieces.serialized_model_proto()
        return torch.tensor(list(learnt), dtype=torch.uint8)

    def set_extra_state(self, state):
        """Restores the vocabulary from a state dict.

        Arguments
        ---------
        state : torch.Tensor
            From `get_extra_state`.
        """
        self._read(bytes(state.tolist()))

    def _known(self):
        if self._pieces is None:
            raise RuntimeError(
                "this decoder has no vocabulary yet: call "
                "fit_vocabulary(training_captions), or load a checkpoint"
            )
        return self._pieces

    def encode(self, texts):
        """Cuts texts into ids, with no end.

        Arguments
        ---------
        texts : list of str
            "" gives no id.

        Returns
        -------
        list of list of int
            One for each.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet.
        """
        return self._known().encode(list(texts))

    def decode(self, ids):
        """The text of some ids.

        Arguments
        ---------
        ids : list of int
            Padding and the end give nothing; so do ids that no piece has.

        Returns
        -------
        str
            In lower case.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet.
        """
        pieces = self._known()
        known = pieces.get_piece_size()
        return pieces.decode([i for i in ids if END_ID < i < known])


class OwnWords:
    """What a decoder does with the `vocabulary` that it has learnt.

    Example
    -------
    >>> decoder = OwnWords()
    >>> decoder.vocabulary = SubwordVocabulary(vocab_size=50)
    >>> decoder.fit_vocabulary(["a dog barks", "rain falls on a roof"])
    >>> [decoder.decode(ids) for ids in decoder.encode(["a dog", ""])]
    ['a dog', '']
    """

    @property
    def end_id(self):
        """The token that ends a text.

        Returns
        -------
        int
            The vocabulary's.
        """
        return self.vocabulary.end_id

    def fit_vocabulary(self, captions):
        """Learns the vocabulary, before the training.

        Arguments
        ---------
        captions : iterable of str
            The training captions, and prompts if there are any; the same in
            every process.

        Raises
        ------
        ValueError
            See ``learn_pieces``.
        """
        self.vocabulary.fit_vocabulary(captions)

    def encode(self, texts, continued=False):
        """Cuts texts into tokens, with no end.

        Arguments
        ---------
        texts : list of str
            "" gives no token.
        continued : bool
            Not used: every text begins a word.

        Returns
        -------
        list of list of int
            One for each.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet.
        """
        return self.vocabulary.encode(texts)

    def decode(self, ids):
        """The text of some tokens.

        Arguments
        ---------
        ids : list of int
            The tokens; the end gives nothing.

        Returns
        -------
        str
            In lower case.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet.
        """
        return self.vocabulary.decode(ids)
