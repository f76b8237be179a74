"""The sizes of a CLAP of LAION's shape, as transformers describes them.

"Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", Wu et al. 2023,
https://arxiv.org/abs/2211.06687.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.lobes.features import LogMel, published_log_mel
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion
from speechbrain_clap.lobes.projection import MLPProjection
from speechbrain_clap.lobes.text import HuggingFaceText
from speechbrain_clap.models.clap import CLAP
from speechbrain_clap.utils.huggingface import TOKENIZER_FILES

TEXT_TOKENS = 77  # LAION's limit
# What of RoBERTa's configuration is in ClapTextConfig under the same name.
TEXT_FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
)
# What is fixed in our HTSAT and may vary in ClapAudioConfig.
AUDIO_FIXED = {
    "hidden_act": "gelu",
    "patch_embed_input_channels": 1,
    "flatten_patch_embeds": True,
    "enable_patch_layer_norm": True,
    "qkv_bias": True,
    "layer_norm_eps": 1e-5,
}


def model_config(clap):
    """The content of config.json.

    Every field that changes what is computed is written, whatever the
    defaults of transformers are: those of ClapTextConfig have 1e-12 for
    `layer_norm_eps`, where RoBERTa and LAION have 1e-5.

    Arguments
    ---------
    clap : speechbrain_clap.models.clap.CLAP
        Of LAION's shape.

    Returns
    -------
    dict
        As ``transformers.ClapConfig`` reads it.

    Raises
    ------
    ValueError
        If ``transformers.ClapModel`` has no place for a part of it.
    """
    check_shape(clap)
    audio, text = clap.audio_encoder, clap.text_encoder.model.config
    fused = isinstance(audio, HTSATFusion)
    patch = audio.patch_embed.proj.kernel_size[0]
    block = audio.layers[0].blocks[0]
    projection_dim = clap.audio_projection.linear2.out_features
    shared = {"projection_dim": projection_dim, "projection_hidden_act": "relu"}
    audio_config = {
        "model_type": "clap_audio_model",
        **AUDIO_FIXED,
        **shared,
        "window_size": _window_sizes(audio)[0],
        "num_mel_bins": audio.features.n_mels,
        "spec_size": audio.spec_size,
        "patch_size": patch,
        "patch_stride": [patch, patch],
        "num_classes": audio.num_classes,
        "hidden_size": audio.embedding_dim,
        "depths": [len(stage.blocks) for stage in audio.layers],
        "num_attention_heads": [
            stage.blocks[0].attn.num_heads for stage in audio.layers
        ],
        "num_hidden_layers": len(audio.layers),
        "enable_fusion": fused,
        "fusion_type": None,
        "aff_block_r": audio.patch_embed.fusion_model.ratio if fused else 4,
        "patch_embeds_hidden_size": audio.patch_embed.proj.out_channels,
        "mlp_ratio": block.mlp.fc1.out_features / block.mlp.fc1.in_features,
        "drop_path_rate": audio.layers[-1].blocks[-1].drop_path,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    text_config = {field: getattr(text, field) for field in TEXT_FIELDS}
    return {
        "model_type": "clap",
        "architectures": ["ClapModel"],
        **shared,
        "audio_config": audio_config,
        "text_config": {
            "model_type": "clap_text_model",
            **shared,
            **text_config,
        },
    }


def extractor_config(audio):
    """The content of preprocessor_config.json.

    Arguments
    ---------
    audio : speechbrain_clap.lobes.htsat.HTSAT
        With a ``LogMel``.

    Returns
    -------
    dict
        As ``transformers.ClapFeatureExtractor`` reads it.

    Raises
    ------
    ValueError
        If transformers' feature extractor has no such features.

    Example
    -------
    >>> features = LogMel(48000, hop_length=480)
    >>> sizes = {"embed_dim": 8, "depths": [1], "num_heads": [2]}
    >>> config = extractor_config(HTSAT(features, 10.0, **sizes))
    >>> config["truncation"], config["nb_max_samples"]
    ('rand_trunc', 480000)
    """
    fused = isinstance(audio, HTSATFusion)
    features, seconds = audio.features, audio.clip_seconds
    if not isinstance(features, LogMel):
        raise ValueError(
            "transformers' CLAP hears a log-mel spectrogram: expected features "
            f"of type LogMel, got {type(features).__name__}"
        )
    n_fft = features.stft.n_fft
    scale = "htk" if fused else "slaney"
    faults = [
        f"{name} is {found}, expected {wanted}"
        for name, found, wanted in (
            ("clip_seconds", seconds, max(1, int(seconds))),
            ("win_length", features.stft.win_length, n_fft),
            ("mel_scale", features.mel_scale, scale),
            ("mel_sample_rate", features.mel_sample_rate, audio.sample_rate),
        )
        if found != wanted
    ]
    if faults:
        raise ValueError(
            "the feature extractor of transformers' CLAP cannot give this "
            f"model's log-mel: {'; '.join(faults)}"
        )
    return {
        "feature_extractor_type": "ClapFeatureExtractor",
        "processor_class": "ClapProcessor",
        "feature_size": features.n_mels,
        "sampling_rate": audio.sample_rate,
        "hop_length": features.hop_length,
        "max_length_s": int(seconds),
        "nb_max_samples": int(seconds) * audio.sample_rate,
        "fft_window_size": n_fft,
        "nb_frequency_bins": n_fft // 2 + 1,
        "frequency_min": features.f_min,
        "frequency_max": features.f_max,
        "top_db": None,
        "truncation": "fusion" if fused else "rand_trunc",
        "padding": "repeatpad",
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def check_shape(clap):
    """Refuses a model that ``transformers.ClapModel`` cannot be.

    Arguments
    ---------
    clap : speechbrain_clap.models.clap.CLAP
        The model.

    Raises
    ------
    ValueError
        If a part is not as LAION has it: the message names all such parts.
    """
    faults = []
    for name, wanted in (
        ("audio_encoder", HTSAT),
        ("text_encoder", HuggingFaceText),
        ("audio_projection", MLPProjection),
        ("text_projection", MLPProjection),
    ):
        part = getattr(clap, name)
        if not isinstance(part, wanted):
            faults.append(
                f"{name} is {type(part).__name__}, expected {wanted.__name__}"
            )
    if not faults:
        text = clap.text_encoder
        found = (text.model.config.model_type, text.pooling)
        if found != ("roberta", "pooler"):
            faults.append(
                f"the text model is {found[0]} with pooling {found[1]!r}, "
                "expected roberta with 'pooler'"
            )
        sizes = {
            layer.out_features
            for projection in (clap.audio_projection, clap.text_projection)
            for layer in (projection.linear1, projection.linear2)
        }
        if len(sizes) > 1:
            faults.append(
                f"the layers of the projections have {sorted(sizes)} outputs, "
                "expected one number"
            )
        windows = _window_sizes(clap.audio_encoder)
        if len(set(windows)) > 1:
            faults.append(
                f"the windows of the stages are {windows} tokens wide, "
                "expected one number: no stage's image smaller than a window"
            )
    if faults:
        raise ValueError(
            "this is no CLAP of LAION's shape, so transformers.ClapModel has "
            f"no place for it: {'; '.join(faults)}"
        )


def _window_sizes(audio):
    return [round(stage.window_area**0.5) for stage in audio.layers]


def build_clap(folder, tokenizer_source=None):
    """A CLAP of the sizes that a folder describes, not filled.

    Arguments
    ---------
    folder : pathlib.Path
        With config.json, and a feature extractor's description; without the
        latter the front end is LAION's.
    tokenizer_source : str, pathlib.Path, tokenizer or None
        Where the tokenizer lies; None is the folder, if it has one.

    Returns
    -------
    speechbrain_clap.models.clap.CLAP
        With an HTSATFusion if the configuration enables fusion.

    Raises
    ------
    CheckpointError
        If it describes what our modules are not.
    """
    from transformers import ClapConfig

    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder}: holds no config.json; expected a folder in the layout "
            "of transformers.ClapModel, as its save_pretrained writes it"
        )
    config = ClapConfig.from_pretrained(folder)
    audio, text = config.audio_config, config.text_config
    _check_config(folder, config)
    features, seconds = _front_end(folder, audio.enable_fusion)
    sizes = {
        "clip_seconds": seconds,
        "patch_size": _side(audio.patch_size),
        "embed_dim": audio.patch_embeds_hidden_size,
        "depths": list(audio.depths),
        "num_heads": list(audio.num_attention_heads),
        "window_size": audio.window_size,
        "spec_size": audio.spec_size,
        "mlp_ratio": audio.mlp_ratio,
        "drop_path": audio.drop_path_rate,
    }
    if audio.enable_fusion:
        encoder = HTSATFusion(features, fusion_ratio=audio.aff_block_r, **sizes)
    else:
        encoder = HTSAT(features, **sizes)
    has_tokenizer = any((folder / name).exists() for name in TOKENIZER_FILES)
    if tokenizer_source is None and has_tokenizer:
        tokenizer_source = folder
    # RoBERTa counts its positions from behind the padding's number.
    positions = text.max_position_embeddings - text.pad_token_id - 1
    text_encoder = HuggingFaceText(
        {
            "model_type": "roberta",
            **{field: getattr(text, field) for field in TEXT_FIELDS},
        },
        "pooler",
        pretrained=False,
        tokenizer_source=tokenizer_source,
        max_length=min(TEXT_TOKENS, positions),
    )
    return CLAP(
        encoder,
        text_encoder,
        MLPProjection(encoder.embedding_dim, config.projection_dim),
        MLPProjection(text.hidden_size, config.projection_dim),
    )


def _side(size):
    """One number for a square, else the pair."""
    if isinstance(size, int):
        return size
    return size[0] if len(set(size)) == 1 else tuple(size)


def _check_config(folder, config):
    """Refuses what our modules cannot be."""
    audio = config.audio_config
    patch, stride = _side(audio.patch_size), _side(audio.patch_stride)
    faults = [
        f"audio_config.{name} is {getattr(audio, name)!r}, expected {wanted!r}"
        for name, wanted in AUDIO_FIXED.items()
        if getattr(audio, name) != wanted
    ]
    if audio.enable_fusion and audio.fusion_type == "channel_map":
        faults.append("audio_config.fusion_type is 'channel_map'")
    if patch != stride or not isinstance(patch, int):
        faults.append(
            f"audio_config.patch_size is {patch} and patch_stride {stride}, "
            "expected one number"
        )
    if config.projection_hidden_act != "relu":
        faults.append(
            f"projection_hidden_act is {config.projection_hidden_act!r}, "
            "expected 'relu'"
        )
    if faults:
        raise CheckpointError(
            f"{pathlib.Path(folder) / 'config.json'}: is of no model that "
            f"LAION published, and not supported: {'; '.join(faults)}"
        )


def _front_end(folder, fused):
    """The log-mel that the folder describes, and the seconds of a clip."""
    from transformers import ClapFeatureExtractor

    names = ("preprocessor_config.json", "processor_config.json")
    if not any((folder / name).is_file() for name in names):
        kind = "fused" if fused else "unfused"
        return published_log_mel(f"laion_clap_htsat_tiny_{kind}"), 10.0
    found = ClapFeatureExtractor.from_pretrained(folder)
    features = LogMel(
        sample_rate=found.sampling_rate,
        n_fft=found.fft_window_size,
        win_length=found.fft_window_size,
        hop_length=found.hop_length,
        n_mels=found.feature_size,
        f_min=float(found.frequency_min),
        f_max=float(found.frequency_max),
        # Theirs depends on the truncation, and on nothing else.
        mel_scale="htk" if found.truncation == "fusion" else "slaney",
    )
    return features, float(found.max_length_s)
