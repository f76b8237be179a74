"""What all models with a sound tower tell of it.

Authors
 * The speechbrain_clap team 2026
"""

import torch


class ListeningModel(torch.nn.Module):
    """A model whose `audio_encoder` says what sounds it takes.

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> model = ListeningModel()
    >>> model.audio_encoder = CNN6(LogMel(), channels=[4, 8], clip_seconds=2.0)
    >>> model.sample_rate, model.clip_seconds
    (44100, 2.0)
    """

    @property
    def sample_rate(self):
        """Rate of the waves, in Hz.

        Returns
        -------
        int
            The audio encoder's.
        """
        return self.audio_encoder.sample_rate

    @property
    def clip_seconds(self):
        """Length of the clips that the audio encoder is trained on.

        Returns
        -------
        float
            Seconds.
        """
        return self.audio_encoder.clip_seconds
