"""Pairs as tasks of a model that writes: a prompt, and the answer to it.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.dataio.folds import DataError


class PromptedPairs(torch.utils.data.Dataset):
    """Adds `prompt` and `answer` to the items of a data set of pairs.

    Arguments
    ---------
    pairs : object
        Such as ``speechbrain_clap.dataio.pairs.PairDataset`` or ``ClipPairs``:
        items with `set`, and `text` or `captions`, of which the answer is the
        text, or the first caption.
    prompts : str or dict
        What the answer follows, "" for nothing; or name of a set to it.

    Example
    -------
    >>> pairs = [{"set": "garden", "text": "a dog barks", "sig": None}]
    >>> item = PromptedPairs(pairs, {"garden": "caption:"})[0]
    >>> item["prompt"], item["answer"]
    ('caption:', 'a dog barks')
    """

    def __init__(self, pairs, prompts=""):
        self.pairs = pairs
        self.prompts = prompts

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        """One item.

        Arguments
        ---------
        index : object
            As the pairs take it.

        Returns
        -------
        dict
            The pair's, with `prompt` and `answer`.

        Raises
        ------
        DataError
            If there is no prompt for its set.
        """
        pair = dict(self.pairs[index])
        prompt = self.prompts
        if isinstance(prompt, dict):
            if pair["set"] not in prompt:
                raise DataError(
                    f"prompts: none for the set '{pair['set']}', there are "
                    f"some for {', '.join(prompt)}"
                )
            prompt = prompt[pair["set"]]
        pair["prompt"] = prompt
        pair["answer"] = pair.get("text") or pair["captions"][0]
        return pair


def prompted_tokens(decoder, prompts, answers, stop_id, longest):
    """Prompts and answers as one padded batch of tokens.

    Arguments
    ---------
    decoder : object
        Its ``encode`` turns texts into ids.
    prompts : list of str
        One for each clip, maybe "".
    answers : list of str
        One for each.
    stop_id : int
        Ends each answer.
    longest : int
        Answers are cut to so many tokens, the end among them.

    Returns
    -------
    torch.Tensor
        Ids, padded with 0 on their right, int64 [B, L].
    torch.Tensor
        True where a token is of an answer, bool [B, L].

    Example
    -------
    >>> class Letters:
    ...     def encode(self, texts, continued=False):
    ...         return [[ord(x) - 96 for x in text] for text in texts]
    >>> ids, answer = prompted_tokens(Letters(), ["ab", ""], ["c", "de"], 9, 5)
    >>> ids
    tensor([[1, 2, 3, 9],
            [4, 5, 9, 0]])
    >>> answer.int()
    tensor([[0, 0, 1, 1],
            [1, 1, 1, 0]], dtype=torch.int32)
    """
    asked = decoder.encode(prompts)
    plain = decoder.encode(answers)
    after = decoder.encode(answers, continued=True)
    rows, marks = [], []
    for prompt, alone, behind in zip(asked, plain, after, strict=True):
        said = [*(behind if prompt else alone)[: longest - 1], stop_id]
        rows.append(torch.tensor([*prompt, *said]))
        marks.append(torch.tensor([False] * len(prompt) + [True] * len(said)))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True), pad(marks, batch_first=True)
