"""Nucleus sampling: texts drawn at random from what is likely.

"The Curious Case of Neural Text Degeneration", Holtzman et al. 2019,
https://arxiv.org/abs/1904.09751.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.models.beam_search import FILLER


@torch.no_grad()
def nucleus_sampling(
    logits,
    step,
    top_p=0.9,
    max_length=67,
    temperature=1.0,
    stop_id=220,
    seed=0,
):
    """Draws one sequence for each clip, token by token.

    Each token is drawn from the smallest set of tokens whose probabilities sum
    to `top_p` or more. A clip's draws follow from its seed alone: it gets the
    same text in any batch.

    Arguments
    ---------
    logits : torch.Tensor
        For the first token of each clip, [B, V].
    step : callable
        As for ``speechbrain_clap.models.beam_search.beam_search``.
    top_p : float
        More than 0 and at most 1; near 0 the likeliest token is always taken.
    max_length : int
        Most tokens of a sequence.
    temperature : float
        The logits are divided by it.
    stop_id : int
        Token that ends a sequence.
    seed : int or list of int
        Of the draws; a list has one for each clip.

    Returns
    -------
    tokens : torch.Tensor
        int64 [B, 1, L]; 0 past the end of a sequence.
    lengths : torch.Tensor
        int64 [B, 1], the token that ended a sequence included.
    scores : torch.Tensor
        Mean log-probabilities, of the whole distribution, [B, 1].

    Raises
    ------
    ValueError
        If a setting is out of range.

    Example
    -------
    >>> table = torch.tensor([[0.1, 0.5, 0.4], [0.2, 0.1, 0.7]]).log()
    >>> step = lambda tokens, parents: table[1].expand(len(tokens), -1)
    >>> tokens, lengths, _ = nucleus_sampling(
    ...     table[:1], step, top_p=0.1, max_length=2, stop_id=2
    ... )
    >>> tokens, lengths
    (tensor([[[1, 2]]]), tensor([[2]]))
    """
    if not 0 < top_p <= 1 or max_length < 1 or temperature <= 0:
        raise ValueError(
            "nucleus_sampling: expected top_p above 0 and at most 1, a "
            "max_length of at least 1 and a temperature above 0, got "
            f"top_p={top_p}, max_length={max_length}, "
            f"temperature={temperature}"
        )
    clips, device = len(logits), logits.device
    seeds = [seed] * clips if isinstance(seed, int) else seed
    # One for each clip and on the CPU: neither neighbours nor the device count.
    dice = [torch.Generator().manual_seed(each) for each in seeds]
    tokens = torch.full((clips, max_length), FILLER, device=device)
    lengths = torch.zeros(clips, dtype=torch.long, device=device)
    sums = torch.zeros(clips, device=device)
    live = torch.arange(clips, device=device)
    for position in range(max_length):
        log_p = (logits.float() / temperature).log_softmax(-1)
        rolled = torch.stack(
            [torch.rand((), generator=dice[i]) for i in live.tolist()]
        )
        drawn = _draw(log_p, top_p, rolled.to(device))
        tokens[live, position] = drawn
        lengths[live] += 1
        sums[live] += log_p.gather(1, drawn[:, None])[:, 0]
        on = (drawn != stop_id).nonzero()[:, 0]
        live = live[on]
        if not len(live) or position + 1 == max_length:
            break
        logits = step(drawn[on], on)
    tokens = tokens[:, None, : int(lengths.max())]
    return tokens, lengths[:, None], (sums / lengths)[:, None]


def _draw(log_p, top_p, rolled):
    """Tokens [R] at the heights `rolled` [R], in [0, 1), of the nuclei."""
    chances, order = log_p.exp().sort(descending=True, stable=True)
    reached = chances.cumsum(1)
    # The first that reaches top_p is in it, all after it are not.
    inside = (reached - chances) < top_p
    total = (chances * inside).sum(1)
    place = (reached <= (rolled * total)[:, None]).sum(1)
    # Rounding may point past the last.
    place = torch.minimum(place, inside.sum(1) - 1)
    return order.gather(1, place[:, None])[:, 0]
