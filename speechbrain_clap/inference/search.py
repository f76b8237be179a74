"""Finding sounds in a folder by words, by a sound, or by both.

Authors
 * The speechbrain_clap team 2026
"""

import os
import pathlib

import numpy as np

from speechbrain_clap.curation.fingerprint import check_fingerprint
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.inference.answers import (
    Answer,
    Hit,
    Part,
    add_up,
    weighted,
)
from speechbrain_clap.inference.index_files import (
    approximate_name,
    locked,
    read_index,
)
from speechbrain_clap.inference.index_update import update_index
from speechbrain_clap.inference.loading import load_embedder
from speechbrain_clap.inference.nearest import ApproximateSearch, ExactSearch
from speechbrain_clap.utils.digest import weights_digest


class SoundIndex:
    """An index over a folder of sounds, to be asked by words and sounds.

    A query is a sum of embeddings with weights; sounds are ranked by their
    cosine to it. With a text query-modifier, a sound plus "add dog bark"
    finds the like of it with a dog (https://arxiv.org/abs/2207.09732).

    Opening it reads what is there. `update` makes it and brings it up to
    date. An index object keeps to what it has opened while another process
    updates; open it again to see the changes.

    Arguments
    ---------
    folder : str or pathlib.Path
        Of the index. Nothing is written before the first `update`.
    model : SoundEmbedder, str or None
        A model of ``speechbrain_clap.inference``, or its folder or name as
        ``load_embedder`` takes it. None: the name that the index was made
        with; it is loaded once it is needed, and runs the code that its
        folder asks for, so open indexes of people you trust.
    weights : str or None
        The file of published weights, where `model` is such a name.
    device : str or None
        Where a model that is loaded computes; None takes a GPU if there is
        one.

    Raises
    ------
    FileNotFoundError
        If there is no index and no model to make it with.
    DataError
        If the index is damaged, or was made with another model.

    Example
    -------
    >>> import soundfile
    >>> sounds = getfixture("tmp_path") / "sounds"
    >>> (sounds / "dogs").mkdir(parents=True)
    >>> draw = np.random.default_rng(0)
    >>> for name in ("rain", "wind", "dogs/bark"):
    ...     wav = 0.1 * draw.standard_normal(8000)
    ...     soundfile.write(sounds / f"{name}.wav", wav, 16000)
    >>> folder = sounds.parent / "index"
    >>> index = SoundIndex(folder, getfixture("tiny_clap_folder"))
    >>> print(index.update(sounds))
    3 sounds: 3 added, 0 changed, 0 removed, 0 kept (3 embedded)
    >>> index.paths
    ['dogs/bark.wav', 'rain.wav', 'wind.wav']
    >>> answer = index.search("a dog barks", k=2)
    >>> len(answer), 1 >= answer[0].cosine >= answer[1].cosine
    (2, True)
    >>> answer = index.search(sound="dogs/bark.wav", modifier={"add rain": 0.5})
    >>> answer.asked
    'dogs/bark.wav + 0.5 × “add rain”'
    >>> index.refine(answer, "make it louder").searched
    2
    """

    def __init__(self, folder, model=None, weights=None, device=None):
        self.folder = pathlib.Path(folder)
        self._contents = read_index(self.folder)
        if model is None and self._contents is None:
            raise FileNotFoundError(
                f"{self.folder} holds no index of sounds. To make one, pass a "
                "model and update it with a folder of sounds"
            )
        self._source = {"model": None, "weights": None}
        if self._contents is not None:
            self._source = {
                key: self._contents.about[key] for key in self._source
            }
        self._device, self._model, self._fingerprint = device, None, None
        if isinstance(model, (str, os.PathLike)):
            if pathlib.Path(model).is_dir():
                model = pathlib.Path(model).absolute()
            if weights is not None:
                weights = os.path.abspath(weights)
            self._source = {"model": str(model), "weights": weights}
        elif model is not None:
            self._use(model)
        self._open()

    @property
    def model(self):
        """What embeds: a ``SoundEmbedder``, loaded when first needed."""
        if self._model is None:
            if self._source["model"] is None:
                raise DataError(
                    f"{self.folder} does not say which model it was made "
                    "with, for that had no name: pass the model"
                )
            self._use(load_embedder(**self._source, device=self._device))
        return self._model

    def _use(self, model):
        """Takes a model, if the index is of it."""
        self._fingerprint = {
            "model": type(model).__name__,
            "weights": weights_digest(model),
            "sample_rate": model.sample_rate,
            "clip_policy": dict(model.hparams.clip_policy),
        }
        if self._contents is not None:
            found = self._contents.about["fingerprint"]
            check_fingerprint(found, self._fingerprint, self.folder)
        self._model = model

    def _open(self):
        """Takes what was read as what is searched."""
        rows = [] if self._contents is None else self._contents.rows
        self.paths = [row.path for row in rows if row.problem is None]
        self._places = {path: i for i, path in enumerate(self.paths)}
        self._searches = {}

    def __len__(self):
        return len(self.paths)

    @property
    def sounds(self):
        """The folder of the sounds: pathlib.Path, None before an update."""
        if self._contents is None:
            return None
        return pathlib.Path(self._contents.about["sounds"])

    @property
    def vectors(self):
        """The embeddings: np.ndarray, [N, D], as the model gave them."""
        if self._contents is None:
            raise DataError(
                f"{self.folder} holds no sounds yet: update it with a folder"
            )
        return self._contents.vectors

    @property
    def unreadable(self):
        """Files that are not searched: dict of path to what is wrong."""
        rows = [] if self._contents is None else self._contents.rows
        return {row.path: row.problem for row in rows if row.problem}

    def update(self, sounds=None, batch_size=16, retry=False):
        """Embeds what is new or changed, and drops what has vanished.

        Files are known by their contents: renamed, copied and touched ones
        are not embedded again. A kill costs a second's work: the old index
        stays whole, and the same call goes on where it stopped.

        Arguments
        ---------
        sounds : str, pathlib.Path or None
            The folder of sounds, looked through with all below it. None: the
            one of the last update. It may have moved.
        batch_size : int
            How many sounds are decoded and embedded at once.
        retry : bool
            Whether to try unreadable files again that have not changed.

        Returns
        -------
        speechbrain_clap.inference.index_update.UpdateReport
            What was added, changed, removed, or cannot be read.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        DataError
            If it has nothing in common with the index or holds no sound that
            can be read, if another update is at work, or if the index was
            made with another model. The index stays as it was.
        """
        if sounds is None and self._contents is None:
            raise DataError(
                f"{self.folder} is new: pass the folder of sounds to index"
            )
        model = self.model
        report = update_index(
            self.folder,
            self.sounds if sounds is None else sounds,
            model,
            {**self._source, "fingerprint": self._fingerprint},
            batch_size,
            retry,
        )
        self._contents = read_index(self.folder)
        self._open()
        return report

    def vector(self, sound):
        """The stored embedding of a sound.

        Arguments
        ---------
        sound : str or Hit
            As `paths` has it.

        Returns
        -------
        np.ndarray
            Float32, [D], as the model gave it.

        Raises
        ------
        DataError
            If the index does not hold it.
        """
        return np.array(self.vectors[self._place(sound)])

    def search(
        self,
        text=None,
        sound=None,
        modifier=None,
        k=10,
        without=(),
        exact=True,
    ):
        """Finds the sounds nearest to a sum of texts and sounds.

        Each of the first three is one thing, a list, or a dict of things to
        weights, which may be negative.

        Arguments
        ---------
        text : str, list or dict
            What the sound should be.
        sound : str, pathlib.Path, Hit, list or dict
            What it should be like: a file; or, without listening to it
            again, a hit or one of `paths` (where no file has this name).
        modifier : str, list or dict
            How it should differ from the sound. To the model a text as any
            other.
        k : int
            How many to find.
        without : sequence of str or Hit
            Sounds of the index to leave out.
        exact : bool
            False: by faiss, which is faster from millions of sounds on, and
            may miss some. Its own index is made at the first such search.

        Returns
        -------
        Answer
            At most k hits, best first, equal ones by path.

        Raises
        ------
        DataError
            If there is nothing to look for, or nowhere to look.
        speechbrain_clap.dataio.audio.BadClipError
            If a sound cannot be read.
        ImportError
            If faiss is asked for and not installed.
        """
        if k < 1:
            raise DataError(f"k is {k}, expected 1 or more")
        parts, embeddings = [], []
        for what, weight in weighted(sound):
            part, embedding = self._sound_part(what, weight)
            parts.append(part)
            embeddings.append(embedding)
        texts = [("text", *of) for of in weighted(text)]
        texts += [("modifier", *of) for of in weighted(modifier)]
        if texts:
            parts += [Part(*of) for of in texts]
            words = [what for _, what, _ in texts]
            embeddings += list(_numpy(self.model.embed_text(words)))
        if not parts:
            raise DataError("pass a text, a sound or a modifier to look for")
        query = add_up(parts, embeddings)
        return self._find(tuple(parts), query, k, without, exact)

    def refine(self, last, modifier, k=10, exact=True):
        """Goes on from what was found: a sound, and what should differ.

        Arguments
        ---------
        last : Answer or Hit
            The hit to start from; of an answer, the best one. It is left out
            of what is found.
        modifier : str, list or dict
            As for `search`.
        k : int
            How many to find.
        exact : bool
            As for `search`.

        Returns
        -------
        Answer
            For the hit's stored embedding plus the modifier's, which can be
            refined in turn.

        Raises
        ------
        DataError
            If nothing was found last, or the index holds it no more.
        """
        if isinstance(last, Answer):
            if not last:
                raise DataError("the last search found nothing to refine")
            last = last[0]
        return self.search(
            sound=last, modifier=modifier, k=k, without=[last], exact=exact
        )

    def _place(self, sound):
        path = sound.path if isinstance(sound, Hit) else str(sound)
        if path not in self._places:
            raise DataError(
                f"{path} is neither a file nor in the index {self.folder}"
            )
        return self._places[path]

    def _sound_part(self, sound, weight):
        """A sound as a part of a query, and its embedding."""
        if not isinstance(sound, Hit) and os.path.isfile(sound):
            file = os.path.abspath(sound)
            embedding = _numpy(self.model.embed_audio_files([file]))[0]
            return Part("sound", str(sound), weight, file), embedding
        place = self._place(sound)
        path = self.paths[place]
        part = Part("sound", path, weight, str(self.sounds / path))
        return part, self.vectors[place]

    def _find(self, parts, query, k, without, exact):
        """The best sounds for a query."""
        without = {self._place(sound) for sound in without}
        rows, cosines = self._searcher(exact)(query, k, without)
        hits = tuple(
            Hit(path, str(self.sounds / path), cosine)
            for path, cosine in zip(
                (self.paths[row] for row in rows),
                cosines.tolist(),
                strict=True,
            )
        )
        return Answer(parts, hits, len(self) - len(without), exact, query)

    def _searcher(self, exact):
        """What finds rows, made at the first search."""
        if exact not in self._searches:
            if exact:
                self._searches[exact] = ExactSearch(self.vectors)
            else:
                name = approximate_name(self._contents.about["vectors"])
                with locked(self.folder):
                    self._searches[exact] = ApproximateSearch(
                        self.vectors, self.folder / name
                    )
        return self._searches[exact]


def _numpy(embeddings):
    return embeddings.detach().double().cpu().numpy()
