"""Retrieval on one part of a prepared set, with any CLAP.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

import torch
from speechbrain.utils.logger import get_logger
from tqdm import tqdm

from speechbrain_clap.checkpoints.published import fetch
from speechbrain_clap.dataio.clips import clip_policy
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.pairs import ClipPairs, ManifestPairs
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.evaluation.retrieval import write_retrieval
from speechbrain_clap.utils.digest import sha256

logger = get_logger(__name__)

LONG = {
    "center": "the centre of longer clips",
    "windows": "windows over longer clips, one after the other",
    "whole": "longer clips by the encoder's own rule",
}
PADDING = {
    "zero": "silence at the end of shorter ones",
    "repeat": "shorter ones repeated",
    "repeat-zero": "shorter ones repeated whole, then silence",
}


def evaluate_part(
    output_folder,
    load_model,
    model,
    weights,
    data_folder,
    manifest_folder,
    part,
    on_bad_clip="skip",
    batch_size=16,
    num_workers=0,
    device=None,
):
    """Embeds a part of a set and writes what retrieval there shows.

    Arguments
    ---------
    output_folder : str
        Gets `metrics.json`, `retrieval.csv` and `report.html`.
    load_model : callable
        ``speechbrain_clap.inference.loading.load_clap``.
    model : str
        A folder that training left, or a name of published weights.
    weights : str or None
        The file of published weights; None downloads them once.
    data_folder : str
        Root of the paths in the manifests.
    manifest_folder : str
        Holds `<part>.json` and `prepare.json`, as a preparation writes them.
    part : str
        Such as "test".
    on_bad_clip : str
        "skip" (and count) or "stop".
    batch_size : int
        Clips, or captions, embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    DataError
        If the part has no usable clip.
    """
    folder = pathlib.Path(manifest_folder)
    report = json.loads((folder / "prepare.json").read_text("utf-8"))
    rows = read_manifest(
        folder / f"{part}.json",
        data_folder,
        needed=("path", "captions"),
        on_bad_clip=on_bad_clip,
    )
    if not rows:
        raise DataError(
            f"{report['dataset']}: the part '{part}' has no usable clip in "
            f"{data_folder} ({report['missing'][part]} are missing)"
        )
    source = ManifestPairs(report["dataset"], rows)
    clap = load_model(model, weights, device)
    places, audio = embed_clips(
        clap, source, on_bad_clip, batch_size, num_workers
    )
    captions = [source.captions(place) for place in places]
    text = embed_captions(clap, captions, batch_size)
    seconds = clap.mods.clap.clip_seconds
    protocol = {
        "crop": f"{seconds:g} s: {LONG[clap.long]}, {PADDING[clap.padding]}",
        "pooling": "embeddings of windows averaged"
        if clap.long == "windows"
        else "one embedding per clip",
        "texts": "captions as they stand, without a prompt",
        **checkpoint_facts(model, weights),
    }
    # Listed, and yet not heard: missing files, bad ones, any that broke since.
    listed = report["parts"][part]["listed"]
    return write_retrieval(
        output_folder,
        [source.ids[place] for place in places],
        captions,
        audio,
        text,
        {
            "dataset": report["dataset"],
            "split": part,
            "skipped": listed - len(places),
            "sounds": report["sounds"],
        },
        protocol,
        [(source.file(place), *source.span(place)) for place in places],
    )


def embed_clips(clap, source, on_bad_clip="skip", batch_size=16, num_workers=0):
    """Embeds clips, each by the model's own policy for its length.

    Where that hears the centre of a clip, nothing else is read.

    Arguments
    ---------
    clap : speechbrain_clap.inference.CLAP
        The model.
    source : object
        A source of pairs, such as
        ``speechbrain_clap.dataio.pairs.ManifestPairs``.
    on_bad_clip : str
        "skip" or "stop".
    batch_size : int
        Clips embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.

    Returns
    -------
    list of int
        Rows of the source that could be read, in order.
    torch.Tensor
        Their embeddings, L2-normalised, float32, on the CPU, [N, D].

    Raises
    ------
    DataError
        If none could be read.
    """
    seconds = policy = None
    if clap.long == "center":
        seconds = clap.mods.clap.clip_seconds
        policy = clip_policy(seconds, clap.sample_rate, clap.padding)
    reader = SegmentReader(clap.sample_rate, seconds, on_bad_clip)
    loader = torch.utils.data.DataLoader(
        ClipPairs(source, reader, policy),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=_waves,
    )
    places, done, row = [], [], 0
    with tqdm(total=len(source), desc="sounds", dynamic_ncols=True) as bar:
        for waves in loader:
            good = [i for i, wav in enumerate(waves) if wav is not None]
            if good:
                kept = [waves[i] for i in good]
                longest = max(map(len, kept))
                lens = torch.tensor(
                    [len(wav) / longest for wav in kept], dtype=torch.float64
                )
                batch = torch.nn.utils.rnn.pad_sequence(kept, batch_first=True)
                done.append(clap.encode_audio(batch, lens).cpu())
            places += [row + i for i in good]
            row += len(waves)
            bar.update(len(waves))
    if not done:
        raise DataError(f"{source.name}: no clip could be read (see the log)")
    return places, torch.cat(done)


def embed_captions(clap, captions, batch_size=16):
    """Embeds captions, each distinct one once.

    So equal captions have equal embeddings, bit by bit, whatever stands
    beside them in a batch.

    Arguments
    ---------
    clap : speechbrain_clap.inference.CLAP
        The model.
    captions : list of list of str
        Of each clip.
    batch_size : int
        Captions embedded at once.

    Returns
    -------
    torch.Tensor
        L2-normalised, float32, on the CPU, a row for each caption, clip after
        clip, [M, D].

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> clap = CLAP.from_hparams(source=getfixture("tiny_clap_folder"))
    >>> embed_captions(clap, [["a dog", "it barks"], ["a dog"]]).shape
    torch.Size([3, 12])
    """
    texts = [text for of_clip in captions for text in of_clip]
    distinct = list(dict.fromkeys(texts))
    # Texts of like length share a batch: less padding to compute.
    distinct.sort(key=len)
    starts = range(0, len(distinct), batch_size)
    embeddings = torch.cat(
        [
            clap.encode_text(distinct[start : start + batch_size]).cpu()
            for start in tqdm(starts, desc="captions", dynamic_ncols=True)
        ]
    )
    place = {text: i for i, text in enumerate(distinct)}
    return embeddings[[place[text] for text in texts]]


def checkpoint_facts(model, weights=None):
    """What names the weights of a model.

    Arguments
    ---------
    model : str
        A folder that training left, or a name of published weights.
    weights : str or None
        The file of published weights; None is where they were downloaded to.

    Returns
    -------
    dict
        `checkpoint` and `checkpoint_sha256`.

    Example
    -------
    >>> facts = checkpoint_facts(getfixture("tiny_clap_folder"))
    >>> facts["checkpoint"], len(facts["checkpoint_sha256"])
    ('...tiny-center/clap.ckpt', 64)
    """
    folder = pathlib.Path(model)
    if folder.is_dir():
        path, name = folder / "clap.ckpt", f"{model}/clap.ckpt"
    else:
        path = pathlib.Path(weights or fetch(model))
        if path.is_dir():  # transformers' layout
            path = path / "model.safetensors"
        name = f"{model}: {path.name}"
    return {"checkpoint": name, "checkpoint_sha256": sha256(path)}


def _waves(pairs):
    """A batch as it is: padding waits until bad clips are out."""
    return [pair["sig"] for pair in pairs]
