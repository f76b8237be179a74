"""What is evaluated: the checkpoint that the protocol chose, loaded once.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.brains.contrastive import ContrastiveBrain


class SelectedBrain(ContrastiveBrain):
    """Loads the epoch that `selection` chose before its first evaluation.

    Attributes
    ----------
    evaluated : Checkpoint or None
        What is evaluated, once it is loaded.
    """

    evaluated = None

    def on_fit_start(self):
        """Prepares the optimiser and recovers the newest checkpoint."""
        super().on_fit_start()
        self.evaluated = None

    def on_evaluate_start(self, max_key=None, min_key=None):
        """Loads the checkpoint that the protocol chose, once.

        Arguments
        ---------
        max_key : str or None
            Not used: `selection` names the score.
        min_key : str or None
            Not used.
        """
        if self.evaluated is None:
            self.evaluated = self.recover_selected()

    def epoch_choice(self):
        """How the epoch was chosen, for a protocol.

        Returns
        -------
        str
            In words.
        """
        name = self.hparams.selection
        if name not in self.evaluated.meta:
            return "the last: there is no validation part"
        direction = self.hparams.epoch_counter.direction
        return (
            f"the epoch with the best {name} ({direction}) on the validation "
            "clips"
        )
