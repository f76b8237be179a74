"""CLAP of LAION's shape as a folder of transformers' ClapModel, both ways.

"Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", Wu et al. 2023,
https://arxiv.org/abs/2211.06687. On the hub there are laion/clap-htsat-unfused,
laion/clap-htsat-fused and others of that layout.

Authors
 * The speechbrain_clap team 2026
"""

import dataclasses
import pathlib
import shutil
import tempfile

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.building import NoInitialisation
from speechbrain_clap.checkpoints.constants import swin_constants
from speechbrain_clap.checkpoints.families import FAMILIES
from speechbrain_clap.checkpoints.keys import KeyMap, Report
from speechbrain_clap.checkpoints.models import PublishedCLAP
from speechbrain_clap.checkpoints.reading import CheckpointError, read_state
from speechbrain_clap.checkpoints.transformers_config import (
    build_clap,
    extractor_config,
    model_config,
)
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion
from speechbrain_clap.models.clap import CLAP
from speechbrain_clap.utils.files import atomic_write, write_json
from speechbrain_clap.utils.huggingface import find_model

logger = get_logger(__name__)

WEIGHTS = ("model.safetensors", "pytorch_model.bin")

# The fronts of keys, theirs and ours, and below what differs within the
# blocks of the audio encoder, whose matrices for query, key and value are one
# in ours.
FRONTS = KeyMap(
    (
        ("audio_model.audio_encoder.", "audio_encoder."),
        ("audio_model.audio_encoder.batch_norm.", "audio_encoder.bn0."),
        ("text_model.", "text_encoder.model."),
        ("audio_projection.", "audio_projection."),
        ("text_projection.", "text_projection."),
        ("logit_scale_a", "logit_scale"),
        ("logit_scale_t", "logit_scale_text"),
    )
)
WITHIN_BLOCKS = (
    (".layernorm_before.", ".norm1."),
    (".layernorm_after.", ".norm2."),
    (".attention.output.dense.", ".attn.proj."),
    (".attention.self.", ".attn."),
    (".intermediate.dense.", ".mlp.fc1."),
    (".output.dense.", ".mlp.fc2."),
)
QKV = ("query", "key", "value")
# The front end and the tagging head have no place in their layout.
NOT_THEIRS = ("audio_encoder.features.", "audio_encoder.tscam_conv.")


def to_transformers(state):
    """From our keys to those of ClapModel.

    Arguments
    ---------
    state : dict
        The state dict of a CLAP of LAION's shape.

    Returns
    -------
    dict
        Theirs, without what they have no place for. The scale of the texts
        is that of the sounds, unless there is a `logit_scale_text`.

    Example
    -------
    >>> state = {"audio_encoder.layers.0.blocks.1.attn.qkv.bias": torch.ones(6)}
    >>> for key in to_transformers(state):
    ...     print(key)
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.query.bias
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.key.bias
    audio_model.audio_encoder.layers.0.blocks.1.attention.self.value.bias
    """
    theirs = {}
    for key, value in state.items():
        if key.startswith(NOT_THEIRS):
            continue
        name = FRONTS.official(key)
        if key.startswith("audio_encoder."):
            for their, our in WITHIN_BLOCKS:
                name = name.replace(our, their)
        if ".qkv." in name:
            for part, third in zip(QKV, value.chunk(3), strict=True):
                theirs[name.replace(".qkv.", f".{part}.")] = third
        else:
            theirs[name] = value
    if "logit_scale_a" in theirs:
        theirs.setdefault("logit_scale_t", theirs["logit_scale_a"])
    return theirs


