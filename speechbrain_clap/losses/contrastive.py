"""The contrastive loss of CLIP and CLAP, with one or several positives.

"Learning Transferable Visual Models From Natural Language Supervision",
Radford et al. 2021, https://arxiv.org/abs/2103.00020, and "CLAP: Learning
Audio Concepts From Natural Language Supervision", Elizalde et al. 2022,
https://arxiv.org/abs/2206.04769, equations 3 and 4.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.utils.distributed import (
    gather,
    gather_with_gradient,
    rank,
)


def soft_cross_entropy(logits, targets):
    """Mean over rows of the cross-entropy to a distribution.

    Arguments
    ---------
    logits : torch.Tensor
        [B, N].
    targets : torch.Tensor
        Each row sums to one, [B, N]; a row of zeros counts as no loss.

    Returns
    -------
    torch.Tensor
        A scalar.

    Example
    -------
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))
    tensor(0.6931)
    """
    return -(targets * logits.log_softmax(1)).sum(1).mean()


class ContrastiveLoss(torch.nn.Module):
    """Symmetric cross-entropy between sounds and texts of the global batch.

    Each rank takes the rows of its own sounds against the texts of all ranks
    and the rows of its own texts against the sounds of all ranks. Averaged by
    DDP this is the loss of one process over the union of the batches.

    By default clip `i` has one right text, text `i`. With concepts (labelled
    data, or captions that several clips share) all texts of the same concept
    are right and share the target evenly, so that two clips of dogs are not
    each other's negatives. A clip that is a mixture has several concepts,
    with weights that sum to one.

    Example
    -------
    >>> loss = ContrastiveLoss()
    >>> a, t = torch.eye(2), torch.eye(2)
    >>> loss(a, t, torch.tensor(1.0))
    tensor(0.3133)
    >>> same = torch.tensor([7, 7])  # both clips show the same thing
    >>> loss(a, t, torch.tensor(1.0), same.unsqueeze(1), same)
    tensor(0.8133)
    """

    def forward(
        self,
        audio,
        text,
        scale,
        audio_concepts=None,
        text_concepts=None,
        audio_weights=None,
        alone=False,
    ):
        """Computes the loss, in float32 whatever the autocast.

        Arguments
        ---------
        audio : torch.Tensor
            L2-normalised embeddings of this rank's sounds, [B, D].
        text : torch.Tensor
            L2-normalised embeddings of its texts, [B, D].
        scale : torch.Tensor
            What multiplies the cosines (one over the temperature), a scalar.
        audio_concepts : torch.Tensor or None
            Numbers of what is heard in each clip, int64, [B, K]. None: clip
            `i` and text `i` belong together and nothing else does.
        text_concepts : torch.Tensor or None
            Number of what each text says, int64, [B].
        audio_weights : torch.Tensor or None
            Share of each concept in each clip, [B, K], rows summing to one;
            None: equal shares.
        alone : bool
            True where every rank has the whole batch, as in evaluation:
            nothing is gathered.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        with torch.autocast(audio.device.type, enabled=False):
            audio, text = audio.float(), text.float()
            scale = scale.float()
            all_audio = audio if alone else gather_with_gradient(audio)
            all_text = text if alone else gather_with_gradient(text)
            audio_logits = scale * audio @ all_text.T  # [B, N]
            text_logits = scale * text @ all_audio.T  # [B, N]
            if audio_concepts is None:
                first = 0 if alone else rank() * len(audio)
                right = first + torch.arange(len(audio), device=audio.device)
                cross_entropy = torch.nn.functional.cross_entropy
                return 0.5 * (
                    cross_entropy(audio_logits, right)
                    + cross_entropy(text_logits, right)
                )
            if audio_weights is None:
                share = 1.0 / audio_concepts.shape[1]
                audio_weights = torch.full_like(
                    audio_concepts, share, dtype=torch.float32
                )
            others = [audio_concepts, audio_weights, text_concepts]
            if not alone:
                others = [gather(other) for other in others]
            audio_targets = shared_concepts(
                audio_concepts, audio_weights, others[2]
            )
            text_targets = shared_concepts(*others[:2], text_concepts).T
            return 0.5 * (
                soft_cross_entropy(audio_logits, normalise(audio_targets))
                + soft_cross_entropy(text_logits, normalise(text_targets))
            )


def shared_concepts(audio_concepts, audio_weights, text_concepts):
    """How much of each text's concept each clip holds.

    Texts that say the same thing share its weight, so that a mixture of 0.7
    dog and 0.3 rain keeps these shares however many texts speak of rain.

    Arguments
    ---------
    audio_concepts : torch.Tensor
        int64, [A, K].
    audio_weights : torch.Tensor
        [A, K].
    text_concepts : torch.Tensor
        int64, [T].

    Returns
    -------
    torch.Tensor
        [A, T].

    Example
    -------
    >>> concepts = torch.tensor([[1, 2]])
    >>> weights = torch.tensor([[0.75, 0.25]])
    >>> shared_concepts(concepts, weights, torch.tensor([1, 2, 2, 3]))
    tensor([[0.7500, 0.1250, 0.1250, 0.0000]])
    """
    same = audio_concepts.unsqueeze(2) == text_concepts  # [A, K, T]
    weight = (same * audio_weights.unsqueeze(2)).sum(1)
    repeats = (text_concepts.unsqueeze(1) == text_concepts).sum(0)
    return weight / repeats


def normalise(targets):
    """Makes each row sum to one, leaving rows of zeros.

    Arguments
    ---------
    targets : torch.Tensor
        Not negative, [A, B].

    Returns
    -------
    torch.Tensor
        [A, B].

    Example
    -------
    >>> normalise(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    tensor([[0.2500, 0.7500],
            [0.0000, 0.0000]])
    """
    total = targets.sum(1, keepdim=True)
    return torch.where(total > 0, targets / total.clamp(min=1e-12), targets)
