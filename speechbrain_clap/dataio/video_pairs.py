"""Clips of video: their sound, one of their frames, and what is said of them.

Authors
 * The speechbrain_clap team 2026
"""

import io
import os
import pathlib
import random

import soundfile
import torch

from speechbrain_clap.dataio.media import VIDEO_SUFFIXES
from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.dataio.video import read_audio_track

# libsndfile reads no AAC, which FFmpeg does.
TRACK_SUFFIXES = (*VIDEO_SUFFIXES, ".m4a")


class AudioTrack:
    """The sound of a video, as ``SegmentReader`` takes files.

    Arguments
    ---------
    path : str or pathlib.Path
        The video.
    sample_rate : int
        Of the sound that is given, in Hz.

    Example
    -------
    >>> AudioTrack("a.mp4", 44100).name
    'a.mp4'
    """

    def __init__(self, path, sample_rate):
        self.name = os.fspath(path)
        self.sample_rate = sample_rate

    def open(self):
        """Decodes it.

        Returns
        -------
        io.BytesIO
            A WAV file in memory, mono, float32.

        Raises
        ------
        speechbrain_clap.dataio.audio.BadClipError
            If it has no sound.
        """
        wav = read_audio_track(self.name, self.sample_rate)
        stream = io.BytesIO()
        soundfile.write(
            stream, wav.numpy(), self.sample_rate, "FLOAT", format="WAV"
        )
        stream.seek(0)
        return stream


class VideoPairs(ManifestPairs):
    """Pairs of a manifest whose sounds may be those of videos.

    Arguments
    ---------
    name : str
        Of the set.
    rows : dict
        As for ``ManifestPairs``. Optional: `labels`, a list of str, or
        `label`; `video`, the path of the clip's video, seen from the folder
        of the row's `path`. A row whose `path` is a video has that one.
    sample_rate : int
        At which the sounds of videos are decoded, in Hz.

    Example
    -------
    >>> row = {"path": "/data/a.mp4", "captions": ["Dog, Rain"]}
    >>> row["labels"] = ["Dog", "Rain"]
    >>> pairs = VideoPairs("garden", {"a": row}, 44100)
    >>> pairs.file(0).name, pairs.labels(0), pairs.videos()
    ('/data/a.mp4', ['Dog', 'Rain'], {'garden/a': {'path': '/data/a.mp4'}})
    """

    def __init__(self, name, rows, sample_rate):
        super().__init__(name, rows)
        self.sample_rate = sample_rate

    def file(self, i):
        """The sound of a clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        str or AudioTrack
            What ``SegmentReader`` takes.
        """
        path = self.rows[i]["path"]
        if _is(path, TRACK_SUFFIXES):
            return AudioTrack(path, self.sample_rate)
        return path

    def labels(self, i):
        """The labels of a clip, by which another one is like it.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        list of str
            Where the row has none, its captions.
        """
        row = self.rows[i]
        if "label" in row:
            return [row["label"]]
        return row.get("labels", row["captions"])

    def videos(self):
        """The clips that have pictures.

        Returns
        -------
        dict
            "set/id" to `path`, `start` and `stop`, as
            ``speechbrain_clap.dataio.video.VideoFrames`` takes.
        """
        found = {}
        for key, row in zip(self.ids, self.rows, strict=True):
            path = row["path"]
            if "video" in row:
                path = str(pathlib.Path(path).parent / row["video"])
            if _is(path, VIDEO_SUFFIXES):
                span = {k: row[k] for k in ("start", "stop") if k in row}
                found[f"{self.name}/{key}"] = {"path": path, **span}
        return found


def _is(path, suffixes):
    return os.path.splitext(path)[1].lower() in suffixes


