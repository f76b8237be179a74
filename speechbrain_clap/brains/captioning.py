"""Trains a model that writes texts about sounds.

ClapCap, and the pretraining of HTSAT-22: "Natural Language Supervision for
General-Purpose Audio Representations", Elizalde et al. 2023,
https://arxiv.org/abs/2309.05767.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch

from speechbrain_clap.brains.locked import LockedPairs, cache_audio
from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.dataio.prompted import prompted_tokens
from speechbrain_clap.metrics.captions import caption_scores
from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.hparams import HparamsError

# Computed without Java, for the choice of an epoch.
MEASURED = ("BLEU-4", "ROUGE-L", "CIDEr")


class CaptioningBrain(MixtureBrain):
    """Trains `modules.captioner` on batches with `prompt` and `answer`.

    A batch also has `sig`: waves, or in training, where the audio encoder is
    locked, what it made of them; in evaluation it has `captions`, the
    references. Of its hparams it needs, beside those of the base,

    - `loss`: ``speechbrain_clap.losses.captioning.CaptionLoss``;
    - `locked_audio`: in training `sig` holds features;
    - `answer_length`: longer answers are cut, in tokens;
    - `generation`: arguments of ``Captioner.caption`` for evaluation;
    - `selection`: "loss", or "BLEU-4", "ROUGE-L" or "CIDEr" of captions that
      are then written for the validation clips, greedily.
    """

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains, or goes on where an earlier run was stopped.

        Arguments
        ---------
        epoch_counter : iterable
            Gives the numbers of the epochs.
        train_set : torch.utils.data.DataLoader
            To train on.
        valid_set : Dataset or None
            Chooses the epoch.
        **kwargs : dict
            As for ``speechbrain.Brain.fit``.

        Raises
        ------
        HparamsError
            If `selection` names a score that will not be measured.
        """
        measured = ["loss"] if valid_set is None else ["loss", *MEASURED]
        if self.hparams.selection not in measured:
            raise HparamsError(
                f"--selection={self.hparams.selection}: is not measured with "
                f"the data given, expected one of {', '.join(measured)}"
            )
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    @property
    def model(self):
        """The captioner, without the wrapper of distributed training.

        Returns
        -------
        torch.nn.Module
            Of `modules`.
        """
        return unwrap(self.modules.captioner)

    def compute_forward(self, batch, stage):
        """Scores the answers, token by token.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig`, `prompt` and `answer`.
        stage : sb.Stage
            Crop and augmentation belong to training.

        Returns
        -------
        tuple
            What the loss takes; in evaluation the features too.
        """
        batch = batch.to(self.device)
        tokens = prompted_tokens(
            self.model.decoder,
            batch.prompt,
            batch.answer,
            self.model.stop_id,
            self.hparams.answer_length,
        )
        ids, answer = (each.to(self.device) for each in tokens)
        if stage != sb.Stage.TRAIN:
            features = self.model.features(*batch.sig)
            logits = self.model(None, ids, features=features)
            return logits, ids, answer, features
        if self.hparams.locked_audio:
            features = self._unflatten(batch.sig.data)
            logits = self.modules.captioner(None, ids, features=features)
        else:
            logits = self.modules.captioner(self.training_waves(batch), ids)
        return logits, ids, answer

    def _unflatten(self, features):
        """Kept features [B, N * Da] as frames, where the model has frames."""
        if not self.model.frames:
            return features
        return features.unflatten(
            1, (-1, self.model.audio_encoder.embedding_dim)
        )

    def compute_objectives(self, predictions, batch, stage):
        """The loss; where they are wanted, captions are written too.

        Arguments
        ---------
        predictions : tuple
            From `compute_forward`.
        batch : PaddedBatch
            In evaluation with `captions`.
        stage : sb.Stage
            Every rank evaluates the whole set.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        training = stage == sb.Stage.TRAIN
        loss = self.hparams.loss(*predictions[:3], shared=training)
        if training:
            return loss
        found = {"id": batch.id, "references": batch.captions}
        options = None
        if stage == sb.Stage.TEST:
            options = self.hparams.generation
        elif self.hparams.selection != "loss":
            options = {**self.hparams.generation, "beam_size": 1}
        if options is not None:
            found["captions"] = self.model.caption(
                None,
                features=predictions[3],
                prompts=batch.prompt,
                **options,
            )
        self.found.append(found)
        return loss

    def results(self):
        """What the last evaluation wrote.

        Returns
        -------
        list of str
            Ids of the clips, N.
        list of str
            A caption of each.
        list of list of str
            The references of each.
        """
        return tuple(
            [each for batch in self.found for each in batch[name]]
            for name in ("id", "captions", "references")
        )

    def validation_scores(self):
        """How good the captions are, where they choose the epoch.

        Returns
        -------
        dict
            ``BLEU-4``, ``ROUGE-L`` and ``CIDEr`` on simple words; empty where
            the loss chooses.
        """
        if self.hparams.selection == "loss":
            return {}
        _, captions, references = self.results()
        scores = caption_scores(captions, references, java=False)["scores"]
        if self.hparams.selection not in scores:
            raise HparamsError(
                f"--selection={self.hparams.selection}: {len(captions)} "
                "validation clips are too few for it, expected loss"
            )
        return {name: scores[name] for name in MEASURED if name in scores}


class FlatFrames(torch.nn.Module):
    """The frames of a locked audio encoder as one row a clip, to be kept.

    Arguments
    ---------
    captioner : speechbrain_clap.models.captioner.Captioner
        With `frames`.
    samples : int
        Of every clip.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> captioner = torch.nn.Module()
    >>> captioner.audio_encoder = ResNet18(widths=[4, 4, 4, 8])
    >>> captioner.features = lambda wavs: (
    ...     captioner.audio_encoder.forward_frames(wavs)[0]
    ... )
    >>> flat = FlatFrames(captioner.eval(), 40000)
    >>> flat.embedding_dim, flat(torch.randn(2, 40000)).shape
    (32, torch.Size([2, 32]))
    """

    def __init__(self, captioner, samples):
        super().__init__()
        self.audio_encoder = captioner.audio_encoder
        self._features = captioner.features
        device = next(self.parameters()).device
        with torch.no_grad():
            made = self._features(torch.zeros(1, samples, device=device))
        self.embedding_dim = made[0].numel()

    def forward(self, wavs, lens=None):
        """Embeds clips, all of one length.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T].
        lens : torch.Tensor or None
            Not used.

        Returns
        -------
        torch.Tensor
            [B, N * Da].
        """
        return self._features(wavs).flatten(1)


def training_pairs(brain, sources, training, folder):
    """The training pairs; a locked audio encoder hears each clip once.

    Arguments
    ---------
    brain : CaptioningBrain
        With the model on its device.
    sources : list
        Sources of pairs.
    training : dict
        Of ``hparams/training/pairs.yaml``.
    folder : str or pathlib.Path
        Gets what a locked encoder made.

    Returns
    -------
    speechbrain_clap.dataio.pairs.PairDataset
        To train on.
    """
    if not brain.hparams.locked_audio or brain.test_only:
        return training["train_pairs"](sources)
    encoder = brain.model.audio_encoder
    if brain.model.frames:
        seconds, rate = training["clip_seconds"], training["sample_rate"]
        encoder = FlatFrames(brain.model.eval(), round(seconds * rate))
    features = cache_audio(
        brain,
        encoder,
        sources,
        training["test_pairs"],
        training["test_loader"],
        folder,
    )
    return LockedPairs(sources, features, training["seed"])
