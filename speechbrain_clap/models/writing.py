"""Models that write texts about sounds: beams, greedy, drawn at random.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.models.beam_search import beam_search
from speechbrain_clap.models.listening import ListeningModel
from speechbrain_clap.models.nucleus import nucleus_sampling


class WritingModel(ListeningModel):
    """A model whose `decoder` goes on from what it hears.

    A subclass gives `features` (waves and lengths to features) and
    `map_features` (these to what the decoder reads, [B, P, W]), and has
    `decoder` and `stop_id`, the token that ends a text.

    Example
    -------
    >>> from speechbrain_clap.lobes.subword_decoder import SubwordDecoder
    >>> model = WritingModel()
    >>> model.decoder = SubwordDecoder(embedding_dim=8, num_layers=1, nhead=2)
    >>> model.decoder.fit_vocabulary(["a dog barks", "rain falls on a roof"])
    >>> model.stop_id, model.map_features = 2, lambda features: features
    >>> heard = torch.randn(2, 3, 8)
    >>> len(model.eval().caption(None, features=heard, max_length=4))
    2
    """

    @torch.no_grad()
    def generate(
        self,
        wavs,
        lens=None,
        beam_size=5,
        max_length=67,
        temperature=1.0,
        stop_id=None,
        prompts=None,
        top_p=None,
        seed=0,
        features=None,
    ):
        """Writes captions, as tokens, by beam search or by drawing.

        The defaults are the published ones, and give the published tokens;
        see ``speechbrain_clap.models.beam_search``. ``beam_size=1`` is greedy.
        To be called in eval mode, as dropout would act otherwise. The memory
        grows with clips times beams, by 8 MB each for GPT2 small at 67 tokens.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [B, T]; not looked at where there are features.
        lens : torch.Tensor or None
            Relative lengths, [B].
        beam_size : int
            Beams of a clip.
        max_length : int
            Most tokens of a caption.
        temperature : float
            The logits are divided by it. 1.0 is the published default, 0.01
            stands in the authors' example.
        stop_id : int or None
            Token that ends a caption. None: the captioner's own.
        prompts : list of str or None
            A text for each clip that the caption follows; "" for none.
        top_p : float or None
            Draws one caption for each clip by nucleus sampling, see
            ``speechbrain_clap.models.nucleus``, in place of beams.
        seed : int
            Of these draws, for each clip: what is drawn for it does not depend
            on the others.
        features : torch.Tensor or None
            From `features`.

        Returns
        -------
        list of list of list of int
            For each clip its beams, best first, each cut to its own length,
            the token that ended it included.
        torch.Tensor
            Mean log-probabilities per token, [B, beam_size].

        Raises
        ------
        ValueError
            If a setting is out of range, the numbers of clips and prompts
            differ, or the language model has too few positions for prefix,
            prompt and caption.
        """
        if features is None:
            features = self.features(wavs, lens)
        prefix = self.map_features(features)
        search = {
            "max_length": max_length,
            "temperature": temperature,
            "stop_id": self.stop_id if stop_id is None else stop_id,
        }
        if top_p is None:
            search["beam_size"] = beam_size
        else:
            search |= {"top_p": top_p, "seed": seed}
        if prompts is None:
            return self._search(prefix, None, search)
        if len(prompts) != len(prefix):
            raise ValueError(
                f"{len(prompts)} prompts for {len(prefix)} clips: expected one "
                "for each"
            )
        ids = self.decoder.encode(prompts)
        beams, scores = [None] * len(ids), [None] * len(ids)
        # Prompts of one length together: none is padded.
        for length in sorted({len(row) for row in ids}):
            rows = [i for i, row in enumerate(ids) if len(row) == length]
            read = torch.tensor([ids[i] for i in rows], dtype=torch.long)
            read = read.view(len(rows), length).to(prefix.device)
            found = self._search(prefix[rows], read, search)
            for i, *each in zip(rows, *found, strict=True):
                beams[i], scores[i] = each
        return beams, torch.stack(scores)

    def _search(self, prefix, read, search):
        """Beams and scores of clips whose prompts `read` have one length."""
        # The last token is written, but never read.
        room = search["max_length"] - 1
        logits, cache = self.decoder.start(prefix, read, room)

        def _step(tokens, parents):
            return self.decoder.proceed(tokens, parents, cache)

        look = nucleus_sampling if "top_p" in search else beam_search
        tokens, lengths, scores = look(logits, _step, **search)
        beams = [
            [ids[:length] for ids, length in zip(*clip, strict=True)]
            for clip in zip(tokens.tolist(), lengths.tolist(), strict=True)
        ]
        return beams, scores

    def caption(self, wavs, lens=None, stop_id=None, **options):
        """Writes captions, as strings.

        Arguments
        ---------
        wavs : torch.Tensor or None
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].
        stop_id : int or None
            Token that ends a caption; it is no part of the string. None: the
            captioner's own.
        **options : dict
            As ``generate`` takes them.

        Returns
        -------
        list of str
            The best caption of each clip, its first letter upper case and all
            others lower, as published, with no space at either end.

        Raises
        ------
        OSError, ValueError
            If the language model has no tokenizer, or as ``generate``.
        """
        # A missing tokenizer is told before the work is done.
        self.decoder.decode([])
        stop_id = self.stop_id if stop_id is None else stop_id
        clips, _ = self.generate(wavs, lens, stop_id=stop_id, **options)
        captions = []
        for beams in clips:
            ids = beams[0][:-1] if beams[0][-1] == stop_id else beams[0]
            captions.append(self.decoder.decode(ids).strip().capitalize())
        return captions
