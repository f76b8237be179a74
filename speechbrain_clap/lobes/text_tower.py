"""The text towers that need no download, by name.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.lobes.sentence_text import SentenceEncoder
from speechbrain_clap.lobes.subword_text import SubwordTransformer


def text_tower(name, embedding_dim, num_layers=2, dropout=0.0):
    """Makes a text encoder, for a YAML that lets its reader choose.

    Arguments
    ---------
    name : str
        "subword": a small transformer over subwords of the training captions,
        which learns with the sound tower; "minilm": a sentence encoder that
        knows language already and stays as it is (of the extra ``language``).
    embedding_dim : int
        Of its embeddings; 384 for "minilm".
    num_layers : int
        Of the subword transformer.
    dropout : float
        Of the subword transformer.

    Returns
    -------
    speechbrain_clap.lobes.text_encoder.TextEncoder
        The encoder.

    Raises
    ------
    ValueError
        If there is no such tower, or it has another `embedding_dim`.

    Example
    -------
    >>> text_tower("subword", 16).embedding_dim
    16
    >>> text_tower("word2vec", 16)
    Traceback (most recent call last):
    ...
    ValueError: text_tower is 'word2vec', expected 'subword' or 'minilm'
    """
    if name == "subword":
        return SubwordTransformer(
            embedding_dim=embedding_dim, num_layers=num_layers, dropout=dropout
        )
    if name != "minilm":
        raise ValueError(
            f"text_tower is '{name}', expected 'subword' or 'minilm'"
        )
    encoder = SentenceEncoder(frozen=True)
    if encoder.embedding_dim != embedding_dim:
        raise ValueError(
            f"text_dim is {embedding_dim}, and minilm gives "
            f"{encoder.embedding_dim} numbers: pass "
            f"--text_dim={encoder.embedding_dim}"
        )
    return encoder
