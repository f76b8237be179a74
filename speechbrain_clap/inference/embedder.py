"""From files and waves to embeddings, whatever model embeds them.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from speechbrain.inference.interfaces import Pretrained
from torch.nn.functional import normalize

from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.dataio.clips import (
    PADDINGS,
    as_waves,
    fit_clip,
    windows,
)
from speechbrain_clap.utils.lengths import by_length

LONG = ("center", "windows", "whole")


class SoundEmbedder(Pretrained):
    """A trained model of sounds and texts, in the manner of ``Pretrained``.

    One sound gives one embedding, alone or in a batch. Waves are first
    brought to the length that the model was trained on, by the policy that
    the model's folder states (`clip_policy`):

    - `padding`: a shorter sound is filled with silence ("zero"), repeated
      ("repeat"), or repeated as often as the whole of it fits and then filled
      with silence ("repeat-zero");
    - `long`: of a longer one the "center" is taken, or "windows" over all of
      it, one after the other, whose embeddings are averaged, or the "whole",
      for encoders with a rule of their own.

    There are two kinds of embeddings: those of ``embed_...`` add up, and
    those of ``encode_...`` are of norm one. A subclass gives `_embed_clips`
    and `_embed_texts`, and has its model first in `MODULES_NEEDED`.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> isinstance(clap, SoundEmbedder), clap.sample_rate
    (True, 16000)
    """

    HPARAMS_NEEDED = ["clip_policy"]

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
        SoundEmbedder
            Of the class it was called on, in eval mode.

        Raises
        ------
        FileNotFoundError
            If a local folder holds no model of this class.
        """
        folder = pathlib.Path(source)
        overrides = dict(overrides or {})
        if folder.is_dir():
            weights = f"{cls.MODULES_NEEDED[0]}.ckpt"
            for name in ("hyperparams.yaml", weights):
                if not (folder / name).is_file():
                    raise FileNotFoundError(
                        f"{folder} holds no {name}: expected the folder "
                        "model/ in the output folder of a finished training "
                        f"that {cls.__name__} can load"
                    )
            overrides["model_folder"] = str(folder)
        return super().from_hparams(str(source), overrides=overrides, **kwargs)

    @property
    def model(self):
        """The model itself.

        Returns
        -------
        torch.nn.Module
            Frozen, in eval mode.
        """
        return self.mods[self.MODULES_NEEDED[0]]

    @property
    def sample_rate(self):
        """Rate of the waves that the model takes.

        Returns
        -------
        int
            In Hz.
        """
        return self.model.sample_rate

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

    def _embed_clips(self, wavs):
        """Embeds clips of the model's length, [B, T] to [B, D]."""
        raise NotImplementedError(f"{type(self).__name__}._embed_clips")

    def _embed_texts(self, texts):
        """Embeds a list of texts, [len(texts), D]."""
        raise NotImplementedError(f"{type(self).__name__}._embed_texts")

    def _join_windows(self, each):
        """One embedding for the windows of a sound, [B, W, D] to [B, D]."""
        return each.mean(1)

    @torch.no_grad()
    def embed_audio(self, wavs, lens=None):
        """Embeds sounds, to be added up.

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
            float32, [B, D].

        Raises
        ------
        ValueError
            If the waves have another shape, no samples, or are not finite.
        """
        wavs = as_waves(wavs).to(self.device)
        if lens is not None:
            lens = torch.as_tensor(lens, device=wavs.device)
        return by_length(self._embed_equal, wavs, lens)

    def _embed_equal(self, wavs):
        """Embeds waves whose true length is the same, [B, T]."""
        samples = round(self.model.clip_seconds * self.sample_rate)
        if self.long == "whole" and wavs.shape[1] > samples:
            with self.inference_ctx:
                return self._embed_clips(wavs)
        if self.long != "windows":
            clips = torch.stack(
                [fit_clip(wav, samples, self.padding) for wav in wavs]
            )
            with self.inference_ctx:
                return self._embed_clips(clips)
        # [B, W, samples]: equal waves have equally many windows.
        clips = torch.stack(
            [windows(wav, samples, samples, self.padding) for wav in wavs]
        )
        with self.inference_ctx:
            each = self._embed_clips(clips.flatten(0, 1))
        return self._join_windows(each.unflatten(0, clips.shape[:2]))

    def embed_audio_files(self, paths, batch_size=16):
        """Embeds files, to be added up.

        Arguments
        ---------
        paths : list of str
            Any files that libsndfile reads, at any rate, with any number of
            channels, which are averaged.
        batch_size : int
            How many are decoded and embedded at once.

        Returns
        -------
        torch.Tensor
            float32, [len(paths), D].

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If a file cannot be used.
        ValueError
            If `paths` is one path, or empty.
        """
        if isinstance(paths, (str, pathlib.Path)):
            raise ValueError(
                "expected a list of paths; for one path there is "
                "encode_audio_file"
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
            done.append(self.embed_audio(batch, lens))
        if not done:
            raise ValueError("the list of paths to embed is empty")
        return torch.cat(done)

    @torch.no_grad()
    def embed_text(self, texts):
        """Embeds texts, to be added up.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            float32, [len(texts), D].
        """
        if isinstance(texts, str):
            texts = [texts]
        with self.inference_ctx:
            return self._embed_texts(texts)

    def encode_audio(self, wavs, lens=None):
        """Embeds sounds.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `embed_audio`.
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
        return normalize(self.embed_audio(wavs, lens), dim=-1)

    def encode_audio_file(self, path):
        """Embeds one file.

        Arguments
        ---------
        path : str
            As for `embed_audio_files`.

        Returns
        -------
        torch.Tensor
            L2-normalised, [D].

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If the file cannot be used.
        """
        return self.encode_audio_files([path])[0]

    def encode_audio_files(self, paths, batch_size=16):
        """Embeds files.

        Arguments
        ---------
        paths : list of str
            As for `embed_audio_files`.
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
        return normalize(self.embed_audio_files(paths, batch_size), dim=-1)

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
        return normalize(self.embed_text(texts), dim=-1)
