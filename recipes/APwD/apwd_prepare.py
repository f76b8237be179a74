#!/usr/bin/env python3
"""Prepares APwD, for those who hold the authors' data: pairs with texts.

    python recipes/APwD/apwd_prepare.py /data/apwd-dataset data/apwd

Layout: `datasets/apwd_<scene>_sc/<split>/jams/apwd_<scene>_sc_<split>_<number>_
{s1,s2}.jams` for the scenes rain and traffic and the splits dev and eval, and
the soundscapes that the authors' scripts make of them, of the same names,
anywhere below. s1 is the sound that one has, s2 the one that is looked for.
The set holds no texts: they are made of the differences of the two JAMS.
https://github.com/nttcslab/apwd-dataset (NTT's licence: for evaluation, not to
be passed on) and https://arxiv.org/abs/2207.09732.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import pathlib
import re
import zlib

import numpy as np
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.dataio.finder import FileFinder, check_folder
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import drop_bad, write_manifest
from speechbrain_clap.evaluation.running import told_in_one_line
from speechbrain_clap.synthesis.jams import read_jams
from speechbrain_clap.synthesis.pair_texts import describe, find_differences
from speechbrain_clap.utils.files import write_json
from speechbrain_clap.utils.hparams import load_hparams

logger = get_logger(__name__)

SCENES = pathlib.Path(__file__).resolve().parents[2] / "hparams" / "scenes"
SPLITS = ("dev", "eval")
QUERY = re.compile(r"(?P<pair>.+)_s1\.jams")
HOW_TO_GET = (
    "Give the folder of the authors' data set, with datasets/apwd_rain_sc/ or "
    "datasets/apwd_traffic_sc/ in it: https://github.com/nttcslab/apwd-dataset"
)


def prepare_apwd(
    data_folder,
    manifest_folder,
    scenes=("rain", "traffic"),
    seed=1234,
    on_bad_clip="skip",
    skip_prep=False,
):
    """Writes `<scene>_{dev,eval}.json` and `prepare_<scene>.json`.

    Training and evaluation take the folder of these as they take pairs of
    one's own making. Paths are absolute.

    Arguments
    ---------
    data_folder : str
        The authors' data set. Nothing is written into it.
    manifest_folder : str
        Gets the files.
    scenes : list of str
        Those to prepare; one that the data set lacks is left out.
    seed : int
        Of the wording of the texts, and of the order of two differences.
    on_bad_clip : str
        "skip" or "stop": what to do about pairs that lack a soundscape or a
        JAMS, whose JAMS cannot be read, or that do not differ.
    skip_prep : bool
        Do nothing: the manifests are there.

    Raises
    ------
    FileNotFoundError
        If the folder is missing or holds no scene.
    DataError
        If a split has no usable pair, or one is bad and the rule is "stop".

    Example
    -------
    >>> prepare_apwd("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Give ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET).resolve()
    places = {scene: _scene_folder(folder, scene) for scene in scenes}
    if not any(places.values()):
        raise FileNotFoundError(
            f"data_folder {folder} holds no apwd_<scene>_sc/ of "
            f"{', '.join(scenes)}, neither itself nor in datasets/. "
            f"{HOW_TO_GET}"
        )
    for name, place in places.items():
        if place is None:
            logger.info("APwD: no scene %s in %s, left out", name, folder)
            continue
        scene = load_hparams(SCENES / f"{name}.yaml")["scene"]
        finder = FileFinder([place])
        report = pathlib.Path(manifest_folder, f"prepare_{name}.json")
        # First out, last in: who finds it knows that all is there.
        report.unlink(missing_ok=True)
        pairs, skipped = {}, {}
        for split in SPLITS:
            if not (place / split / "jams").is_dir():
                logger.info("APwD: %s has no %s, left out", place, split)
                continue
            rows, bad = _read_split(place / split, finder, scene, seed)
            kept = drop_bad(rows, bad, on_bad_clip)
            if not kept:
                first = next(iter(bad), None)
                raise DataError(
                    f"{place / split}: none of the {len(rows)} pairs can be "
                    "used"
                    + (f"; the first, {first}, {bad[first]}" if bad else "")
                    + ". Have the authors' scripts made the soundscapes?"
                )
            write_manifest(
                pathlib.Path(manifest_folder, f"{name}_{split}.json"), kept
            )
            pairs[split], skipped[split] = len(kept), len(bad)
        if not pairs:
            raise DataError(
                f"{place} holds neither dev/jams/ nor eval/jams/. {HOW_TO_GET}"
            )
        write_json(
            report,
            {
                "dataset": f"APwD, scene {name}",
                "background": scene.background,
                "events": scene.events,
                "pairs": pairs,
                "skipped": skipped,
                "seed": seed,
                "sounds": "real",
            },
        )
        logger.info("APwD, %s: pairs %s, left out %s", name, pairs, skipped)


def _scene_folder(folder, scene):
    for path in (folder / "datasets", folder):
        if (path / f"apwd_{scene}_sc").is_dir():
            return path / f"apwd_{scene}_sc"
    return None


def _read_split(folder, finder, scene, seed):
    """Id to row of all pairs, and id to words for the bad ones."""
    rows, problems = {}, {}
    names = [
        match["pair"]
        for path in sorted((folder / "jams").iterdir())
        if (match := QUERY.fullmatch(path.name))
    ]
    for name in tqdm(names, desc=f"{scene.name} {folder.name}"):
        halves = [f"{name}_s1", f"{name}_s2"]
        jams = [folder / "jams" / f"{half}.jams" for half in halves]
        sounds = [finder.find(half) for half in halves]
        rows[name] = {"path": str(sounds[0] or jams[0])}
        missing = [h for h, s in zip(halves, sounds, strict=True) if s is None]
        if missing:
            problems[name] = f"lacks the sound of {' and of '.join(missing)}"
            continue
        try:
            alpha, beta = (read_jams(path)[0]["layers"] for path in jams)
            differences = find_differences(alpha, beta)
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            rng.shuffle(differences)
            text = describe(differences, scene.names, rng)
            _check_labels(differences, scene)
        except (OSError, ValueError) as error:
            problems[name] = f"has JAMS that cannot be used: {error}"
            continue
        rows[name] |= {
            "target_path": str(sounds[1]),
            "text": text,
            "differences": differences,
            "background": scene.background,
            "events": _heard(alpha, scene),
            "target_events": _heard(beta, scene),
        }
    return rows, problems


def _check_labels(differences, scene):
    for _, label in differences:
        if label not in scene.labels:
            raise ValueError(
                f"label '{label}' is none of the scene {scene.name}: "
                f"{', '.join(scene.labels)}"
            )


def _heard(layers, scene):
    """Labels of the events of a soundscape."""
    heard = {x["label"] for x in layers if x["role"] == "foreground"}
    return [label for label in scene.events if label in heard]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_folder", help="the authors' data set")
    parser.add_argument("manifest_folder", help="gets the manifests")
    parser.add_argument("--seed", type=int, default=1234, help="of the wording")
    parser.add_argument("--on_bad_clip", default="skip", help="skip or stop")
    with told_in_one_line():
        prepare_apwd(**vars(parser.parse_args()))
