"""Sounds, pictures and texts in one space: embed, classify, search.

"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from torch.nn.functional import normalize

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.dataio.clips import stretch_clip
from speechbrain_clap.dataio.images import read_image
from speechbrain_clap.inference.embedder import SoundEmbedder
from speechbrain_clap.inference.labels import classify_embedding


class AudioCLIP(SoundEmbedder):
    """A trained AudioCLIP, ready to use, in the manner of ``Pretrained``.

    How sounds of any length become clips is told by ``SoundEmbedder``. Beside
    what it says there, the `clip_policy` may hold `channels`, the number of
    them with which the model was trained (a sound is repeated as often, as
    mono sounds were then), and `stretch`, whether each sound is stretched to
    [-1, 1], as then.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("open_clip")
    >>> from speechbrain_clap.lobes.clip_text import OpenClipText
    >>> from speechbrain_clap.lobes.esresnext import ESResNeXt
    >>> from speechbrain_clap.lobes.vision import OpenClipVision
    >>> from speechbrain_clap.models import audioclip
    >>> sizes = {
    ...     "embed_dim": 8,
    ...     "vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 8},
    ...     "text_cfg": {"width": 8, "heads": 2, "layers": 1},
    ... }
    >>> audio = {"depths": [1] * 4, "channels": 4, "groups": 2}
    >>> model = audioclip.AudioCLIP(
    ...     ESResNeXt(n_fft=256, win_length=206, num_classes=8, **audio),
    ...     OpenClipVision(sizes),
    ...     OpenClipText(sizes),
    ... )
    >>> hparams = {"clip_policy": {"padding": "edge", "long": "whole"}}
    >>> hparams |= {"templates": ["{}"], "class_names": ["dog", "rain"]}
    >>> clip = AudioCLIP(modules={"audioclip": model}, hparams=hparams)
    >>> sounds = clip.encode_audio(0.1 * torch.randn(3, 8000))
    >>> images = torch.randint(0, 256, (2, 3, 40, 60), dtype=torch.uint8)
    >>> pictures = clip.encode_images(images)
    >>> (sounds @ pictures.T).shape
    torch.Size([3, 2])
    >>> query = clip.query(texts=["a dog"], embeddings=pictures[:1])
    >>> len(clip.search(query, sounds, k=2))
    2
    """

    HPARAMS_NEEDED = ["clip_policy", "templates", "class_names"]
    MODULES_NEEDED = ["audioclip"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        policy = dict(self.hparams.clip_policy)
        self.channels = policy.get("channels")
        self.stretch = policy.get("stretch", False)

    @classmethod
    def from_published(cls, source=None, device="cpu", **options):
        """Makes a working model of the authors' weights.

        Arguments
        ---------
        source : str, pathlib.Path, dict or None
            Where the weights are; None downloads those of all heads trained,
            once (540 MB).
        device : str
            Where to compute.
        **options : dict
            As for ``speechbrain_clap.checkpoints.load_published``.

        Returns
        -------
        AudioCLIP
            In eval mode.

        Raises
        ------
        speechbrain_clap.checkpoints.reading.CheckpointError
            If the weights are not what was expected.

        Example
        -------
        >>> clip = AudioCLIP.from_published()  # doctest: +SKIP
        >>> clip.classify_file("a.wav", ["cat", "car horn"])  # doctest: +SKIP
        {'cat': 0.99..., 'car horn': 0.00...}
        """
        published = load_published(
            "audioclip", source, prefer="ours", **options
        )
        return cls(
            modules={"audioclip": published.net},
            hparams={
                "clip_policy": dict(published.family.clip_policy),
                "templates": [published.family.prompt],
                "class_names": [],
            },
            run_opts={"device": device},
        )

    def _embed_equal(self, wavs):
        if self.stretch:
            wavs = torch.stack([stretch_clip(wav) for wav in wavs])
        return super()._embed_equal(wavs)

    def _embed_clips(self, wavs):
        if self.channels is not None:
            wavs = wavs.unsqueeze(1).expand(-1, self.channels, -1)
        return self.model.embed_audio(wavs)

    def _embed_texts(self, texts):
        return self.model.embed_text(texts)

    @torch.no_grad()
    def encode_images(self, images):
        """Embeds pictures.

        Arguments
        ---------
        images : list or torch.Tensor
            Pillow images or uint8 tensors [3, H, W], of any sizes; or one
            tensor [B, 3, H, W].

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].

        Raises
        ------
        TypeError
            If a tensor is not uint8.
        ValueError
            If a tensor has not three channels, or there is no picture.
        """
        pixels = self.model.image_encoder.preprocess(images).to(self.device)
        with self.inference_ctx:
            return self.model.encode_image(pixels)

    def encode_image_files(self, paths, batch_size=16):
        """Embeds picture files.

        Arguments
        ---------
        paths : list of str
            Any files that Pillow reads.
        batch_size : int
            How many are decoded and embedded at once.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [len(paths), D].

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If a file cannot be used.
        ValueError
            If `paths` is one path, or empty.
        """
        if isinstance(paths, (str, pathlib.Path)) or not len(paths):
            raise ValueError(f"expected a list of paths, got {paths!r}")
        return torch.cat(
            [
                self.encode_images(
                    [
                        read_image(path)
                        for path in paths[first : first + batch_size]
                    ]
                )
                for first in range(0, len(paths), batch_size)
            ]
        )

    def classify_file(self, path, labels=None, templates=None):
        """Tells which of some labels a sound is.

        Arguments
        ---------
        path : str
            A sound file.
        labels : list of str or None
            As for `classify_image_file`.
        templates : list of str or None
            As for `classify_image_file`.

        Returns
        -------
        dict
            Label to probability (softmax of the scaled cosines), most likely
            first.
        """
        embedding = self.encode_audio_file(path)
        scale = self.model.scale("audio_text")
        return classify_embedding(self, embedding, scale, labels, templates)

    def classify_image_file(self, path, labels=None, templates=None):
        """Tells which of some labels a picture shows.

        Arguments
        ---------
        path : str
            A picture file.
        labels : list of str or None
            Any labels; by default those of the training. Underscores become
            spaces.
        templates : list of str or None
            Prompts around the labels; by default those of the training: the
            bare label, in the authors' weights.

        Returns
        -------
        dict
            Label to probability (softmax of the scaled cosines), most likely
            first.
        """
        embedding = self.encode_image_files([path])[0]
        scale = self.model.scale("image_text")
        return classify_embedding(self, embedding, scale, labels, templates)

    def query(self, texts=(), sounds=(), images=(), embeddings=None):
        """One embedding of all that is asked for, whatever it is.

        Arguments
        ---------
        texts : list of str
            Texts.
        sounds : list of str
            Sound files.
        images : list of str
            Picture files.
        embeddings : torch.Tensor or None
            What is embedded already, L2-normalised, [N, D].

        Returns
        -------
        torch.Tensor
            The mean of the normalised embeddings of each, normalised, [D].

        Raises
        ------
        ValueError
            If nothing is asked for.
        speechbrain_clap.dataio.audio.BadClipError
            If a file cannot be used.
        """
        parts = []
        if len(texts):
            parts.append(self.encode_text(texts))
        if len(sounds):
            parts.append(self.encode_audio_files(sounds))
        if len(images):
            parts.append(self.encode_image_files(images))
        if embeddings is not None:
            parts.append(embeddings.to(self.device))
        if not parts:
            raise ValueError("nothing is asked for: pass texts, sounds, images")
        return normalize(torch.cat(parts).mean(0), dim=-1)

    def search(self, query, candidates, k=10):
        """The nearest candidates, of whichever modality.

        Sound by text, sound by image, image by sound: the query is one
        modality's, or of several (see `query`), the candidates another's.

        Arguments
        ---------
        query : torch.Tensor
            L2-normalised, [D].
        candidates : torch.Tensor
            L2-normalised, as ``encode_...`` gives them, [N, D].
        k : int
            How many at most.

        Returns
        -------
        list of tuple
            (place among the candidates, cosine), best first; of equal ones
            the earlier first.
        """
        cosines = candidates.to(self.device) @ query.to(self.device)
        order = cosines.argsort(descending=True, stable=True)[:k]
        return list(zip(order.tolist(), cosines[order].tolist(), strict=True))