def from_transformers(state):
    """From the keys of ClapModel to ours.

    Arguments
    ---------
    state : dict
        Of ClapModel, without its buffers. It is emptied, so that no tensor
        is held twice.

    Returns
    -------
    dict
        Ours; the scale of the texts is `logit_scale_text`.

    Example
    -------
    >>> key = "audio_model.audio_encoder.layers.0.blocks.1.output.dense.bias"
    >>> list(from_transformers({key: torch.ones(6)}))
    ['audio_encoder.layers.0.blocks.1.mlp.fc2.bias']
    """
    ours = {}
    for key in list(state):
        if key not in state:
            continue  # joined already
        name, keys = FRONTS.ours(key), [key]
        if name.startswith("audio_encoder."):
            for their, our in WITHIN_BLOCKS:
                name = name.replace(their, our)
            for part in QKV:
                if f".attn.{part}." in name:
                    name = name.replace(f".{part}.", ".qkv.")
                    keys = [key.replace(f".{part}.", f".{q}.") for q in QKV]
        parts = [state.pop(key) for key in keys]
        ours[name] = torch.cat(parts) if len(parts) > 1 else parts[0]
    return ours


def save_transformers(clap, folder):
    """Writes a folder that ``transformers.ClapModel.from_pretrained`` reads.

    There it gives the same embeddings. Beside config.json and
    model.safetensors there are preprocessor_config.json, and the tokenizer's
    files if the text encoder has one, so that transformers' ClapProcessor
    works as well. It differs in two ways from ours on purpose of its authors:
    the crops of long sounds lie at random places, and of a batch without a
    long sound it marks one as longer, so that it is fused with itself (set
    `is_longer` to False to avoid that). A tagging head is left out.

    Arguments
    ---------
    clap : speechbrain_clap.models.clap.CLAP
        An HTSAT or HTSATFusion, RoBERTa with its pooler, MLPProjection on
        both sides; of any sizes.
    folder : str or pathlib.Path
        Where to write; each file appears whole or not at all, config.json
        the last.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        If ClapModel or its feature extractor has no place for a part of it:
        the message names all such parts. Nothing is written then.
    """
    import safetensors.torch

    folder = pathlib.Path(folder)
    config, extractor = model_config(clap), extractor_config(clap.audio_encoder)
    state = to_transformers(clap.state_dict()) | _constants(clap)
    # The format refuses tensors that share memory, as scales and thirds do.
    state = {key: value.detach().cpu().clone() for key, value in state.items()}
    with atomic_write(folder / "model.safetensors") as temporary:
        safetensors.torch.save_file(state, temporary, metadata={"format": "pt"})
    write_json(folder / "preprocessor_config.json", extractor)
    _save_tokenizer(clap.text_encoder, folder)
    write_json(folder / "config.json", config)
    return folder


def _save_tokenizer(text_encoder, folder):
    try:
        tokenizer = text_encoder.tokenizer
    except (OSError, ValueError) as error:
        logger.warning("%s: written without a tokenizer (%s)", folder, error)
        return
    with tempfile.TemporaryDirectory() as place:
        tokenizer.save_pretrained(place)
        for path in pathlib.Path(place).iterdir():
            with atomic_write(folder / path.name) as temporary:
                shutil.copyfile(path, temporary)


def _constants(clap):
    """The tables that ClapModel keeps among its tensors."""
    tables = swin_constants("audio_encoder.", clap.audio_encoder)
    tables = {k: v for k, v in tables.items() if not k.endswith("attn_mask")}
    positions = clap.text_encoder.model.config.max_position_embeddings
    front = "text_model.embeddings."
    return to_transformers(tables) | {
        f"{front}position_ids": torch.arange(positions).unsqueeze(0),
        f"{front}token_type_ids": torch.zeros(1, positions, dtype=torch.long),
    }


@dataclasses.dataclass
class Loaded:
    """What ``load_transformers`` found.

    Arguments
    ---------
    clap : speechbrain_clap.models.clap.CLAP
        In eval mode, float32. Its `logit_scale` is that of the sounds.
    logit_scale_text : torch.Tensor
        The other one, which multiplies the cosines of texts to sounds.
    report : speechbrain_clap.checkpoints.keys.Report
        What became of every key.
    """

    clap: CLAP
    logit_scale_text: torch.Tensor
    report: Report


