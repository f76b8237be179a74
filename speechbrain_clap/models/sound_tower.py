"""The sound tower of any model, to be trained further.

Authors
 * The speechbrain_clap team 2026
"""


def sound_tower(model):
    """The network within a model that hears, and that can be trained.

    Arguments
    ---------
    model : torch.nn.Module
        A model of this project, published weights, or a sound tower itself.

    Returns
    -------
    torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, embedding_dim]; all of
        its parameters learn.

    Raises
    ------
    ValueError
        If there is none.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> from speechbrain_clap.models.classifier import Classifier
    >>> tower = ResNet18(widths=[4, 8, 8, 16])
    >>> sound_tower(Classifier(tower, 3)) is tower
    True
    """
    inner = model
    while True:
        # A model holds it as one or the other; the lobes hold neither.
        held = getattr(inner, "audio_encoder", getattr(inner, "net", None))
        if held is None:
            break
        inner = held
    if not hasattr(inner, "embedding_dim"):
        raise ValueError(
            f"{type(model).__name__} holds no sound tower: expected an "
            "audio_encoder with embedding_dim"
        )
    return inner.requires_grad_(True)
