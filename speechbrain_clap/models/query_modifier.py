"""The text query-modifier: a sound, and words that say what to change in it.

"Introducing Auxiliary Text Query-modifier to Content-based Audio Retrieval",
Takeuchi et al. 2022, https://arxiv.org/abs/2207.09732.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn.functional import normalize

from speechbrain_clap.models.two_towers import TwoTowers


class QueryModifier(TwoTowers):
    """Embeds sounds, A(x), and modifying texts, T(t), so that they add up.

    The target of a sound and a text is looked for at A(sound) + T(text), by
    cosine with A(target). The embeddings are not normalised before the sum:
    their lengths belong to them. In the paper the towers are a frozen VGGish
    and a frozen DistilBERT; see `lock`. A linear classifier on A tells which
    events are heard, for the loss alone.

    Arguments
    ---------
    audio_encoder : torch.nn.Module
        Waves [B, T] and relative lengths [B] to [B, Da]; has `sample_rate`,
        `clip_seconds` and `embedding_dim`.
    text_encoder : torch.nn.Module
        Its ``encode`` turns a list of str into [B, Dt].
    audio_projection : torch.nn.Module
        [B, Da] to [B, D]. Figure 2(b) of the paper is
        ``speechbrain_clap.lobes.projection.ResidualProjection``.
    text_projection : torch.nn.Module
        [B, Dt] to [B, D].
    embedding_dim : int
        D.
    labels : list of str
        The events that the classifier tells apart.
    tau : float
        exp(tau) multiplies the cosines in the loss; 0 as printed.
    learn_tau : bool
        If True, tau is learnt, from that value on.
    use_text : bool
        False is the paper's baseline: the text is not read, T is zero, and
        the text tower and its projection do not learn.

    Raises
    ------
    ValueError
        If there are no labels, or one is there twice.

    Example
    -------
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> from speechbrain_clap.lobes.projection import ResidualProjection
    >>> from speechbrain_clap.lobes.subword_text import SubwordTransformer
    >>> text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16)
    >>> text.fit_vocabulary(["add dog bark", "make rain louder"])
    >>> model = QueryModifier(
    ...     CNN6(LogMel(), channels=[4, 8], embedding_dim=16),
    ...     text,
    ...     ResidualProjection(16, 12),
    ...     ResidualProjection(8, 12),
    ...     embedding_dim=12,
    ...     labels=["dog", "thunder"],
    ... )
    >>> wavs, texts = torch.rand(2, 9000), ["add dog", "make rain louder"]
    >>> model.encode_query(wavs, texts).shape
    torch.Size([2, 12])
    >>> sound, text, target, heard, wanted, scale = model(wavs, wavs, texts)
    >>> target.shape, heard.shape, scale.item()
    (torch.Size([2, 12]), torch.Size([2, 2]), 1.0)
    """

    def __init__(
        self,
        audio_encoder,
        text_encoder,
        audio_projection,
        text_projection,
        embedding_dim,
        labels,
        tau=0.0,
        learn_tau=False,
        use_text=True,
    ):
        super().__init__(
            audio_encoder, text_encoder, audio_projection, text_projection
        )
        self.labels = list(labels)
        if not self.labels or len(set(self.labels)) < len(self.labels):
            raise ValueError(
                f"labels are {self.labels}: expected the events of the data "
                "set, at least one, none of them twice"
            )
        self.embedding_dim = embedding_dim
        self.classifier = torch.nn.Linear(embedding_dim, len(self.labels))
        tau = torch.tensor(float(tau))
        if learn_tau:
            self.tau = torch.nn.Parameter(tau)
        else:
            self.register_buffer("tau", tau)
        self.use_text = use_text
        if not use_text:
            # What takes no part may ask for no gradient under DDP.
            self.lock("text")
            self.text_projection.requires_grad_(False)

    def audio_features(self, wavs, lens=None):
        """What the audio encoder makes of sounds, before the projection.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            [B, Da].
        """
        return self.audio_encoder(wavs, lens)

    def text_features(self, texts):
        """What the text encoder makes of texts, before the projection.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            [B, Dt].
        """
        return self.text_encoder.encode(texts)

    def project_audio(self, features):
        """A(x) of what the audio encoder made.

        Arguments
        ---------
        features : torch.Tensor
            [B, Da].

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [B, D].
        """
        return self.audio_projection(features).float()

    def project_text(self, features):
        """T(t) of what the text encoder made; zero in the baseline.

        Arguments
        ---------
        features : torch.Tensor
            [B, Dt].

        Returns
        -------
        torch.Tensor
            Not normalised, float32, [B, D].
        """
        if not self.use_text:
            return self._no_text(len(features))
        return self.text_projection(features).float()

    def embed_audio(self, wavs, lens=None):
        """A(x): embeds sounds, not normalised.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            float32, [B, D].
        """
        return self.project_audio(self.audio_features(wavs, lens))

    def embed_text(self, texts):
        """T(t): embeds modifying texts, not normalised; zero in the baseline.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            float32, [len(texts), D].
        """
        if not self.use_text:
            return self._no_text(len(texts))
        return self.project_text(self.text_features(texts))

    def encode_audio(self, wavs, lens=None):
        """Embeds sounds, to be compared.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        lens : torch.Tensor or None
            Relative lengths, [B].

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        return normalize(self.embed_audio(wavs, lens), dim=-1)

    def encode_text(self, texts):
        """Embeds modifying texts, to be compared.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            L2-normalised (zero in the baseline), float32, [len(texts), D].
        """
        return normalize(self.embed_text(texts), dim=-1)

    def encode_query(
        self, wavs, texts, lens=None, audio_weight=1.0, text_weight=1.0
    ):
        """Embeds sounds with what is to be changed in them.

        Arguments
        ---------
        wavs : torch.Tensor
            Waves in [-1, 1], [B, T].
        texts : list of str
            One for each sound.
        lens : torch.Tensor or None
            Relative lengths, [B].
        audio_weight : float
            What A is multiplied by; 1 in the paper.
        text_weight : float
            What T is multiplied by; 1 in the paper.

        Returns
        -------
        torch.Tensor
            L2-normalised, float32, [B, D].
        """
        audio, text = self.embed_audio(wavs, lens), self.embed_text(texts)
        return normalize(audio_weight * audio + text_weight * text, dim=-1)

    def forward(self, query, target, text, lens=None, features=()):
        """Embeds queries and targets, for training.

        Arguments
        ---------
        query : torch.Tensor
            Waves in [-1, 1], [B, T]; or their features [B, Da].
        target : torch.Tensor
            As `query`.
        text : list of str or torch.Tensor
            One text for each query; or their features [B, Dt].
        lens : tuple or None
            Relative lengths of the queries and of the targets, [B] each.
        features : collection of str
            "audio", "text": the towers whose features are given, as
            `audio_features` and `text_features` make them. What a locked
            tower makes need be made once only.

        Returns
        -------
        torch.Tensor
            A(query), not normalised, float32, [B, D].
        torch.Tensor
            T(text), [B, D].
        torch.Tensor
            A(target), [B, D].
        torch.Tensor
            What the classifier says of the queries, logits, [B, labels].
        torch.Tensor
            What it says of the targets, [B, labels].
        torch.Tensor
            exp(tau), a scalar.
        """
        if "audio" not in features:
            of_query, of_target = lens or (None, None)
            query = self.audio_features(query, of_query)
            target = self.audio_features(target, of_target)
        if self.use_text and "text" not in features:
            text = self.text_features(text)
        query, target = self.project_audio(query), self.project_audio(target)
        return (
            query,
            self.project_text(text),
            target,
            self.classifier(query),
            self.classifier(target),
            self.tau.exp(),
        )

    def _no_text(self, rows):
        """T of the baseline."""
        weight = self.classifier.weight
        return weight.new_zeros(rows, self.embedding_dim, dtype=torch.float32)
