"""AudioCLIP's third stage: its sound head under its text head, on labels.

"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import speechbrain as sb
import torch
from speechbrain.utils import checkpoints
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger
from torch.utils.data import DataLoader

from speechbrain_clap.brains.clap import CLAPBrain, concept_numbers

logger = get_logger(__name__)

PAPERS_RULE = "best epoch on the test fold (the paper's rule: optimistic)"


@checkpoints.register_checkpoint_hooks
class TestFoldHistory:
    """Accuracy on the test fold after each epoch; it chooses nothing.

    Saved with each checkpoint, so that a run that was killed tells what a
    whole one tells.

    Example
    -------
    >>> history = TestFoldHistory()
    >>> history.add(0.5), history.add(0.75), history.add(0.75)
    (None, None, None)
    >>> history.best()
    (2, 0.75)
    """

    __test__ = False  # no test for pytest

    def __init__(self):
        self.accuracies = []

    def add(self, accuracy):
        """Takes the accuracy after one more epoch.

        Arguments
        ---------
        accuracy : float
            In [0, 1].
        """
        self.accuracies.append(accuracy)

    def best(self):
        """The first of the best epochs.

        Returns
        -------
        int
            Its number, from 1.
        float
            Its accuracy.
        """
        best = max(self.accuracies)
        return self.accuracies.index(best) + 1, best

    @checkpoints.mark_as_saver
    def save(self, path):
        """Saves the accuracies.

        Arguments
        ---------
        path : str
            The file.
        """
        torch.save(self.accuracies, path)

    @checkpoints.mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers the accuracies.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used: an epoch is counted before its checkpoint is saved.
        """
        del end_of_epoch
        self.accuracies = torch.load(path, weights_only=True)


class AudioCLIPClassesBrain(CLAPBrain):
    """Trains `modules.audioclip` on batches with `sig` and `label`.

    The batches have no pictures; see
    ``speechbrain_clap.brains.audioclip.freeze_unused``. Of its hparams it
    needs what ``CLAPBrain`` does, but for `mixup` and `multi_positive`, and

    - `loss`: ``speechbrain_clap.losses.class_pairs.ClassPairsLoss``, to which
      the norm loss of the sound head's filters is added;
    - `test_set`: the test fold, or None. After each epoch its accuracy goes
      into the log and `history`, never into the choice of an epoch;
    - `test_loader`: options of its loader.
    """

    model_name = "audioclip"

    def scale(self):
        """What multiplies the cosines of sounds and texts.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        return self.model.scale("audio_text")

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains, or goes on where an earlier run was stopped.

        Arguments
        ---------
        epoch_counter : iterable
            Gives the numbers of the epochs; none is zero-shot.
        train_set : Dataset or DataLoader
            To train on.
        valid_set : Dataset or DataLoader or None
            Chooses the epoch.
        **kwargs : dict
            As for ``speechbrain.Brain.fit``.
        """
        if epoch_counter.limit:
            super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def on_fit_start(self):
        """Prepares the optimiser and recovers the newest checkpoint."""
        self.history = TestFoldHistory()
        self.checkpointer.add_recoverable("history", self.history)
        super().on_fit_start()

    def on_evaluate_start(self, max_key=None, min_key=None):
        """Loads the checkpoint that the protocol chose, if one was trained.

        Arguments
        ---------
        max_key : str or None
            Not used: `selection` names the score.
        min_key : str or None
            Not used.
        """
        if self.hparams.epoch_counter.limit:
            super().on_evaluate_start()

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
        tuple or torch.Tensor
            In training what the loss takes; else the embeddings [B, D].
        """
        batch = batch.to(self.device)
        wavs, lens = batch.sig
        if wavs.ndim == 3:
            wavs = wavs.movedim(-1, 1)  # as read [B, T, C], as heard [B, C, T]
        if stage != sb.Stage.TRAIN:
            return self.model.encode_audio(wavs, lens)
        wavs = self.hparams.crop(wavs, lens)
        for augment in self.hparams.augment:
            wavs = augment(wavs)
        embeddings, scales = self.modules.audioclip(
            wavs, texts=self.hparams.texts(batch)
        )
        concepts = concept_numbers(batch.label).to(self.device)
        return *embeddings.values(), scales["audio_text"], concepts

    def compute_objectives(self, predictions, batch, stage):
        """The loss with the filters' norm; in evaluation as of the base.

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
        loss = super().compute_objectives(predictions, batch, stage)
        if stage != sb.Stage.TRAIN:
            return loss
        return loss + self.model.audio_encoder.fbsp_norm_loss()

    def finish_epoch(self, epoch, valid_stats):
        """Measures the test fold too, then logs and saves the epoch.

        Arguments
        ---------
        epoch : int
            Its number.
        valid_stats : dict or None
            Scores of the validation set; they choose the epoch.
        """
        if self.hparams.test_set is not None:
            accuracy = self.test_accuracy()
            self.history.add(accuracy)
            run_on_main(
                logger.info,
                args=[
                    f"Epoch {epoch}: accuracy on the test fold "
                    f"{100 * accuracy:.1f} %, which chooses nothing"
                ],
            )
        super().finish_epoch(epoch, valid_stats)

    def test_accuracy(self):
        """Accuracy on the test fold as the model is now.

        Returns
        -------
        float
            In [0, 1].
        """
        self.modules.eval()
        self.on_stage_start(sb.Stage.TEST)  # class names, empty lists
        loader = DataLoader(self.hparams.test_set, **self.hparams.test_loader)
        with torch.no_grad(), self.evaluation_ctx:
            for number, batch in enumerate(loader):
                if self.debug and number == self.debug_batches:
                    break
                found = self.compute_forward(batch, sb.Stage.TEST)
                self.compute_objectives(found, batch, sb.Stage.TEST)
        return self.validation_scores()["accuracy"]

    def papers_rule(self):
        """What the paper's choice of the epoch gives on this test fold.

        Returns
        -------
        dict
            `rule` in words, `value` and `epoch`; empty where nothing was
            trained, or the test fold was not measured after each epoch.
        """
        newest = self.checkpointer.find_checkpoint()
        if self.evaluated is None or "history" not in newest.paramfiles:
            return {}
        history = TestFoldHistory()
        history.load(newest.paramfiles["history"])
        if not history.accuracies:
            return {}
        epoch, value = history.best()
        return {"rule": PAPERS_RULE, "value": value, "epoch": epoch}
