"""Fine-tunes a sound tower on the classes of a set.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch
from torch.nn.functional import log_softmax

from speechbrain_clap.brains.classifier import ClassifierBrain
from speechbrain_clap.utils.distributed import unwrap


class FineTuningBrain(ClassifierBrain):
    """Trains `modules.classifier`, whose tower has learned before.

    Of its hparams it needs, beside those of the base,

    - `mixup`: ``speechbrain_clap.augment.mixup.Mixup`` or None;
    - `label_smoothing`: share of the target that all classes get alike;
    - `frozen_epochs`: so many epochs train the head alone: what it says is
      random at first, and nothing that the tower should heed.
    """

    def compute_forward(self, batch, stage):
        """Scores the classes.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig` and `id`.
        stage : sb.Stage
            Augmentation belongs to training.

        Returns
        -------
        torch.Tensor or tuple
            Logits [B, C]; in training with the classes that are mixed, int64
            [B, K], and their shares, [B, K].
        """
        if stage != sb.Stage.TRAIN:
            return super().compute_forward(batch, stage)
        batch = batch.to(self.device)
        wavs = self.hparams.crop(*batch.sig)
        for augment in self.hparams.augment:
            wavs = augment(wavs)
        heard = torch.from_numpy(self.hparams.targets(batch.id))
        heard = heard.to(self.device)
        if self.hparams.mixup is None:
            heard = heard[:, None]
            shares = torch.ones(heard.shape, device=self.device)
        else:
            wavs, heard, shares = self.hparams.mixup(wavs, heard)
        return self.modules.classifier(wavs), heard, shares

    def compute_objectives(self, predictions, batch, stage):
        """The cross-entropy with the classes that are mixed.

        Arguments
        ---------
        predictions : torch.Tensor or tuple
            From `compute_forward`.
        batch : PaddedBatch
            With `id`.
        stage : sb.Stage
            In evaluation logits are kept.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        if stage != sb.Stage.TRAIN:
            return super().compute_objectives(predictions, batch, stage)
        logits, heard, shares = predictions
        logs = log_softmax(logits.float(), dim=1)
        right = (shares * logs.gather(1, heard)).sum(1)
        smooth = self.hparams.label_smoothing
        return -((1 - smooth) * right + smooth * logs.mean(1)).mean()

    def optimizers_step(self):
        """Steps; at first the head alone."""
        if self.hparams.epoch_counter.current <= self.hparams.frozen_epochs:
            # They stay in the optimiser and in what ranks exchange; without a
            # gradient it leaves them as they are.
            tower = unwrap(self.modules.classifier).audio_encoder
            for parameter in tower.parameters():
                parameter.grad = None
        super().optimizers_step()
