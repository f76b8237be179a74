"""What open_clip is asked for: a CLIP of given sizes, and weights for it.

Authors
 * The speechbrain_clap team 2026
"""

import difflib
import pathlib
import pickle

import torch

# What describes CLIP's own networks. Other keys are other networks (timm,
# Hugging Face), other tokenizers or other poolings.
SIZES = {
    "vision_cfg": {
        "image_size",
        "layers",
        "width",
        "patch_size",
        "head_width",
        "mlp_ratio",
    },
    "text_cfg": {
        "context_length",
        "vocab_size",
        "width",
        "heads",
        "layers",
        "mlp_ratio",
    },
}
# open_clip builds a CLIP whole; the half that is thrown away costs nothing.
SMALLEST = {
    "vision_cfg": {
        "image_size": 1,
        "patch_size": 1,
        "width": 1,
        "head_width": 1,
        "layers": 1,
    },
    "text_cfg": {
        "context_length": 1,
        "vocab_size": 1,
        "width": 1,
        "heads": 1,
        "layers": 1,
    },
}


def require_open_clip():
    """The optional dependency, or one clear error.

    Returns
    -------
    module
        open_clip.

    Raises
    ------
    ImportError
        If it is not installed.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> "RN50-quickgelu" in require_open_clip().list_models()
    True
    """
    try:
        import open_clip
    except ImportError as error:
        raise ImportError(
            f"CLIP's towers need open_clip and torchvision ({error}): "
            'pip install "speechbrain_clap[vision]"'
        ) from error
    return open_clip


def clip_config(source, half):
    """The sizes of one of CLIP's towers.

    Arguments
    ---------
    source : str or dict
        A name that open_clip knows, or a configuration as open_clip writes it:
        ``embed_dim``, `half` and, if True, ``quick_gelu``.
    half : str
        "vision_cfg" or "text_cfg".

    Returns
    -------
    dict
        ``embed_dim``, ``quick_gelu`` and `half`.

    Raises
    ------
    ValueError
        If there is no such name, or it is not one of CLIP's own networks.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> clip_config("RN50-quickgelu", "text_cfg")["embed_dim"]
    1024
    """
    config = source
    if isinstance(source, str):
        open_clip = require_open_clip()
        names = open_clip.list_models()
        if source not in names:
            close = difflib.get_close_matches(source, names, 3, 0)
            raise ValueError(
                f"open_clip has no model {source!r}: did you mean one of "
                f"{', '.join(close)}?"
            )
        config = open_clip.get_model_config(source)
    missing = {"embed_dim", half} - set(config)
    if missing:
        raise ValueError(
            f"a configuration of CLIP's tower needs the keys embed_dim and "
            f"{half}: missing {', '.join(sorted(missing))}"
        )
    other = set(config[half]) - SIZES[half]
    if other or "multimodal_cfg" in config:
        raise ValueError(
            f"{source!r} is not one of CLIP's own networks, a ResNet or a ViT "
            f"beside a causal transformer with CLIP's vocabulary: {half} has "
            f"{', '.join(sorted(other)) or 'a captioner with it'}"
        )
    return {
        "embed_dim": config["embed_dim"],
        "quick_gelu": config.get("quick_gelu", False),
        half: dict(config[half]),
    }


def build_clip(config):
    """A CLIP with random weights, the other half of the smallest size.

    Arguments
    ---------
    config : dict
        From `clip_config`.

    Returns
    -------
    open_clip.CLIP
        Whose ``visual``, or all else but ``visual`` and ``logit_scale``, is
        the tower that was asked for.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> sizes = {"vocab_size": 9, "width": 8, "heads": 2, "layers": 1}
    >>> clip = build_clip(
    ...     {"embed_dim": 4, "quick_gelu": True, "text_cfg": sizes}
    ... )
    >>> clip.positional_embedding.shape
    torch.Size([77, 8])
    """
    return require_open_clip().CLIP(**(SMALLEST | config))


