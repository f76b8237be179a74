"""The cross-projection loss of Wav2CLIP.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.losses.contrastive import ContrastiveLoss


class CrossProjectionLoss(torch.nn.Module):
    """Sounds against images, once in the space of each.

    The mean of two symmetric cross-entropies between unit vectors: of the
    sounds with the images projected to theirs (g), and of the projected
    sounds (f) with the images. Row `i` of each belongs together. Each space
    has a scale of its own, which the model owns and its forward returns:
    under DDP a parameter that is reached around the wrapper diverges.

    The arguments come in the order in which
    ``speechbrain_clap.models.wav2clip.Wav2CLIP`` returns them. Over several
    ranks it is what ``ContrastiveLoss`` is: averaged by DDP, the loss of one
    process over the union of the batches.

    Attributes
    ----------
    scales : tuple of str
        The scales that it uses.

    Example
    -------
    >>> audio, image = 3 * torch.eye(2), 5 * torch.eye(2)
    >>> one = torch.tensor(1.0)
    >>> CrossProjectionLoss()(audio, -audio, image, image, one, one)
    tensor(0.8133)
    """

    scales = ("audio", "image")

    def __init__(self):
        super().__init__()
        self.contrastive = ContrastiveLoss()

    def forward(
        self,
        audio,
        projected_audio,
        image,
        projected_image,
        audio_scale,
        image_scale,
        alone=False,
    ):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            The encoder's output for this rank's sounds, of any norm, [B, D].
        projected_audio : torch.Tensor
            f(audio), in the images' space, [B, E].
        image : torch.Tensor
            Embeddings of the images, of any norm, [B, E].
        projected_image : torch.Tensor
            g(image), in the sounds' space, [B, D].
        audio_scale : torch.Tensor
            What multiplies the cosines in the sounds' space, a scalar.
        image_scale : torch.Tensor
            What multiplies the cosines in the images' space, a scalar.
        alone : bool
            As for ``ContrastiveLoss``.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        audio_space = self.space(audio, projected_image, audio_scale, alone)
        image_space = self.space(projected_audio, image, image_scale, alone)
        return 0.5 * (audio_space + image_space)

    def space(self, x, y, scale, alone=False):
        """The symmetric cross-entropy in one space.

        Arguments
        ---------
        x : torch.Tensor
            [B, D].
        y : torch.Tensor
            [B, D].
        scale : torch.Tensor
            What multiplies the cosines, a scalar.
        alone : bool
            As for ``ContrastiveLoss``.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        x = normalize(x.float(), dim=-1)
        y = normalize(y.float(), dim=-1)
        return self.contrastive(x, y, scale, alone=alone)
