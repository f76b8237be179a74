"""Reading sound files: the segment that is needed, at one rate.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import torch
from speechbrain.dataio import audio_io
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.checks import SILENCE
from speechbrain_clap.dataio.clips import stretch_clip
from speechbrain_clap.dataio.resampling import resample

logger = get_logger(__name__)


class BadClipError(ValueError):
    """A sound file that cannot be used; the message names it and says why.

    Example
    -------
    >>> raise BadClipError("a.wav: is silent")
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.audio.BadClipError: a.wav: is silent
    """


def read_audio(path, sample_rate, start=None, stop=None, channels=None):
    """Reads a file, or a part of it, at one rate.

    Only the wanted part is decoded. Integers of any width become floats in
    [-1, 1].

    Arguments
    ---------
    path : str or pathlib.Path
        Anything that libsndfile reads: WAV, FLAC, OGG, MP3, AIFF ...
    sample_rate : int
        The rate wanted, in Hz.
    start : float or None
        Where the part begins, in seconds.
    stop : float or None
        Where it ends, in seconds.
    channels : int or None
        None: all are averaged. A number: so many are kept, and the one of a
        mono file is repeated.

    Returns
    -------
    torch.Tensor
        Float32, [T]; with `channels` [T, channels].

    Raises
    ------
    BadClipError
        If the file is missing, no sound, empty, silent, not finite, or has
        neither one nor `channels` channels.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> audio_io.save(path, 0.1 * torch.ones(2, 44100), 44100)
    >>> read_audio(path, 16000, start=0.5, stop=0.75).shape
    torch.Size([4000])
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise BadClipError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise BadClipError(f"{path}: the file is empty (0 bytes)")
    try:
        offset, frames, rate = 0, -1, None
        if start is not None or stop is not None:
            rate = audio_io.info(str(path)).sample_rate
            offset = round((start or 0.0) * rate)
            if stop is not None:
                frames = max(round(stop * rate) - offset, 0)
        wav, rate = audio_io.load(
            str(path),
            dtype=torch.float32,
            frame_offset=offset,
            num_frames=frames,
        )
    except (RuntimeError, OSError) as error:
        raise BadClipError(
            f"{path}: cannot be decoded, expected a sound file that "
            f"libsndfile reads ({error})"
        ) from error
    if wav.shape[1] == 0:
        part = "" if start is None else f" between {start} and {stop} s"
        raise BadClipError(f"{path}: holds no samples{part}")
    if channels is None:
        wav = wav.mean(0)
    elif len(wav) in (1, channels):
        wav = wav.expand(channels, -1)
    else:
        raise BadClipError(
            f"{path}: has {len(wav)} channels, expected 1 or {channels}"
        )
    if not bool(torch.isfinite(wav).all()):
        raise BadClipError(f"{path}: holds NaN or infinite samples")
    if float(wav.abs().max()) < SILENCE:
        raise BadClipError(f"{path}: is silent (no sample above {SILENCE})")
    wav = resample(wav, rate, sample_rate)
    return wav if channels is None else wav.T.contiguous()


class AudioReader:
    """Reads clips for a data set, with a rule for bad ones and a memory.

    Arguments
    ---------
    sample_rate : int
        The rate wanted, in Hz.
    on_bad_clip : str
        "skip": a bad clip is logged once and given as None (the collate
        leaves it out); "stop": it raises.
    cache_megabytes : float
        Decoded clips are kept in memory up to this size, per process. A small
        set is then decoded and resampled once, not once per epoch.
    channels : int or None
        As for ``read_audio``.
    stretch : bool
        If True, each clip is stretched to [-1, 1], see
        ``speechbrain_clap.dataio.clips.stretch_clip``.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> audio_io.save(path, 0.1 * torch.ones(1, 8000), 8000)
    >>> reader = AudioReader(16000, cache_megabytes=1)
    >>> reader(path).shape, reader(path) is reader(path)
    (torch.Size([16000]), True)
    >>> reader(path.with_name("b.wav")) is None
    True
    """

    def __init__(
        self,
        sample_rate,
        on_bad_clip="skip",
        cache_megabytes=0.0,
        channels=None,
        stretch=False,
    ):
        if on_bad_clip not in ("skip", "stop"):
            raise ValueError(
                f"on_bad_clip is '{on_bad_clip}', expected 'skip' or 'stop'"
            )
        self.sample_rate = sample_rate
        self.on_bad_clip = on_bad_clip
        self.channels = channels
        self.stretch = stretch
        self.cache = {}
        self.free_bytes = cache_megabytes * 1e6
        self.reported = set()

    def __call__(self, path, start=None, stop=None):
        """Reads one clip.

        Arguments
        ---------
        path : str or pathlib.Path
            The file.
        start : float or None
            In seconds.
        stop : float or None
            In seconds.

        Returns
        -------
        torch.Tensor or None
            Float32, [T] or [T, channels]; not to be changed in place. None
            for a bad clip.
        """
        key = (str(path), start, stop)
        if key in self.cache:
            return self.cache[key]
        try:
            wav = read_audio(path, self.sample_rate, start, stop, self.channels)
        except BadClipError as error:
            if self.on_bad_clip == "stop":
                raise BadClipError(
                    f"{error}. Mend or remove it, or set on_bad_clip: skip"
                ) from error
            if key not in self.reported:
                self.reported.add(key)
                logger.warning("Bad clip left out: %s", error)
            return None
        if self.stretch:
            wav = stretch_clip(wav)
        size = wav.numel() * wav.element_size()
        if size <= self.free_bytes:
            self.free_bytes -= size
            self.cache[key] = wav
        return wav
