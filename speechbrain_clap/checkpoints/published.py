"""Published weights: one line to load them, one line to write them.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import os
import pathlib

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.building import NoInitialisation
from speechbrain_clap.checkpoints.families import find_family
from speechbrain_clap.checkpoints.keys import load_official, official_state
from speechbrain_clap.checkpoints.models import PublishedModel
from speechbrain_clap.checkpoints.networks import build
from speechbrain_clap.checkpoints.reading import CheckpointError, read_state
from speechbrain_clap.checkpoints.transformers_layout import load_published_clap
from speechbrain_clap.dataio.download import DownloadError, download
from speechbrain_clap.utils.files import atomic_write

logger = get_logger(__name__)

CACHE = "~/.cache/speechbrain_clap"


def load_published(
    family,
    source=None,
    prefer="published",
    tokenizer_source=None,
    cache_folder=None,
):
    """Makes a working model of published weights.

    Every key of the file is used once, or the load is refused with a list of
    the missing, unexpected and misshapen ones. Constants that the file holds
    (Fourier kernels, mel filters, tables of the attention) are compared with
    ours; where the filters differ, the file's are used.

    Arguments
    ---------
    family : str
        A row of ``speechbrain_clap.checkpoints.families.FAMILIES``.
    source : str, pathlib.Path, dict or None
        The file, a state dict, or what the file holds. None fetches it once
        into the cache: resumed, its size and hash checked. Of
        "laion_clap_transformers" it is the folder.
    prefer : str
        "published" treats lengths and batches as the authors' code does:
        Microsoft's and HTS-AT's windows over a long clip, which can lose its
        end, Microsoft's embeddings without normalisation, GPT2's pooling
        that a '!' shifts, Wav2CLIP's standardisation over the batch. "ours"
        covers the whole of a clip, normalises the embeddings of a CLAP, and
        makes a clip's embedding independent of its neighbours.
    tokenizer_source : str, pathlib.Path, tokenizer or None
        Where the tokenizer lies; None is its name on the hub. It is looked
        for at the first text: tokens need none.
    cache_folder : str, pathlib.Path or None
        Where downloads are kept. Default: ``SPEECHBRAIN_CLAP_CACHE`` or
        ~/.cache/speechbrain_clap.

    Returns
    -------
    speechbrain_clap.checkpoints.models.PublishedModel
        In eval mode, on the CPU, float32; with `sample_rate`,
        ``encode_audio`` and, as the family has them, ``encode_text``,
        ``encode_tokens``, ``encode_image``, ``classify``, ``caption`` and
        `logit_scale`. `report` tells what became of each key.

    Raises
    ------
    ValueError
        If there is no such family, or `prefer` is neither.
    CheckpointError
        If the file is not what was expected, or would have to be executed.
    speechbrain_clap.dataio.download.DownloadError
        If it cannot be fetched: the message says where to put it.

    Example
    -------
    >>> model = load_published("wav2clip", "Wav2CLIP.pt")  # doctest: +SKIP
    >>> model.encode_audio(torch.randn(2, 16000)).shape  # doctest: +SKIP
    torch.Size([2, 512])
    """
    row = find_family(family)
    if prefer not in ("published", "ours"):
        raise ValueError(f"prefer is '{prefer}', expected 'published', 'ours'")
    if source is None:
        source = fetch(family, cache_folder)
    if family == "laion_clap_transformers":
        return load_published_clap(row, source, tokenizer_source)
    own = isinstance(source, dict)
    state = read_state(source, row.container, row.prefix)
    with NoInitialisation():
        model = build(family, prefer, tokenizer_source, set(state))
    if own:  # a dict stays its owner's
        state = {key: value.clone() for key, value in state.items()}
    name = f"the state dict of {family}" if own else str(source)
    model.report, model.rest = load_official(
        model.net, state, model.keys, model.constants, name
    )
    for difference in model.report.different:
        logger.warning("%s: a constant is not ours: %s", name, difference)
    return model.eval()


def fetch(family, cache_folder=None):
    """The file of a family, downloaded once.

    Arguments
    ---------
    family : str
        Its name.
    cache_folder : str, pathlib.Path or None
        As for ``load_published``.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    speechbrain_clap.dataio.download.DownloadError
        If it cannot be fetched; the message has its address and where to put
        it.
    """
    row = find_family(family)
    if cache_folder is None:
        cache_folder = os.environ.get("SPEECHBRAIN_CLAP_CACHE", CACHE)
    path = pathlib.Path(cache_folder).expanduser() / family / row.file
    if not row.direct:
        if path.is_file():
            return path
        raise DownloadError(
            f"{family}: {row.file} cannot be fetched by a program. Get it "
            f"from {row.address} and pass its place as source, or put it at "
            f"{path}"
        )
    found = download(row.address, path, size=row.size, md5=row.md5)
    if row.sha256_start is not None:
        with open(found, "rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        if not digest.hexdigest().startswith(row.sha256_start):
            raise DownloadError(
                f"{found}: its sha256 is {digest.hexdigest()}, expected one "
                f"that begins with {row.sha256_start}; remove the file and "
                "try again"
            )
    return found


def save_published(model, family, path):
    """Writes a model in the official layout, for its authors' code.

    What a model that was loaded by ``load_published`` had in its file, and
    only that, is written: the round trip is exact.

    Arguments
    ---------
    model : speechbrain_clap.checkpoints.models.PublishedModel
        As ``load_published`` gives it; it may have been trained since.
    family : str
        Its family: anything else is refused.
    path : str or pathlib.Path
        Where to write: a file of torch.save, or of safetensors if its name
        ends so.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the model is of another family.
    CheckpointError
        If the family has no official file of its own.
    """
    row = find_family(family)
    if not isinstance(model, PublishedModel) or model.family.name != family:
        found = getattr(getattr(model, "family", None), "name", None)
        raise ValueError(
            f"save_published: expected a model of '{family}', as "
            f"load_published gives it, got "
            f"{f'one of {found!r}' if found else type(model).__name__}"
        )
    if family == "laion_clap_transformers":
        raise CheckpointError(
            "the layout of transformers is a folder: write it with "
            "speechbrain_clap.checkpoints.transformers_layout"
        )
    only = model.report.loaded if model.report else None
    state = official_state(
        model.net, model.keys, model.constants, model.rest, only
    )
    state = {row.prefix + key: value.cpu() for key, value in state.items()}
    path = pathlib.Path(path)
    with atomic_write(path) as temporary:
        if path.suffix == ".safetensors":
            import safetensors.torch

            # Tied tensors share memory, which this format refuses.
            state = {key: value.clone() for key, value in state.items()}
            safetensors.torch.save_file(state, temporary)
        else:
            for key in reversed(row.container):
                state = {key: state}
            torch.save(state, temporary)
    return path