class Pictures:
    """One frame of each clip, as the image encoder takes it.

    Arguments
    ---------
    frames : object
        ``speechbrain_clap.dataio.video.VideoFrames`` or what has its `count`
        and `read`.
    preprocess : callable
        From a frame, uint8 [3, H, W], to float32 [3, S, S].
    image_size : int
        S.

    Example
    -------
    >>> import types
    >>> frames = types.SimpleNamespace(
    ...     count=lambda clip: 10,
    ...     read=lambda clip, k: torch.full((3, 2, 2), k, dtype=torch.uint8),
    ... )
    >>> pictures = Pictures(frames, lambda x: x.float(), image_size=2)
    >>> image, has_image = pictures("garden/a")
    >>> image[0, 0, 0], has_image
    (tensor(5.), True)
    """

    def __init__(self, frames, preprocess, image_size):
        self.frames = frames
        self.preprocess = preprocess
        self.image_size = image_size

    def __call__(self, clip, draw=0.5):
        """Reads a frame.

        Arguments
        ---------
        clip : str
            "set/id".
        draw : float
            Which frame, from 0 for the first to 1; 0.5 is the central one,
            of an even number the first of the second half.

        Returns
        -------
        torch.Tensor
            float32, [3, S, S]; zeros where there is none.
        bool
            Whether there is one.
        """
        frame = self.frame(clip, draw)
        if frame is None:
            return torch.zeros(3, self.image_size, self.image_size), False
        return self.preprocess(frame), True

    def frame(self, clip, draw=0.5):
        """Reads a frame as it is.

        Arguments
        ---------
        clip : str
            "set/id".
        draw : float
            Which frame, as for a call.

        Returns
        -------
        torch.Tensor or None
            uint8, [3, H, W]; None where there is none.
        """
        count = self.frames.count(clip)
        if not count:
            return None
        return self.frames.read(clip, min(int(draw * count), count - 1))


class TrainingPictures:
    """Training pairs with their labels and, where there is one, a frame.

    The frame is drawn from a generator that knows the seed, the epoch, the
    set and the clip, as crop and caption are.

    Arguments
    ---------
    pairs : speechbrain_clap.dataio.pairs.PairDataset
        Its sources are ``VideoPairs``.
    pictures : Pictures or None
        None: sounds and texts alone.

    Example
    -------
    >>> rows = {"a": {"path": "a.wav", "captions": ["rain"]}}
    >>> source = VideoPairs("garden", rows, 44100)
    >>> from speechbrain_clap.dataio.pairs import PairDataset
    >>> pairs = PairDataset([source], lambda *_, position: None, seed=1)
    >>> sorted(TrainingPictures(pairs)[1, 0, 0])
    ['captions', 'id', 'labels', 'set', 'sig', 'text']
    """

    def __init__(self, pairs, pictures=None):
        self.pairs = pairs
        self.pictures = pictures

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        """Reads one pair.

        Arguments
        ---------
        index : tuple
            (epoch, number of the set, row in it).

        Returns
        -------
        dict
            As of ``PairDataset``, with `labels` and, with `pictures`, `image`
            [3, S, S] and `has_image`.
        """
        pair = self.pairs[index]
        epoch, number, row = index
        pair["labels"] = self.pairs.sources[number].labels(row)
        if self.pictures is not None:
            key = f"{self.pairs.seed} {epoch} {pair['id']} frame"
            image = self.pictures(pair["id"], random.Random(key).random())
            pair["image"], pair["has_image"] = image
        return pair


class ClipPictures:
    """Clips with their labels and, where there is one, the central frame.

    Arguments
    ---------
    clips : speechbrain_clap.dataio.pairs.ClipPairs
        Its source is a ``VideoPairs``.
    pictures : Pictures or None
        None: sounds and texts alone.

    Example
    -------
    >>> rows = {"a": {"path": "a.wav", "captions": ["rain"]}}
    >>> source = VideoPairs("garden", rows, 44100)
    >>> from speechbrain_clap.dataio.pairs import ClipPairs
    >>> clips = ClipPairs(source, lambda *_, position: torch.ones(4))
    >>> ClipPictures(clips)[0]["labels"]
    ['rain']
    """

    def __init__(self, clips, pictures=None):
        self.clips = clips
        self.pictures = pictures

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        """Reads one clip.

        Arguments
        ---------
        i : int
            Row.

        Returns
        -------
        dict
            As of ``ClipPairs``, with `labels` and, with `pictures`, `image`
            [3, S, S] and `has_image`.
        """
        clip = self.clips[i]
        clip["labels"] = self.clips.source.labels(i)
        if self.pictures is not None:
            clip["image"], clip["has_image"] = self.pictures(clip["id"])
        return clip
