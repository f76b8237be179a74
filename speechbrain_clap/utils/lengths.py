"""Running a network on clips of different lengths, each as if it were alone.

Authors
 * The speechbrain_clap team 2026
"""

import torch


def by_length(function, wavs, lens=None):
    """Applies `function` to groups of clips that have the same true length.

    A spectrogram reflects the wave at its edges and a network with
    normalisation turns padded zeros into something else, so a clip in a
    padded batch would not give what it gives alone. Grouping makes both
    equal by construction. A batch whose clips are all of full length, which
    is what training uses, is one group and costs nothing.

    Arguments
    ---------
    function : callable
        Takes waves [b, t], returns a tensor [b, ...] whose shape beyond the
        first dimension does not depend on t.
    wavs : torch.Tensor
        Padded waves, [B, T].
    lens : torch.Tensor or None
        SpeechBrain's relative lengths, [B], 1.0 for a full one.

    Returns
    -------
    torch.Tensor
        [B, ...], in the order of the batch.

    Example
    -------
    >>> mean = lambda wavs: wavs.mean(1)
    >>> wavs = torch.tensor([[1.0, 1.0], [3.0, 0.0]])
    >>> by_length(mean, wavs, torch.tensor([1.0, 0.5]))
    tensor([1., 3.])
    """
    outputs, order = [], []
    for rows, length in length_groups(wavs, lens):
        if rows is None:
            return function(wavs)
        outputs.append(function(wavs[rows, :length]))
        order.append(rows)
    return torch.cat(outputs)[torch.cat(order).argsort()]


def length_groups(wavs, lens=None):
    """Which clips of a batch have the same true length.

    Arguments
    ---------
    wavs : torch.Tensor
        Padded waves, [B, T].
    lens : torch.Tensor or None
        SpeechBrain's relative lengths, [B], 1.0 for a full one.

    Returns
    -------
    list of tuple
        The rows of a group, a tensor, and their length in samples; shortest
        first. If all clips are of full length there is one group, and its
        rows are None.

    Example
    -------
    >>> length_groups(torch.zeros(3, 8), torch.tensor([1.0, 0.5, 1.0]))
    [(tensor([1]), 4), (tensor([0, 2]), 8)]
    """
    if lens is None or bool((lens == 1).all()):
        return [(None, wavs.shape[1])]
    samples = (lens * wavs.shape[1]).round().long().clamp(min=1)
    return [
        ((samples == length).nonzero()[:, 0], length)
        for length in samples.unique().tolist()
    ]
