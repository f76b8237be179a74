"""Trains the text query-modifier, on waves or on kept features.

"Introducing Auxiliary Text Query-modifier to Content-based Audio Retrieval",
Takeuchi et al. 2022, https://arxiv.org/abs/2207.09732.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import pathlib

import numpy
import speechbrain as sb
import torch
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

from speechbrain_clap.brains.locked import cache_audio
from speechbrain_clap.brains.mixture import MixtureBrain
from speechbrain_clap.dataio.modifier_batches import (
    DistinctTexts,
    FeaturePairs,
    as_is,
    good_pairs,
)
from speechbrain_clap.dataio.splits import draw_parts
from speechbrain_clap.metrics.retrieval import retrieval_scores
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.hparams import HparamsError

RETRIEVAL = ("R@1", "R@5", "R@10")


class QueryModifierBrain(MixtureBrain):
    """Trains `modules.query_modifier` on ``ModifierBatch``es.

    Of its hparams it needs, beside those of ``ContrastiveBrain``,

    - `loss`: ``speechbrain_clap.losses.query_modifier.QueryModifierLoss``.
    """

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains, or goes on where an earlier run was stopped.

        Arguments
        ---------
        epoch_counter : iterable
            Gives the numbers of the epochs.
        train_set : torch.utils.data.DataLoader
            To train on.
        valid_set : torch.utils.data.DataLoader or None
            Chooses the epoch.
        **kwargs : dict
            As for ``speechbrain.Brain.fit``.

        Raises
        ------
        HparamsError
            If `selection` names a score that will not be measured.
        """
        measured = ["loss"] if valid_set is None else ["loss", *RETRIEVAL]
        if self.hparams.selection not in measured:
            raise HparamsError(
                f"--selection={self.hparams.selection}: is not measured with "
                f"the data given, expected one of {', '.join(measured)}"
            )
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def compute_forward(self, batch, stage):
        """Embeds a batch.

        Arguments
        ---------
        batch : speechbrain_clap.dataio.modifier_batches.ModifierBatch
            Pairs.
        stage : sb.Stage
            In evaluation nothing is exchanged between the ranks.

        Returns
        -------
        tuple
            What the loss takes.
        """
        batch = batch.to(self.device)
        model = self.modules.query_modifier
        if stage != sb.Stage.TRAIN:
            model = unwrap(model)
        return model(
            batch.query, batch.target, batch.text, features=batch.features
        )

    def compute_objectives(self, predictions, batch, stage):
        """The loss; in evaluation within the batch, which all ranks have.

        Arguments
        ---------
        predictions : tuple
            From `compute_forward`.
        batch : speechbrain_clap.dataio.modifier_batches.ModifierBatch
            With the events.
        stage : sb.Stage
            Which stage.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        training = stage == sb.Stage.TRAIN
        if not training:
            query, text, target = predictions[:3]
            sought = normalize(query + text, dim=-1)
            self.found.append((sought.cpu(), normalize(target, dim=-1).cpu()))
        return self.hparams.loss(
            predictions,
            batch.events.to(self.device),
            batch.target_events.to(self.device),
            shared=training,
        )

    def train_scores(self):
        """What multiplies the cosines.

        Returns
        -------
        dict
            With `scale`, exp(tau).
        """
        model = unwrap(self.modules.query_modifier)
        return {"scale": model.tau.exp().item()}

    def validation_scores(self):
        """How often the target of a validation pair is found.

        Returns
        -------
        dict
            ``R@1``, ``R@5`` and ``R@10`` among the targets of all of them.
        """
        sought, targets = (
            torch.cat(each).numpy() for each in zip(*self.found, strict=True)
        )
        found = retrieval_scores((targets, sought), numpy.arange(len(sought)))
        return {name: found["text_to_audio"][name] for name in RETRIEVAL}


def modifier_loaders(
    brain, pairs, training, features_folder, valid_fraction, seed
):
    """Holds out pairs for validation; lets a locked tower hear all of them.

    With a locked audio tower its features are kept on disk and picked from
    there: an epoch reads no sound. Without one the sounds are read each time.

    Arguments
    ---------
    brain : QueryModifierBrain
        With the model on its device.
    pairs : speechbrain_clap.dataio.modifier_pairs.ModifierPairs
        All pairs.
    training : dict
        Of ``hparams/training/query_modifier.yaml``.
    features_folder : str or pathlib.Path
        Gets the features, in a folder named after the tower's weights.
    valid_fraction : float
        Share of the pairs for validation; 0 for none.
    seed : int
        Of the draw.

    Returns
    -------
    torch.utils.data.DataLoader
        To train on.
    torch.utils.data.DataLoader or None
        To validate on.
    dict
        `train_pairs`, `valid_pairs` and `bad_pairs`, how many.
    """
    model = unwrap(brain.modules.query_modifier)
    rows, workers = range(len(pairs)), training["num_workers"]
    data = functools.partial(training["waves"], pairs)
    if "audio" in model.locked:
        encoder = model.audio_encoder
        folder = pathlib.Path(features_folder, weights_digest(encoder)[:12])
        [sounds] = cache_audio(
            brain,
            encoder,
            [pairs.sounds()],
            training["clips"],
            training["embed_loader"],
            folder,
        )
        rows, workers, texts = good_pairs(sounds), 0, None
        if "text" in model.locked and model.use_text:
            texts = DistinctTexts(pairs.texts, model.text_features)
        data = functools.partial(
            FeaturePairs, pairs, sounds=sounds, texts=texts
        )
    parts = draw_parts(
        {row: {"source": pairs.ids[row]} for row in rows},
        {"valid": valid_fraction},
        seed,
    )
    sets = {part: data(list(kept)) for part, kept in parts.items()}
    options = {"collate_fn": as_is, "num_workers": workers}
    batches = training["batches"]([sets["train"]])
    train = DataLoader(sets["train"], batch_sampler=batches, **options)
    valid = None
    if "valid" in sets:
        size = training["valid_batch_size"]
        valid = DataLoader(sets["valid"], batch_size=size, **options)
    counts = {f"{part}_pairs": len(each) for part, each in sets.items()}
    return train, valid, {**counts, "bad_pairs": len(pairs) - len(rows)}
