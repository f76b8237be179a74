"""Which of some labels an embedding is nearest to.

Authors
 * The speechbrain_clap team 2026
"""

import torch


@torch.no_grad()
def classify_embedding(embedder, embedding, scale, labels, templates):
    """Probabilities of labels, by their prompts.

    Arguments
    ---------
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        With `templates` and `class_names` in its hparams.
    embedding : torch.Tensor
        L2-normalised, [D].
    scale : torch.Tensor
        What multiplies the cosines.
    labels : list of str or None
        Any labels; by default those of the training. Underscores become
        spaces.
    templates : list of str or None
        Prompts around the labels; by default those of the training.

    Returns
    -------
    dict
        Label to probability (softmax of the scaled cosines; they sum to one
        over the labels given), most likely first.

    Raises
    ------
    ValueError
        If there are no labels, or one of them is there twice.

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> dog = clap.encode_text(["this is the sound of dog"])[0]
    >>> scale = torch.tensor(100.0)
    >>> list(classify_embedding(clap, dog, scale, ["rain", "dog"], None))
    ['dog', 'rain']
    """
    labels = list(labels or embedder.hparams.class_names)
    if not labels:
        raise ValueError(
            "this model was trained on no classes of its own, so pass labels"
        )
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels hold a name twice: {labels}")
    templates = templates or embedder.hparams.templates
    text = _encode_classes(embedder, labels, templates).to(embedding.device)
    probabilities = (scale * (text @ embedding)).softmax(0).tolist()
    ranked = sorted(
        zip(labels, probabilities, strict=True), key=lambda pair: -pair[1]
    )
    return dict(ranked)


def _encode_classes(embedder, labels, templates):
    """Embeddings of labels, kept for the next sound with the same ones."""
    weights = [(p._version, p.dtype) for p in embedder.model.parameters()]
    asked = (labels, list(templates), weights)
    known, text = getattr(embedder, "class_embeddings", (None, None))
    if known != asked:
        with embedder.inference_ctx:
            text = embedder.model.encode_classes(labels, templates)
        embedder.class_embeddings = (asked, text)
    return text
