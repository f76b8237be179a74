"""AudioCLIP's loss: every pair of modalities at once.

"AudioCLIP: Extending CLIP to Image, Text and Audio", Guzhov et al. 2021,
https://arxiv.org/abs/2106.13043.

Authors
 * The speechbrain_clap team 2026
"""

import itertools
import math

import torch
from torch.nn.functional import cross_entropy

from speechbrain_clap.utils.distributed import (
    gather,
    gather_with_gradient,
    rank,
)


class MultimodalLoss(torch.nn.Module):
    """The contrastive losses of all pairs of two or three modalities.

    For each pair, the cross-entropies of its logits along rows and along
    columns; of all of them the sum over the pairs, divided by the factorial
    of the number of pairs P. With three modalities that is the mean over the
    six terms (3! = 2 * 3), with two it is the sum of the two terms: twice
    what CLIP has. The mean over the terms, in every case, is the documented
    alternative.

    Items of the same class in a batch are each other's negatives, as
    published. Each rank takes the rows of its own items against the items of
    all ranks; averaged by DDP this is the loss of one process over the union
    of the batches.

    AudioCLIP adds the norm loss of its audio encoder's filters, which is no
    matter of pairs: ``ESResNeXt.fbsp_norm_loss``.

    Arguments
    ---------
    plain_mean : bool
        If True, divide by 2 P, the number of terms, not by P!.

    Example
    -------
    >>> embeddings = {"audio": torch.eye(2), "text": torch.eye(2)}
    >>> scales = {"audio_text": torch.tensor(1.0)}
    >>> MultimodalLoss()(embeddings, scales)
    tensor(0.6265)
    >>> MultimodalLoss(plain_mean=True)(embeddings, scales)
    tensor(0.3133)
    """

    def __init__(self, plain_mean=False):
        super().__init__()
        self.plain_mean = plain_mean

    def forward(self, embeddings, scales, item_weights=None):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        embeddings : dict
            Modality to L2-normalised embeddings of this rank's items, [B, D];
            row `i` of each is item `i`. At least two.
        scales : dict
            "audio_image" and so on, the modalities in the order of
            `embeddings`, to what multiplies their cosines, a scalar.
        item_weights : torch.Tensor or None
            How much each item counts, [B]; see `weigh_items`. None: evenly.

        Returns
        -------
        torch.Tensor
            A scalar.

        Raises
        ------
        ValueError
            If there are fewer than two modalities, they differ in their
            number of items, or a pair has no scale.
        """
        _check(embeddings, scales)
        device = next(iter(embeddings.values())).device
        with torch.autocast(device.type, enabled=False):
            own = {name: x.float() for name, x in embeddings.items()}
            union = {name: gather_with_gradient(x) for name, x in own.items()}
            share = _shares(item_weights, next(iter(own.values())))
            pairs = list(itertools.combinations(own, 2))
            total = 0.0
            for x, y in pairs:
                scale = scales[f"{x}_{y}"].float()
                # L_xy = CE(s X Y^T) + CE(s Y X^T)
                total = total + _cross_entropy(scale, own[x], union[y], share)
                total = total + _cross_entropy(scale, own[y], union[x], share)
            if self.plain_mean:
                return total / (2 * len(pairs))  # sum_xy L_xy / 2 P
            return total / math.factorial(len(pairs))  # sum_xy L_xy / P!

    def extra_repr(self):
        """Tells how the terms are averaged, for ``print``.

        Returns
        -------
        str
            The argument.
        """
        return f"plain_mean={self.plain_mean}"


def _cross_entropy(scale, own, union, share):
    """sum_i w_i CE_i / sum_i w_i, CE_i = -log softmax(s x_i Y^T)_i."""
    first = rank() * len(own)
    right = first + torch.arange(len(own), device=own.device)
    each = cross_entropy(scale * own @ union.T, right, reduction="none")
    return (share * each).sum()


def _shares(item_weights, like):
    """What each item's term counts in the mean over the union of the batches.

    DDP averages over the ranks, so a rank's shares are times their number.
    """
    if item_weights is None:
        return torch.full_like(like[:, 0], 1 / len(like))
    weights = item_weights.to(like)
    all_weights = gather(weights)
    ranks = len(all_weights) / len(weights)
    return ranks * weights / all_weights.sum()


def _check(embeddings, scales):
    """Refuses what has no loss."""
    if len(embeddings) < 2:
        raise ValueError(
            f"a loss needs two modalities or more, got "
            f"{', '.join(embeddings) or 'none'}"
        )
    sizes = {name: len(x) for name, x in embeddings.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"every item needs all modalities: the numbers of items are {sizes}"
        )
    for x, y in itertools.combinations(embeddings, 2):
        if f"{x}_{y}" not in scales:
            raise ValueError(
                f"no scale for the pair {x}_{y}: there are those of "
                f"{', '.join(scales) or 'no pair'}"
            )


def weigh_items(labels, class_weights):
    """Weights of items by their labels, as AudioCLIP's training has them.

    Arguments
    ---------
    labels : list of list of str
        Labels of each item.
    class_weights : dict
        Label to weight.

    Returns
    -------
    torch.Tensor
        The sum over an item's labels, float32, [B].

    Raises
    ------
    KeyError
        If a label has no weight.

    Example
    -------
    >>> weights = {"dog": 0.5, "rain": 2.0}
    >>> weigh_items([["dog", "rain"], ["dog"]], weights)
    tensor([2.5000, 0.5000])
    """
    unknown = {x for item in labels for x in item} - set(class_weights)
    if unknown:
        raise KeyError(f"no class weight for {', '.join(sorted(unknown))}")
    return torch.tensor(
        [float(sum(class_weights[x] for x in item)) for item in labels]
    )
