"""Plain losses that teach a sound tower what images are to CLIP.

"Wav2CLIP: Learning Robust Audio Representations From CLIP", Wu et al. 2021,
https://arxiv.org/abs/2110.11499, which compares its cross-projection loss with
such. All take what ``speechbrain_clap.models.wav2clip.Wav2CLIP`` returns, in
its order, and use the sounds and the images in CLIP's space alone. For no
projection at all make both of the model's a ``torch.nn.Identity``.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import cosine_similarity, mse_loss, normalize

from speechbrain_clap.losses.contrastive import ContrastiveLoss


class _Distillation(torch.nn.Module):
    """Takes out of the model's outputs what is in CLIP's space."""

    scales = ()

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
            Not used.
        projected_audio : torch.Tensor
            Sounds in the images' space, of any norm, [B, E].
        image : torch.Tensor
            Embeddings of the images, of any norm, [B, E].
        projected_image : torch.Tensor
            Not used.
        audio_scale : torch.Tensor
            Not used.
        image_scale : torch.Tensor
            What multiplies the cosines, a scalar.
        alone : bool
            True where every rank has the whole batch, as in evaluation.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        del audio, projected_image, audio_scale
        with torch.autocast(image.device.type, enabled=False):
            return self._compare(
                projected_audio.float(), image.float(), image_scale, alone
            )


class CosineDistillation(_Distillation):
    """One minus the cosine of each sound and its image, the mean over them.

    Attributes
    ----------
    scales : tuple of str
        The scales that it uses: none.

    Example
    -------
    >>> audio, image = torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 3.0]])
    >>> CosineDistillation()(None, audio, image, None, None, None)
    tensor(0.2929)
    """

    def _compare(self, audio, image, scale, alone):
        return (1 - cosine_similarity(audio, image, dim=-1)).mean()


class MSEDistillation(_Distillation):
    """The squared distance of each sound and its image, the mean over all.

    Embeddings are compared as they are, so their norm is learnt, too.

    Attributes
    ----------
    scales : tuple of str
        The scales that it uses: none.

    Example
    -------
    >>> audio, image = torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 3.0]])
    >>> MSEDistillation()(None, audio, image, None, None, None)
    tensor(5.)
    """

    def _compare(self, audio, image, scale, alone):
        return mse_loss(audio, image)


class ContrastiveDistillation(_Distillation):
    """Symmetric cross-entropy of the cosines, in CLIP's space alone.

    The half of ``speechbrain_clap.losses.cross_projection`` that trains
    the sounds towards the images.

    Attributes
    ----------
    scales : tuple of str
        The scales that it uses: that of the images' space.

    Example
    -------
    >>> x, one = torch.eye(2), torch.tensor(1.0)
    >>> ContrastiveDistillation()(None, 2 * x, 3 * x, None, None, one)
    tensor(0.3133)
    """

    scales = ("image",)

    def __init__(self):
        super().__init__()
        self.contrastive = ContrastiveLoss()

    def _compare(self, audio, image, scale, alone):
        audio, image = normalize(audio, dim=-1), normalize(image, dim=-1)
        return self.contrastive(audio, image, scale, alone=alone)
