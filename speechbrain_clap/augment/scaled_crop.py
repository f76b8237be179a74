"""AudioCLIP's way to clips of one length: scale the time, pad, crop.

Section 4 of "AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et
al. 2021, https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.augment.waveform import per_clip, take


class ScaledCrop(torch.nn.Module):
    """Scales the time of each clip, then pads or crops it to one length.

    A clip is made `base` ** U(-1, 1) times as long, by linear interpolation,
    which shifts its pitch too. Of what is longer than wanted a random part is
    taken; what is shorter comes to a random place and its first and last
    sample are repeated around it. The scaling comes first, so that a slowed
    clip is cropped out of all of it.

    Arguments
    ---------
    seconds : float
        The length wanted.
    sample_rate : int
        In Hz.
    base : float
        The largest factor of a clip's length; its inverse is the smallest.
        1.0: no scaling.
    fall_back : bool
        If True, as in the code published with the paper: a crop whose
        standard deviation is below half of the clip's is replaced by the
        clip's beginning; if that is more varied than the crop, yet below the
        half too, by its end.

    Example
    -------
    >>> crop = ScaledCrop(0.5, 16000)
    >>> crop(torch.rand(2, 9000)).shape, crop(torch.rand(2, 2, 5000)).shape
    (torch.Size([2, 8000]), torch.Size([2, 2, 8000]))
    """

    def __init__(self, seconds, sample_rate, base=1.5, fall_back=False):
        super().__init__()
        self.samples = round(seconds * sample_rate)
        self.base = base
        self.fall_back = fall_back

    def forward(self, wavs, lens=None):
        """Scales, pads, crops.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T] or [B, C, T].
        lens : torch.Tensor or None
            Relative lengths, [B]: what lies behind a clip's end is not used.

        Returns
        -------
        torch.Tensor
            [B, seconds * sample_rate] or [B, C, seconds * sample_rate].
        """
        batch, samples = len(wavs), wavs.shape[-1]
        true = torch.full((batch, 1), samples)
        if lens is not None:
            true = (lens.cpu() * samples).round().long().clamp(min=1)[:, None]
        factor = self.base ** (2 * torch.rand(batch, 1) - 1)
        scaled = (true * factor).long().clamp(min=1)  # its length
        slack = scaled - self.samples
        # A positive start cuts, a negative one pads in front.
        start = (torch.rand(batch, 1) * (slack.abs() + 1)).long()
        cut = self._cut(wavs, true, scaled, factor, start * slack.sign())
        if self.fall_back and bool((slack > 0).any()):
            cut = self._fall_back(cut, wavs, true, scaled, factor)
        return cut

    def _cut(self, wavs, true, scaled, factor, start):
        """What sounds from `start`, in samples of the scaled clips."""
        at = per_clip(start, wavs) + torch.arange(
            self.samples, device=wavs.device
        )
        at = at.clamp(min=0).minimum(per_clip(scaled - 1, wavs))
        at = at / per_clip(factor, wavs)
        last = per_clip(true - 1, wavs)
        left = at.long().minimum(last)
        right = (left + 1).minimum(last)
        share = (at - left).clamp(max=1.0)
        return torch.lerp(take(wavs, left), take(wavs, right), share)

    def _fall_back(self, cut, wavs, true, scaled, factor):
        """Replaces crops in which little happens."""
        # Over the clip before it is scaled: its samples vary as much.
        half = 0.5 * torch.stack(
            [
                wav[..., :length].std(correction=0)
                for wav, length in zip(wavs, true.flatten(), strict=True)
            ]
        )
        head = self._cut(wavs, true, scaled, factor, torch.zeros_like(scaled))
        tail = self._cut(wavs, true, scaled, factor, scaled - self.samples)
        of_cut, of_head = (
            x.flatten(1).std(1, correction=0) for x in (cut, head)
        )
        longer = (scaled > self.samples).flatten().to(cut.device)
        low = longer & (of_cut < half)
        lower = low & (of_head < half) & (of_head > of_cut)
        cut = torch.where(per_clip(low[:, None], wavs), head, cut)
        return torch.where(per_clip(lower[:, None], wavs), tail, cut)
