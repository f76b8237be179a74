"""Frames of sounds, embedded once by any encoder that has them, on disk.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import hashlib
import json
import pathlib

import torch
from speechbrain.utils.logger import get_logger
from torch.nn.functional import normalize
from tqdm import tqdm

from speechbrain_clap.curation.store import (
    ABOUT,
    EmbeddingStore,
    EmbeddingWriter,
)
from speechbrain_clap.dataio.clips import fit_clip
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.segments import SegmentReader
from speechbrain_clap.utils.digest import weights_digest
from speechbrain_clap.utils.files import write_json

logger = get_logger(__name__)

BAD = "bad.json"
PART_ROWS = 2048  # frames written at once: what a kill can cost


def sound_tower(model):
    """What a model makes frames of, and what brings them to its space.

    Arguments
    ---------
    model : object
        What ``speechbrain_clap.inference.frozen.load_frozen`` or
        ``load_embedder`` gives, a model with an `audio_encoder`, or an encoder.

    Returns
    -------
    torch.nn.Module
        The encoder, with ``forward_frames``.
    torch.nn.Module or None
        Its `audio_projection`, where the model has one.

    Raises
    ------
    DataError
        If it has no frames.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> encoder = ResNet18(widths=[4, 8, 8, 16])
    >>> sound_tower(encoder)[0] is encoder
    True
    """
    for name in ("model", "net", "net"):  # published weights have two coats
        if isinstance(getattr(model, name, None), torch.nn.Module):
            model = getattr(model, name)
    encoder = getattr(model, "audio_encoder", model)
    if not hasattr(encoder, "forward_frames"):
        raise DataError(
            f"{type(encoder).__name__} has no frames: expected a model whose "
            "audio encoder has forward_frames, such as ResNet18 or HTSAT"
        )
    return encoder, getattr(model, "audio_projection", None)


def count_frames(samples, length):
    """Into how many frames a clip is cut: one at least, none by halves.

    Arguments
    ---------
    samples : int
        Of the clip.
    length : int
        Of a frame.

    Returns
    -------
    int
        What is left over makes a frame if it is half of one or more.

    Example
    -------
    >>> [count_frames(samples, 10) for samples in (3, 14, 15, 20)]
    [1, 1, 2, 2]
    """
    return max(1, (2 * samples + length) // (2 * length))


@torch.no_grad()
def encode_frames(model, wavs, seconds=1.0):
    """Embeds frames of equal length that do not overlap.

    An encoder that cuts waves into frames of its own (it has `frame_length`)
    is told this length. The shorter frames of others are averaged.

    Arguments
    ---------
    model : object
        As for ``sound_tower``, in eval mode, on its device.
    wavs : torch.Tensor
        Mono waves in [-1, 1] at the encoder's rate, [B, T].
    seconds : float
        Of a frame.

    Returns
    -------
    torch.Tensor
        L2-normalised, float32, on the CPU, [B, N, D], with N from
        ``count_frames``. A last frame that is not full is filled by the
        clip's beginning, so that no silence is heard which is not there.

    Raises
    ------
    DataError
        If the encoder has no frames, or longer ones.

    Example
    -------
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> encoder = ResNet18(widths=[4, 8, 8, 16]).eval()
    >>> encode_frames(encoder, torch.randn(2, 40000)).shape
    torch.Size([2, 3, 16])
    """
    encoder, projection = sound_tower(model)
    length = round(seconds * encoder.sample_rate)
    count = count_frames(wavs.shape[1], length)
    clips = [fit_clip(wav, count * length, "repeat", "start") for wav in wavs]
    clips = torch.stack(clips).to(next(encoder.parameters()).device)
    with _framed(encoder, length):
        frames, hop = encoder.forward_frames(clips)
    middles = (torch.arange(frames.shape[1]) + 0.5) * hop
    place = (middles / seconds).long().clamp(max=count - 1)
    parts = torch.bincount(place, minlength=count)
    if not bool(parts.all()):
        raise DataError(
            f"{type(encoder).__name__} has frames of {hop:.2f} s: expected "
            f"frame_seconds of no less, got {seconds:g}"
        )
    x = frames.new_zeros(len(frames), count, frames.shape[2])
    x = x.index_add(1, place.to(frames.device), frames)
    x = x / parts.to(frames.device)[:, None]
    if projection is not None:
        x = projection(x.flatten(0, 1)).unflatten(0, (-1, count))
    return normalize(x.float(), dim=-1).cpu()


@contextlib.contextmanager
def _framed(encoder, length):
    """Frames of one length, end to end, where the encoder cuts them itself."""
    if not hasattr(encoder, "frame_length"):
        yield
        return
    before = encoder.frame_length, encoder.frame_hop
    encoder.frame_length = encoder.frame_hop = length
    try:
        yield
    finally:
        encoder.frame_length, encoder.frame_hop = before


def embed_frames(
    model,
    source,
    folder,
    seconds=1.0,
    on_bad_clip="skip",
    batch_size=16,
    num_workers=0,
):
    """Embeds the frames of all clips, unless the folder has them.

    A call that was cut off is taken up where it stopped.

    Arguments
    ---------
    model : object
        As for ``sound_tower``.
    source : speechbrain_clap.dataio.pairs.FileRows
        The clips.
    folder : str or pathlib.Path
        Of the store; `bad.json` in it names the clips that were left out.
    seconds : float
        Of a frame.
    on_bad_clip : str
        "skip" or "stop".
    batch_size : int
        Clips read and embedded at once.
    num_workers : int
        Processes that read; 0 reads in this one.

    Returns
    -------
    speechbrain_clap.curation.store.EmbeddingStore
        A row for each frame: `id` of its clip, `start` and `stop` in seconds
        from the clip's beginning. Those of a clip stand together, in order.

    Raises
    ------
    ValueError
        If the folder holds what another model, other frames or other clips
        made.
    DataError
        If no clip can be read.
    BadClipError
        If one cannot and the rule is "stop".

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.dataio.pairs import FileRows
    >>> from speechbrain_clap.lobes.resnet18 import ResNet18
    >>> folder = getfixture("tmp_path")
    >>> soundfile.write(folder / "a.wav", 0.1 * torch.randn(20000), 16000)
    >>> source = FileRows("garden", {"a": {"path": str(folder / "a.wav")}})
    >>> encoder = ResNet18(widths=[4, 8, 8, 16]).eval()
    >>> store = embed_frames(encoder, source, folder / "frames", seconds=0.5)
    >>> store.rows().to_pylist()[-1]
    {'id': 'a', 'start': 1.0, 'stop': 1.25}
    """
    encoder, projection = sound_tower(model)
    encoder.eval()
    if projection is not None:
        projection.eval()
    folder = pathlib.Path(folder)
    places = [(source.file(i), *source.span(i)) for i in range(len(source))]
    rows = json.dumps([source.ids, [list(map(str, p)) for p in places]])
    fingerprint = {
        "kind": "frames",
        "weights": weights_digest(encoder),
        "projection": projection and weights_digest(projection),
        "sample_rate": encoder.sample_rate,
        "frame_seconds": float(seconds),
        "rows": hashlib.sha256(rows.encode()).hexdigest(),
    }
    if (folder / ABOUT).is_file():
        return EmbeddingStore.open(folder, fingerprint)
    length = round(seconds * encoder.sample_rate)
    # Any wave tells how wide the embeddings are.
    dim = encode_frames(model, torch.linspace(-0.1, 0.1, length)[None], seconds)
    writer = EmbeddingWriter(folder, dim.shape[2], fingerprint, PART_ROWS)
    with writer:
        done = set(writer.written_ids())
        todo = [i for i, name in enumerate(source.ids) if name not in done]
        bad = []
        for read in _batches(
            source, todo, encoder.sample_rate, on_bad_clip,
            batch_size, num_workers,
        ):  # fmt: skip
            bad += [source.ids[i] for i, wav in read if wav is None]
            waves = {i: wav for i, wav in read if wav is not None}
            frames = _encode_equal(model, waves, seconds)
            for i, wav in waves.items():
                stop = len(wav) / encoder.sample_rate
                writer.append(
                    frames[i],
                    _rows(source.ids[i], len(frames[i]), seconds, stop),
                )
        if not writer.written and len(bad) == len(todo):
            raise DataError(
                f"{source.name}: none of the {len(source)} clips can be read "
                "(see the log)"
            )
        write_json(folder / BAD, {"listed": len(source), "bad": bad})
    return EmbeddingStore.open(folder, fingerprint)


def _batches(source, places, sample_rate, on_bad_clip, batch_size, num_workers):
    """Lists of (place, wave or None), with a bar."""
    clips = _Waves(
        source, places, SegmentReader(sample_rate, None, on_bad_clip)
    )
    loader = torch.utils.data.DataLoader(
        clips,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=list,
    )
    bar = tqdm(total=len(clips), desc="frames of clips", dynamic_ncols=True)
    with bar:
        for read in loader:
            yield read
            bar.update(len(read))


class _Waves(torch.utils.data.Dataset):
    """Whole clips, each with its place."""

    def __init__(self, source, places, reader):
        self.source, self.places, self.reader = source, places, reader

    def __len__(self):
        return len(self.places)

    def __getitem__(self, i):
        place = self.places[i]
        span = self.source.span(place)
        return place, self.reader(self.source.file(place), *span)


def _encode_equal(model, waves, seconds):
    """Frames of each clip; those of one length are embedded together."""
    by_length = {}
    for place, wav in waves.items():
        by_length.setdefault(len(wav), []).append(place)
    frames = {}
    for group in by_length.values():
        made = encode_frames(
            model, torch.stack([waves[i] for i in group]), seconds
        )
        frames |= dict(zip(group, made, strict=True))
    return frames


def _rows(name, count, seconds, stop):
    """Columns of a clip's frames; the last one ends where the clip does."""
    starts = [k * seconds for k in range(count)]
    return {
        "id": [name] * count,
        "start": starts,
        "stop": [*starts[1:], stop],
    }
