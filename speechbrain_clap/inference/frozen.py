"""Any encoder of sounds, frozen: a training's, a published or a random one.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from speechbrain.utils.distributed import infer_device

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.inference.embedder import SoundEmbedder
from speechbrain_clap.inference.loading import load_embedder
from speechbrain_clap.inference.wav2clip import Wav2CLIP

# Published weights with a tower for sounds alone, or none to compare it with.
SOUND_ONLY = (
    "esresnext_fbsp",
    "htsat_audioset",
    "msclap_clapcap",
    "panns_cnn14",
    "vggish",
)


class FrozenEncoder(SoundEmbedder):
    """A tower for sounds alone, used as all models are.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> encoder = ResNet18(widths=[4, 8, 8, 16])
    >>> frozen = FrozenEncoder.from_encoder(encoder, "zero", "whole")
    >>> frozen.embed_audio(torch.randn(2, 20000)).shape
    torch.Size([2, 16])
    """

    MODULES_NEEDED = ["encoder"]

    @classmethod
    def from_encoder(cls, encoder, padding="zero", long="whole", device="cpu"):
        """Takes a network as it is, trained or not.

        Arguments
        ---------
        encoder : torch.nn.Module
            Waves [B, T] to [B, D]; has `sample_rate` and `clip_seconds`.
        padding : str
            As for ``SoundEmbedder``.
        long : str
            As for ``SoundEmbedder``.
        device : str
            Where to compute.

        Returns
        -------
        FrozenEncoder
            In eval mode.
        """
        listener = _Listener(
            encoder, encoder, encoder.sample_rate, encoder.clip_seconds
        )
        return cls(
            modules={"encoder": listener},
            hparams={"clip_policy": {"padding": padding, "long": long}},
            run_opts={"device": device},
        )

    @classmethod
    def from_published(cls, family, source=None, device="cpu", **options):
        """Takes the tower for sounds of published weights.

        Arguments
        ---------
        family : str
            A row of ``speechbrain_clap.checkpoints.families.FAMILIES``.
        source : str, pathlib.Path, dict or None
            Where the weights are; None downloads them once.
        device : str
            Where to compute.
        **options : dict
            As for ``speechbrain_clap.checkpoints.load_published``.

        Returns
        -------
        FrozenEncoder
            In eval mode.

        Raises
        ------
        speechbrain_clap.checkpoints.reading.CheckpointError
            If the weights are not what was expected.

        Example
        -------
        >>> cnn14 = FrozenEncoder.from_published(
        ...     "panns_cnn14"
        ... )  # doctest: +SKIP
        """
        published = load_published(family, source, prefer="ours", **options)
        row = published.family
        listener = _Listener(
            published,
            published.encode_audio,
            row.sample_rate,
            row.clip_seconds,
        )
        return cls(
            modules={"encoder": listener},
            hparams={"clip_policy": dict(row.clip_policy)},
            run_opts={"device": device},
        )

    def _embed_clips(self, wavs):
        return self.model(wavs)


class _Listener(torch.nn.Module):
    """A network, what embeds with it, and what sounds it takes."""

    def __init__(self, net, embed, sample_rate, clip_seconds):
        super().__init__()
        self.net = net
        self.embed = embed
        self.sample_rate = sample_rate
        self.clip_seconds = clip_seconds

    def forward(self, wavs):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T].

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        return self.embed(wavs)


def load_frozen(
    model, weights, encoder, clip_policy, clip_weights=None, device=None
):
    """Loads whatever embeds sounds.

    Arguments
    ---------
    model : str or None
        The folder of any trained model of this project, or the name of
        published weights. None: the `encoder` as it is.
    weights : str or None
        The file of published weights; None downloads them once.
    encoder : torch.nn.Module or callable or None
        An untrained lobe, or what makes one; for no `model` alone.
    clip_policy : dict
        Of that encoder: `padding` and `long`.
    clip_weights : str or None
        For the texts of the published Wav2CLIP: "openai", or a file with the
        weights of CLIP's ViT-B/32. None: sounds alone.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    SoundEmbedder
        In eval mode.

    Raises
    ------
    FileNotFoundError
        If `model` is neither a folder nor a name.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> policy = {"padding": "zero", "long": "whole"}
    >>> load_frozen(None, None, ResNet18, policy).sample_rate
    16000
    """
    device = infer_device() if device is None else device
    if model is None:
        if not isinstance(encoder, torch.nn.Module):
            encoder = encoder()
        return FrozenEncoder.from_encoder(encoder, **clip_policy, device=device)
    if model == "wav2clip":
        return Wav2CLIP.from_published(weights, device, clip=clip_weights)
    if model in SOUND_ONLY:
        return FrozenEncoder.from_published(model, weights, device=device)
    return load_embedder(model, weights, device)
