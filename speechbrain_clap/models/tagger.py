"""A sound tower that scores classes.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.models.listening import ListeningModel
from speechbrain_clap.utils.hparams import HparamsError


class Tagger(ListeningModel):
    """What stage 1 of AudioCLIP trains: its sound tower, with other classes.

    The parameters have the names that they have in an ``AudioCLIP``.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Its ``classify`` turns waves [B, T] and relative lengths [B] into
        logits [B, C]; has `num_classes`, `sample_rate`, `clip_seconds`.

    Raises
    ------
    ValueError
        If it has no classes.

    Example
    -------
    >>> import torch
    >>> from speechbrain_clap.lobes.esresnext import ESResNeXt
    >>> sizes = {"depths": [1, 1, 1, 1], "channels": 4, "groups": 2}
    >>> encoder = ESResNeXt(n_fft=256, win_length=206, num_classes=3, **sizes)
    >>> Tagger(encoder).eval()(torch.rand(2, 9000)).shape
    torch.Size([2, 3])
    """

    def __init__(self, audio_encoder):
        super().__init__()
        if not audio_encoder.num_classes:
            raise ValueError(
                "a tagger's encoder needs num_classes, 527 for AudioSet"
            )
        self.audio_encoder = audio_encoder

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
        return self.audio_encoder.classify(wavs, lens)

    def check_classes(self, class_names):
        """Refuses data of another number of classes.

        Arguments
        ---------
        class_names : list of str
            Of the data.

        Raises
        ------
        HparamsError
            If the encoder has more or fewer.
        """
        if self.audio_encoder.num_classes != len(class_names):
            raise HparamsError(
                f"--num_classes is {self.audio_encoder.num_classes}, and the "
                f"data have {len(class_names)} classes: give that number"
            )
