"""Beam search over batches of clips, by the rule that ClapCap published.

Authors
 * The speechbrain_clap team 2026
"""

import torch

# What a beam that has stopped goes on with, at no cost.
FILLER = 0


@torch.no_grad()
def beam_search(
    logits, step, beam_size=5, max_length=67, temperature=1.0, stop_id=220
):
    """Finds token sequences of high mean log-probability.

    First the `beam_size` best tokens of each clip; then, over and over, the
    best `beam_size` continuations of all its beams, ranked by their mean
    log-probability per token. A beam stops at `stop_id`, which counts as a
    token; it stays in the ranking and may be displaced. This is the rule of
    ClapCap (https://arxiv.org/abs/2309.05767), which differs from the usual
    length penalties: see its ``generate_caption``. There a clip at a time is
    searched; here all clips are, and the network is asked only for beams that
    have not stopped.

    Arguments
    ---------
    logits : torch.Tensor
        For the first token of each clip, [B, V].
    step : callable
        ``step(tokens, parents)`` gives the logits of the next token, [R, V].
        `tokens` [R] are appended to the sequences that the rows `parents` [R]
        of the last call stood for; at the first call, to the clips'. A row
        may be the parent of several, or of none.
    beam_size : int
        Beams of a clip; at most V.
    max_length : int
        Most tokens of a sequence.
    temperature : float
        The logits are divided by it.
    stop_id : int
        Token that ends a sequence. No token has the id -1, so that with it
        all have `max_length` tokens.

    Returns
    -------
    tokens : torch.Tensor
        int64 [B, beam_size, L], best first; 0 past the end of a beam.
    lengths : torch.Tensor
        int64 [B, beam_size], the token that ended a beam included.
    scores : torch.Tensor
        Mean log-probabilities [B, beam_size], falling.

    Raises
    ------
    ValueError
        If a size is below 1, the temperature not above 0, or there are fewer
        tokens than beams.

    Example
    -------
    >>> table = torch.tensor([[0.1, 0.5, 0.4], [0.2, 0.1, 0.7]]).log()
    >>> step = lambda tokens, parents: table[1].expand(len(tokens), -1)
    >>> tokens, lengths, scores = beam_search(
    ...     table[:1], step, beam_size=2, max_length=2, stop_id=2
    ... )
    >>> tokens
    tensor([[[1, 2],
             [2, 0]]])
    >>> lengths, scores.exp()
    (tensor([[2, 1]]), tensor([[0.5916, 0.4000]]))
    """
    clips, vocabulary = logits.shape
    if not 1 <= beam_size <= vocabulary or max_length < 1 or temperature <= 0:
        raise ValueError(
            f"beam_search: expected 1 to {vocabulary} beams (the size of the "
            "vocabulary), a max_length of at least 1 and a temperature above "
            f"0, got beam_size={beam_size}, max_length={max_length}, "
            f"temperature={temperature}"
        )

    def _log_probabilities(logits):
        # Float32 at least: bf16 would make ties of the candidates.
        kind = torch.promote_types(logits.dtype, torch.float32)
        return (logits.to(kind) / temperature).log_softmax(-1)

    scores, last = _log_probabilities(logits).topk(beam_size)
    tokens = last.new_full((clips, beam_size, max_length), FILLER)
    tokens[:, :, 0] = last
    lengths = torch.ones_like(last)
    stopped = last == stop_id
    # The row of the network's last input that each beam stands on.
    rows = torch.arange(clips, device=last.device)
    rows = rows[:, None].repeat(1, beam_size)

    for position in range(1, max_length):
        # A clip whose beams have all stopped is left as it is.
        clip = (~stopped).any(1).nonzero()[:, 0]
        if not len(clip):
            break
        live = ~stopped[clip]
        costs = scores.new_full(
            (len(clip), beam_size, vocabulary), float("-inf")
        )
        costs[:, :, FILLER] = 0.0  # stays for the beams that have stopped
        last = tokens[clip, :, position - 1]
        costs[live] = _log_probabilities(step(last[live], rows[clip][live]))

        grown = lengths[clip] + live
        means = (scores[clip].unsqueeze(2) + costs) / grown.unsqueeze(2)
        means, best = means.flatten(1).topk(beam_size)
        parent, last = best // vocabulary, best % vocabulary

        parents = (clip[:, None], parent)
        tokens[clip] = tokens[parents]
        tokens[clip, :, position] = last
        stopped[clip] = stopped[parents] | (last == stop_id)
        lengths[clip] = grown.gather(1, parent)
        # Back to sums in this way, to round as the published rule does.
        scores[clip] = means * lengths[clip]
        rows[clip] = (live.flatten().cumsum(0).view_as(live) - 1).gather(
            1, parent
        )

    scores, order = torch.sort(
        scores / lengths, dim=1, descending=True, stable=True
    )
    lengths = lengths.gather(1, order)
    tokens = tokens.gather(1, order[:, :, None].expand_as(tokens))
    return tokens[:, :, : int(lengths.max())], lengths, scores
