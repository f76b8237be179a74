"""Training on the batches of a mixture of sets.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch

from speechbrain_clap.brains.selected import SelectedBrain


class MixtureBrain(SelectedBrain):
    """Reads a training loader whose batches a ``MixtureBatches`` draws.

    The sampler is told the epoch and, after a kill, the batch to begin with.
    Of its hparams it needs, beside those of the base,

    - `crop`: cuts or fills training clips to one length;
    - `augment`: list of modules on waves [B, T];
    - `norm_loss`: what the norm loss of an ESResNeXt's filters is multiplied
      by; 1 as published, 0 for other sound towers.
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
        """
        self.batches = train_set.batch_sampler
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def on_stage_start(self, stage, epoch=None):
        """Points the sampler at the epoch, or begins an evaluation.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        super().on_stage_start(stage, epoch)
        if stage == sb.Stage.TRAIN:
            # Not 0 where a run was killed within the epoch.
            self.batches.epoch, self.batches.start = epoch, self.step
        else:
            self.found = []  # of each batch, what its clips gave

    def training_waves(self, batch):
        """The sounds of a training batch, at one length, augmented.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig`, on this rank's device.

        Returns
        -------
        torch.Tensor
            [B, T].
        """
        wavs, lens = batch.sig
        wavs = self.hparams.crop(wavs, lens)
        for augment in self.hparams.augment:
            wavs = augment(wavs)
        return wavs

    def filter_loss(self, audio_encoder):
        """What the filters of an ESResNeXt add to the loss.

        Arguments
        ---------
        audio_encoder : torch.nn.Module
            The sound tower, unwrapped.

        Returns
        -------
        torch.Tensor or float
            A scalar; 0 where `norm_loss` is.
        """
        if not self.hparams.norm_loss:
            return 0.0
        with torch.autocast(self.device_type, enabled=False):
            return self.hparams.norm_loss * audio_encoder.fbsp_norm_loss()
