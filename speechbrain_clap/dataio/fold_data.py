"""The three parts of one fold, ready for a Brain.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

from speechbrain_clap.dataio.clips import PADDINGS
from speechbrain_clap.dataio.datasets import clip_dataset
from speechbrain_clap.dataio.manifest import read_manifest


class FoldData:
    """Reads what a prepare script wrote for one test fold.

    Arguments
    ---------
    data_folder : str
        Root of the paths in the manifests.
    manifest_folder : str
        Holds `{train,valid,test}_fold<k>.json` and `prepare_fold<k>.json`.
    test_fold : int
        Which fold is tested.
    reader : callable
        ``speechbrain_clap.dataio.audio.AudioReader``.
    clip_seconds : float
        Length of a clip in evaluation.
    clip_policy : dict
        `padding` of shorter clips and what is taken of a `long` one.

    Attributes
    ----------
    train, valid, test : DynamicItemDataset
        Training clips are whole, the others have one length. `valid` is None
        when no fold validates.
    class_names : list of str
        In the data set's order.
    report : dict
        What the prepare script counted.
    file_names : dict
        From a clip's id to the name of its file.
    """

    def __init__(
        self,
        data_folder,
        manifest_folder,
        test_fold,
        reader,
        clip_seconds,
        clip_policy,
    ):
        folder = pathlib.Path(manifest_folder)
        self.test_fold = test_fold
        self.clip_seconds = clip_seconds
        self.clip_policy = clip_policy
        self.report = json.loads(
            (folder / f"prepare_fold{test_fold}.json").read_text("utf-8")
        )
        self.class_names = self.report["classes"]
        # Of a long clip the centre is taken, whatever long sounds get in
        # use: clips of a set are about as long as those it is trained on.
        policy = {
            "samples": round(clip_seconds * reader.sample_rate),
            "padding": clip_policy["padding"],
        }
        rows = {
            part: read_manifest(
                folder / f"{part}_fold{test_fold}.json", data_folder
            )
            for part in ("train", "valid", "test")
        }
        self.file_names = {
            name: pathlib.Path(row["path"]).name
            for part in rows.values()
            for name, row in part.items()
        }
        self.train = clip_dataset(rows["train"], reader)
        self.valid = None
        if rows["valid"]:
            self.valid = clip_dataset(rows["valid"], reader, policy)
        self.test = clip_dataset(rows["test"], reader, policy)

    def policy_in_words(self):
        """How clips are brought to one length in evaluation.

        Returns
        -------
        str
            For a report.
        """
        return (
            f"{self.clip_seconds:g} s: the centre of longer clips, "
            f"{PADDINGS[self.clip_policy['padding']]} for shorter ones"
        )
