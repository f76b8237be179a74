"""Published networks behind one interface, with their authors' conventions.

Authors
 * The speechbrain_clap team 2026
"""

import functools

import torch
from torch.nn.functional import normalize

from speechbrain_clap.dataio.clips import as_waves


def _gradient_in_training(method):
    """Gradients flow in training mode only: in eval mode nothing is kept."""

    @functools.wraps(method)
    def _wrapped(self, *args, **kwargs):
        wanted = self.training and torch.is_grad_enabled()
        with torch.set_grad_enabled(wanted):
            return method(self, *args, **kwargs)

    return _wrapped


class PublishedModel(torch.nn.Module):
    """A published network, and what is known of its weights.

    The network itself is `net`, one of our lobes or models: that is what one
    takes into a recipe. Without training mode (`eval`, as it is loaded)
    nothing here keeps a gradient.

    Arguments
    ---------
    family : speechbrain_clap.checkpoints.families.Family
        What is known of the weights.
    net : torch.nn.Module
        With `sample_rate`.
    keys : speechbrain_clap.checkpoints.keys.KeyMap
        From official keys to those of `net`.
    constants : dict
        Official key to what we compute in its place.

    Example
    -------
    >>> from speechbrain_clap.checkpoints.families import FAMILIES
    >>> from speechbrain_clap.checkpoints.keys import KeyMap
    >>> from speechbrain_clap.lobes.cnn14 import CNN6
    >>> from speechbrain_clap.lobes.features import LogMel
    >>> features = LogMel(sample_rate=32000)
    >>> net = CNN6(features, channels=[4, 8], embedding_dim=16)
    >>> model = PublishedModel(FAMILIES["panns_cnn14"], net, KeyMap(()), {})
    >>> model.eval().encode_audio(torch.randn(2, 32000)).shape
    torch.Size([2, 16])
    """

    def __init__(self, family, net, keys, constants):
        super().__init__()
        self.family = family
        self.net = net
        self.keys = keys
        self.constants = constants
        self.report = None  # what became of the file's keys
        self.rest = {}  # what the file held beside the network's own

    @property
    def sample_rate(self):
        """Rate of the waves.

        Returns
        -------
        int
            In Hz.
        """
        return self.net.sample_rate

    @_gradient_in_training
    def encode_audio(self, wavs):
        """Embeds waves as they are, whatever their length.

        Arguments
        ---------
        wavs : torch.Tensor
            In [-1, 1] at `sample_rate`, [B, T] or [T]; float or int16.

        Returns
        -------
        torch.Tensor
            [B, D]; of the norm that the authors' code gives.
        """
        return self._embed(self._waves(wavs))

    def _waves(self, wavs):
        return as_waves(wavs).to(next(self.parameters()).device)

    def _embed(self, wavs):
        return self.net(wavs)

    def extra_repr(self):
        """Tells which weights these are, for ``print``.

        Returns
        -------
        str
            Family and paper.
        """
        return f"{self.family.name}, {self.family.paper}"


class PublishedTagger(PublishedModel):
    """A published network with a head for tags: `net` has ``classify``."""

    @_gradient_in_training
    def classify(self, wavs):
        """Probabilities of the classes that the network was trained to tag.

        Arguments
        ---------
        wavs : torch.Tensor
            As for ``encode_audio``.

        Returns
        -------
        torch.Tensor
            [B, classes], each in [0, 1].
        """
        return self._tagger().classify(self._waves(wavs)).sigmoid()

    def _tagger(self):
        return self.net


