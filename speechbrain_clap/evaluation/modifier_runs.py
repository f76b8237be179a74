"""What trained query modifiers make of pairs: found, embedded, kept.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib
import pathlib

import numpy as np
from speechbrain.utils.distributed import infer_device

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.dataio.modifier_pairs import read_modifier_pairs
from speechbrain_clap.utils.digest import sha256
from speechbrain_clap.utils.files import atomic_write

PARTS = ("sounds", "texts", "targets")


def model_folders(model, methods, seeds):
    """The folders of all runs, which must be there.

    Arguments
    ---------
    model : str
        Folder of a model, with {method} and {seed} where these go.
    methods : list of str
        The methods.
    seeds : list
        The seeds.

    Returns
    -------
    dict
        Method to a list of pathlib.Path, one a seed.

    Raises
    ------
    FileNotFoundError
        If one is no folder; the message names all of these.
    DataError
        If two runs have one folder, or there is none.

    Example
    -------
    >>> model_folders("no/{method}_{seed}", ["rho1"], [1, 2])
    Traceback (most recent call last):
    ...
    FileNotFoundError: no model in no/rho1_1, no/rho1_2: expected the ...
    """
    folders = {
        method: [
            pathlib.Path(
                str(model)
                .replace("{method}", str(method))
                .replace("{seed}", str(seed))
            )
            for seed in seeds
        ]
        for method in methods
    }
    every = [folder for of_method in folders.values() for folder in of_method]
    if not every or len(set(every)) < len(methods) * len(seeds):
        raise DataError(
            f"model is {model}, methods are {list(methods)}, seeds are "
            f"{list(seeds)}: expected a folder of its own for each, with "
            "{method} and {seed} in its name"
        )
    missing = [str(folder) for folder in every if not folder.is_dir()]
    if missing:
        raise FileNotFoundError(
            f"no model in {', '.join(missing)}: expected the folder model/ of "
            "a finished training, as --model says with {method} and {seed}"
        )
    return folders


def read_pairs(data_folder, scene, split):
    """Reads the pairs of a split, which must all be there.

    Arguments
    ---------
    data_folder : str or pathlib.Path
        Holds ``<scene>_<split>.json`` and ``prepare_<scene>.json``.
    scene : str
        Name of the scene.
    split : str
        "dev" or "eval".

    Returns
    -------
    dict
        Id to row.
    dict
        What `prepare_<scene>.json` holds.

    Raises
    ------
    FileNotFoundError
        If there are no pairs of this scene.
    DataError
        If a sound is missing, or there is no pair.
    """
    data_folder = pathlib.Path(data_folder)
    report = data_folder / f"prepare_{scene}.json"
    if not report.is_file():
        raise FileNotFoundError(
            f"{report}: there is no such file; data_folder is expected to "
            "hold pairs of this scene, see the recipe's README.md"
        )
    told = read_json(report)
    rows = read_modifier_pairs(
        data_folder / f"{scene}_{split}.json", data_folder, told["events"]
    )
    if not rows:
        raise DataError(f"{data_folder}/{scene}_{split}.json has no pair")
    return rows, told


def embed_pairs(load_model, folder, rows, cache, batch_size=16, device=None):
    """Embeds pairs with one model, or reads what was embedded before.

    Arguments
    ---------
    load_model : callable
        Takes `source` and `run_opts`, gives what has
        ``embed_audio_files(paths, batch_size)`` and ``embed_text(texts)``.
    folder : str or pathlib.Path
        The model's.
    rows : dict
        Id to row, from ``read_pairs``.
    cache : pathlib.Path
        The .npz that keeps the embeddings. Those of another model, or of
        other pairs, are made anew.
    batch_size : int
        Sounds, or texts, embedded at once.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    tuple of numpy.ndarray
        A(a), T(t) and A(b), not normalised, float32 [N, D].
    """
    words = [model_digest(folder)]
    for name, row in rows.items():
        paths = [row["path"], row["target_path"]]
        stamps = [str(pathlib.Path(path).stat().st_mtime_ns) for path in paths]
        words += [name, row["text"], *paths, *stamps]
    key = hashlib.sha256("\n".join(words).encode()).hexdigest()
    if cache.is_file():
        with np.load(cache) as kept:
            if str(kept["key"]) == key:
                return tuple(kept[name] for name in PARTS)
    run_opts = {"device": infer_device() if device is None else device}
    model = load_model(source=str(folder), run_opts=run_opts)

    def _sounds(key):
        paths = [row[key] for row in rows.values()]
        return model.embed_audio_files(paths, batch_size).cpu().numpy()

    found = (
        _sounds("path"),
        embed_texts(model, [row["text"] for row in rows.values()], batch_size),
        _sounds("target_path"),
    )
    with atomic_write(cache) as temporary:
        np.savez(temporary, key=key, **dict(zip(PARTS, found, strict=True)))
    return found


def embed_texts(model, texts, batch_size=16):
    """Embeds texts, each distinct one once.

    So equal texts have equal embeddings, whatever stands beside them in a
    batch.

    Arguments
    ---------
    model : object
        Has ``embed_text(texts)``.
    texts : list of str
        The texts.
    batch_size : int
        Texts embedded at once.

    Returns
    -------
    numpy.ndarray
        Not normalised, [len(texts), D].

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> embed_texts(clap, ["add dog", "add rain", "add dog"]).shape
    (3, 12)
    """
    # Texts of like length share a batch: less padding to compute.
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    done = np.concatenate(
        [
            model.embed_text(distinct[start : start + batch_size]).cpu().numpy()
            for start in range(0, len(distinct), batch_size)
        ]
    )
    place = {text: i for i, text in enumerate(distinct)}
    return done[[place[text] for text in texts]]


def model_digest(folder):
    """Names a model by what its folder holds.

    Arguments
    ---------
    folder : str or pathlib.Path
        The model's.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "a.ckpt").write_text("weights")
    >>> len(model_digest(folder))
    64
    """
    folder = pathlib.Path(folder)
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {sha256(path)}".encode())
    return digest.hexdigest()
