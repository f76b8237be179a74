"""Sounds in CLIP's space: embed clips or frames, classify by texts, search.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.dataio.clips import as_waves
from speechbrain_clap.inference.embedder import SoundEmbedder
from speechbrain_clap.inference.labels import classify_embedding

CLIP_NAME = "ViT-B-32-quickgelu"
PROMPT = "this is the sound of {}"


class Wav2CLIP(SoundEmbedder):
    """A trained Wav2CLIP, ready to use, in the manner of ``Pretrained``.

    How sounds of any length become clips is told by ``SoundEmbedder``: a
    longer one is heard "whole" as a rule, for the embedding is a mean over
    time. Embeddings of ``embed_...`` are those that the authors release, not
    normalised. Each clip is standardised by itself, so that one file has one
    embedding, unless the model was made with `normalise: batch`.

    Texts need CLIP's text tower, which a training of this project leaves in
    the model's folder, and which published weights are given by `clip`.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> from speechbrain_clap.lobes.projection import MLPProjection
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> from speechbrain_clap.models import wav2clip
    >>> encoder = ResNet18(widths=[4, 8, 8, 16], frame_hop=16000)
    >>> model = wav2clip.Wav2CLIP(encoder, MLPProjection(16, 16))
    >>> hparams = {"clip_policy": {"padding": "zero", "long": "whole"}}
    >>> hparams |= {"templates": ["{}"], "class_names": []}
    >>> clip = Wav2CLIP(modules={"wav2clip": model}, hparams=hparams)
    >>> wavs = 0.1 * torch.randn(2, 40000)
    >>> clip.encode_audio(wavs).shape
    torch.Size([2, 16])
    >>> frames, seconds = clip.encode_frames(wavs)
    >>> frames.shape, seconds
    (torch.Size([2, 2, 16]), 1.0)
    """

    HPARAMS_NEEDED = ["clip_policy", "templates", "class_names"]
    MODULES_NEEDED = ["wav2clip"]

    @classmethod
    def from_published(
        cls,
        source=None,
        device="cpu",
        normalise="clip",
        frame_seconds=1.0,
        frame_hop=None,
        clip=None,
        **options,
    ):
        """Makes a working model of the authors' weights.

        Arguments
        ---------
        source : str, pathlib.Path, dict or None
            Where the weights are; None downloads them once.
        device : str
            Where to compute.
        normalise : str
            "clip", or "batch" as published: the embedding of a sound then
            depends on those embedded with it.
        frame_seconds : float
            Length of the frames of ``encode_frames``.
        frame_hop : float or None
            Seconds from one to the next; None: they do not overlap.
        clip : str, pathlib.Path or None
            The weights of CLIP's ViT-B/32, for texts: "openai", which are
            downloaded once, or a file. None: sounds alone.
        **options : dict
            As for ``speechbrain_clap.checkpoints.load_published``.

        Returns
        -------
        Wav2CLIP
            In eval mode.

        Raises
        ------
        speechbrain_clap.checkpoints.reading.CheckpointError
            If the weights are not what was expected.
        ValueError
            If there is no such rule of normalising.

        Example
        -------
        >>> clip = Wav2CLIP.from_published(clip="openai")  # doctest: +SKIP
        >>> clip.classify_file("a.wav", ["dog", "rain"])  # doctest: +SKIP
        {'dog': 0.87..., 'rain': 0.12...}
        """
        if normalise not in ("clip", "batch"):
            raise ValueError(
                f"normalise is '{normalise}', expected 'clip' or 'batch'"
            )
        prefer = "ours" if normalise == "clip" else "published"
        published = load_published("wav2clip", source, prefer=prefer, **options)
        model = published.net
        rate = model.sample_rate
        hop = frame_seconds if frame_hop is None else frame_hop
        model.audio_encoder.frame_length = round(frame_seconds * rate)
        model.audio_encoder.frame_hop = round(hop * rate)
        if clip is not None:
            # Needs the extra "vision", sounds alone do not.
            from speechbrain_clap.lobes.clip_text import OpenClipText

            model.add_text(OpenClipText(CLIP_NAME, clip))
        return cls(
            modules={"wav2clip": model},
            hparams={
                "clip_policy": dict(published.family.clip_policy),
                "templates": [PROMPT],
                "class_names": [],
            },
            run_opts={"device": device},
        )

    def _embed_clips(self, wavs):
        return self.model.embed_audio(wavs)

    def _embed_texts(self, texts):
        return self.model.embed_text(texts)

    @torch.no_grad()
    def embed_frames(self, wavs, lens=None):
        """Embeds the frames of sounds, to be added up.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1] at `sample_rate`, [B, T] or [T], of any length.
        lens : torch.Tensor or None
            Relative lengths, [B]: frames behind them are zero.

        Returns
        -------
        torch.Tensor
            float32, [B, N, D]. A frame that would end behind the sound is
            left out; a sound shorter than a frame is one frame as it is.
        float
            Seconds from one frame to the next.

        Raises
        ------
        ValueError
            If the waves have another shape, no samples, or are not finite.
        """
        wavs = as_waves(wavs).to(self.device)
        rows = torch.full((len(wavs),), wavs.shape[1], device=wavs.device)
        if lens is not None:
            lens = torch.as_tensor(lens, device=wavs.device)
            rows = (lens * wavs.shape[1]).round().long()
        with self.inference_ctx:
            frames, seconds = self.model.embed_frames(wavs, lens)
        encoder = self.model.audio_encoder
        counts = 1 + (rows - encoder.frame_length).clamp(min=0).div(
            encoder.frame_hop, rounding_mode="floor"
        )
        there = (
            torch.arange(frames.shape[1], device=wavs.device) < counts[:, None]
        )
        return frames * there.unsqueeze(2), seconds

    def encode_frames(self, wavs, lens=None):
        """Embeds the frames of sounds: by default 1 s, one after the other.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `embed_frames`.
        lens : torch.Tensor or None
            Relative lengths, [B]: frames behind them are zero.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, N, D].
        float
            Seconds from one frame to the next.

        Raises
        ------
        ValueError
            If the waves have another shape, no samples, or are not finite.
        """
        frames, seconds = self.embed_frames(wavs, lens)
        return normalize(frames, dim=-1), seconds

    def encode_frames_file(self, path):
        """Embeds the frames of a file.

        Arguments
        ---------
        path : str
            Any file that libsndfile reads.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [N, D].
        float
            Seconds from one frame to the next.

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If the file cannot be used.
        """
        frames, seconds = self.encode_frames(read_audio(path, self.sample_rate))
        return frames[0], seconds

    def classify_file(self, path, labels=None, templates=None):
        """Tells which of some labels a sound is, by CLIP's texts.

        Arguments
        ---------
        path : str
            A sound file.
        labels : list of str or None
            Any labels; by default those of the training. Underscores become
            spaces.
        templates : list of str or None
            Prompts around the labels; by default those of the model.

        Returns
        -------
        dict
            Label to probability (softmax of the scaled cosines), most likely
            first.

        Raises
        ------
        ValueError
            If the model has no text tower, or there are no labels.
        """
        embedding = self.encode_audio_file(path)
        scale = self.model.scale()
        return classify_embedding(self, embedding, scale, labels, templates)
