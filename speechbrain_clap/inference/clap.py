"""Embed, compare and classify sounds with a trained CLAP.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.checkpoints.models import PublishedCLAP
from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.inference.embedder import SoundEmbedder
from speechbrain_clap.inference.labels import classify_embedding


class CLAP(SoundEmbedder):
    """A trained CLAP, ready to use, in SpeechBrain's ``Pretrained`` manner.

    How sounds of any length become clips is told by ``SoundEmbedder``. What
    ``embed_audio``, ``embed_text`` and so on give is of norm one here, too.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> folder = getfixture("tiny_clap_folder")
    >>> clap = CLAP.from_hparams(source=folder)
    >>> audio = clap.encode_audio(0.1 * torch.randn(2, 16000))
    >>> text = clap.encode_text(["a dog barks", "rain falls"])
    >>> clap.similarity(audio, text).shape
    torch.Size([2, 2])
    """

    HPARAMS_NEEDED = ["clip_policy", "templates", "class_names"]
    MODULES_NEEDED = ["clap"]

    @classmethod
    def from_published(cls, family, source=None, device="cpu", **options):
        """Makes a working model of published weights.

        Short and long sounds are treated by the family's policy, the same
        way at every call; prompts are those of its published figures.

        Arguments
        ---------
        family : str
            "msclap_2022", "msclap_2023", "laion_clap_htsat_tiny_unfused",
            "laion_clap_htsat_tiny_fused" or "laion_clap_transformers".
        source : str, pathlib.Path, dict or None
            Where the weights are; None downloads them once.
        device : str
            Where to compute.
        **options : dict
            As for ``speechbrain_clap.checkpoints.load_published``, such as
            `tokenizer_source`.

        Returns
        -------
        CLAP
            In eval mode.

        Raises
        ------
        speechbrain_clap.checkpoints.reading.CheckpointError
            If the weights are not what was expected.
        ValueError
            If there is no such family, or it has no text tower.

        Example
        -------
        >>> clap = CLAP.from_published("msclap_2023")  # doctest: +SKIP
        >>> clap.classify_file("a.wav", ["dog", "rain"])  # doctest: +SKIP
        {'dog': 0.98..., 'rain': 0.01...}
        """
        published = load_published(family, source, prefer="ours", **options)
        row = published.family
        if not isinstance(published, PublishedCLAP):
            raise ValueError(
                f"'{family}' has no text to compare sounds with: use "
                "speechbrain_clap.checkpoints.load_published"
            )
        hparams = {
            "clip_policy": dict(row.clip_policy),
            "templates": [row.prompt],
            "class_names": [],
        }
        return cls(
            modules={"clap": published.net},
            hparams=hparams,
            run_opts={"device": device},
        )

    def _embed_clips(self, wavs):
        return self.model.encode_audio(wavs)

    def _embed_texts(self, texts):
        return self.model.encode_text(texts)

    def _join_windows(self, each):
        return normalize(each.mean(1), dim=-1)

    def similarity(self, audio, text):
        """Cosines between sounds and texts.

        Arguments
        ---------
        audio : torch.Tensor
            Embeddings of sounds, [A, D] or [D].
        text : torch.Tensor
            Embeddings of texts, [B, D] or [D].

        Returns
        -------
        torch.Tensor
            In [-1, 1], [A, B].
        """
        audio, text = torch.atleast_2d(audio), torch.atleast_2d(text)
        return normalize(audio, dim=-1) @ normalize(text, dim=-1).T

    def classify_file(self, path, labels=None, templates=None):
        """Tells which of some labels a file sounds like.

        Arguments
        ---------
        path : str
            The file.
        labels : list of str or None
            Any labels; by default those of the training. Underscores become
            spaces.
        templates : list of str or None
            Prompts around the labels; by default those of the training.

        Returns
        -------
        dict
            Label to probability (softmax of the scaled cosines; they sum to
            one over the labels given), most likely first.

        Example
        -------
        >>> import torchaudio
        >>> from speechbrain.dataio import audio_io
        >>> path = str(getfixture("tmp_path") / "a.wav")
        >>> audio_io.save(path, 0.1 * torch.randn(1, 22050), 22050)
        >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
        >>> scores = clap.classify_file(path, ["dog", "rain"])
        >>> sorted(scores), round(sum(scores.values()), 4)
        (['dog', 'rain'], 1.0)
        """
        audio = self.encode_audio_file(path)
        scale = self.model.logit_scale.exp()
        return classify_embedding(self, audio, scale, labels, templates)
