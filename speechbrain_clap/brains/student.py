"""Trains a student CLAP on labels that its teacher softens.

"Unsupervised Improvement of Audio-Text Cross-Modal Representations", Wang et
al. 2023, https://arxiv.org/abs/2305.01864.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.brains.pairs import PairsBrain


class StudentBrain(PairsBrain):
    """CLAP with a teacher that hears and reads the same batch.

    Of its hparams it needs, beside those of the base,

    - `teacher`: a ``speechbrain_clap.models.clap.CLAP``; it is frozen and
      never changes. None where `loss` takes no teacher;
    - `loss`: ``speechbrain_clap.losses.soft_labels.SoftLabelLoss``, or with
      no teacher any that ``PairsBrain`` takes.

    The teacher is no module of the Brain: nothing of it is trained, exchanged
    between ranks or saved.
    """

    def on_fit_start(self):
        """Puts the teacher beside the student."""
        teacher = self.hparams.teacher
        if teacher is not None:
            teacher.to(self.device).eval().requires_grad_(False)
        super().on_fit_start()

    def training_inputs(self, batch):
        """What the model and the loss take of a batch.

        Arguments
        ---------
        batch : PaddedBatch
            On this rank's device.

        Returns
        -------
        dict
            `wavs` [B, T] and `texts`, by chunk.
        tuple
            The teacher's embeddings of the same waves and of the same texts,
            [B, E] each; empty without a teacher.
        """
        inputs, others = super().training_inputs(batch)
        teacher = self.hparams.teacher
        if teacher is None:
            return inputs, others
        with torch.no_grad():
            audio = teacher.encode_audio(inputs["wavs"])
            text = teacher.encode_text(inputs["texts"])
        return inputs, (audio, text)
