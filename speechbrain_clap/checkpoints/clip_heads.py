"""CLIP's own weights for AudioCLIP's image and text heads.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.reading import CheckpointError

logger = get_logger(__name__)


def load_clip_heads(model, clip, weights):
    """Puts the two heads of a trained CLIP into an AudioCLIP.

    Arguments
    ---------
    model : speechbrain_clap.models.audioclip.AudioCLIP
        Gets them in place of its own.
    clip : str or dict
        As `name` of ``speechbrain_clap.lobes.vision.OpenClipVision``.
    weights : str
        One of open_clip's tags, such as "openai", or a file with the state
        dict of a whole CLIP.

    Raises
    ------
    CheckpointError
        If the weights are not to be had, or are of other sizes.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> load_clip_heads(None, "RN50-quickgelu", "/no/such/file.pt")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: clip_weights: ...
    """
    # These need the extra "vision", a sound head alone does not.
    from speechbrain_clap.lobes.clip_text import OpenClipText
    from speechbrain_clap.lobes.vision import OpenClipVision

    try:
        image = OpenClipVision(clip, weights)
        text = OpenClipText(clip, weights)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"clip_weights: {error}") from error
    model.image_encoder, model.text_encoder = image, text
    logger.info("Image and text head start from CLIP (%s)", weights)
