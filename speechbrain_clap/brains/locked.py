"""A locked sound tower hears each training clip once; what it made is kept.

"LiT: Zero-Shot Transfer with Locked-image text Tuning", Zhai et al. 2021,
https://arxiv.org/abs/2111.07991.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import json
import os
import pathlib

import numpy
import torch
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from speechbrain.utils.distributed import ddp_barrier, run_on_main
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.pairs import PairDataset
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.distributed import rank, ranks, unwrap
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)


class LockedPairs(PairDataset):
    """Training pairs whose `sig` is what the locked tower made of the clip.

    A clip has one embedding, of its centre: a locked tower gives up the random
    crops and the augmentation of waves, and saves the time of reading and
    hearing.

    Arguments
    ---------
    sources : list
        Sources of pairs.
    features : list of numpy.ndarray
        One for each source, float32, [clips, Da]; NaN for a bad clip.
    seed : int
        Of the captions' draw.

    Example
    -------
    >>> from speechbrain_clap.dataio.pairs import ManifestPairs
    >>> rows = {"a": {"path": "a.wav", "captions": ["rain"]}}
    >>> sources = [ManifestPairs("garden", rows)]
    >>> pairs = LockedPairs(sources, [numpy.ones((1, 3), "float32")], seed=1)
    >>> pairs[1, 0, 0]["sig"], pairs[1, 0, 0]["text"]
    (tensor([1., 1., 1.]), 'rain')
    """

    def __init__(self, sources, features, seed):
        super().__init__(sources, lambda *_, position: None, seed)
        self.features = features

    def __getitem__(self, index):
        """One pair, with nothing read but its features.

        Arguments
        ---------
        index : tuple
            (epoch, number of the set, row in it).

        Returns
        -------
        dict
            As of ``PairDataset``, `sig` being [Da].
        """
        pair = super().__getitem__(index)
        _, number, row = index
        features = torch.from_numpy(numpy.array(self.features[number][row]))
        pair["sig"] = None if features.isnan().any() else features
        return pair


def cache_locked_audio(brain, sources, clips_of, loader, folder, seed):
    """Embeds the training clips by the locked tower, or finds that it has.

    Arguments
    ---------
    brain : speechbrain.Brain
        With `modules.clap`, its tower locked and on its device.
    sources : list
        Sources of pairs.
    clips_of : callable
        As for `cache_audio`.
    loader : dict
        Options of the loaders of these.
    folder : str or pathlib.Path
        As for `cache_audio`.
    seed : int
        Of the captions' draw.

    Returns
    -------
    LockedPairs
        To train on.
    """
    encoder = unwrap(brain.modules.clap).audio_encoder
    features = cache_audio(brain, encoder, sources, clips_of, loader, folder)
    return LockedPairs(sources, features, seed)


def cache_audio(brain, encoder, sources, clips_of, loader, folder):
    """Embeds sounds by a locked encoder, or finds that this was done.

    The ranks share the work; a run that was killed goes on where it was. The
    files tell what made them: other weights, clips or lengths begin anew.

    Arguments
    ---------
    brain : speechbrain.Brain
        Whose device and precision are used.
    encoder : torch.nn.Module
        Locked, on that device.
    sources : list
        Sources of clips, such as ``speechbrain_clap.dataio.pairs.FileRows``.
    clips_of : callable
        From a source to a data set of its clips, all of one length, such as
        ``speechbrain_clap.dataio.pairs.ClipPairs`` with a policy.
    loader : dict
        Options of the loaders of these.
    folder : str or pathlib.Path
        Gets `<set>.features`, `<set>.done` and `<set>.json`.

    Returns
    -------
    list of numpy.memmap
        One for each source, float32, [clips, Da]; NaN for a bad clip.
    """
    encoder = encoder.eval()
    weights = weights_digest(encoder)
    features = []
    for source in sources:
        store = _Store(folder, source, encoder.embedding_dim)
        clips = clips_of(source)
        made_by = {"weights": weights, "policy": clips.policy}
        run_on_main(store.begin, args=[source, made_by])
        values, done = store.open()
        mine = [i for i in range(rank(), len(source), ranks()) if not done[i]]
        batches = torch.utils.data.DataLoader(
            torch.utils.data.Subset(clips, mine), **loader
        )
        number = {name: i for i, name in enumerate(source.ids)}
        if mine:
            logger.info(
                "%s: the locked tower hears %d clips once",
                source.name,
                len(mine),
            )
        with torch.no_grad(), brain.evaluation_ctx:
            for batch in tqdm(batches, disable=not mine):
                wavs, lens = batch.to(brain.device).sig
                made = encoder(wavs, lens).float().cpu().numpy()
                names = [name.split("/", 1)[1] for name in batch.id]
                rows = [number[name] for name in names]
                values[rows] = made
                values.flush()
                done[rows] = 1  # after the values: a kill loses no clip
        done[mine] = 1  # bad ones, which no batch held, too
        done.flush()
        ddp_barrier()
        features.append(store.open()[0])
    return features


@register_checkpoint_hooks
class UnlockedParts:
    """What a checkpoint holds of a model whose towers may be locked.

    A locked tower is not written at every epoch: it is what it was. Its
    digest is, so that another one in its place is refused.

    Arguments
    ---------
    model : speechbrain_clap.models.two_towers.TwoTowers
        Its towers locked already.

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> clap.model.lock("audio")
    >>> path = getfixture("tmp_path") / "clap.ckpt"
    >>> UnlockedParts(clap.model).save(path)
    >>> state = torch.load(path, weights_only=True)["state"]
    >>> any(key.startswith("audio_encoder.") for key in state)
    False
    """

    def __init__(self, model):
        self.model = model
        self.locked = {
            f"{tower}_encoder": weights_digest(
                model.get_submodule(f"{tower}_encoder")
            )
            for tower in sorted(model.locked)
        }

    def _is_locked(self, key):
        return key.split(".", 1)[0] in self.locked

    @mark_as_saver
    def save(self, path):
        """Saves what is learnt.

        Arguments
        ---------
        path : str
            The file.
        """
        state = {
            key: value
            for key, value in self.model.state_dict().items()
            if not self._is_locked(key)
        }
        torch.save({"state": state, "locked": self.locked}, path)

    @mark_as_loader
    def load(self, path, end_of_epoch=False):
        """Recovers it.

        Arguments
        ---------
        path : str
            The file.
        end_of_epoch : bool
            Not used.

        Raises
        ------
        DataError
            If it was learnt beside other towers.
        """
        del end_of_epoch
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["locked"] != self.locked:
            raise DataError(
                f"{path}: was learnt beside other locked towers than those "
                "there are now; give the same locked towers and weights, or "
                "another output_folder"
            )
        locked = {
            key: value
            for key, value in self.model.state_dict().items()
            if self._is_locked(key)
        }
        self.model.load_state_dict({**locked, **saved["state"]})


class _Store:
    """Memory-mapped features of one set, and which of them are there."""

    def __init__(self, folder, source, dim):
        folder = pathlib.Path(folder)
        self.made_by = folder / f"{source.name}.json"
        self.features = folder / f"{source.name}.features"
        self.done = folder / f"{source.name}.done"
        self.shape = (len(source), dim)

    def begin(self, source, made_by):
        """Makes empty files, unless those there were made by the same."""
        made_by = {**made_by, "clips": _listing(source)}
        if self.made_by.is_file():
            if json.loads(self.made_by.read_text("utf-8")) == made_by:
                return
            self.made_by.unlink()
        self.features.parent.mkdir(parents=True, exist_ok=True)
        values = numpy.memmap(self.features, "float32", "w+", shape=self.shape)
        values[:] = numpy.nan
        values.flush()
        numpy.memmap(self.done, "uint8", "w+", shape=self.shape[:1]).flush()
        write_json(self.made_by, made_by)

    def open(self):
        """The features and the marks, to read and write."""
        return (
            numpy.memmap(self.features, "float32", "r+", shape=self.shape),
            numpy.memmap(self.done, "uint8", "r+", shape=self.shape[:1]),
        )


def _listing(source):
    """Digest of the clips: their names, and their files' sizes and times."""
    digest = hashlib.sha256()
    for i, name in enumerate(source.ids):
        digest.update(f"{name}\n{source.span(i)}\n".encode())
        file = source.file(i)
        if isinstance(file, (str, os.PathLike)) and os.path.exists(file):
            found = os.stat(file)
            digest.update(f"{found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