def find_weights(source, pretrained):
    """The file of a tower's weights: given, in a cache, or downloaded.

    Arguments
    ---------
    source : str or dict
        The model, as in `clip_config`.
    pretrained : str or pathlib.Path
        A file, or one of open_clip's tags for this model, such as "openai".

    Returns
    -------
    pathlib.Path
        The file.
    dict
        What open_clip says of a tag (``mean``, ``std`` ...); empty for a file.

    Raises
    ------
    OSError
        If there is no such file, or a tag's weights are not to be had.
    ValueError
        If the weights were trained with another activation.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> path = getfixture("tmp_path") / "weights.pt"
    >>> _ = path.write_bytes(b"")
    >>> find_weights("RN50-quickgelu", path) == (path, {})
    True
    """
    path = pathlib.Path(pretrained)
    if path.is_file():
        return path, {}
    open_clip = require_open_clip()
    tags = []
    if isinstance(source, str):
        tags = open_clip.list_pretrained_tags_by_model(source)
    tag = open_clip.get_pretrained_cfg(source, pretrained) if tags else {}
    if not tag:
        raise OSError(
            f"pretrained={str(pretrained)!r} is neither a file nor one of "
            f"open_clip's tags for {source!r}: {', '.join(tags) or 'none'}"
        )
    quick = open_clip.get_model_config(source).get("quick_gelu", False)
    if tag.get("quick_gelu", False) != quick:
        other = source.removesuffix("-quickgelu")
        other += "" if quick else "-quickgelu"
        raise ValueError(
            f"the weights {pretrained!r} were trained with"
            f"{'out' if quick else ''} quick GELU: use the model {other!r}"
        )
    # Hugging Face retries, SSL, proxies: there are many ways to be offline.
    try:
        return pathlib.Path(open_clip.download_pretrained(tag)), tag
    except Exception as error:
        address = tag.get("url")
        if tag.get("hf_hub"):
            name = open_clip.constants.HF_SAFE_WEIGHTS_NAME
            address = f"https://huggingface.co/{tag['hf_hub'].strip('/')}"
            address += f"/resolve/main/{name}"
        raise OSError(
            f"the weights {pretrained!r} of {source} are not in the Hugging "
            f"Face cache (HF_HOME) and were not downloaded "
            f"({type(error).__name__}: {error}). Where there is internet, "
            f"fetch {address}, put the file anywhere here, and pass "
            "pretrained=FILE"
        ) from error


def load_weights(module, path, prefix):
    """Loads a tower's part of a file, read as data, every key accounted for.

    Arguments
    ---------
    module : torch.nn.Module
        The tower.
    path : pathlib.Path
        Of safetensors, or of ``torch.save``: a state dict, alone or under
        "state_dict".
    prefix : str
        What stands before the tower's keys in a whole CLIP. In a file without
        it the keys are the tower's own, beside those of others.

    Raises
    ------
    OSError
        If the file cannot be read as data.
    ValueError
        If its keys and shapes are not those of the tower.

    Example
    -------
    >>> path = getfixture("tmp_path") / "clip.pt"
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> state = {"visual.weight": torch.ones(1, 1), "scale": torch.ones(3)}
    >>> torch.save(state, path)
    >>> load_weights(layer, path, "visual.")
    >>> layer.weight.item()
    1.0
    """
    state = _read(path)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): x for key, x in state.items()}
    own = {
        key.removeprefix(prefix): x
        for key, x in state.items()
        if key.startswith(prefix)
    }
    if not own:
        parts = {key.split(".")[0] for key in module.state_dict()}
        own = {k: x for k, x in state.items() if k.split(".")[0] in parts}
    if not own:
        raise ValueError(
            f"{path}: holds no weights of this tower; its keys are such as "
            f"{', '.join(list(state)[:3]) or 'none'}"
        )
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        raise ValueError(f"{path}: does not fit. {error}") from error


def _read(path):
    """A state dict; nothing in the file is executed."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise OSError(
            f"{path}: cannot be read as data, so it was refused ({reason}). "
            "If it is a TorchScript archive, as OpenAI publishes, and you "
            "trust it, write its tensors into a new file: "
            "torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(),"
            " NEW_FILE)"
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise OSError(
            f"{path}: holds a {type(state).__name__}, expected a state dict"
        )
    return {key: x for key, x in state.items() if torch.is_tensor(x)}
