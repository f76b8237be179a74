"""The loss of sounds and the names of their classes.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.losses.contrastive import ContrastiveLoss
from speechbrain_clap.losses.multimodal import MultimodalLoss


class ClassPairsLoss(torch.nn.Module):
    """The contrastive loss of AudioCLIP's third stage: sound and label.

    "AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
    https://arxiv.org/abs/2106.13043. As published, two clips of one class in
    a batch are each other's negatives although their texts are the same.

    Arguments
    ---------
    multi_positive : bool
        If True, all texts of a clip's class are right and share the target,
        see ``speechbrain_clap.losses.contrastive.ContrastiveLoss``.
    plain_mean : bool
        If True, the mean of the two directions, as CLIP has it; else their
        sum, as published.

    Example
    -------
    >>> audio, text, scale = torch.eye(2), torch.eye(2), torch.tensor(1.0)
    >>> concepts = torch.tensor([7, 7])  # both clips are of one class
    >>> ClassPairsLoss()(audio, text, scale, concepts)
    tensor(0.6265)
    >>> ClassPairsLoss(multi_positive=True)(audio, text, scale, concepts)
    tensor(1.6265)
    """

    def __init__(self, multi_positive=False, plain_mean=False):
        super().__init__()
        self.multi_positive = multi_positive
        self.plain_mean = plain_mean
        self.by_item = MultimodalLoss(plain_mean)
        self.by_class = ContrastiveLoss()

    def forward(self, audio, text, scale, concepts):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            L2-normalised embeddings of this rank's sounds, [B, D].
        text : torch.Tensor
            L2-normalised embeddings of their labels, [B, D].
        scale : torch.Tensor
            What multiplies their cosines, a scalar.
        concepts : torch.Tensor
            Numbers of the labels, int64, [B].

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        if not self.multi_positive:
            embeddings = {"audio": audio, "text": text}
            return self.by_item(embeddings, {"audio_text": scale})
        mean = self.by_class(
            audio, text, scale, concepts.unsqueeze(1), concepts
        )
        return mean if self.plain_mean else 2 * mean