class PublishedCLAP(PublishedTagger):
    """A published CLAP: `net` is a ``speechbrain_clap.models.clap.CLAP``.

    Arguments
    ---------
    family : speechbrain_clap.checkpoints.families.Family
        What is known of the weights.
    net : speechbrain_clap.models.clap.CLAP
        Its ``encode_*`` normalise always.
    keys : speechbrain_clap.checkpoints.keys.KeyMap
        From official keys to those of `net`.
    constants : dict
        Official key to what we compute in its place.
    normalised : bool
        Whether the embeddings here have norm 1. Microsoft's have not: their
        similarity divides by the norms.
    """

    def __init__(self, family, net, keys, constants, normalised=True):
        super().__init__(family, net, keys, constants)
        self.normalised = normalised

    @property
    def logit_scale(self):
        """Logarithm of what multiplies the cosines.

        Returns
        -------
        torch.nn.Parameter
            A scalar.
        """
        return self.net.logit_scale

    @_gradient_in_training
    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list of str
            The texts.

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        if isinstance(texts, str):
            texts = [texts]
        x = self.net.text_projection(self.net.text_encoder.encode(texts))
        return self._finish(x)

    @_gradient_in_training
    def encode_tokens(self, input_ids, attention_mask=None):
        """Embeds texts that were tokenised already.

        Arguments
        ---------
        input_ids : torch.Tensor
            [B, L], padded on the right.
        attention_mask : torch.Tensor or None
            1 for a token, 0 for padding, [B, L]. None takes the padding's id
            for padding, wherever it stands.

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        device = next(self.parameters()).device
        ids = torch.as_tensor(input_ids, device=device)
        if attention_mask is None:
            attention_mask = ids != self.net.text_encoder.padding_id
        mask = torch.as_tensor(attention_mask, device=device)
        return self._finish(
            self.net.text_projection(self.net.text_encoder(ids, mask))
        )

    def _embed(self, wavs):
        return self._finish(
            self.net.audio_projection(self.net.audio_encoder(wavs))
        )

    def _finish(self, x):
        return normalize(x.float(), dim=-1) if self.normalised else x.float()

    def _tagger(self):
        return self.net.audio_encoder


class PublishedWav2CLIP(PublishedModel):
    """Wav2CLIP: `net` is a ``speechbrain_clap.models.wav2clip.Wav2CLIP``.

    Its embeddings are f(audio), not normalised, as the authors release them.
    """

    def _embed(self, wavs):
        return self.net.audio_projection(self.net.audio_encoder(wavs))


class PublishedCaptioner(PublishedTagger):
    """ClapCap: `net` is a ``speechbrain_clap.models.captioner.Captioner``."""

    def _embed(self, wavs):
        return self.net.audio_embedding(wavs)

    def _tagger(self):
        return self.net.audio_encoder

    @torch.no_grad()
    def generate(self, wavs, **options):
        """Tokens of captions.

        Arguments
        ---------
        wavs : torch.Tensor
            As for ``encode_audio``.
        **options : dict
            As for ``Captioner.generate``.

        Returns
        -------
        object
            As from ``Captioner.generate``.
        """
        return self.net.generate(self._waves(wavs), **options)

    @torch.no_grad()
    def caption(self, wavs, **options):
        """Captions.

        Arguments
        ---------
        wavs : torch.Tensor
            As for ``encode_audio``.
        **options : dict
            As for ``Captioner.caption``.

        Returns
        -------
        list of str
            One for each wave.
        """
        return self.net.caption(self._waves(wavs), **options)


class PublishedAudioCLIP(PublishedModel):
    """AudioCLIP: `net` is a ``speechbrain_clap.models.audioclip.AudioCLIP``.

    Embeddings are not normalised here, as in the authors' ``encode_*``.
    """

    def _embed(self, wavs):
        return self.net.embed_audio(wavs)

    @_gradient_in_training
    def encode_text(self, texts):
        """Embeds texts.

        Arguments
        ---------
        texts : list
            Of str, or of lists of labels.

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        return self.net.embed_text(texts)

    @_gradient_in_training
    def encode_tokens(self, input_ids, attention_mask=None):
        """Embeds texts that were tokenised already.

        Arguments
        ---------
        input_ids : torch.Tensor
            [B, L], padded with 0 on the right.
        attention_mask : torch.Tensor or None
            Not needed: the end token, which has the highest id, is looked for.

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        device = next(self.parameters()).device
        ids = torch.as_tensor(input_ids, device=device)
        return self.net.text_encoder(ids, ids != 0)

    @_gradient_in_training
    def encode_image(self, images):
        """Embeds images.

        Arguments
        ---------
        images : torch.Tensor
            Normalised with CLIP's mean and deviation, [B, 3, H, W].

        Returns
        -------
        torch.Tensor
            [B, D].
        """
        return self.net.embed_image(images)

    @property
    def logit_scale(self):
        """Logarithm of the scale between images and texts.

        Returns
        -------
        torch.nn.Parameter
            A scalar; the others are `net.logit_scale_ai` and `_at`.
        """
        return self.net.logit_scale
