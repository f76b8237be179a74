"""Teaches a sound tower what a frozen CLIP sees in the same videos.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch
from torch.nn.functional import cosine_similarity, normalize

from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.metrics.cross_modal import cross_modal_scores
from speechbrain_clap.utils.distributed import unwrap


class Wav2CLIPBrain(MixtureBrain):
    """Trains `modules.wav2clip`, a ``models.wav2clip.Wav2CLIP``.

    Batches have `sig` and `image`, CLIP's embedding of the same seconds, and
    in evaluation `labels`: CLIP itself is not here. Of its hparams it needs,
    beside those of the base,

    - `loss`: ``speechbrain_clap.losses.cross_projection.CrossProjectionLoss``
      or one of ``speechbrain_clap.losses.distillation``; a scale that it does
      not use is not learnt;
    - `templates`: prompts around the labels, where the model has CLIP's text
      tower.

    Labels are not used in training or validation: `selection` may be "loss",
    "cosine", the mean of a sound and its own image, or one of the mean
    reciprocal ranks of search among the validation clips.
    """

    def on_fit_start(self):
        """Leaves the scales that the loss does not use as they are."""
        self.modules.wav2clip.learn_scales(self.hparams.loss.scales)
        super().on_fit_start()

    def train_scores(self):
        """What multiplies the cosines.

        Returns
        -------
        dict
            `scale_audio` and `scale_image`, those that are learnt.
        """
        model = unwrap(self.modules.wav2clip)
        return {
            f"scale_{name}": getattr(model, f"logit_scale_{name}").exp().item()
            for name in self.hparams.loss.scales
        }

    def compute_forward(self, batch, stage):
        """Embeds the sounds of a batch, and projects both sides.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig` and `image`.
        stage : sb.Stage
            Crop and augmentation belong to training.

        Returns
        -------
        tuple of torch.Tensor
            What the loss takes.
        """
        batch = batch.to(self.device)
        images = batch.image.data
        if stage == sb.Stage.TRAIN:
            return self.modules.wav2clip(self.training_waves(batch), images)
        wavs, lens = batch.sig
        return unwrap(self.modules.wav2clip)(wavs, images, lens)

    def compute_objectives(self, predictions, batch, stage):
        """The loss.

        Arguments
        ---------
        predictions : tuple of torch.Tensor
            From `compute_forward`.
        batch : PaddedBatch
            In evaluation its clips are kept.
        stage : sb.Stage
            Every rank evaluates the whole set, so nothing is gathered then.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        training = stage == sb.Stage.TRAIN
        loss = self.hparams.loss(*predictions, alone=not training)
        if not training:
            _, audio, image, *_ = predictions
            self.found.append(
                {
                    "id": batch.id,
                    "labels": batch.labels,
                    "audio": normalize(audio.float(), dim=-1).cpu(),
                    "image": normalize(image.float(), dim=-1).cpu(),
                }
            )
        return loss

    def results(self):
        """What the last evaluation gave, and each label as a text.

        Returns
        -------
        dict
            Modality to names of its items: ids of clips, or labels. There are
            texts where the model has CLIP's text tower.
        dict
            Modality to their embeddings, L2-normalised, on the CPU, [N, D].
        dict
            Modality to their labels, lists of str.
        """
        ids = [name for batch in self.found for name in batch["id"]]
        labels = [of for batch in self.found for of in batch["labels"]]
        names = {"audio": ids, "image": ids}
        embeddings = {
            side: torch.cat([batch[side] for batch in self.found])
            for side in names
        }
        all_labels = {"audio": labels, "image": labels}
        model = unwrap(self.modules.wav2clip)
        if model.text_encoder is not None:
            classes = sorted({label for of in labels for label in of})
            with torch.no_grad():
                texts = model.encode_classes(classes, self.hparams.templates)
            names["text"] = classes
            embeddings["text"] = texts.cpu()
            all_labels["text"] = [[label] for label in classes]
        return names, embeddings, all_labels

    def validation_scores(self):
        """How near sounds come to their own images.

        Returns
        -------
        dict
            `cosine`, and `audio_to_image_MRR` and `image_to_audio_MRR`, where
            the clip's own counterpart alone is right.
        """
        sides = {
            side: torch.cat([batch[side] for batch in self.found])
            for side in ("audio", "image")
        }
        own = [[name] for batch in self.found for name in batch["id"]]
        found = cross_modal_scores(sides, {"audio": own, "image": own})
        return {
            "cosine": cosine_similarity(*sides.values()).mean().item(),
            # Of one right answer the average precision is 1 / its rank.
            **{f"{way}_MRR": scores["mAP"] for way, scores in found.items()},
        }
