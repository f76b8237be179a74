"""Labelled sets on which a model is tried by text prompts as it trains.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.datasets import clip_dataset
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest

logger = get_logger(__name__)


class ZeroShotTask:
    """All clips of a labelled set, its classes, and prompts for them.

    Arguments
    ---------
    name : str
        For logs: the score is called ``zero_shot_<name>``.
    data_folder : str or None
        Where the set lies. None: the task is left out, and the log says so.
    prepare : callable
        A recipe's preparation, called with `data_folder` and
        `manifest_folder`; writes manifests whose rows have a `label`, and one
        ``prepare*.json`` with the `classes` and `sounds` ("real" or "made-up").
    templates : list of str
        Each holds "{}" where the class's name goes.
    reader : callable
        ``speechbrain_clap.dataio.audio.AudioReader``.
    policy : dict
        Arguments of ``speechbrain_clap.dataio.clips.fit_clip``.
    parts : list of str
        The manifests taken together, without their ".json".

    Example
    -------
    >>> from speechbrain_clap.dataio.manifest import write_manifest
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.wav").write_bytes(b"")
    >>> def prepare(data_folder, manifest_folder):
    ...     row = {"path": "{data_root}/a.wav", "label": "dog"}
    ...     write_manifest(f"{manifest_folder}/test.json", {"a": row})
    ...     report = pathlib.Path(manifest_folder, "prepare.json")
    ...     _ = report.write_text(
    ...         '{"classes": ["dog", "cat"], "sounds": "real"}'
    ...     )
    >>> task = ZeroShotTask("pets", folder, prepare, ["{}"], None, {}, ["test"])
    >>> task.load(folder / "manifests")
    True
    >>> task.class_names, len(task.rows)
    (['dog', 'cat'], 1)
    """

    def __init__(
        self, name, data_folder, prepare, templates, reader, policy, parts
    ):
        self.name = name
        self.data_folder = data_folder
        self.prepare = prepare
        self.templates = templates
        self.reader = reader
        self.policy = policy
        self.parts = parts

    def load(self, folder):
        """Prepares the set and reads its clips, where it is there.

        To be called on every rank after the main process alone has called
        `write_manifests`, or on one process.

        Arguments
        ---------
        folder : str or pathlib.Path
            Gets the manifests, in a folder of the task's name.

        Returns
        -------
        bool
            Whether there is anything to try.

        Raises
        ------
        DataError
            If the preparation lists no classes, or a clip is of none of them.
        """
        if self.data_folder is None:
            logger.info(
                "Zero-shot task %s: no folder given, left out", self.name
            )
            return False
        folder = pathlib.Path(folder) / self.name
        if not list(folder.glob("prepare*.json")):
            self.write_manifests(folder.parent)
        self.rows = {}
        for part in self.parts:
            self.rows |= read_manifest(
                folder / f"{part}.json", self.data_folder, on_bad_clip="skip"
            )
        report = next(folder.glob("prepare*.json"))
        facts = json.loads(report.read_text("utf-8"))
        self.class_names = facts["classes"]
        self.sounds = facts["sounds"]
        self.index = {label: i for i, label in enumerate(self.class_names)}
        for clip, row in self.rows.items():
            if row["label"] not in self.index:
                raise DataError(
                    f"{folder}: clip '{clip}' has the label '{row['label']}', "
                    f"which is none of the classes in {report.name}"
                )
        return True

    def write_manifests(self, folder):
        """Runs the preparation.

        Arguments
        ---------
        folder : str or pathlib.Path
            Gets a folder of the task's name.
        """
        if self.data_folder is not None:
            folder = pathlib.Path(folder) / self.name
            folder.mkdir(parents=True, exist_ok=True)
            self.prepare(
                data_folder=self.data_folder, manifest_folder=str(folder)
            )

    def sources(self):
        """Where the recordings come from, so that no pair of them trains.

        Returns
        -------
        set of str
            Of the rows that tell.
        """
        return {row["source"] for row in self.rows.values() if "source" in row}

    def loader(self, **options):
        """Batches of all clips, in order.

        Arguments
        ---------
        **options : dict
            As for ``torch.utils.data.DataLoader``.

        Returns
        -------
        torch.utils.data.DataLoader
            Of ``PaddedBatch``.
        """
        clips = clip_dataset(self.rows, self.reader, self.policy)
        return torch.utils.data.DataLoader(clips, **options)
