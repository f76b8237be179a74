"""What is heard in a sound, in words.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch

from speechbrain_clap.checkpoints.published import load_published
from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.dataio.clips import as_waves, fit_clip
from speechbrain_clap.inference.embedder import SoundEmbedder

FAMILY = "msclap_clapcap"
# As its authors caption: beam search, see Captioner.generate.
PUBLISHED = {"beam_size": 5, "max_length": 67, "temperature": 1.0}


class Captioner(SoundEmbedder):
    """A trained captioner, ready to use, in the manner of ``Pretrained``.

    A sound is brought to one clip by the policy of the model's folder: short
    ones are filled, of long ones the centre is taken, or the whole where the
    encoder has a rule of its own. ``encode_audio`` embeds sounds, too.

    Arguments
    ---------
    *args : tuple
        As for ``speechbrain.inference.interfaces.Pretrained``.
    **kwargs : dict
        As for ``speechbrain.inference.interfaces.Pretrained``.

    Example
    -------
    >>> captioner = Captioner.from_hparams("model/")  # doctest: +SKIP
    >>> captioner.caption_file("a.wav")  # doctest: +SKIP
    'A dog barks twice over rain'
    """

    HPARAMS_NEEDED = ["clip_policy", "prompt", "generation"]
    MODULES_NEEDED = ["captioner"]

    @classmethod
    def from_published(cls, source=None, device="cpu", **options):
        """Makes ClapCap of its published weights.

        Arguments
        ---------
        source : str, pathlib.Path, dict or None
            Where the weights are; None downloads them once.
        device : str
            Where to compute.
        **options : dict
            As for ``speechbrain_clap.checkpoints.load_published``, such as
            `tokenizer_source`, where GPT2's tokenizer lies.

        Returns
        -------
        Captioner
            In eval mode.

        Raises
        ------
        speechbrain_clap.checkpoints.reading.CheckpointError
            If the weights are not what was expected.

        Example
        -------
        >>> captioner = Captioner.from_published()  # doctest: +SKIP
        """
        published = load_published(FAMILY, source, prefer="ours", **options)
        return cls(
            modules={"captioner": published.net},
            hparams={
                "clip_policy": dict(published.family.clip_policy),
                "prompt": "",
                "generation": dict(PUBLISHED),
            },
            run_opts={"device": device},
        )

    def _embed_clips(self, wavs):
        return self.model.encode_audio(wavs)

    @torch.no_grad()
    def caption_waves(self, wavs, lens=None, prompt=None, **options):
        """Writes a caption for each sound.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1] at `sample_rate`, [B, T] or [T], of any length.
        lens : torch.Tensor or None
            Relative lengths, [B]: what lies behind them is not heard.
        prompt : str or None
            What the captions follow; None: what the model was trained with.
        **options : dict
            As ``speechbrain_clap.models.captioner.Captioner.generate`` takes
            them, such as ``beam_size=1`` or ``top_p=0.9``; by default those
            of the model's folder.

        Returns
        -------
        list of str
            Captions; each is what it would be alone.

        Raises
        ------
        ValueError
            If the waves have another shape, no samples or are not finite, or
            a setting is out of range.
        """
        wavs = as_waves(wavs).to(self.device)
        lengths = [wavs.shape[1]] * len(wavs)
        if lens is not None:
            share = torch.as_tensor(lens, dtype=torch.float64)
            lengths = (share * wavs.shape[1]).round().long().clamp(1).tolist()
        options = {**self.hparams.generation, **options}
        prompt = self.hparams.prompt if prompt is None else prompt
        samples = round(self.model.clip_seconds * self.sample_rate)
        clips = [
            wav[:length]
            if self.long == "whole" and length > samples
            else fit_clip(wav[:length], samples, self.padding)
            for wav, length in zip(wavs, lengths, strict=True)
        ]
        captions = [None] * len(clips)
        for size in sorted({len(clip) for clip in clips}):
            rows = [i for i, clip in enumerate(clips) if len(clip) == size]
            with self.inference_ctx:
                written = self.model.caption(
                    torch.stack([clips[i] for i in rows]),
                    prompts=[prompt] * len(rows) if prompt else None,
                    **options,
                )
            for i, caption in zip(rows, written, strict=True):
                captions[i] = caption
        return captions

    def caption_files(self, paths, batch_size=16, prompt=None, **options):
        """Writes a caption for each file.

        Arguments
        ---------
        paths : list of str
            Any files that libsndfile reads, at any rate, with any number of
            channels, which are averaged.
        batch_size : int
            How many are decoded and captioned at once.
        prompt : str or None
            As for `caption_waves`.
        **options : dict
            As for `caption_waves`.

        Returns
        -------
        list of str
            Captions.

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If a file cannot be used.
        ValueError
            If `paths` is one path.
        """
        if isinstance(paths, (str, pathlib.Path)):
            raise ValueError(
                "expected a list of paths; for one path there is caption_file"
            )
        captions = []
        for first in range(0, len(paths), batch_size):
            wavs = [
                read_audio(path, self.sample_rate)
                for path in paths[first : first + batch_size]
            ]
            lengths = torch.tensor([len(wav) for wav in wavs])
            batch = torch.nn.utils.rnn.pad_sequence(wavs, batch_first=True)
            captions += self.caption_waves(
                batch, lengths.double() / lengths.max(), prompt, **options
            )
        return captions

    def caption_file(self, path, prompt=None, **options):
        """Writes a caption for one file.

        Arguments
        ---------
        path : str
            As for `caption_files`.
        prompt : str or None
            As for `caption_waves`.
        **options : dict
            As for `caption_waves`.

        Returns
        -------
        str
            The caption.

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If the file cannot be used.
        """
        return self.caption_files([path], prompt=prompt, **options)[0]
