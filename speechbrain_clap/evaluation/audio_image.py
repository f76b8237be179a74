"""Sounds look for the pictures of videos, and pictures for the sounds.

The cross-modal retrieval of "Wav2CLIP: Learning Robust Audio Representations
From CLIP", Wu et al. 2021, https://arxiv.org/abs/2110.11499, on VGGSound. What
CLIP makes of the frames is read from disk: no video is touched.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from torch.nn.functional import normalize
from tqdm import tqdm

from speechbrain_clap.dataio.distillation import SeenSounds
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.frame_embeddings import FrameEmbeddings
from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.dataio.video_pairs import VideoPairs
from speechbrain_clap.evaluation.cross_modal import write_cross_modal
from speechbrain_clap.utils.digest import weights_digest


def evaluate_audio_image(
    output_folder,
    load_model,
    model,
    weights,
    data_folder,
    manifest_folder,
    frames_folder,
    part="test",
    clip_seconds=10.0,
    on_bad_clip="skip",
    batch_size=16,
    num_workers=0,
    device=None,
):
    """Embeds the sounds of a part of a set and writes what each finds.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Gets `metrics.json`, `retrieval.csv` and `report.html`.
    load_model : callable
        Takes `model`, `weights` and `device`, gives what embeds sounds, such
        as ``speechbrain_clap.inference.frozen.load_frozen``.
    model : str or None
        A folder that training left, or a name of published weights.
    weights : str or None
        The file of published weights; None downloads them once.
    data_folder : str
        Root of the paths in the manifest.
    manifest_folder : str
        Holds `<part>.json` and `prepare.json`, as a preparation writes them.
    frames_folder : str or pathlib.Path
        What ``speechbrain_clap.dataio.frame_embeddings`` wrote of these clips,
        under "set/id".
    part : str
        Such as "test".
    clip_seconds : float
        What is heard and seen of each clip, its middle.
    on_bad_clip : str
        "skip" (and count) or "stop".
    batch_size : int
        Clips read and embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.
    device : str or None
        Where to compute; None takes a GPU if there is one.

    Returns
    -------
    dict
        What `metrics.json` holds, see
        ``speechbrain_clap.evaluation.cross_modal.write_cross_modal``; MRR of
        audio to image heads it.

    Raises
    ------
    DataError
        If there is no usable clip, none has frames, or the sounds are embedded
        in another space than the pictures.
    """
    folder = pathlib.Path(manifest_folder)
    report = read_json(folder / "prepare.json")
    name = report["dataset"]
    found = read_manifest(
        folder / f"{part}.json",
        data_folder,
        needed=("path", "captions"),
        on_bad_clip=on_bad_clip,
    )
    if not found:
        raise DataError(
            f"{name}: the part '{part}' has no usable clip in {data_folder} "
            f"({report['missing'][part]} are missing)"
        )
    embedder = load_model(model=model, weights=weights, device=device)
    frames = FrameEmbeddings(frames_folder)
    source = VideoPairs(name, found, embedder.sample_rate)
    seen = SeenSounds(source, frames, clip_seconds)
    rows, audio, images = embed_heard_and_seen(
        embedder, seen, on_bad_clip, batch_size, num_workers
    )
    ids = [seen.id(i) for i in rows]
    labels = [seen.labels(i) for i in rows]
    return write_cross_modal(
        output_folder,
        {"audio": ids, "image": ids},
        {"audio": audio.numpy(), "image": images.numpy()},
        {"audio": labels, "image": labels},
        {
            "dataset": name,
            "split": part,
            "clips": len(ids),
            "skipped": report["parts"][part]["listed"] - len(ids),
            "sounds": report["sounds"],
        },
        {
            "crop": f"the middle {clip_seconds:g} s of a clip, or all of it",
            "image": f"mean of the embeddings of {frames.rate:g} frames per "
            "second in these seconds",
            "model": "an untrained encoder" if model is None else str(model),
            "weights_sha256": weights_digest(embedder.model),
            "image_encoder_sha256": frames.encoder,
        },
        {seen.id(i): (seen.file(i), *seen.span(i)) for i in rows},
        score="MRR",
    )


def embed_heard_and_seen(
    embedder, seen, on_bad_clip="skip", batch_size=16, num_workers=0
):
    """Embeds sounds, beside the means of what was seen with them.

    Arguments
    ---------
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        The model.
    seen : speechbrain_clap.dataio.distillation.SeenSounds
        The clips.
    on_bad_clip : str
        "skip" or "stop".
    batch_size : int
        Clips read and embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.

    Returns
    -------
    list of int
        Rows of `seen` that could be read, in order.
    torch.Tensor
        Their sounds, L2-normalised, float32, on the CPU, [N, D].
    torch.Tensor
        Their pictures, in the same way.

    Raises
    ------
    DataError
        If no clip can be read, or the two are not of one length.
    BadClipError
        If a clip cannot be read and the rule is "stop".
    """
    reader = SegmentReader(embedder.sample_rate, seen.clip_seconds, on_bad_clip)
    loader = torch.utils.data.DataLoader(
        _Middles(seen, reader),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=list,
    )
    rows, audio, images = [], [], []
    with tqdm(total=len(seen), desc="clips", dynamic_ncols=True) as bar:
        for read in loader:
            good = [clip for clip in read if clip[1] is not None]
            if good:
                places, waves, pictures = zip(*good, strict=True)
                longest = max(map(len, waves))
                lens = torch.tensor(
                    [len(wav) / longest for wav in waves], dtype=torch.float64
                )
                batch = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
                audio.append(embedder.encode_audio(batch, lens).cpu())
                images.append(torch.stack(pictures))
                rows += places
            bar.update(len(read))
    if not rows:
        raise DataError(f"{seen.name}: no clip can be read (see the log)")
    audio = torch.cat(audio)
    images = normalize(torch.cat(images).float(), dim=-1)
    if audio.shape[1] != images.shape[1]:
        raise DataError(
            f"sounds are embedded in {audio.shape[1]} dimensions, frames in "
            f"{images.shape[1]}: expected a model that was taught by the CLIP "
            "that saw the frames"
        )
    return rows, audio, images


class _Middles(torch.utils.data.Dataset):
    """The middle of each clip, and what was seen then."""

    def __init__(self, seen, reader):
        self.seen, self.reader = seen, reader

    def __len__(self):
        return len(self.seen)

    def __getitem__(self, i):
        file, span = self.seen.file(i), self.seen.span(i)
        wav = self.reader(file, *span, position=0.5)
        return i, wav, self.seen.image(i, 0.5)
