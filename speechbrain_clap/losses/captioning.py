"""The loss of a model that writes: how unlikely the right words are to it.

Equation 5 of "Natural Language Supervision for General-Purpose Audio
Representations", Elizalde et al. 2023, https://arxiv.org/abs/2309.05767.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.utils.distributed import gather


class CaptionLoss:
    """Cross-entropy over the tokens of the answers, not of the prompts.

    Of several ranks, each answer token of the whole batch counts alike, as if
    one process had all of them.

    Arguments
    ---------
    label_smoothing : float
        Share of the probability that is spread over all tokens.

    Example
    -------
    >>> logits = torch.tensor([[[0.0, 9.0], [0.0, 0.0], [0.0, 0.0]]])
    >>> tokens, answer = torch.tensor([[1, 1]]), torch.tensor([[True, False]])
    >>> CaptionLoss()(logits, tokens, answer).item() < 0.001
    True
    """

    def __init__(self, label_smoothing=0.0):
        self.label_smoothing = label_smoothing

    def __call__(self, logits, token_ids, answer, shared=True):
        """Computes the loss.

        Arguments
        ---------
        logits : torch.Tensor
            At position i those of ``token_ids[:, i]``, [B, L + 1, V].
        token_ids : torch.Tensor
            Prompts and answers, padded, [B, L].
        answer : torch.Tensor
            True where a token is of an answer, bool, [B, L].
        shared : bool
            The batch is that of all ranks; False in evaluation, where every
            rank has the whole of it.

        Returns
        -------
        torch.Tensor
            Mean over the answer tokens, a float32 scalar.

        Raises
        ------
        ValueError
            If there is no answer token at all.
        """
        if not bool(answer.any()):
            raise ValueError(
                "the answers of a batch hold no token: expected texts"
            )
        with torch.autocast(logits.device.type, enabled=False):
            total = torch.nn.functional.cross_entropy(
                logits[:, :-1][answer].float(),
                token_ids[answer],
                reduction="sum",
                label_smoothing=self.label_smoothing,
            )
            count = answer.sum()
            if shared:  # DDP takes the mean over the ranks
                count = gather(count.view(1)).float().mean()
            return total / count