def load_transformers(folder, tokenizer_source=None):
    """Makes our modules of a folder in the layout of ClapModel.

    They compute what ClapModel computes from the same folder, also where its
    configuration has 1e-12 for the text's `layer_norm_eps`: the original of
    LAION has 1e-5, and its texts differ from that by up to 5e-5.

    Arguments
    ---------
    folder : str or pathlib.Path
        A folder, or a name on the hub, such as "laion/clap-htsat-fused".
    tokenizer_source : str, pathlib.Path, tokenizer or None
        Where the tokenizer lies; None is the folder.

    Returns
    -------
    Loaded
        The model, the scale of the texts, and the report.

    Raises
    ------
    CheckpointError
        If a key is missing, unexpected or of another shape, if the
        configuration asks for what our modules are not, or if there is
        nothing to read.
    OSError
        If there is no such folder, and it is not to be had from the hub.
    """
    folder = find_model(folder)
    with NoInitialisation():
        clap = build_clap(folder, tokenizer_source)
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not found:
        raise CheckpointError(
            f"{folder}: holds no {' or '.join(WEIGHTS)}; weights in several "
            "files are joined by loading them with transformers and "
            "save_pretrained(folder, max_shard_size='10GB')"
        )
    state = read_state(found[0])
    report = _check_keys(clap, state)
    if not report.strict:
        raise CheckpointError(
            f"{found[0]}: is not what was expected.\n{report}\nDoes it belong "
            f"to the config.json beside it?"
        )
    for key in report.constants:
        del state[key]
    ours = from_transformers(state)
    for key, place in clap.state_dict().items():
        if key in ours:
            ours[key] = ours[key].to(place.dtype)
    text_scale = ours.pop("logit_scale_text").float()
    clap.load_state_dict(ours, strict=False, assign=True)
    return Loaded(clap.eval(), text_scale, report)


def _check_keys(clap, state):
    """What is to become of each key of a file."""
    report = Report()
    wanted, constants = to_transformers(clap.state_dict()), _constants(clap)
    for key, value in state.items():
        if key in constants:
            report.constants.append(key)
            if not torch.equal(value, constants[key]):
                report.different.append(f"{key}: ours is used")
        elif key not in wanted:
            report.unexpected.append(key)
        elif value.shape != wanted[key].shape:
            report.misshapen.append(
                f"{key} is {list(value.shape)}, expected "
                f"{list(wanted[key].shape)}"
            )
        else:
            report.loaded.append(key)
    report.missing = [
        key
        for key in wanted
        # A counter of batches matters to training alone.
        if key not in state and not key.endswith("num_batches_tracked")
    ]
    return report


def load_published_clap(row, source, tokenizer_source=None):
    """As ``load_transformers``, behind the interface of ``load_published``.

    Arguments
    ---------
    row : speechbrain_clap.checkpoints.families.Family
        What is known of the weights.
    source : str or pathlib.Path
        As for ``load_transformers``.
    tokenizer_source : str, pathlib.Path, tokenizer or None
        As for ``load_transformers``.

    Returns
    -------
    speechbrain_clap.checkpoints.models.PublishedCLAP
        In eval mode; the scale of the texts is in its `rest`. A model with
        fusion takes long clips whole.

    Raises
    ------
    CheckpointError, OSError
        As for ``load_transformers``.
    """
    if not isinstance(source, (str, pathlib.Path)):
        raise CheckpointError(
            f"{row.name}: expected a folder in the layout of transformers, "
            f"got a {type(source).__name__}"
        )
    loaded = load_transformers(source, tokenizer_source)
    if isinstance(loaded.clap.audio_encoder, HTSATFusion):
        fused = FAMILIES["laion_clap_htsat_tiny_fused"]
        row = dataclasses.replace(
            row, clip_policy=fused.clip_policy, clip_note=fused.clip_note
        )
    model = PublishedCLAP(row, loaded.clap, KeyMap(()), {})
    model.report = loaded.report
    model.rest = {"logit_scale_t": loaded.logit_scale_text}
    return model.eval()
