"""Excerpts of YouTube's videos: identifiers, and the names of their files.

Authors
 * The speechbrain_clap team 2026
"""

import os
import re

from speechbrain_clap.dataio.folds import DataError

VIDEO = re.compile(r"[\w-]{11}", re.ASCII)


def video_id(text, where):
    """The identifier of a video, checked.

    Arguments
    ---------
    text : str
        As a list gives it, or as the name of a file does: after a `Y`, with
        `.wav` at its end.
    where : str
        File and line, for the message.

    Returns
    -------
    str
        Its 11 characters.

    Raises
    ------
    ValueError
        If it is none.

    Example
    -------
    >>> video_id("Y-a_2345678b.wav", "list.json, item 1")
    '-a_2345678b'
    """
    stem = text.removesuffix(".wav")
    if len(stem) == 12:
        stem = stem.removeprefix("Y")
    if not VIDEO.fullmatch(stem):
        raise DataError(
            f"{where}: '{text}' is no video of YouTube, expected 11 letters, "
            "digits, - and _ (was the file saved by a spreadsheet?)"
        )
    return stem


def clip_names(video, start, stop, alone=True):
    """How downloaders name the file of an excerpt, best first.

    Arguments
    ---------
    video : str
        The identifier.
    start : float
        Where the excerpt begins in the video, in seconds.
    stop : float
        Where it ends, in seconds.
    alone : bool
        No other excerpt of the video is in the set: its bare identifier will
        do as well.

    Returns
    -------
    list of str
        Names without extension, each also with a `Y` before it.

    Example
    -------
    >>> clip_names("-a_2345678b", 30.0, 40.0)[:4]
    ['-a_2345678b_30_40', 'Y-a_2345678b_30_40', '-a_2345678b_30000_40000', ...]
    """
    spans = [
        f"_{start:g}_{stop:g}",
        f"_{1000 * start:.0f}_{1000 * stop:.0f}",
        f"_{start:.3f}_{stop:.3f}",
        f"_{start:06.0f}",
        f"_{start:g}",
    ]
    if alone:
        spans.append("")
    return [prefix + video + span for span in spans for prefix in ("", "Y")]


def find_clip(names, finders):
    """Finds the sound of an excerpt, and its video.

    Arguments
    ---------
    names : list of str
        From `clip_names`.
    finders : list of speechbrain_clap.dataio.finder.FileFinder
        Of sounds and, if videos are wanted, of videos.

    Returns
    -------
    dict
        `file`, the sound, or the video where there is no sound, or None; and
        where there is a video, `video`, as seen from the folder of `file`.

    Example
    -------
    >>> from speechbrain_clap.dataio.finder import FileFinder
    >>> folder = getfixture("tmp_path")
    >>> for name in ("a.flac", "a.mp4"):
    ...     _ = (folder / name).write_text("")
    >>> finders = [FileFinder([folder]), FileFinder([folder], (".mp4",))]
    >>> find_clip(["a"], finders)["video"]
    'a.mp4'
    """
    found = [finder.find(*names) for finder in finders]
    file = next((path for path in found if path), None)
    if len(found) == 2 and found[1]:
        return {"file": file, "video": os.path.relpath(found[1], file.parent)}
    return {"file": file}
