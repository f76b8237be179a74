"""Trains CLAP on pairs of sound and caption, at any batch size.

"CLAP: Learning Audio Concepts From Natural Language Supervision", Elizalde et
al. 2022, https://arxiv.org/abs/2206.04769, and "Natural Language Supervision
for General-Purpose Audio Representations", Elizalde et al. 2023,
https://arxiv.org/abs/2309.05767.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import speechbrain as sb
import torch

from speechbrain_clap.brains.clap import TwoTowerBrain, concept_numbers
from speechbrain_clap.brains.gradient_cache import cached_step
from speechbrain_clap.metrics.retrieval import retrieval_scores
from speechbrain_clap.utils.distributed import unwrap
from speechbrain_clap.utils.hparams import HparamsError

RETRIEVAL = ("R@1", "R@10", "mAP@10")  # from text to sound
NO_CAPTION = 0  # stands where a clip has fewer captions than others


class PairsBrain(TwoTowerBrain):
    """CLAP on batches with `sig`, `text` and `captions`.

    Of its hparams it needs, beside those of the base,

    - `loss`: called with what the model returns (embeddings of the sounds and
      of the texts, scale, and bias if it has one): ``ContrastiveLoss``,
      ``BlockwiseContrastiveLoss`` or ``SigmoidLoss``;
    - `multi_positive`: a text is right for every clip of the batch that has it
      among its captions; ``ContrastiveLoss`` alone takes that;
    - `max_captions`: the most that a clip has; set by the recipe;
    - `chunk_size`: clips of a rank whose network's memory is held at once. 0:
      the whole batch. Less: gradient caching, see
      ``speechbrain_clap.brains.gradient_cache``;
    - `locked_audio`: in training `sig` is what a locked tower made of the
      sound, from ``speechbrain_clap.brains.locked``;
    - `crop`: cuts or fills training clips to one length;
    - `augment`: list of modules on waves [B, T];
    - `zero_shot_tasks`: list of ``speechbrain_clap.dataio.tasks.ZeroShotTask``
      tried after each epoch; `selection` may be "zero_shot", their mean;
    - `test_loader`: options of the loaders of these tasks.

    A training loader must have a ``MixtureBatches`` for batch sampler, which
    is told the epoch and, after a kill, the batch to begin with.
    """

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains, or goes on where an earlier run was stopped.

        Arguments
        ---------
        epoch_counter : iterable
            Gives the numbers of the epochs.
        train_set : torch.utils.data.DataLoader
            To train on.
        valid_set : Dataset or None
            Chooses the epoch.
        **kwargs : dict
            As for ``speechbrain.Brain.fit``.

        Raises
        ------
        HparamsError
            If `selection` names a score that will not be measured.
        """
        tasks = [task.name for task in self.hparams.zero_shot_tasks]
        # Without a validation set "loss" keeps the last epoch.
        measured = ["loss"] if valid_set is None else ["loss", *RETRIEVAL]
        if tasks:
            measured += ["zero_shot", *(f"zero_shot_{name}" for name in tasks)]
        if self.hparams.selection not in measured:
            raise HparamsError(
                f"--selection={self.hparams.selection}: is not measured with "
                f"the data given, expected one of {', '.join(measured)}"
            )
        self.batches = train_set.batch_sampler
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def training_inputs(self, batch):
        """What the model and the loss take of a batch.

        Arguments
        ---------
        batch : PaddedBatch
            On this rank's device.

        Returns
        -------
        dict
            `wavs` [B, T] or `features` [B, Da], and `texts`, by chunk.
        tuple
            What the loss takes beside the model's output.
        """
        if self.hparams.locked_audio:
            inputs = {"features": batch.sig.data}
        else:
            wavs, lens = batch.sig
            wavs = self.hparams.crop(wavs, lens)
            for augment in self.hparams.augment:
                wavs = augment(wavs)
            inputs = {"wavs": wavs}
        inputs["texts"] = batch.text
        if not self.hparams.multi_positive:
            return inputs, ()
        # [B, K]; equal K on all ranks, for they are gathered.
        heard = torch.full(
            (len(batch.text), self.hparams.max_captions), NO_CAPTION
        )
        for row, captions in enumerate(batch.captions):
            heard[row, : len(captions)] = concept_numbers(captions)
        heard = heard.to(self.device)
        weights = (heard != NO_CAPTION).float()
        said = concept_numbers(batch.text).to(self.device)
        return inputs, (heard, said, weights / weights.sum(1, keepdim=True))

    def accumulate_gradient(self, batch, should_step):
        """Adds the gradient of one batch, unless its loss is not finite.

        Arguments
        ---------
        batch : PaddedBatch
            The batch.
        should_step : bool
            A step follows.

        Returns
        -------
        torch.Tensor
            The loss.
        bool
            Whether it is finite, on all ranks.
        """
        if not self.hparams.chunk_size:
            return super().accumulate_gradient(batch, should_step)
        inputs, positives = self.training_inputs(batch.to(self.device))
        size = self.hparams.chunk_size
        chunks = [
            {key: x[first : first + size] for key, x in inputs.items()}
            for first in range(0, len(inputs["texts"]), size)
        ]
        return cached_step(
            lambda chunk: self.modules.clap(**chunk),
            lambda *outputs: self.hparams.loss(*outputs, *positives),
            chunks,
            self.modules,
            context=self.training_ctx,
            no_sync=self.no_sync,
            sync=should_step,
            scaler=self.scaler,
            factor=self.grad_accumulation_factor,
        )

    def compute_forward(self, batch, stage):
        """Embeds a batch.

        Arguments
        ---------
        batch : PaddedBatch
            With `sig`; in training `text`, else `captions`.
        stage : sb.Stage
            Crop and augmentation belong to training.

        Returns
        -------
        tuple
            In training what the loss takes; else the embeddings of the sounds
            and of each clip's first caption, and the scale.
        """
        batch = batch.to(self.device)
        if stage == sb.Stage.TRAIN:
            inputs, positives = self.training_inputs(batch)
            return *self.modules.clap(**inputs), *positives
        clap = unwrap(self.modules.clap)
        wavs, lens = batch.sig
        first = [captions[0] for captions in batch.captions]
        return (
            clap.encode_audio(wavs, lens),
            clap.encode_text(first),
            clap.logit_scale.exp(),
        )

    def compute_objectives(self, predictions, batch, stage):
        """The loss; in evaluation the contrastive one within the batch.

        Arguments
        ---------
        predictions : tuple
            From `compute_forward`.
        batch : PaddedBatch
            With `captions`.
        stage : sb.Stage
            Every rank evaluates the whole set, so nothing is gathered then.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        if stage == sb.Stage.TRAIN:
            return self.hparams.loss(*predictions)
        audio, text, scale = predictions
        self.ids += batch.id
        self.captions += batch.captions
        self.audio_embeddings.append(audio.cpu())
        logits = scale * audio @ text.T
        right = torch.arange(len(audio), device=audio.device)
        cross_entropy = torch.nn.functional.cross_entropy
        return 0.5 * (
            cross_entropy(logits, right) + cross_entropy(logits.T, right)
        )

    def on_stage_start(self, stage, epoch=None):
        """Points the sampler at the epoch, or begins an evaluation.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        super().on_stage_start(stage, epoch)
        if stage == sb.Stage.TRAIN:
            # Not 0 where a run was killed within the epoch.
            self.batches.epoch, self.batches.start = epoch, self.step
        else:
            self.ids, self.captions, self.audio_embeddings = [], [], []

    def embed_captions(self):
        """Embeds all captions of the clips that were evaluated.

        Returns
        -------
        torch.Tensor
            On the CPU, [captions, D].
        torch.Tensor
            Which clip each belongs to, int64, [captions].
        """
        texts = [text for captions in self.captions for text in captions]
        clip = [i for i, each in enumerate(self.captions) for _ in each]
        with torch.no_grad(), self.evaluation_ctx:
            embedded = unwrap(self.modules.clap).encode_text(texts).cpu()
        return embedded, torch.tensor(clip)

    def validation_scores(self):
        """Retrieval on the validation set, and the zero-shot tasks.

        Returns
        -------
        dict
            ``R@1``, ``R@10`` and ``mAP@10`` from text to sound by DCASE's
            convention, and what `zero_shot_scores` gives.
        """
        text, clip = self.embed_captions()
        audio = torch.cat(self.audio_embeddings).numpy()
        scores = retrieval_scores((audio, text.numpy()), clip.numpy())
        found = scores["text_to_audio"]
        found["mAP@10"] = found["mAP@10_dcase"]
        return {
            **{name: found[name] for name in RETRIEVAL},
            **self.zero_shot_scores(),
        }

    def scores_without_validation(self):
        """Where there is no validation set, the zero-shot tasks may choose.

        Returns
        -------
        dict or None
            Name to number; None where `selection` does not ask for them.
        """
        if not self.hparams.selection.startswith("zero_shot"):
            return None
        return self.zero_shot_scores()

    def zero_shot_scores(self):
        """Accuracy on each task, by text prompts.

        Returns
        -------
        dict
            ``zero_shot_<name>`` each, and their mean as ``zero_shot``.
        """
        scores = {}
        for task in self.hparams.zero_shot_tasks:
            _, targets, audio, classes = self.embed_task(task)
            right = (audio @ classes.T).argmax(1) == targets
            scores[f"zero_shot_{task.name}"] = right.float().mean().item()
        if scores:
            scores["zero_shot"] = sum(scores.values()) / len(scores)
        return scores

    def embed_task(self, task):
        """Embeds the clips and the classes of a zero-shot task.

        Arguments
        ---------
        task : speechbrain_clap.dataio.tasks.ZeroShotTask
            The task.

        Returns
        -------
        list of str
            Ids of the clips, N.
        torch.Tensor
            Right class of each, int64, [N].
        torch.Tensor
            Embeddings of the clips, on the CPU, [N, D].
        torch.Tensor
            Embeddings of the classes, on the CPU, [C, D].
        """
        clap = unwrap(self.modules.clap).eval()
        ids, targets, audio = [], [], []
        with torch.no_grad(), self.evaluation_ctx:
            classes = clap.encode_classes(task.class_names, task.templates)
            batches = task.loader(**self.hparams.test_loader)
            if self.debug:
                batches = itertools.islice(batches, self.debug_batches)
            for batch in batches:
                wavs, lens = batch.to(self.device).sig
                audio.append(clap.encode_audio(wavs, lens).cpu())
                targets += [task.index[label] for label in batch.label]
                ids += batch.id
        return ids, torch.tensor(targets), torch.cat(audio), classes.cpu()
