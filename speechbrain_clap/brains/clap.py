"""Trains CLAP on labelled clips or captions, validates by text prompts.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib

import speechbrain as sb
import torch

from speechbrain_clap.brains.selected import SelectedBrain
from speechbrain_clap.utils.distributed import unwrap


def concept_numbers(concepts):
    """Numbers that are equal where the names are, on every rank.

    Arguments
    ---------
    concepts : list of str
        What each clip shows: its label, or its caption.

    Returns
    -------
    torch.Tensor
        int64, [B].

    Example
    -------
    >>> a, b, c = concept_numbers(["dog", "rain", "dog"])
    >>> bool(a == c), bool(a == b)
    (True, False)
    """
    return torch.tensor(
        [
            int.from_bytes(
                hashlib.blake2b(name.encode(), digest_size=8).digest(),
                "little",
                signed=True,
            )
            for name in concepts
        ]
    )


class TwoTowerBrain(SelectedBrain):
    """Trains `modules.clap`; logs its temperature and keeps it in bounds."""

    model_name = "clap"  # in `modules`

    @property
    def model(self):
        """The model, without the wrapper that distributed training puts on.

        Returns
        -------
        torch.nn.Module
            Of `modules`.
        """
        return unwrap(self.modules[self.model_name])

    def scale(self):
        """What multiplies the cosines of sounds and texts.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        return self.model.logit_scale.exp()

    def train_scores(self):
        """The temperature.

        Returns
        -------
        dict
            With `temperature`.
        """
        return {"temperature": 1.0 / self.scale().item()}

    def optimizers_step(self):
        """Steps, then bounds the temperature."""
        super().optimizers_step()
        self.model.clamp_scale()


class CLAPBrain(TwoTowerBrain):
    """CLAP on batches with `sig` and `label`.

    Of its hparams it needs, beside those of the base,

    - `texts`: from a batch, in training, to a list of str, as
      ``speechbrain_clap.dataio.prompts.LabelPrompts``;
    - `augment`: list of modules on waves [B, T];
    - `crop`: cuts or fills training clips to one length;
    - `mixup`: ``speechbrain_clap.augment.mixup.Mixup`` or None;
    - `loss`: ``speechbrain_clap.losses.contrastive.ContrastiveLoss``;
    - `multi_positive`: clips with the same label are not each other's
      negatives;
    - `class_names`: list of labels, in the order of the scores; set by the
      recipe once the data are known;
    - `templates`: prompts for the class names.
    """

    def compute_forward(self, batch, stage):
        """Embeds a batch.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig` and `label`.
        stage : sb.Stage
            Augmentation belongs to training.

        Returns
        -------
        tuple
            In training what the loss takes; else the embeddings [B, D].
        """
        batch = batch.to(self.device)
        wavs, lens = batch.sig
        if stage != sb.Stage.TRAIN:
            return self.model.encode_audio(wavs, lens)
        concepts = concept_numbers(batch.label).to(self.device)
        heard, weights = concepts.unsqueeze(1), None
        wavs = self.hparams.crop(wavs, lens)
        for augment in self.hparams.augment:
            wavs = augment(wavs)
        if self.hparams.mixup is not None:
            wavs, heard, weights = self.hparams.mixup(wavs, concepts)
        audio, text, scale = self.modules.clap(wavs, self.hparams.texts(batch))
        if not self.hparams.multi_positive:
            return audio, text, scale
        return audio, text, scale, heard, concepts, weights

    def compute_objectives(self, predictions, batch, stage):
        """The contrastive loss; in evaluation the cross-entropy by prompts.

        Arguments
        ---------
        predictions : tuple or torch.Tensor
            From `compute_forward`.
        batch : PaddedBatch
            With `label`.
        stage : sb.Stage
            Every rank evaluates the whole set, so nothing is gathered then.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        if stage == sb.Stage.TRAIN:
            return self.hparams.loss(*predictions)
        targets = torch.tensor(
            [self.class_index[label] for label in batch.label],
            device=self.device,
        )
        scores = predictions @ self.class_embeddings.T
        self.ids += batch.id
        self.targets.append(targets.cpu())
        self.audio_embeddings.append(predictions.cpu())
        return torch.nn.functional.cross_entropy(self.scale() * scores, targets)

    def on_stage_start(self, stage, epoch=None):
        """Embeds the class names before an evaluation.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        super().on_stage_start(stage, epoch)
        if stage == sb.Stage.TRAIN:
            return
        names = self.hparams.class_names
        self.class_index = {name: i for i, name in enumerate(names)}
        model = self.model.eval()
        with torch.no_grad(), self.evaluation_ctx:
            self.class_embeddings = model.encode_classes(
                names, self.hparams.templates
            )
        self.ids, self.targets, self.audio_embeddings = [], [], []

    def validation_scores(self):
        """Zero-shot accuracy on the validation set.

        Returns
        -------
        dict
            With `accuracy`.
        """
        audio = torch.cat(self.audio_embeddings)
        predicted = (audio @ self.class_embeddings.cpu().T).argmax(1)
        right = predicted == torch.cat(self.targets)
        return {"accuracy": right.float().mean().item()}
