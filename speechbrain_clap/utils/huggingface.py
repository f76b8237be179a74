"""Where a model of Hugging Face lies: a folder, the cache, or the hub.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from huggingface_hub import snapshot_download

# What a folder may hold of use to us; the hub's other formats (TensorFlow,
# Flax, ONNX in subfolders) would be gigabytes for nothing.
DESCRIPTION_FILES = ["*.json", "*.txt", "*.model"]
WEIGHT_FILES = ["*.safetensors", "*.bin"]
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
    "tokenizer.model",
)


def find_model(source, weights=True, save_path=None, local_files_only=False):
    """Folder of a model: given, in the hub's cache, or downloaded into it.

    Arguments
    ---------
    source : str or pathlib.Path
        A folder, or a name on the hub.
    weights : bool
        If True, the weights are needed, not only what describes the model.
    save_path : str or pathlib.Path, optional
        Folder for downloads. Default: Hugging Face's cache (``HF_HOME``).
    local_files_only : bool
        If True, never ask the network.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OSError
        If there is no such model, or it lacks what is needed.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "config.json").write_text("{}")
    >>> find_model(folder, weights=False) == folder
    True
    """
    folder = pathlib.Path(source)
    if folder.is_dir():
        if weights and not _has_weights(folder):
            raise OSError(
                f"the folder {folder} holds no weights: expected a file "
                f"{' or '.join(WEIGHT_FILES)}, as save_pretrained writes it"
            )
        return folder

    patterns = [DESCRIPTION_FILES]
    if weights:
        # Old models have both formats: the second only if the first is absent.
        patterns = [
            [*DESCRIPTION_FILES, "*.safetensors"],
            [*DESCRIPTION_FILES, "pytorch_model*.bin"],
        ]
    reason = "its snapshot holds no weights"
    try:
        for allowed in patterns:
            folder = snapshot_download(
                str(source),
                cache_dir=save_path,
                local_files_only=local_files_only,
                allow_patterns=allowed,
                ignore_patterns=["*/*"],
            )
            folder = pathlib.Path(folder)
            if not weights or _has_weights(folder):
                return folder
    except (OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise OSError(
        f"the text model {str(source)!r} is neither a folder nor among the "
        f"models in {save_path or 'the Hugging Face cache (HF_HOME)'}, and "
        f"was not downloaded ({reason}). Where there is internet, run "
        f"`hf download {source} --local-dir FOLDER`, bring FOLDER here, and "
        "pass source=FOLDER"
    )


def _has_weights(folder):
    """Whether a folder holds a weight file of a kind that we read."""
    return any(True for kind in WEIGHT_FILES for _ in folder.glob(kind))


def load_config(source, kinds="'bert' or 'gpt2'"):
    """A configuration: of a folder, of a dict, or the object that it is.

    Arguments
    ---------
    source : pathlib.Path, dict or transformers.PretrainedConfig
        A dict has `model_type` and what differs from its defaults.
    kinds : str
        The model types to name where it is missing.

    Returns
    -------
    transformers.PretrainedConfig
        The configuration.

    Raises
    ------
    ValueError
        If a dict does not tell its model type.

    Example
    -------
    >>> load_config({"model_type": "gpt2", "n_layer": 3}).n_layer
    3
    """
    from transformers import AutoConfig

    if isinstance(source, pathlib.Path):
        return AutoConfig.from_pretrained(source)
    if isinstance(source, dict):
        if "model_type" not in source:
            raise ValueError(
                "a configuration given as a dict needs the key 'model_type', "
                f"such as {kinds}; got {sorted(source)}"
            )
        return AutoConfig.for_model(**source)
    return source


def load_tokenizer(source, vocab_size, save_path=None, local_files_only=False):
    """The tokenizer of a folder or a hub name; a tokenizer is passed on.

    Arguments
    ---------
    source : str, pathlib.Path, tokenizer or None
        Where it lies, or the tokenizer.
    vocab_size : int
        Tokens that the model knows.
    save_path : str or pathlib.Path, optional
        Folder for downloads. Default: Hugging Face's cache (``HF_HOME``).
    local_files_only : bool
        If True, never ask the network.

    Returns
    -------
    transformers.PreTrainedTokenizerBase
        The tokenizer.

    Raises
    ------
    OSError
        If it is not to be had.
    ValueError
        If `source` is None, or the tokenizer is not the model's.
    """
    if source is None:
        raise ValueError(
            "this model was made from a configuration alone and has no "
            "tokenizer: pass tokenizer_source, or use tokens in place of texts"
        )
    tokenizer = source
    if isinstance(source, (str, pathlib.Path)):
        from transformers import AutoTokenizer

        folder = find_model(source, False, save_path, local_files_only)
        # transformers 5 makes up an empty tokenizer where there is none.
        if not any((folder / name).exists() for name in TOKENIZER_FILES):
            raise OSError(
                f"the folder {folder} holds no tokenizer: expected one of "
                f"{', '.join(TOKENIZER_FILES)}, as the tokenizer's "
                "save_pretrained writes them; or pass tokenizer_source"
            )
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if len(tokenizer) > vocab_size:
        raise ValueError(
            f"the tokenizer has {len(tokenizer)} tokens, the model only "
            f"{vocab_size}: they do not belong together"
        )
    return tokenizer
