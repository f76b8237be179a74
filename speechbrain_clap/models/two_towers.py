"""What all models of a sound tower and a text tower share: locking.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.models.listening import ListeningModel


class TwoTowers(ListeningModel):
    """Two towers, each with a projection; a tower can be locked.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, Da]; has `sample_rate`,
        `clip_seconds` and `embedding_dim`.
    text_encoder : torch.nn.Module
        A ``speechbrain_clap.lobes.text_encoder.TextEncoder``: its ``encode``
        turns a list of str into [B, Dt].
    audio_projection : torch.nn.Module
        [B, Da] to [B, D].
    text_projection : torch.nn.Module
        [B, Dt] to [B, D].

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.projection import LinearProjection
    >>> from speechbrain_clap.lobes.subword_text import SubwordTransformer
    >>> model = TwoTowers(
    ...     CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
    ...     SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16),
    ...     LinearProjection(16, 12),
    ...     LinearProjection(8, 12),
    ... )
    >>> model.lock("audio")
    >>> model.train().audio_encoder.training
    False
    """

    def __init__(
        self, audio_encoder, text_encoder, audio_projection, text_projection
    ):
        super().__init__()
        self.locked = set()
        self.audio_encoder = audio_encoder
        self.text_encoder = text_encoder
        self.audio_projection = audio_projection
        self.text_projection = text_projection

    def lock(self, tower):
        """Freezes one tower but not its projection, for good.

        "LiT: Zero-Shot Transfer with Locked-image text Tuning", Zhai et al.
        2021, https://arxiv.org/abs/2111.07991.

        Arguments
        ---------
        tower : str
            "audio" or "text".

        Raises
        ------
        ValueError
            If there is no such tower.
        """
        if tower not in ("audio", "text"):
            raise ValueError(f"tower is '{tower}', expected 'audio' or 'text'")
        self.locked.add(tower)
        if tower == "text":
            self.text_encoder.freeze()  # and remembers what it encoded
        else:
            self.audio_encoder.requires_grad_(False)
            self.audio_encoder.eval()

    def train(self, mode=True):
        """Sets training mode, except that a locked tower stays in eval mode.

        Arguments
        ---------
        mode : bool
            True for training.

        Returns
        -------
        TwoTowers
            Itself.
        """
        super().train(mode)
        if "audio" in self.locked:
            self.audio_encoder.eval()
        return self
