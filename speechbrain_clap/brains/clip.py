"""Trains a CLIP on pictures with labels.

"Learning Transferable Visual Models From Natural Language Supervision",
Radford et al. 2021, https://arxiv.org/abs/2103.00020.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch

from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.utils.distributed import unwrap


class ClipBrain(MixtureBrain):
    """Trains `modules.clip`, a ``speechbrain_clap.models.clip.CLIP``.

    Batches have `sig`, here the preprocessed picture [3, S, S], `label`, and
    in training `text`. Pictures of one label are not each other's negatives.
    Of its hparams it needs, beside those of the base,

    - `augment`: list of modules on pictures [B, 3, S, S];
    - `loss`: ``speechbrain_clap.losses.contrastive.ContrastiveLoss``;
    - `class_names`: all labels;
    - `template`: the prompt of validation, which tells the label of each
      picture by texts; `selection` may be "accuracy".
    """

    def optimizers_step(self):
        """Steps, then bounds the scale."""
        super().optimizers_step()
        unwrap(self.modules.clip).clamp_scale()

    def train_scores(self):
        """What multiplies the cosines.

        Returns
        -------
        dict
            `scale`.
        """
        return {"scale": unwrap(self.modules.clip).logit_scale.exp().item()}

    def on_stage_start(self, stage, epoch=None):
        """Embeds the classes, before an evaluation.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        super().on_stage_start(stage, epoch)
        if stage != sb.Stage.TRAIN:
            with torch.no_grad():
                self.classes = unwrap(self.modules.clip).encode_classes(
                    self.hparams.class_names, self.hparams.template
                )

    def compute_forward(self, batch, stage):
        """Embeds pictures and texts.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.
        stage : sb.Stage
            Augmentation belongs to training.

        Returns
        -------
        tuple of torch.Tensor
            Embeddings of the pictures [B, D] and of the texts, in evaluation
            of the classes, and the scale.
        """
        images = batch.to(self.device).sig.data
        if stage == sb.Stage.TRAIN:
            for augment in self.hparams.augment:
                images = augment(images)
            return self.modules.clip(images, batch.text)
        clip = unwrap(self.modules.clip)
        return clip.encode_image(images), self.classes, clip.logit_scale.exp()

    def compute_objectives(self, predictions, batch, stage):
        """The contrastive loss; in evaluation the cross-entropy to the labels.

        Arguments
        ---------
        predictions : tuple of torch.Tensor
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
        image, text, scale = predictions
        names = self.hparams.class_names
        labels = torch.tensor(
            [names.index(label) for label in batch.label], device=image.device
        )
        if stage == sb.Stage.TRAIN:
            return self.hparams.loss(
                image, text, scale, labels.unsqueeze(1), labels
            )
        logits = scale * image @ text.T
        self.found.append((logits.argmax(1) == labels).cpu())
        return torch.nn.functional.cross_entropy(logits, labels)

    def validation_scores(self):
        """How many pictures are nearest to the text of their label.

        Returns
        -------
        dict
            `accuracy`, from 0 to 1.
        """
        return {"accuracy": torch.cat(self.found).float().mean().item()}
