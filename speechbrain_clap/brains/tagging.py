"""Trains a sound tower to tell which of some classes are heard.

"ESResNe(X)t-fbsp: Learning Robust Time-Frequency Transformation of Audio",
Guzhov et al. 2021, https://arxiv.org/abs/2104.11587; the first stage of
AudioCLIP, https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.metrics.average_precision import mean_average_precision
from speechbrain_clap.utils.distributed import unwrap


class TaggingBrain(MixtureBrain):
    """Trains `modules.tagger` on batches with `sig` and `labels`.

    The loss is the binary cross-entropy, summed over the classes and divided
    by the number of clips. Of its hparams it needs, beside those of the base,
    `class_names`: all labels, in the order of the tagger's scores.
    """

    def targets(self, batch):
        """Which classes are heard.

        Arguments
        ---------
        batch : PaddedBatch
            With `labels`, a list of str for each clip.

        Returns
        -------
        torch.Tensor
            0 or 1, float32, on this rank's device, [B, C].
        """
        names = self.hparams.class_names
        index = {name: i for i, name in enumerate(names)}
        targets = torch.zeros(len(batch.labels), len(names))
        for row, labels in enumerate(batch.labels):
            targets[row, [index[label] for label in labels]] = 1.0
        return targets.to(self.device)

    def compute_forward(self, batch, stage):
        """Scores the classes.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig`.
        stage : sb.Stage
            Crop and augmentation belong to training.

        Returns
        -------
        torch.Tensor
            Logits, [B, C].
        """
        batch = batch.to(self.device)
        if stage == sb.Stage.TRAIN:
            return self.modules.tagger(self.training_waves(batch))
        return unwrap(self.modules.tagger)(*batch.sig)

    def compute_objectives(self, predictions, batch, stage):
        """The cross-entropy and, in training, the filters' norm loss.

        Arguments
        ---------
        predictions : torch.Tensor
            From `compute_forward`.
        batch : PaddedBatch
            With `labels`.
        stage : sb.Stage
            In evaluation scores and targets are kept.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        targets = self.targets(batch)
        loss = binary_cross_entropy_with_logits(
            predictions.float(), targets, reduction="sum"
        ) / len(targets)
        if stage == sb.Stage.TRAIN:
            encoder = unwrap(self.modules.tagger).audio_encoder
            return loss + self.filter_loss(encoder)
        self.found.append(
            {
                "id": batch.id,
                "scores": predictions.float().cpu(),
                "targets": targets.cpu(),
            }
        )
        return loss

    def results(self):
        """What the last evaluation gave.

        Returns
        -------
        list of str
            Ids of the clips, N.
        torch.Tensor
            Logits, on the CPU, [N, C].
        torch.Tensor
            0 or 1, [N, C].
        """
        return (
            [name for batch in self.found for name in batch["id"]],
            torch.cat([batch["scores"] for batch in self.found]),
            torch.cat([batch["targets"] for batch in self.found]),
        )

    def validation_scores(self):
        """Macro mAP on the validation set.

        Returns
        -------
        dict
            With `mAP`, over the classes that some clip has.
        """
        _, scores, targets = self.results()
        found = mean_average_precision(scores.numpy(), targets.numpy())
        return {"mAP": found["value"]}
