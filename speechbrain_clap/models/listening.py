"""What all models of sounds share: the sounds they take, class names.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.utils.prompts import fill_template


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

    def encode_classes(self, labels, templates):
        """Embeds class names through prompts, where there is ``encode_text``.

        Arguments
        ---------
        labels : list of str
            Class names; underscores become spaces.
        templates : list of str
            Each holds "{}" where the name goes. The embeddings of several
            templates are averaged.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [len(labels), D].
        """
        each = [
            self.encode_text([fill_template(t, label) for label in labels])
            for t in templates
        ]
        return normalize(torch.stack(each).mean(0), dim=-1)
