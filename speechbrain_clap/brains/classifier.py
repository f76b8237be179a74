"""Trains a sound tower with a classifier on labelled clips, from scratch.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch
from torch.nn import functional

from speechbrain_clap.brains.selected import SelectedBrain
from speechbrain_clap.metrics.probe_scores import probe_score
from speechbrain_clap.utils.distributed import unwrap


class ClassifierBrain(SelectedBrain):
    """Trains `modules.classifier` on batches with `sig` and `id`.

    The loss is the cross-entropy; for clips with several labels the binary
    one, averaged over clips and classes. Of its hparams it needs, beside
    those of the base,

    - `crop`: cuts or fills training clips to one length;
    - `augment`: list of modules on waves [B, T];
    - `targets`: from a list of ids to an array, as
      ``speechbrain_clap.dataio.probe_sets.ProbeSet.targets``;
    - `metric`: see ``speechbrain_clap.metrics.probe_scores.probe_score``;
      `selection` may be "score", which is this, or "loss".
    """

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
        wavs, lens = batch.sig
        if stage != sb.Stage.TRAIN:
            return unwrap(self.modules.classifier)(wavs, lens)
        wavs = self.hparams.crop(wavs, lens)
        for augment in self.hparams.augment:
            wavs = augment(wavs)
        return self.modules.classifier(wavs)

    def compute_objectives(self, predictions, batch, stage):
        """The cross-entropy.

        Arguments
        ---------
        predictions : torch.Tensor
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
        targets = torch.from_numpy(self.hparams.targets(batch.id))
        targets = targets.to(self.device)
        logits = predictions.float()
        if stage != sb.Stage.TRAIN:
            self.ids += batch.id
            self.logits.append(logits.cpu())
        if targets.ndim == 2:
            return functional.binary_cross_entropy_with_logits(logits, targets)
        return functional.cross_entropy(logits, targets)

    def on_stage_start(self, stage, epoch=None):
        """Begins an epoch or an evaluation.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        super().on_stage_start(stage, epoch)
        if stage != sb.Stage.TRAIN:
            self.ids, self.logits = [], []

    def results(self):
        """What the last evaluation gave.

        Returns
        -------
        list of str
            Ids of the clips, N.
        torch.Tensor
            Logits, on the CPU, [N, C].
        """
        return self.ids, torch.cat(self.logits)

    def validation_scores(self):
        """The metric on the validation clips.

        Returns
        -------
        dict
            With `score`.
        """
        ids, logits = self.results()
        score = probe_score(
            self.hparams.metric, logits.numpy(), self.hparams.targets(ids)
        )
        return {"score": score}
