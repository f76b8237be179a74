"""LAION CLAP's feature fusion: HTS-AT for sounds longer than a clip.

"Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", Wu et al. 2023,
https://arxiv.org/abs/2211.06687. Parameters carry the names of the published
weights.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.lobes.fused_patches import CROPS, FusedPatchEmbedding
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.utils.lengths import length_groups


class HTSATFusion(HTSAT):
    """HTS-AT that takes sounds longer than a clip, as LAION CLAP does.

    A sound with no more frames than a clip of `clip_seconds` goes through the
    network as through ``HTSAT``. Of a longer one there are four images: the
    whole spectrogram, shrunk along time to the frames of a clip (bilinear, no
    smoothing before), and three crops of that length, one from each third of
    the possible starts. The embedding of the patches fuses them.

    The published crops lie at random places, also in evaluation, so that a
    sound's embedding changes from call to call. Here they do in training;
    outside it each starts in the middle of its third (the lower one of two
    middles), and ``fuse`` takes any others. Where a clip is hardly longer
    than `clip_seconds` and a third is empty, its crop starts at 0, as
    published.

    In training, as published, one clip drawn at random is fused with three
    copies of itself if the batch has no longer one, so that no parameter
    stays without gradient; the batch norm of the spectrogram counts each
    frame of all clips of the batch, whatever their lengths, once. (The
    published one counts the four images of each.) For a batch with one
    fused clip see ``AttentionalFusion``.

    ``forward`` and ``classify`` fuse. ``forward_frames`` and
    ``classify_frames`` do not: behind a fusion no token belongs to one moment
    of the sound. They take a long sound window by window, as ``HTSAT`` does.

    Arguments
    ---------
    features : torch.nn.Module
        Waves [B, T] to log-mel [B, frames, n_mels]. The published weights
        need ``LogMel(48000, hop_length=480, mel_scale="htk")``.
    clip_seconds : float
        The length that the network is trained on.
    patch_size : int
        Side of a patch, in pixels of the image.
    embed_dim : int
        Channels of a patch.
    fusion_ratio : int
        By how much the fusion's networks narrow these channels.
    **sizes : dict
        As for ``HTSAT``.

    Raises
    ------
    ValueError
        If the sizes do not fit one another, or a clip has more frames than
        the image holds.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> sizes = {"embed_dim": 8, "depths": [2, 1], "num_heads": [2, 4]}
    >>> features = LogMel(16000, n_mels=16, f_max=8000.0)
    >>> encoder = HTSATFusion(features, 2.0, spec_size=64, **sizes).eval()
    >>> wavs, lens = torch.rand(2, 80000), torch.tensor([1.0, 0.3])
    >>> encoder(wavs, lens).shape
    torch.Size([2, 16])
    >>> encoder.fuse(wavs, crop_starts=[[0, 40, 49], [9, 19, 29]]).shape
    torch.Size([2, 2, 32, 16])
    """

    def __init__(
        self,
        features,
        clip_seconds=10.0,
        patch_size=4,
        embed_dim=96,
        fusion_ratio=4,
        **sizes,
    ):
        super().__init__(features, clip_seconds, patch_size, embed_dim, **sizes)
        samples = round(clip_seconds * self.sample_rate)
        self.clip_frames = samples // features.hop_length + 1
        if self.clip_frames > self.max_frames:
            raise ValueError(
                f"HTSATFusion: a clip of clip_seconds={clip_seconds} has "
                f"{self.clip_frames} frames, the image holds "
                f"{self.max_frames}: choose shorter clips, a longer hop or a "
                "larger spec_size"
            )
        self.patch_embed = FusedPatchEmbedding(
            patch_size, embed_dim, fusion_ratio
        )

    def crop_starts(self, frames, clips=1):
        """Where the crops of long clips begin.

        Arguments
        ---------
        frames : int
            Of the clips' spectrograms, more than `clip_frames`.
        clips : int
            How many clips.

        Returns
        -------
        torch.Tensor
            First frame of each crop, [clips, 3]: in training at random within
            each third of the possible starts, else in the middle of it.
        """
        possible = frames - self.clip_frames + 1
        sizes = [(possible + CROPS - 1 - i) // CROPS for i in range(CROPS)]
        starts = []
        for third, size in enumerate(sizes):
            if size == 0:
                starts.append(torch.zeros(clips, dtype=torch.long))
            elif self.training:
                places = torch.randint(size, (clips,))
                starts.append(sum(sizes[:third]) + places)
            else:
                middle = sum(sizes[:third]) + (size - 1) // 2
                starts.append(torch.full((clips,), middle))
        return torch.stack(starts, 1)

    def views(self, spectrogram, crop_starts=None):
        """The four spectrograms of long clips.

        Arguments
        ---------
        spectrogram : torch.Tensor
            [B, frames, n_mels], with more than `clip_frames` frames.
        crop_starts : torch.Tensor or None
            First frames of the crops, [B, 3]; None chooses them.

        Returns
        -------
        torch.Tensor
            The whole, shrunk, and three crops, [B, 4, clip_frames, n_mels].

        Raises
        ------
        ValueError
            If a crop would not lie within the clip.
        """
        clips, frames, mels = spectrogram.shape
        if crop_starts is None:
            crop_starts = self.crop_starts(frames, clips)
        else:
            self._check_starts(crop_starts, clips, frames)
        crop_starts = crop_starts.to(spectrogram.device)
        whole = functional.interpolate(
            spectrogram.unsqueeze(1),
            (self.clip_frames, mels),
            mode="bilinear",
            align_corners=False,
        )
        steps = torch.arange(self.clip_frames, device=spectrogram.device)
        rows = torch.arange(clips, device=spectrogram.device)
        crops = spectrogram[rows[:, None, None], crop_starts[..., None] + steps]
        return torch.cat([whole, crops], 1)

    def _check_starts(self, crop_starts, clips, frames):
        last = frames - self.clip_frames
        if (
            crop_starts.shape != (clips, CROPS)
            or crop_starts.min() < 0
            or crop_starts.max() > last
        ):
            raise ValueError(
                f"HTSATFusion: expected crop_starts [{clips}, {CROPS}], each "
                f"in 0 .. {last} for a clip of {frames} frames, got "
                f"{crop_starts.tolist()}"
            )

    def spectrograms(self, wavs, lens=None):
        """The normalised spectrograms, those of one length together.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        list of torch.Tensor
            [b, frames, n_mels] for each length.
        torch.Tensor
            Which clips these are, one group after the other, [B].
        """
        found, order = [], []
        for rows, length in length_groups(wavs, lens):
            if rows is None:
                rows = torch.arange(len(wavs), device=wavs.device)
                found.append(self.features(wavs))
            else:
                found.append(self.features(wavs[rows, :length]))
            order.append(rows)
        # All at once, or in training each length would have its own
        # statistics.
        flat = self.bn0(torch.cat([x.flatten(0, 1) for x in found]))
        flat = flat.split([x.shape[0] * x.shape[1] for x in found])
        found = [new.view(x.shape) for new, x in zip(flat, found, strict=True)]
        return found, torch.cat(order)

    def fuse(self, wavs, lens=None, crop_starts=None):
        """The final tokens of whole clips, of whatever length.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].
        crop_starts : torch.Tensor, list or None
            First frames of the three crops of each clip, [B, 3]; those of a
            clip that is not longer than `clip_seconds` are not looked at.
            None chooses them, see ``crop_starts``.

        Returns
        -------
        torch.Tensor
            [B, rows, steps, embedding_dim].

        Raises
        ------
        ValueError
            If a crop would not lie within its clip.
        """
        found, order = self.spectrograms(wavs, lens)
        if crop_starts is not None:
            crop_starts = torch.as_tensor(crop_starts)
        images, crops, fused, done = [], [], [], 0
        for x in found:
            rows = order[done : done + len(x)]
            if x.shape[1] > self.clip_frames:
                starts = crop_starts
                if starts is not None:
                    starts = starts[rows.to(starts.device)]
                views = self._augmented_images(self.views(x, starts))
                crops.append(views[:, 1:])
                fused.append(torch.arange(done, done + len(x)))
            else:
                views = self._augmented_images(x.unsqueeze(1))
            images.append(views[:, :1])
            done += len(x)
        images = torch.cat(images)
        if self.training and not crops:
            fused.append(torch.randint(len(images), (1,)))
            crops.append(images[fused[0]].expand(-1, CROPS, -1, -1))
        if crops:
            x = self.patch_embed(
                images, torch.cat(crops), torch.cat(fused).to(wavs.device)
            )
        else:
            x = self.patch_embed(images)
        return self._transform(x)[order.argsort()]

    def _augmented_images(self, views):
        """[B, n, frames, n_mels] to [B, n, spec_size, spec_size]."""
        x = views.flatten(0, 1)
        if self.training and self.spec_augment is not None:
            x = self.spec_augment(x)
        return self.image(x).view(*views.shape[:2], *2 * (self.spec_size,))

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone,
            outside training.

        Returns
        -------
        torch.Tensor
            Mean of the final tokens, [B, embedding_dim].
        """
        return self.fuse(wavs, lens).mean((1, 2))

    def classify(self, wavs, lens=None):
        """Scores the classes; the sigmoid of a score is a probability.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            Logits, [B, num_classes]: the mean over the steps, of a long clip
            behind the fusion.
        """
        return self._score(self.fuse(wavs, lens).unsqueeze(1)).mean((1, 2))

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            As of ``HTSAT``, and the frames of a clip.
        """
        return f"{super().extra_repr()}, clip_frames={self.clip_frames}"
