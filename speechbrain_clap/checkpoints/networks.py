"""Each family's network at its published sizes, and its map of keys.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.checkpoints.constants import (
    swin_constants,
    torchlibrosa_constants,
)
from speechbrain_clap.checkpoints.families import FAMILIES
from speechbrain_clap.checkpoints.keys import KeyMap
from speechbrain_clap.checkpoints.models import (
    PublishedAudioCLIP,
    PublishedCaptioner,
    PublishedCLAP,
    PublishedModel,
    PublishedTagger,
    PublishedWav2CLIP,
)
from speechbrain_clap.lobes.cnn14 import CNN14
from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.features import LogSpectrogram, published_log_mel
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.htsat_fusion import HTSATFusion
from speechbrain_clap.lobes.mapper import TransformerMapper
from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
from speechbrain_clap.lobes.projection import MLPProjection, ResidualProjection
from speechbrain_clap.lobes.resnet18 import ResNet18
from speechbrain_clap.lobes.text import HuggingFaceText
from speechbrain_clap.lobes.vggish import VGGish
from speechbrain_clap.models.captioner import Captioner
from speechbrain_clap.models.clap import CLAP
from speechbrain_clap.models.wav2clip import Wav2CLIP

AUDIOSET_CLASSES = 527
BERT = {"model_type": "bert"}  # transformers' defaults are bert-base-uncased
GPT2 = {"model_type": "gpt2"}  # ... and GPT2 small
ROBERTA = {
    "model_type": "roberta",
    "vocab_size": 50265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
# Buffers that older transformers wrote.
OLD_BUFFERS = (r".*\.position_ids", r".*\.h\.\d+\.attn\.(bias|masked_bias)")


def build(name, prefer, tokenizer_source, official):
    """A family's network, unfilled, behind its interface.

    Arguments
    ---------
    name : str
        The family's.
    prefer : str
        "published" for the authors' rules on clips and batches, "ours" for
        the documented alternative.
    tokenizer_source : str, pathlib.Path, tokenizer or None
        Where the tokenizer lies; None is its name on the hub.
    official : set of str
        The keys that the file holds: some have parts that others lack.

    Returns
    -------
    speechbrain_clap.checkpoints.models.PublishedModel
        Its class depends on the family.
    """
    row = FAMILIES[name]
    published = prefer == "published"
    builder = {
        "msclap_2022": _msclap_2022,
        "msclap_2023": _msclap_2023,
        "msclap_clapcap": _clapcap,
        "laion_clap_htsat_tiny_unfused": _laion,
        "laion_clap_htsat_tiny_fused": _laion,
        "htsat_audioset": _htsat_audioset,
        "esresnext_fbsp": _esresnext,
        "audioclip": _audioclip,
        "wav2clip": _wav2clip,
        "panns_cnn14": _panns_cnn14,
        "vggish": _vggish,
    }[name]
    return builder(row, published, tokenizer_source, official)


def _cnn14_pairs(official, ours):
    """PANNs' names of the blocks and SpeechBrain's differ in the norms."""
    pairs = [(official, ours), (f"{official}bn0.", f"{ours}norm0.")]
    for block in range(1, 7):
        for norm in (1, 2):
            front = f"conv_block{block}."
            pairs.append(
                (f"{official}{front}bn{norm}.", f"{ours}{front}norm{norm}.")
            )
    return (*pairs, _mel_pair(official, ours))


def _mel_pair(official, ours):
    return f"{official}logmel_extractor.melW", f"{ours}features.mel_matrix"


def _htsat_constants(prefix, htsat):
    return {
        **torchlibrosa_constants(prefix, htsat.features),
        **swin_constants(prefix, htsat),
    }


def _msclap_2022(row, published, tokenizer_source, official):
    net = CLAP(
        CNN14(
            published_log_mel(row.name),
            clip_seconds=row.clip_seconds,
            num_classes=AUDIOSET_CLASSES,
        ),
        HuggingFaceText(
            BERT,
            "cls",
            pretrained=False,
            tokenizer_source=tokenizer_source or "bert-base-uncased",
            max_length=512 if published else 100,
        ),
        ResidualProjection(2048, 1024),
        ResidualProjection(768, 1024),
    )
    audio = "audio_encoder.base."
    keys = KeyMap(
        (
            *_cnn14_pairs(audio, "audio_encoder."),
            *_msclap_pairs("caption_encoder.base."),
        ),
        unused=("caption_encoder.base.pooler.",),
        ignored=OLD_BUFFERS,
    )
    constants = torchlibrosa_constants(audio, net.audio_encoder.features)
    return PublishedCLAP(row, net, keys, constants, normalised=not published)


def _msclap_pairs(text):
    return (
        ("audio_encoder.projection.", "audio_projection."),
        (text, "text_encoder.model."),
        ("caption_encoder.projection.", "text_projection."),
        ("logit_scale", "logit_scale"),
    )


def _msclap_audio(row, published):
    """HTSAT over filters that were made for another sample rate."""
    features = published_log_mel("msclap_2023")
    return HTSAT(
        features,
        clip_seconds=row.clip_seconds,
        num_classes=AUDIOSET_CLASSES,
        window_frames=689,
        cover_tail=not published,
    )


def _msclap_2023(row, published, tokenizer_source, official):
    net = CLAP(
        _msclap_audio(row, published),
        HuggingFaceText(
            GPT2,
            "last_nonzero" if published else "end_of_text",
            pretrained=False,
            tokenizer_source=tokenizer_source or "gpt2",
            max_length=1024 if published else 77,
        ),
        ResidualProjection(768, 1024),
        ResidualProjection(768, 1024),
    )
    audio = "audio_encoder.base.htsat."
    keys = KeyMap(
        (
            (audio, "audio_encoder."),
            _mel_pair(audio, "audio_encoder."),
            *_msclap_pairs("caption_encoder.base."),
        ),
        unused=(f"{audio}head.",),
        ignored=OLD_BUFFERS,
    )
    constants = _htsat_constants(audio, net.audio_encoder)
    return PublishedCLAP(row, net, keys, constants, normalised=not published)


def _clapcap(row, published, tokenizer_source, official):
    net = Captioner(
        _msclap_audio(row, published),
        ResidualProjection(768, 1024),
        TransformerMapper(),
        PrefixDecoder(
            GPT2,
            pretrained=False,
            tokenizer_source=tokenizer_source or "gpt2",
        ),
    )
    audio = "clap.base.htsat."
    keys = KeyMap(
        (
            (audio, "audio_encoder."),
            _mel_pair(audio, "audio_encoder."),
            ("clap.projection.", "audio_projection."),
            ("clap_project.", "mapper."),
            ("gpt.", "decoder.model."),
        ),
        unused=(f"{audio}head.",),
        ignored=OLD_BUFFERS,
        tied=("gpt.lm_head.weight",),
    )
    constants = _htsat_constants(audio, net.audio_encoder)
    return PublishedCaptioner(row, net, keys, constants)


def _laion(row, published, tokenizer_source, official):
    fused = row.name.endswith("_fused")
    audio = "audio_branch."
    options = {
        "clip_seconds": row.clip_seconds,
        "num_classes": AUDIOSET_CLASSES,
    }
    features = published_log_mel(row.name)
    encoder = (HTSATFusion if fused else HTSAT)(features, **options)
    net = CLAP(
        encoder,
        HuggingFaceText(
            ROBERTA,
            "pooler",
            pretrained=False,
            tokenizer_source=tokenizer_source or "roberta-base",
            max_length=77,
        ),
        MLPProjection(768, 512),
        MLPProjection(768, 512),
    )
    # Trained beside the other one; it takes no part in an embedding.
    net.logit_scale_text = type(net.logit_scale)(net.logit_scale.detach() + 0)
    keys = KeyMap(
        (
            (audio, "audio_encoder."),
            _mel_pair(audio, "audio_encoder."),
            ("text_branch.", "text_encoder.model."),
            ("audio_projection.0.", "audio_projection.linear1."),
            ("audio_projection.2.", "audio_projection.linear2."),
            ("text_projection.0.", "text_projection.linear1."),
            ("text_projection.2.", "text_projection.linear2."),
            ("logit_scale_a", "logit_scale"),
            ("logit_scale_t", "logit_scale_text"),
        ),
        unused=(f"{audio}head.", "audio_transform.", "text_transform."),
        ignored=OLD_BUFFERS,
    )
    constants = _htsat_constants(audio, encoder)
    if fused:
        # The file's filters are of the other variant and take no part.
        for key in torchlibrosa_constants(audio, features):
            constants[key] = None
    return PublishedCLAP(row, net, keys, constants)


def _htsat_audioset(row, published, tokenizer_source, official):
    net = HTSAT(
        published_log_mel(row.name),
        clip_seconds=row.clip_seconds,
        num_classes=AUDIOSET_CLASSES,
        window_frames="half" if published else None,
        cover_tail=not published,
    )
    keys = KeyMap((("", ""), _mel_pair("", "")), unused=("head.",))
    return PublishedTagger(row, net, keys, _htsat_constants("", net))


def _panns_cnn14(row, published, tokenizer_source, official):
    net = CNN14(
        published_log_mel(row.name),
        clip_seconds=row.clip_seconds,
        num_classes=AUDIOSET_CLASSES,
    )
    keys = KeyMap(_cnn14_pairs("", ""))
    constants = torchlibrosa_constants("", net.features)
    return PublishedTagger(row, net, keys, constants)


def _esresnext(row, published, tokenizer_source, official):
    net = ESResNeXt(num_classes=AUDIOSET_CLASSES)
    keys = KeyMap((("", ""),))
    constants = {"window": net.fbsp.window}
    return PublishedTagger(row, net, keys, constants)


def _audioclip(row, published, tokenizer_source, official):
    # These need the extra "vision", the others do not.
    from speechbrain_clap.lobes.clip_text import OpenClipText
    from speechbrain_clap.lobes.vision import OpenClipVision
    from speechbrain_clap.models.audioclip import AudioCLIP

    net = AudioCLIP(
        ESResNeXt(num_classes=1024),
        OpenClipVision("RN50-quickgelu"),
        OpenClipText("RN50-quickgelu"),
    )
    keys = KeyMap(
        (
            ("", "text_encoder."),
            ("audio.", "audio_encoder."),
            ("visual.", "image_encoder."),
            ("logit_scale", "logit_scale"),
        )
    )
    constants = {"audio.window": net.audio_encoder.fbsp.window}
    return PublishedAudioCLIP(row, net, keys, constants)


def _wav2clip(row, published, tokenizer_source, official):
    sizes = {"in_dim": 512, "out_dim": 512, "dropout": 0.1}
    # The other half of training: nobody says whether all files hold it.
    trains = any(key.startswith("image_transform.") for key in official)
    net = Wav2CLIP(
        ResNet18(
            LogSpectrogram(normalise="batch" if published else "clip"),
            clip_seconds=row.clip_seconds,
        ),
        MLPProjection(**sizes),
        MLPProjection(**sizes) if trains else None,
    )
    pairs = [("audio_encoder.", "audio_encoder.")]
    for tower in ("audio", "image"):
        for theirs, ours in (("0", "linear1"), ("3", "linear2")):
            pairs.append(
                (
                    f"{tower}_transform.sequential.{theirs}.",
                    f"{tower}_projection.{ours}.",
                )
            )
        pairs.append(
            (f"loss_fn_{tower[0]}.logit_scale", f"logit_scale_{tower}")
        )
    constants = {
        "audio_encoder.spectrogram.window": net.audio_encoder.features.window
    }
    return PublishedWav2CLIP(row, net, KeyMap(tuple(pairs)), constants)


def _vggish(row, published, tokenizer_source, official):
    return PublishedModel(row, VGGish(), KeyMap((("", ""),)), {})
