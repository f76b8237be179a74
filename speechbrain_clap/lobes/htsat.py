"""HTS-AT: a Swin transformer over a log-mel spectrogram folded into a square.

"HTS-AT: A Hierarchical Token-Semantic Audio Transformer for Sound
Classification and Detection", Chen et al. 2022,
https://arxiv.org/abs/2202.00874. The audio tower of Microsoft CLAP 2023 and
of LAION CLAP. Parameters carry the names of the published weights.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import torch
from torch.nn import functional

from speechbrain_clap.lobes.clip_windows import clip_windows, clock_weights
from speechbrain_clap.lobes.swin import PatchEmbedding, SwinStage, init_linear
from speechbrain_clap.utils.lengths import by_length


class HTSAT(torch.nn.Module):
    """HTS-AT, at the published or any other sizes.

    The spectrogram is stretched (bicubic) along time to ``max_frames =
    spec_size ** 2 / n_mels`` frames, 1024 as published, cut into chunks of
    `spec_size` frames, and these are stacked along frequency to a square. A
    clip with more frames is cut into overlapping windows, whose embeddings
    are averaged. A short one is stretched as it is: repeating it first, as
    published models do, is left to the reader of the clip.

    Arguments
    ---------
    features : torch.nn.Module
        Waves [B, T] to log-mel [B, frames, n_mels], such as
        ``speechbrain_clap.lobes.features.LogMel``.
    clip_seconds : float
        The length that the network is trained on.
    patch_size : int
        Side of a patch, in pixels of the image.
    embed_dim : int
        Channels of a patch; each later stage has twice as many.
    depths : list of int
        Blocks of each stage.
    num_heads : list of int
        Heads of each stage.
    window_size : int
        Side of the attention's windows, in tokens.
    spec_size : int
        Side of the image: a multiple of the mel bins.
    mlp_ratio : float
        Hidden channels of the MLPs, in units of the stage's channels.
    num_classes : int
        Classes of the token-semantic head, 527 for AudioSet. With 0 there is
        none, and training an embedding leaves no parameter unused, which DDP
        would refuse; with a head, train through ``classify``.
    spec_augment : torch.nn.Module or None
        Applied to the normalised spectrogram in training.
    drop_path : float
        Stochastic depth of the last block; it grows linearly from 0.
    window_frames : int, str or None
        Frames of the windows of a long clip. None is the length trained on,
        `clip_seconds`, so that time runs as in training. Published: 689 in
        Microsoft CLAP 2023, "half" of the clip in HTS-AT.
    cover_tail : bool
        False gives the published places of the windows, which can lose the
        end of a clip; see ``clip_windows``.

    Raises
    ------
    ValueError
        If the sizes do not fit one another.

    Example
    -------
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> sizes = {"embed_dim": 8, "depths": [2, 1], "num_heads": [2, 4]}
    >>> features = LogMel(sample_rate=16000, n_mels=16, f_max=8000.0)
    >>> encoder = HTSAT(features, spec_size=64, **sizes).eval()
    >>> encoder(torch.rand(2, 16000)).shape
    torch.Size([2, 16])
    >>> frames, seconds = encoder.forward_frames(torch.rand(2, 16000))
    >>> frames.shape, seconds
    (torch.Size([2, 7, 16]), 0.16)
    """

    def __init__(
        self,
        features,
        clip_seconds=7.0,
        patch_size=4,
        embed_dim=96,
        depths=(2, 2, 6, 2),
        num_heads=(4, 8, 16, 32),
        window_size=8,
        spec_size=256,
        mlp_ratio=4.0,
        num_classes=0,
        spec_augment=None,
        drop_path=0.1,
        window_frames=None,
        cover_tail=True,
    ):
        super().__init__()
        stages = len(depths)
        # Pixels of the image, along either axis, behind a final token.
        self.stride = patch_size * 2 ** (stages - 1)
        mels = features.n_mels
        # Each chunk must keep whole rows of final tokens to itself.
        if spec_size % mels or mels % self.stride or len(num_heads) != stages:
            raise ValueError(
                f"HTSAT: expected spec_size to be a multiple of n_mels, n_mels "
                f"of patch_size * 2 ** (stages - 1), as many num_heads as "
                f"depths; got spec_size={spec_size}, n_mels={mels}, "
                f"patch_size={patch_size}, depths={list(depths)}, "
                f"num_heads={list(num_heads)}"
            )
        self.features = features
        self.sample_rate = features.sample_rate
        self.clip_seconds = clip_seconds
        self.embedding_dim = embed_dim * 2 ** (stages - 1)
        self.spec_augment = spec_augment
        self.spec_size = spec_size
        self.chunks = spec_size // mels
        self.max_frames = spec_size * self.chunks
        if window_frames is None:
            samples = round(clip_seconds * self.sample_rate)
            trained = samples // features.hop_length + 1
            window_frames = min(trained, self.max_frames)
        if window_frames not in ("half", *range(2, self.max_frames + 1)):
            raise ValueError(
                f"HTSAT: expected window_frames in 2 .. {self.max_frames}, "
                f'"half" or None, got {window_frames!r}'
            )
        self.windows = functools.partial(
            clip_windows,
            longest=self.max_frames,
            window=window_frames,
            cover_tail=cover_tail,
        )

        # The mel bins are the channels of the first batch norm.
        self.bn0 = torch.nn.BatchNorm1d(mels)
        self.patch_embed = PatchEmbedding(patch_size, embed_dim)
        rates = torch.linspace(0, drop_path, sum(depths)).split(list(depths))
        self.layers = torch.nn.ModuleList()
        for index in range(stages):
            self.layers.append(
                SwinStage(
                    embed_dim * 2**index,
                    spec_size // patch_size // 2**index,
                    num_heads[index],
                    window_size,
                    drop_paths=rates[index].tolist(),
                    mlp_ratio=mlp_ratio,
                    merge=index < stages - 1,
                )
            )
        self.norm = torch.nn.LayerNorm(self.embedding_dim, eps=1e-5)
        self.apply(init_linear)
        self.num_classes = num_classes
        if num_classes:
            # Over all rows of tokens of a chunk and three steps of time.
            self.tscam_conv = torch.nn.Conv2d(
                self.embedding_dim,
                num_classes,
                kernel_size=(mels // self.stride, 3),
                padding=(0, 1),
            )

    def spectrogram(self, wavs):
        """The normalised spectrogram, augmented in training.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            [B, frames, n_mels].
        """
        x = self.bn0(self.features(wavs).transpose(1, 2)).transpose(1, 2)
        if self.training and self.spec_augment is not None:
            x = self.spec_augment(x)
        return x

    def image(self, x):
        """Stretches a spectrogram in time and folds it into a square.

        Arguments
        ---------
        x : torch.Tensor
            [B, frames, n_mels].

        Returns
        -------
        torch.Tensor
            [B, 1, spec_size, spec_size]: row = chunk * n_mels + mel bin,
            column = frame within the chunk.
        """
        batch, frames, mels = x.shape
        if frames != self.max_frames:
            x = functional.interpolate(
                x.unsqueeze(1),
                (self.max_frames, mels),
                mode="bicubic",
                align_corners=True,
            )
        x = x.reshape(batch, self.chunks, self.spec_size, mels).transpose(2, 3)
        return x.reshape(batch, 1, self.spec_size, self.spec_size)

    def trunk(self, image):
        """The transformer; its tokens are put back in the order of time.

        Arguments
        ---------
        image : torch.Tensor
            [B, 1, spec_size, spec_size].

        Returns
        -------
        torch.Tensor
            [B, rows, steps, embedding_dim]: frequency, time; 2 and 32 as
            published.
        """
        return self._transform(self.patch_embed(image))

    def _transform(self, x):
        """What follows the patch embedding, [B, H, W, embed_dim]."""
        for layer in self.layers:
            x = layer(x)
        # In float32, or the means over tokens would be taken in bf16.
        x = self.norm(x.float())
        x = x.unflatten(1, (self.chunks, -1))  # [B, chunks, rows, columns, D]
        return x.transpose(1, 2).flatten(2, 3)

    def tokens(self, wavs):
        """The final tokens of each window.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            [B, windows, rows, steps, embedding_dim].
        """
        x = self.spectrogram(wavs)
        starts, length = self.windows(x.shape[1])
        # One by one: memory does not grow with the length of the clip.
        cut = (x[:, start : start + length] for start in starts)
        return torch.stack([self.trunk(self.image(x)) for x in cut], 1)

    def forward(self, wavs, lens=None):
        """Embeds clips.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]. A padded clip gives what it gives alone.

        Returns
        -------
        torch.Tensor
            [B, embedding_dim], the mean of the final tokens.
        """
        return by_length(lambda x: self.tokens(x).mean((1, 2, 3)), wavs, lens)

    def forward_frames(self, wavs, lens=None):
        """Embeds what happens over time.

        However much a clip was stretched, the frames last as long as a token
        of a clip with ``max_frames`` frames. A frame is the mean of the tokens
        of all windows that overlap it, weighted by how long they do.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; frames past a clip's end are zero.

        Returns
        -------
        torch.Tensor
            [B, N, embedding_dim].
        float
            Seconds from one frame to the next.
        """
        return self._over_time(lambda x: self.tokens(x).mean(2), wavs, lens)

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
            Logits, [B, num_classes]; over windows of the mean probability.
        """

        def _clip(wavs):
            logits = self.step_logits(wavs).mean(2)  # [B, windows, classes]
            if logits.shape[1] == 1:
                return logits[:, 0]
            yes = functional.logsigmoid(logits).logsumexp(1)
            return yes - functional.logsigmoid(-logits).logsumexp(1)

        return by_length(_clip, wavs, lens)

    def classify_frames(self, wavs, lens=None):
        """Scores the classes over time, in the frames of ``forward_frames``.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B]; frames past a clip's end are zero.

        Returns
        -------
        torch.Tensor
            Logits, [B, N, num_classes].
        float
            Seconds from one frame to the next.
        """
        return self._over_time(self.step_logits, wavs, lens)

    def step_logits(self, wavs):
        """Scores the classes at each step of each window.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].

        Returns
        -------
        torch.Tensor
            Logits, [B, windows, steps, num_classes].

        Raises
        ------
        ValueError
            If the network was made without a head.
        """
        return self._score(self.tokens(wavs))

    def _score(self, x):
        """What the head makes of tokens."""
        if not self.num_classes:
            raise ValueError(
                "HTSAT: there is no head to classify with; make it with "
                "num_classes, 527 for AudioSet"
            )
        logits = self.tscam_conv(x.flatten(0, 1).permute(0, 3, 1, 2))
        return logits[:, :, 0].transpose(1, 2).unflatten(0, x.shape[:2])

    def _over_time(self, function, wavs, lens):
        """Puts what `function` gives, [B, windows, steps, D], on a clock."""
        hop = self.features.hop_length
        seconds = self.stride * hop / self.sample_rate
        full = max(1, -(-(wavs.shape[1] // hop) // self.stride))

        def _frames(wavs):
            hops = max(1, wavs.shape[1] // hop)
            values = function(wavs)
            windows = self.windows(hops + 1)
            weights = clock_weights(*windows, values.shape[2], self.stride)
            x = torch.einsum("nws,bwsd->bnd", weights.to(values), values)
            return functional.pad(x, (0, 0, 0, full - x.shape[1]))

        return by_length(_frames, wavs, lens), seconds

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, clip length, sizes.
        """
        return (
            f"sample_rate={self.sample_rate}, clip_seconds={self.clip_seconds},"
            f" embedding_dim={self.embedding_dim}, max_frames={self.max_frames}"
        )
