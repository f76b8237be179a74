"""Embed, compare and classify sounds with a trained CLAP.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from speechbrain.inference.interfaces import Pretrained
from torch.nn.functional import normalize

from speechbrain_clap.checkpoints.models import PublishedCLAP
from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.dataio.clips import (
    PADDINGS,
    as_waves,
    fit_clip,
    windows,
)
from speechbrain_clap.utils.lengths import by_length

LONG = ("center", "windows", "whole")


class CLAP(Pretrained):
    """A trained CLAP, ready to use, in SpeechBrain's ``Pretrained`` manner.

    One sound gives one embedding, alone or in a batch. Waves are first
    brought to the length that the model was trained on, by the policy that
    the model's folder states (`clip_policy`):

    - `padding`: a shorter sound is filled with silence ("zero"), repeated
      ("repeat"), or repeated as often as the whole of it fits and then filled
      with silence ("repeat-zero");
    - `long`: of a longer one the "center" is taken, or "windows" over all of
      it, one after the other, whose embeddings are averaged, or the "whole",
      for encoders with a rule of their own.

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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        policy = dict(self.hparams.clip_policy)
        self.padding = policy.get("padding")
        self.long = policy.get("long")
        if self.padding not in PADDINGS or self.long not in LONG:
            raise ValueError(
                f"clip_policy is {policy}, expected padding to be one of "
                f"{', '.join(PADDINGS)}, and long one of {', '.join(LONG)}"
            )

    @classmethod
    def from_hparams(cls, source, overrides=None, **kwargs):
        """Loads a folder that training left, without any download.

        Arguments
        ---------
        source : str or pathlib.Path
            The folder `model/`; or a repository on the Hugging Face hub, for
            models whose text encoder is not a language model of its own.
        overrides : dict or None
            Changes to its `hyperparams.yaml`.
        **kwargs : dict
            As for SpeechBrain's ``Pretrained.from_hparams``.

        Returns
        -------
        CLAP
            In eval mode.

        Raises
        ------
        FileNotFoundError
            If a local folder holds no model.
        """
        folder = pathlib.Path(source)
        overrides = dict(overrides or {})
        if folder.is_dir():
            if not (folder / "hyperparams.yaml").is_file():
                raise FileNotFoundError(
                    f"{folder} holds no hyperparams.yaml: expected the folder "
                    "model/ in the output folder of a finished training"
                )
            overrides["model_folder"] = str(folder)
        return super().from_hparams(str(source), overrides=overrides, **kwargs)

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

    @property
    def sample_rate(self):
        """Rate of the waves that the model takes.

        Returns
        -------
        int
            In Hz.
        """
        return self.mods.clap.sample_rate

    def forward(self, wavs, lens=None):
        """Embeds sounds: the same as ``encode_audio``.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T].
        lens : torch.Tensor or None
            [B].

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        return self.encode_audio(wavs, lens)

    @torch.no_grad()
    def encode_audio(self, wavs, lens=None):
        """Embeds sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1] at `sample_rate`, [B, T] or [T], of any length;
            float of any width, or int16.
        lens : torch.Tensor or None
            Relative lengths, [B]: what lies behind them is not heard.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].

        Raises
        ------
        ValueError
            If the waves have another shape, no samples, or are not finite.
        """
        wavs = as_waves(wavs).to(self.device)
        if lens is not None:
            lens = torch.as_tensor(lens, device=wavs.device)
        return by_length(self._encode_equal, wavs, lens)

    def _encode_equal(self, wavs):
        """Embeds waves whose true length is the same, [B, T]."""
        clap = self.mods.clap
        samples = round(clap.clip_seconds * clap.sample_rate)
        if self.long == "whole" and wavs.shape[1] > samples:
            with self.inference_ctx:
                return clap.encode_audio(wavs)
        if self.long != "windows":
            clips = torch.stack(
                [fit_clip(wav, samples, self.padding) for wav in wavs]
            )
            with self.inference_ctx:
                return clap.encode_audio(clips)
        # [B, W, samples]: equal waves have equally many windows.
        clips = torch.stack(
            [windows(wav, samples, samples, self.padding) for wav in wavs]
        )
        with self.inference_ctx:
            each = clap.encode_audio(clips.flatten(0, 1))
        return normalize(each.unflatten(0, clips.shape[:2]).mean(1), dim=-1)

    def encode_audio_file(self, path):
        """Embeds one file.

        Arguments
        ---------
        path : str
            Any file that libsndfile reads, at any rate, with any number of
            channels, which are averaged.

        Returns
        -------
        torch.Tensor
            L2-normalised, [D].

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If the file cannot be used.
        """
        return self.encode_audio(read_audio(path, self.sample_rate))[0]

    def encode_audio_files(self, paths, batch_size=16):
        """Embeds files.

        Arguments
        ---------
        paths : list of str
            The files.
        batch_size : int
            How many are decoded and embedded at once.

        Returns
        -------
        torch.Tensor
            L2-normalised, [len(paths), D].

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If a file cannot be used.
        """
        if isinstance(paths, str):
            raise ValueError(
                "encode_audio_files takes a list of paths; for one path there "
                "is encode_audio_file"
            )
        done = []
        for first in range(0, len(paths), batch_size):
            wavs = [
                read_audio(path, self.sample_rate)
                for path in paths[first : first + batch_size]
            ]
            longest = max(len(wav) for wav in wavs)
            lens = torch.tensor(
                [len(wav) / longest for wav in wavs], dtype=torch.float64
            )
            batch = torch.nn.utils.rnn.pad_sequence(wavs, batch_first=True)
            done.append(self.encode_audio(batch, lens))
        if not done:
            raise ValueError("encode_audio_files: the list of paths is empty")
        return torch.cat(done)

    @torch.no_grad()
    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [len(texts), D].
        """
        if isinstance(texts, str):
            texts = [texts]
        with self.inference_ctx:
            return self.mods.clap.encode_text(texts)

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

    @torch.no_grad()
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
        labels = list(labels or self.hparams.class_names)
        if not labels:
            raise ValueError(
                "classify_file: this model was trained on no classes of its "
                "own, so pass labels"
            )
        if len(set(labels)) < len(labels):
            raise ValueError(f"labels hold a name twice: {labels}")
        audio = self.encode_audio_file(path)
        with self.inference_ctx:
            text = self.mods.clap.encode_classes(
                labels, templates or self.hparams.templates
            )
        scale = self.mods.clap.logit_scale.exp()
        probabilities = (scale * (text @ audio)).softmax(0).tolist()
        ranked = sorted(
            zip(labels, probabilities, strict=True), key=lambda pair: -pair[1]
        )
        return dict(ranked)
