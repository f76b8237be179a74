"""Trains AudioCLIP: sounds, pictures and texts, whichever a clip has.

"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch

from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.metrics.cross_modal import cross_modal_scores
from speechbrain_clap.models.audioclip import SCALES
from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.hparams import HparamsError

SCORES = ("P@1", "mAP")  # those of validation


def freeze_unused(model, modalities, locked=()):
    """Locks the towers that are not to learn, and what nothing will train.

    Arguments
    ---------
    model : speechbrain_clap.models.audioclip.AudioCLIP
        To be trained.
    modalities : list of str
        Those of the training, two or more of "audio", "image" and "text".
    locked : list of str
        Those of which the tower does not learn.

    Raises
    ------
    HparamsError
        If the modalities are none, or all of their towers are locked.

    Example
    -------
    >>> freeze_unused(None, ["audio"])
    Traceback (most recent call last):
    ...
    speechbrain_clap.utils.hparams.HparamsError: modalities is ['audio'], ...
    """
    known = {name for pair in SCALES for name in pair.split("_")}
    if len(modalities) < 2 or not set(modalities) <= known:
        raise HparamsError(
            f"modalities is {modalities}, expected two or more of "
            f"{', '.join(sorted(known))}"
        )
    if set(modalities) <= set(locked):
        raise HparamsError(
            f"locked is {locked}, all of the modalities: nothing would learn"
        )
    for tower in {*locked, *known.difference(modalities)}:
        model.lock(tower)
    for pair, scale in SCALES.items():
        if not set(pair.split("_")) <= set(modalities):
            getattr(model, scale).requires_grad_(False)


class AudioCLIPBrain(MixtureBrain):
    """Trains `modules.audioclip`, a ``models.audioclip.AudioCLIP``.

    Batches have `sig`, `text` (in training) or `captions`, in evaluation
    `labels`, and `image` [B, 3, S, S] with `has_image`, a bool for each clip:
    one without a picture trains and tests the pair of sound and text alone.
    Of its hparams it needs, beside those of the base,

    - `modalities`: those of the training; without "image" no batch has one;
    - `loss`: ``speechbrain_clap.losses.multimodal.MultimodalLoss``.

    Validation searches in both directions of every pair: what shares a label
    with the query is right. `selection` may be "mAP", the mean over the
    directions.
    """

    def train_scores(self):
        """What multiplies the cosines of each pair.

        Returns
        -------
        dict
            `scale_audio_text` and so on, those of the training's modalities.
        """
        model = unwrap(self.modules.audioclip)
        return {
            f"scale_{pair}": model.scale(pair).item()
            for pair in SCALES
            if set(pair.split("_")) <= set(self.hparams.modalities)
        }

    def optimizers_step(self):
        """Steps, then bounds the scales."""
        super().optimizers_step()
        unwrap(self.modules.audioclip).clamp_scale()

    def inputs(self, batch, stage):
        """What the model takes of a batch.

        Arguments
        ---------
        batch : PaddedBatch
            On this rank's device.
        stage : sb.Stage
            Crop and augmentation belong to training.

        Returns
        -------
        dict
            Arguments of the model's ``forward``.
        """
        given, modalities = {"present": {}}, self.hparams.modalities
        if "audio" in modalities:
            if stage == sb.Stage.TRAIN:
                given["wavs"] = self.training_waves(batch)
            else:
                given["wavs"], given["lens"] = batch.sig
        if "image" in modalities:
            has = torch.as_tensor(batch.has_image, device=self.device)
            given["images"] = batch.image.data[has]
            given["present"]["image"] = has
        if "text" in modalities:
            given["texts"] = (
                batch.text
                if stage == sb.Stage.TRAIN
                else [captions[0] for captions in batch.captions]
            )
        return given

    def compute_forward(self, batch, stage):
        """Embeds a batch.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.
        stage : sb.Stage
            Of training or evaluation.

        Returns
        -------
        tuple
            Modality to embeddings [B, D], pair to scale, and which clips have
            which modality.
        """
        given = self.inputs(batch.to(self.device), stage)
        model = self.modules.audioclip
        if stage != sb.Stage.TRAIN:
            model = unwrap(model)
        return *model(**given), given["present"]

    def compute_objectives(self, predictions, batch, stage):
        """The loss over the pairs that are there.

        Arguments
        ---------
        predictions : tuple
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
        embeddings, scales, present = predictions
        training = stage == sb.Stage.TRAIN
        loss = self.hparams.loss(
            embeddings, scales, present=present, alone=not training
        )
        if training:
            encoder = unwrap(self.modules.audioclip).audio_encoder
            return loss + self.filter_loss(encoder)
        # Not the batch itself, which holds waves and images.
        self.found.append(
            {
                "id": batch.id,
                "labels": batch.labels,
                "texts": [captions[0] for captions in batch.captions],
                "has": {name: x.tolist() for name, x in present.items()},
                "embeddings": {name: x.cpu() for name, x in embeddings.items()},
            }
        )
        return loss

    def results(self):
        """What the last evaluation gave: each clip, and each distinct text.

        Returns
        -------
        dict
            Modality to names of its items: ids of clips, or texts.
        dict
            Modality to their embeddings, on the CPU, [N, D].
        dict
            Modality to their labels, lists of str.
        """
        names, embeddings, labels = {}, {}, {}
        for modality in self.hparams.modalities:
            items = {}  # name to embedding and labels
            for batch in self.found:
                keys = batch["texts" if modality == "text" else "id"]
                has = batch["has"].get(modality, [True] * len(keys))
                rows = batch["embeddings"][modality], batch["labels"]
                for key, is_there, *row in zip(keys, has, *rows, strict=True):
                    if is_there:
                        items.setdefault(key, row)
            if items:
                names[modality] = list(items)
                found, labels[modality] = zip(*items.values(), strict=True)
                embeddings[modality] = torch.stack(found)
        return names, embeddings, labels

    def validation_scores(self):
        """Search in both directions of every pair.

        Returns
        -------
        dict
            `audio_to_text_P@1`, `audio_to_text_mAP` and so on, and `mAP`,
            the mean over the directions.
        """
        _, embeddings, labels = self.results()
        found = cross_modal_scores(embeddings, labels)
        scores = {
            f"{direction}_{name}": of_direction[name]
            for direction, of_direction in found.items()
            for name in SCORES
        }
        every = [of_direction["mAP"] for of_direction in found.values()]
        return {**scores, "mAP": sum(every) / len(every)}
