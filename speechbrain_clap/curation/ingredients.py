"""What a curation needs beside the wild sounds, from what a user gives.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.curation.embed import embed_texts
from speechbrain_clap.curation.texts import Texts
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.leaks import held_out_sources
from speechbrain_clap.dataio.sounds import open_sounds
from speechbrain_clap.utils.prompts import fill_template

logger = get_logger(__name__)

TEXTS = ".txt"


def open_captions(where, data_root=None):
    """Opens captions, with their sounds if they have any.

    Arguments
    ---------
    where : str or pathlib.Path
        A manifest or a folder of shards, or a text file with a caption in
        each line.
    data_root : str or None
        What "{data_root}" in a manifest stands for.

    Returns
    -------
    object or None
        Their sounds; None for a text file.
    speechbrain_clap.curation.texts.Texts
        The distinct captions.

    Raises
    ------
    DataError
        If there is no caption.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.txt"
    >>> _ = path.write_text("rain\\n")
    >>> sounds, texts = open_captions(path)
    >>> sounds, texts.texts
    (None, ['rain'])
    """
    if pathlib.Path(where).suffix == TEXTS:
        sounds, texts = None, Texts.of_file(where)
    else:
        # A missing sound has a caption all the same, yet none to train on.
        sounds = open_sounds(where, data_root)
        texts = Texts.of_sounds(sounds)
    if not texts.texts:
        raise DataError(f"{where} holds no caption")
    return sounds, texts


def embed_labels(model, task, template, folder):
    """Embeds the labels of a task, each put into a prompt.

    Arguments
    ---------
    model : torch.nn.Module
        As for ``speechbrain_clap.curation.embed.embed_texts``.
    task : speechbrain_clap.curation.tasks.Task
        The labels.
    template : str
        Holds "{}" where the label goes.
    folder : str or pathlib.Path
        Of the store; the id of a row is the label.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        A row for each label.

    Example
    -------
    >>> import torch
    >>> from speechbrain_clap.curation.tasks import Task
    >>> class Model(torch.nn.Embedding):
    ...     def encode_text(self, texts):
    ...         return self(torch.tensor([len(text) for text in texts]))
    >>> folder = getfixture("tmp_path")
    >>> task = Task("farm", ["a_cow", "a_pig"])
    >>> store = embed_labels(Model(20, 4), task, "this is {}", folder)
    >>> store.rows(["id", "text"]).to_pylist()[0]
    {'id': 'a_cow', 'text': 'this is a cow'}
    """
    prompts = [fill_template(template, label) for label in task.labels]
    texts = Texts(task.labels, prompts, [[] for _ in prompts])
    return embed_texts(model, texts, folder)


def gather_held_out(lists, wild, own=None):
    """The sources whose wild sounds must not be paired.

    Arguments
    ---------
    lists : dict
        Name of a list to its file, as for
        ``speechbrain_clap.dataio.leaks.held_out_sources``.
    wild : object
        The wild sounds. If none of them tells its source, the log says so,
        for then nothing can be held out.
    own : object or None
        The captions' sounds: their recordings are held out too, for they are
        not wild. None leaves that out.

    Returns
    -------
    dict
        Name of a list to a set of sources.

    Example
    -------
    >>> from speechbrain_clap.dataio.sounds import FileSounds
    >>> rows = {"a": {"path": "a.wav", "source": "freesound:1"}}
    >>> sounds = FileSounds("garden", rows)
    >>> gather_held_out({}, sounds, own=sounds)
    {'of the captions': {'freesound:1'}}
    """
    held_out = {name: held_out_sources(path) for name, path in lists.items()}
    if own is not None:
        held_out["of the captions"] = {s for s in own.sources if s}
    if any(held_out.values()) and not any(wild.sources):
        logger.warning(
            "%s: no sound tells its source, so none can be held out: give a "
            "manifest whose rows have `source`, or --wild_names=youtube",
            wild.name,
        )
    return held_out


def choose_threshold(key, given, task):
    """The threshold that is given, else that of the task.

    Arguments
    ---------
    key : str
        "threshold", of sound and caption, or "text_threshold", of caption
        and label.
    given : float or None
        By the user.
    task : speechbrain_clap.curation.tasks.Task
        With thresholds or without.

    Returns
    -------
    float
        The threshold.

    Raises
    ------
    DataError
        If it is neither given nor known.

    Example
    -------
    >>> from speechbrain_clap.curation.tasks import find_task
    >>> task = find_task("us8k")
    >>> choose_threshold("text_threshold", None, task)
    0.6
    >>> choose_threshold("text_threshold", 0.65, task)
    0.65
    """
    value = getattr(task, key) if given is None else given
    if value is None:
        raise DataError(
            f"--{key} is not given, and the task '{task.name}' has none of "
            "its own: the paper has 0.6 to 0.75"
        )
    return value
