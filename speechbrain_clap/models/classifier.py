"""A sound tower and the classifier on it, learned together.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.models.listening import ListeningModel
from speechbrain_clap.models.probe import make_head


class Classifier(ListeningModel):
    """What is trained from scratch, beside probes of a frozen tower.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, D]; has `sample_rate`,
        `clip_seconds` and `embedding_dim`.
    num_classes : int
        C.
    hidden : list of int
        Sizes of the hidden layers of the classifier.
    dropout : float
        After each of them.

    Example
    -------
    >>> import torch
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> model = Classifier(ResNet18(widths=[4, 8, 8, 16]), 3, hidden=[8])
    >>> model(torch.randn(2, 16000)).shape
    torch.Size([2, 3])
    """

    def __init__(self, audio_encoder, num_classes, hidden=(), dropout=0.0):
        super().__init__()
        self.audio_encoder = audio_encoder
        self.head = make_head(
            audio_encoder.embedding_dim, num_classes, hidden, dropout
        )

    def forward(self, wavs, lens=None):
        """Scores the classes.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            Logits, [B, C].
        """
        return self.head(self.audio_encoder(wavs, lens))
