"""The loss of the text query-modifier.

"Introducing Auxiliary Text Query-modifier to Content-based Audio Retrieval",
Takeuchi et al. 2022, https://arxiv.org/abs/2207.09732, equations 4 to 6.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    normalize,
)

from speechbrain_clap.utils.distributed import gather_with_gradient, rank


class QueryModifierLoss(torch.nn.Module):
    """Contrastive loss of modified queries, and of the events that are heard.

    Equation 4: the cross-entropy over the batch of the cosines between
    A(alpha) + T(t) and A(beta), times exp(tau). By default it is the mean of
    both directions, from queries to targets and back: that is our reading, for
    it is what such a loss usually is; `symmetric` False takes queries to
    targets alone. Equation 6: the mean binary cross-entropy between the
    probabilities of equation 5 (the sigmoid of a linear layer on A) and the
    events that are in alpha (v) and in beta (w). The loss is equation 4 plus
    `rho` times equation 6.

    Each rank takes the rows of its own pairs against those of all ranks.
    Averaged by DDP this is the loss of one process over the union of the
    batches.

    Arguments
    ---------
    rho : float
        Weight of equation 6: 0 or 1 in the paper.
    symmetric : bool
        Whether the targets look for their queries, too.

    Raises
    ------
    ValueError
        If `rho` is negative.

    Example
    -------
    >>> query, text, target = torch.eye(2), torch.zeros(2, 2), torch.eye(2)
    >>> heard = torch.zeros(2, 3)  # logits: each probability is a half
    >>> scale, events = torch.tensor(1.0), torch.ones(2, 3)
    >>> outputs = (query, text, target, heard, heard, scale)
    >>> QueryModifierLoss(rho=0.0)(outputs, events, events)
    tensor(0.3133)
    >>> QueryModifierLoss(rho=1.0)(outputs, events, events)
    tensor(1.0064)
    """

    def __init__(self, rho=1.0, symmetric=True):
        super().__init__()
        if rho < 0:
            raise ValueError(f"rho is {rho}, expected 0 or more")
        self.rho = rho
        self.symmetric = symmetric

    def forward(self, outputs, query_events, target_events, shared=True):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        outputs : tuple
            What ``speechbrain_clap.models.query_modifier.QueryModifier``
            returns: A(alpha), T(t), A(beta), [B, D] each; logits of the
            events of alpha and of beta, [B, labels] each; exp(tau).
        query_events : torch.Tensor
            v: 1 for an event in alpha, 0 for another, [B, labels].
        target_events : torch.Tensor
            w, of beta, [B, labels].
        shared : bool
            Over the batches of all ranks, in training. False in evaluation,
            where every rank has all pairs.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        query, text, target, heard_before, heard_after, scale = outputs
        with torch.autocast(query.device.type, enabled=False):
            sought = normalize(query.float() + text.float(), dim=-1)
            target = normalize(target.float(), dim=-1)
            retrieval = self._contrastive(sought, target, scale, shared)
            classification = 0.5 * (
                _events_loss(heard_before, query_events)
                + _events_loss(heard_after, target_events)
            )
            # With a rho of 0 the classifier has a gradient of 0: DDP wants one.
            return retrieval + self.rho * classification

    def _contrastive(self, sought, target, scale, shared):
        """Equation 4, for the rows of this rank."""
        first, all_sought, all_target = 0, sought, target
        if shared:
            first = rank() * len(sought)
            all_sought = gather_with_gradient(sought)
            all_target = gather_with_gradient(target)
        right = first + torch.arange(len(sought), device=sought.device)
        loss = cross_entropy(scale * sought @ all_target.T, right)
        if not self.symmetric:
            return loss
        back = cross_entropy(scale * target @ all_sought.T, right)
        return 0.5 * (loss + back)

    def extra_repr(self):
        """Tells the weights, for ``print``.

        Returns
        -------
        str
            The arguments.
        """
        return f"rho={self.rho}, symmetric={self.symmetric}"


def _events_loss(logits, events):
    """Half of equation 6: the mean over the pairs and the labels."""
    return binary_cross_entropy_with_logits(logits.float(), events.float())
