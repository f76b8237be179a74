"""Weights to begin with for AudioCLIP's sound head.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.checkpoints.reading import CheckpointError, read_state

logger = get_logger(__name__)

# What train_audio_head.py and train_audioclip.py leave in model/.
TAGGER, AUDIOCLIP = "tagger.ckpt", "audioclip.ckpt"
PREFIX = "audio_encoder."  # in both
IMAGENET = "ResNeXt50_32X4D_Weights.IMAGENET1K_V1"
SHOWN = 5  # keys named in a message


def start_audio_head(
    encoder, imagenet=None, audio_head_from=None, audio_head_family=None
):
    """Gives a sound head what a recipe's YAML says that it starts from.

    Arguments
    ---------
    encoder : speechbrain_clap.lobes.esresnext.ESResNeXt
        To be filled; it stays as it is where nothing is given.
    imagenet : str or None
        As for `load_imagenet`.
    audio_head_from : str or None
        As `source` of `load_audio_head`.
    audio_head_family : str or None
        As `family` of `load_audio_head`.

    Raises
    ------
    CheckpointError
        If both are given, or what is given does not fit.

    Example
    -------
    >>> start_audio_head(None)
    >>> start_audio_head(None, "download", "model/")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: imagenet is 'downl...
    """
    has_head = bool(audio_head_from or audio_head_family)
    if imagenet and has_head:
        raise CheckpointError(
            f"imagenet is '{imagenet}', and a sound head is given too "
            f"({audio_head_from or audio_head_family}): set one to null"
        )
    if imagenet:
        load_imagenet(encoder, imagenet)
    if has_head:
        load_audio_head(encoder, audio_head_from, audio_head_family)


def load_audio_head(encoder, source=None, family=None):
    """Fills a sound head with that of an earlier stage, or a published one.

    Of a head that scored classes all but the last layer is taken.

    Arguments
    ---------
    encoder : speechbrain_clap.lobes.esresnext.ESResNeXt
        To be filled.
    source : str, pathlib.Path, dict or None
        The folder `model/` that recipes/AudioSet/train_audio_head.py or a
        train_audioclip.py left; with a family as for
        ``speechbrain_clap.checkpoints.load_published``.
    family : str or None
        "esresnext_fbsp" or "audioclip".

    Raises
    ------
    CheckpointError
        If there is no such head, or parts do not fit.

    Example
    -------
    >>> import torch
    >>> from speechbrain_clap.lobes.esresnext import ESResNeXt
    >>> from speechbrain_clap.models.tagger import Tagger
    >>> sizes = {"depths": [1] * 4, "channels": 4, "groups": 2}
    >>> sizes |= {"n_fft": 256, "win_length": 206}
    >>> folder = getfixture("tmp_path")
    >>> state = Tagger(ESResNeXt(num_classes=3, **sizes)).state_dict()
    >>> torch.save(state, folder / "tagger.ckpt")
    >>> load_audio_head(ESResNeXt(num_classes=8, **sizes), folder)
    """
    if family is not None:
        name = f"{family} ({source})" if source is not None else family
        network = load_published(family, source).net
        scored_classes = not hasattr(network, "audio_encoder")
        state = getattr(network, "audio_encoder", network).state_dict()
    else:
        name, scored_classes = _find(source)
        state = {
            key.removeprefix(PREFIX): value
            for key, value in read_state(name).items()
            if key.startswith(PREFIX)
        }
    if scored_classes:
        own = encoder.state_dict()
        state = {
            **{key: x for key, x in state.items() if not key.startswith("fc.")},
            **{key: x for key, x in own.items() if key.startswith("fc.")},
        }
    _fill(encoder, state, name)
    logger.info(
        "The sound head starts from %s%s",
        name,
        ", but for its last layer" if scored_classes else "",
    )


def _find(source):
    """The file in a folder, and whether its head scored classes."""
    for file in (TAGGER, AUDIOCLIP):
        path = pathlib.Path(source) / file
        if path.is_file():
            return path, file == TAGGER
    raise CheckpointError(
        f"audio_head_from: {source} holds neither {TAGGER} nor {AUDIOCLIP}; "
        "expected the folder model/ of a finished train_audio_head.py or "
        "train_audioclip.py, or with audio_head_family a file of published "
        "weights"
    )


def _fill(encoder, state, name):
    own = encoder.state_dict()
    problems = [f"missing: {key}" for key in own if key not in state]
    problems += [f"unknown: {key}" for key in state if key not in own]
    problems += [
        f"{key}: expected {list(own[key].shape)}, got {list(value.shape)}"
        for key, value in state.items()
        if key in own and own[key].shape != value.shape
    ]
    if problems:
        raise CheckpointError(
            f"{name}: {len(problems)} parts of the sound head do not fit: "
            f"{'; '.join(problems[:SHOWN])}. The YAML must have its sizes"
        )
    encoder.load_state_dict(state)


def load_imagenet(encoder, source):
    """Starts a sound head from an image network, as the authors do.

    Arguments
    ---------
    encoder : speechbrain_clap.lobes.esresnext.ESResNeXt
        To be filled.
    source : str
        "download" for torchvision's resnext50_32x4d, trained on ImageNet, or
        a file with its state dict.

    Raises
    ------
    CheckpointError
        If it cannot be fetched, or does not fit.

    Example
    -------
    >>> load_imagenet(None, "/no/such/file.pth")
    Traceback (most recent call last):
    ...
    speechbrain_clap.checkpoints.reading.CheckpointError: /no/such/file.pth: ...
    """
    if source == "download":
        from torchvision.models import get_weight

        weights = get_weight(IMAGENET)
        try:
            state = weights.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(
                f"imagenet: {weights.url} cannot be fetched ({error}); pass "
                "the file's place as --imagenet, or --imagenet=null to start "
                "from random weights"
            ) from error
    else:
        state = read_state(source)
    try:
        encoder.load_imagenet(state)
    except ValueError as error:
        raise CheckpointError(f"imagenet: {source}: {error}") from error
    logger.info("The sound head starts from an image network (%s)", source)
