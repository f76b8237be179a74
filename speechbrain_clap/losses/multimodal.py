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
    gather_with_gradient,
    rank,
    ranks,
)


class MultimodalLoss(torch.nn.Module):
    """The contrastive losses of all pairs of two or three modalities.

    For each pair, the cross-entropies of its logits along rows and along
    columns; of all of them the sum over the pairs, divided by the factorial
    of the number of pairs P. With three modalities that is the mean over the
    six terms (3! = 2 * 3), with two it is the sum of the two terms: twice
    what CLIP has. The mean over the terms, in every case, is the documented
    alternative.

    An item that lacks a modality is left out of its pairs: neither a row nor
    a column there. A pair that no item has is no pair of P.

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

    def forward(
        self, embeddings, scales, item_weights=None, present=None, alone=False
    ):
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
        present : dict or None
            Of the modalities that not every item has, which items have it,
            bool [B].
        alone : bool
            Every rank has all items, as in evaluation: nothing is gathered.

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
        _check(embeddings, scales, present or {})
        first = next(iter(embeddings.values()))
        with torch.autocast(first.device.type, enabled=False):
            items = _Items(first, alone, item_weights, present or {})
            own = {name: x.float() for name, x in embeddings.items()}
            union = {name: items.gather(x) for name, x in own.items()}
            total, pairs = 0.0, 0
            for x, y in itertools.combinations(own, 2):
                scale, both = scales[f"{x}_{y}"].float(), items.with_both(x, y)
                if both is not None and not bool(both.any()):
                    # Nothing to learn, and yet a part of the graph: DDP waits.
                    zero = own[x].sum() + own[y].sum()
                    total = total + 0.0 * scale * zero
                    continue
                pairs += 1
                # L_xy = CE(s X Y^T) + CE(s Y X^T)
                for one, other in ((x, y), (y, x)):
                    total = total + items.cross_entropy(
                        scale, own[one], union[other], both
                    )
            if self.plain_mean:
                return total / max(2 * pairs, 1)  # sum_xy L_xy / 2 P
            return total / math.factorial(pairs)  # sum_xy L_xy / P!

    def extra_repr(self):
        """Tells how the terms are averaged, for ``print``.

        Returns
        -------
        str
            The argument.
        """
        return f"plain_mean={self.plain_mean}"


class _Items:
    """This rank's items among the N of all ranks."""

    def __init__(self, like, alone, weights, present):
        self.alone = alone
        # DDP averages over the ranks: a rank's terms are times their number.
        self.ranks = 1 if alone else ranks()
        count = len(like)
        first = 0 if alone else rank() * count
        self.mine = slice(first, first + count)
        ones = torch.ones(count, device=like.device)
        self.weights = ones.repeat(self.ranks)
        if weights is not None:
            self.weights = self.gather(weights.to(ones))
        self.has = {
            name: self.gather(mask.to(ones)) > 0
            for name, mask in present.items()
        }

    def gather(self, x):
        """Of all ranks, with gradient."""
        return x if self.alone else gather_with_gradient(x)

    def with_both(self, x, y):
        """Which items have two modalities, bool [N]; None: all of them.

        Masks make the device wait, which a batch that lacks nothing need not.
        """
        if x not in self.has and y not in self.has:
            return None
        every = torch.ones_like(self.weights, dtype=torch.bool)
        return every & self.has.get(x, every) & self.has.get(y, every)

    def cross_entropy(self, scale, own, union, both):
        """sum_i w_i CE_i / sum_i w_i, CE_i = -log softmax(s x_i Y^T)_i."""
        right = torch.arange(self.mine.start, self.mine.stop, device=own.device)
        weights, total = self.weights[self.mine], self.weights.sum()
        if both is not None:
            here = both[self.mine]
            place = (
                both.cumsum(0) - 1
            )  # among those of the union that have both
            right, weights = place[self.mine][here], weights[here]
            own, union = own[here], union[both]
            total = self.weights[both].sum()
        each = cross_entropy(scale * own @ union.T, right, reduction="none")
        return self.ranks * (weights / total * each).sum()


def _check(embeddings, scales, present):
    """Refuses what has no loss."""
    if len(embeddings) < 2:
        raise ValueError(
            f"a loss needs two modalities or more, got "
            f"{', '.join(embeddings) or 'none'}"
        )
    sizes = {name: len(x) for name, x in embeddings.items()}
    first = next(iter(embeddings.values()))
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"expected a row for every item, zeros where it lacks the modality "
            f"(see present): the numbers of rows are {sizes}"
        )
    for name, mask in present.items():
        if name not in sizes or len(mask) != sizes[name]:
            raise ValueError(
                f"present: {len(mask)} items have or lack '{name}', expected "
                f"one of {', '.join(sizes)} and {len(first)} items"
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
