"""What every contrastive training shares: steps, schedule, epochs, logs.

Authors
 * The speechbrain_clap team 2026
"""

import numpy
import speechbrain as sb
import torch
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_clap.brains.monitor import TrainMonitor
from speechbrain_clap.utils.distributed import all_ranks, rank

logger = get_logger(__name__)


class ContrastiveBrain(sb.Brain):
    """Trains a module that holds towers and a temperature.

    A subclass gives `compute_forward`, `compute_objectives` and
    `validation_scores`. Of its hparams this base needs

    - `seed`: every random number of a training step follows from the seed,
      the epoch, the step and the rank, so that a run that was killed goes on
      exactly as if it had not been;
    - `epoch_counter`: SpeechBrain's ``EpochCounterWithStopper``;
    - `lr_schedule`: called with the optimiser before each of its steps, with
      a `total_steps` that is set here;
    - `lr_factors`: prefix of a parameter's name to what its learning rate is
      multiplied by, such as ``{clap.text_encoder: 0.1}``, or to that and a
      weight decay of its own, ``{lr: 0.1, weight_decay: 0.05}``;
    - `train_loggers`: list of SpeechBrain train loggers; they get the loss,
      the mean norm of the gradient and what `train_scores` gives, and the
      log also gets clips per second and the share of time spent waiting for
      data;
    - `selection`: name of the validation score whose best epoch is kept, the
      highest or the lowest as the epoch counter's `direction` says; used when
      there is a validation set.

    Without a validation set the last epoch is the one that is evaluated.

    A step whose loss or gradient is not finite on any rank is left out on all
    of them; more than ``--nonfinite_patience`` of these in one epoch end the
    training with an error.
    """

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains, or goes on where an earlier run was stopped.

        Arguments
        ---------
        epoch_counter : iterable
            Gives the numbers of the epochs.
        train_set : Dataset or DataLoader
            To train on.
        valid_set : Dataset or DataLoader or None
            Chooses the epoch.
        **kwargs : dict
            As for ``speechbrain.Brain.fit``.

        Raises
        ------
        ValueError
            If the training set does not fill one batch on each rank.
        """
        if self.test_only:  # SpeechBrain says so and returns
            super().fit(epoch_counter, train_set)
            return
        if not isinstance(train_set, torch.utils.data.DataLoader):
            clips = len(train_set)
            train_set = self.make_dataloader(
                train_set, sb.Stage.TRAIN, **kwargs["train_loader_kwargs"]
            )
            if len(train_set) == 0:
                raise ValueError(
                    f"the training set has {clips} clips, fewer than one "
                    f"batch of {train_set.batch_size} on each rank: lower "
                    "batch_size or add clips"
                )
        self.validates = valid_set is not None
        steps = len(train_set) // self.grad_accumulation_factor
        self.hparams.lr_schedule.total_steps = epoch_counter.limit * steps
        super().fit(epoch_counter, train_set, valid_set, **kwargs)

    def on_fit_start(self):
        """Prepares the optimiser and recovers the newest checkpoint."""
        self.monitor = TrainMonitor()
        self.broken = False  # a batch of the step at hand was not finite
        self.checkpointer.add_recoverable("monitor", self.monitor)
        super().on_fit_start()
        done = self.hparams.epoch_counter.current
        if done:
            logger.info(
                "Resuming: %d epochs are done in this output folder", done
            )

    def init_optimizers(self):
        """Makes the optimiser, with groups of parameters.

        Vectors and scalars (biases, norms, the temperature) have no weight
        decay, and `lr_factors` scales the learning rates of some parts.
        """
        groups = {}
        for name, parameter in self.modules.named_parameters():
            if not parameter.requires_grad:
                continue
            name = name.replace(".module.", ".")  # of the DDP wrapper
            factor, decay = 1.0, None
            for prefix, value in self.hparams.lr_factors.items():
                if name.startswith(prefix):
                    given = value if isinstance(value, dict) else {"lr": value}
                    factor = given.get("lr", 1.0)
                    decay = given.get("weight_decay")
            key = (factor, 0.0 if parameter.ndim <= 1 else decay)
            groups.setdefault(key, []).append(parameter)
        self.optimizer = self.opt_class(
            [
                {"params": parameters}
                | ({} if decay is None else {"weight_decay": decay})
                for (_, decay), parameters in groups.items()
            ]
        )
        for (factor, _), group in zip(
            groups, self.optimizer.param_groups, strict=True
        ):
            group["lr"] *= factor
        self.optimizers_dict = {"opt_class": self.optimizer}
        self.checkpointer.add_recoverable("optimizer", self.optimizer)

    def on_fit_batch_start(self, batch, should_step):
        """Seeds all random numbers of this step.

        Arguments
        ---------
        batch : PaddedBatch
            Not used.
        should_step : bool
            Not used.
        """
        keys = [
            self.hparams.seed,
            self.hparams.epoch_counter.current,
            self.step,
            rank(),
        ]
        state = numpy.random.SeedSequence(keys).generate_state(1)
        torch.manual_seed(int(state[0]))

    def _wrap_distributed(self):
        """On CPUs without SyncBatchNorm, which PyTorch has for GPUs alone."""
        if not self.distributed_launch or self.device_type != "cpu":
            super()._wrap_distributed()
            return
        norms = torch.nn.modules.batchnorm._BatchNorm
        if any(isinstance(m, norms) for m in self.modules.modules()):
            logger.warning(
                "Batch norm takes its statistics from each rank's own batch: "
                "PyTorch cannot share them between ranks on CPUs"
            )
        for name, module in self.modules.items():
            if any(p.requires_grad for p in module.parameters()):
                self.modules[name] = torch.nn.parallel.DistributedDataParallel(
                    module, find_unused_parameters=self.find_unused_parameters
                )

    def fit_batch(self, batch):
        """One batch: its gradient, and a step where one is due.

        Arguments
        ---------
        batch : PaddedBatch
            The batch.

        Returns
        -------
        torch.Tensor
            The loss, on the CPU.
        """
        should_step = self.step % self.grad_accumulation_factor == 0
        self.monitor.start_step()
        self.on_fit_batch_start(batch, should_step)
        loss, finite = self.accumulate_gradient(batch, should_step)
        self.broken = self.broken or not finite
        if should_step:
            self.optimizers_step()
        self.monitor.end_step(len(batch))
        return loss.detach().cpu()

    def accumulate_gradient(self, batch, should_step):
        """Adds the gradient of one batch, unless its loss is not finite.

        Arguments
        ---------
        batch : PaddedBatch
            The batch.
        should_step : bool
            A step follows: only then do the ranks exchange their gradients.

        Returns
        -------
        torch.Tensor
            The loss.
        bool
            Whether it is finite, on all ranks.
        """
        with self.no_sync(not should_step):
            with self.training_ctx:
                outputs = self.compute_forward(batch, sb.Stage.TRAIN)
                loss = self.compute_objectives(outputs, batch, sb.Stage.TRAIN)
            finite = all_ranks(torch.isfinite(loss.detach()))
            if finite:
                share = loss / self.grad_accumulation_factor
                self.scaler.scale(share).backward()
        return loss, finite

    def optimizers_step(self):
        """Clips the gradient over all groups, then steps, if it is finite."""
        self.hparams.lr_schedule(self.optimizer)
        if self.broken:
            self._leave_out()
        else:
            self.scaler.unscale_(self.optimizer)
            # SpeechBrain clips the first group of parameters alone.
            norm = torch.nn.utils.clip_grad_norm_(
                [p for g in self.optimizer.param_groups for p in g["params"]],
                self.max_grad_norm,
            )
            if torch.isfinite(norm):
                self.monitor.gradient(norm)
            elif not self.scaler.is_enabled():  # which leaves it out itself
                self._leave_out()
                self.optimizer.zero_grad(set_to_none=True)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer_step += 1
        self.broken = False
        self.optimizer.zero_grad(set_to_none=True)

    def _leave_out(self):
        self.monitor.skip()
        skipped = self.monitor.counts["skipped"]
        if skipped > self.nonfinite_patience:
            raise ValueError(
                f"the loss or its gradient was not finite in {skipped} steps "
                f"of epoch {self.hparams.epoch_counter.current}, more than "
                f"--nonfinite_patience={self.nonfinite_patience}: lower the "
                "learning rate, look at the clips, or train in fp32"
            )
        logger.warning(
            "Step %d is left out: its loss or gradient is not finite",
            self.step,
        )

    def on_stage_start(self, stage, epoch=None):
        """Begins to measure the speed of an epoch.

        Arguments
        ---------
        stage : sb.Stage
            Which stage begins.
        epoch : int or None
            The epoch.
        """
        if stage == sb.Stage.TRAIN:
            self.monitor.start_epoch()

    def on_stage_end(self, stage, stage_loss, epoch):
        """Logs, and saves a checkpoint after each epoch.

        Arguments
        ---------
        stage : sb.Stage
            Which stage ends.
        stage_loss : float
            Mean loss over its batches.
        epoch : int or None
            The epoch, in training and validation.
        """
        if stage == sb.Stage.TRAIN:
            self.train_stats = {
                "loss": stage_loss,
                **self.train_scores(),
                **self.monitor.scores(),
            }
            speed = self.monitor.speed()
            run_on_main(
                logger.info,
                args=[
                    f"Epoch {epoch}: {speed['clips_per_second']:.1f} clips/s "
                    f"on each rank, {100 * speed['data_wait']:.0f} % of the "
                    "time waiting for data"
                ],
            )
            if not self.validates:
                self.finish_epoch(epoch, self.scores_without_validation())
        elif stage == sb.Stage.VALID:
            scores = {"loss": stage_loss, **self.validation_scores()}
            self.finish_epoch(epoch, scores)

    def train_scores(self):
        """What the log tells of an epoch's training beside the loss.

        Returns
        -------
        dict
            Name to number.
        """
        return {}

    def scores_without_validation(self):
        """Scores that may choose the epoch where there is no validation set.

        Returns
        -------
        dict or None
            Name to number. None: the last epoch is kept.
        """
        return None

    def validation_scores(self):
        """Scores of the validation set, among them `selection`.

        Returns
        -------
        dict
            Name to number.
        """
        raise NotImplementedError

    def finish_epoch(self, epoch, valid_stats):
        """Writes the logs and the checkpoint of one epoch.

        Arguments
        ---------
        epoch : int
            Its number.
        valid_stats : dict or None
            Scores of the validation set.
        """
        rate = self.optimizer.param_groups[0]["lr"]
        meta, keys = {"epoch": epoch}, {}
        if valid_stats is not None:
            name = self.hparams.selection
            meta[name] = valid_stats[name]
            keys = {f"{self.hparams.epoch_counter.direction}_keys": [name]}
            self.hparams.epoch_counter.update_metric(valid_stats[name])
        losses = {**self.train_stats, **(valid_stats or {})}
        self.hparams.lr_schedule.end_epoch(losses["loss"])
        # On every rank: SpeechBrain's loggers write on the main process alone
        # and then broadcast.
        for train_logger in self.hparams.train_loggers:
            train_logger.log_stats(
                {"epoch": epoch, "lr": rate},
                train_stats=self.train_stats,
                valid_stats=valid_stats,
            )
        # The next epoch begins at its first step; SpeechBrain says so after
        # this checkpoint.
        self.step, self.avg_train_loss = 0, 0.0
        self.checkpointer.save_and_keep_only(
            meta=meta, importance_keys=[], **keys
        )

    def recover_selected(self):
        """Loads the checkpoint that the protocol chose.

        Returns
        -------
        Checkpoint
            The best one on the validation set, or the last.

        Raises
        ------
        ValueError
            If there is none.
        """
        # Only the model is wanted: a recipe that only tests has no optimiser.
        best = f"{self.hparams.epoch_counter.direction}_key"
        chosen = (
            self.checkpointer.find_checkpoint(**{best: self.hparams.selection})
            or self.checkpointer.find_checkpoint()
        )
        if chosen is None:
            raise ValueError(
                f"no checkpoint in {self.checkpointer.checkpoints_dir}: train "
                "first, without --test_only, or name the output_folder of a "
                "finished training"
            )
        run_on_main(logger.info, args=[f"Evaluating {chosen.path}"])
        self.checkpointer.load_checkpoint(chosen)
        return chosen
