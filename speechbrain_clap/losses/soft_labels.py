"""The contrastive loss with labels that a teacher softens.

"Unsupervised Improvement of Audio-Text Cross-Modal Representations", Wang et
al. 2023, https://arxiv.org/abs/2305.01864, equations 2 to 5.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.losses.contrastive import normalise, soft_cross_entropy
from speechbrain_clap.utils.distributed import (
    gather,
    gather_with_gradient,
    rank,
)


class SoftLabelLoss(torch.nn.Module):
    """Clips that sound alike to the teacher are not full negatives.

    The label of a pair is one for the right text and, with weight `beta`, as
    much as the teacher finds two clips alike: sounds by its sound tower where
    a sound looks for its text, texts by its text tower where a text looks for
    its sound.

    Arguments
    ---------
    beta : float
        Weight of the teacher's similarities, 0 to 1. 0.3 in the paper; 0 is
        the plain contrastive loss.
    labels : str
        "raw": cosines as the equations have them, which need not sum to one
        and may be negative; "normalised": negative ones are taken for 0 and
        each row is divided by its sum.

    Example
    -------
    >>> a, t = torch.eye(2), torch.eye(2)
    >>> SoftLabelLoss(beta=0.0)(a, t, torch.tensor(1.0), a, t)
    tensor(0.3133)
    >>> alike = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> SoftLabelLoss(0.5, "normalised")(a, t, torch.tensor(1.0), alike, alike)
    tensor(0.5633)
    """

    def __init__(self, beta=0.3, labels="raw"):
        super().__init__()
        if not 0.0 <= beta <= 1.0:
            raise ValueError(f"beta is {beta}, expected 0 to 1")
        if labels not in ("raw", "normalised"):
            raise ValueError(
                f"labels is '{labels}', expected 'raw' or 'normalised'"
            )
        self.beta = beta
        self.labels = labels

    def forward(
        self, audio, text, scale, teacher_audio=None, teacher_text=None
    ):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            L2-normalised embeddings of this rank's sounds, [B, D].
        text : torch.Tensor
            L2-normalised embeddings of its texts, [B, D].
        scale : torch.Tensor
            What multiplies the cosines, a scalar.
        teacher_audio : torch.Tensor or None
            The teacher's of the same sounds, L2-normalised, [B, E]; with a
            `beta` of 0 it is not needed.
        teacher_text : torch.Tensor or None
            The teacher's of the same texts, L2-normalised, [B, E].

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        with torch.autocast(audio.device.type, enabled=False):
            audio, text = audio.float(), text.float()
            scale = scale.float()
            audio_logits = scale * audio @ gather_with_gradient(text).T
            text_logits = scale * text @ gather_with_gradient(audio).T
            return 0.5 * (
                # Equation 4: sounds, against all texts.
                soft_cross_entropy(
                    audio_logits, self.soften(audio_logits, teacher_audio)
                )
                # Equation 5: texts, against all sounds.
                + soft_cross_entropy(
                    text_logits, self.soften(text_logits, teacher_text)
                )
            )

    @torch.no_grad()
    def soften(self, logits, teacher=None):
        """The labels of this rank's rows, equations 2 and 3.

        Arguments
        ---------
        logits : torch.Tensor
            Whose labels they are, [B, N], N over all ranks.
        teacher : torch.Tensor or None
            Its embeddings of this rank's sounds, or texts, [B, E].

        Returns
        -------
        torch.Tensor
            [B, N].
        """
        hard = torch.zeros_like(logits)
        mine = torch.arange(len(logits), device=logits.device)
        hard[mine, rank() * len(logits) + mine] = 1.0
        if self.beta == 0.0:
            return hard
        teacher = teacher.float()
        alike = teacher @ gather(teacher).T
        if self.labels == "normalised":
            alike = normalise(alike.clamp(min=0.0))
        return (1.0 - self.beta) * hard + self.beta * alike
