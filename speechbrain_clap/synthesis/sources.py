"""The sounds that soundscapes are mixed of: label to measured files.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import os
import pathlib

import numpy as np
import scipy.signal
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.checks import SILENCE
from speechbrain_clap.dataio.finder import list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.manifest import drop_bad
from speechbrain_clap.dataio.segments import SegmentReader

logger = get_logger(__name__)

SMOOTHING = 512  # points of the Hann window over the envelope, as in APwD
THRESHOLD = 0.1  # of the envelope's maximum, as in APwD


def active_span(wav, threshold=THRESHOLD):
    """Where a sound begins and ends.

    From the first to the last sample at which the smoothed envelope is above
    a share of its maximum: how APwD cuts its events.

    Arguments
    ---------
    wav : numpy.ndarray
        Shape [T], not silent.
    threshold : float
        Share of the maximum.

    Returns
    -------
    tuple of int
        First sample, and the one after the last.

    Example
    -------
    >>> wav = np.zeros(4000)
    >>> wav[1000:2000] = 1.0
    >>> first, last = active_span(wav)
    >>> abs(first - 1000) < 256, abs(last - 2000) < 256
    (True, True)
    """
    window = np.hanning(SMOOTHING + 2)[1:-1]
    envelope = scipy.signal.oaconvolve(np.abs(wav), window, mode="same")
    # With mode "same" the longer of the two gives the length.
    envelope = envelope[: len(wav)]
    above = np.flatnonzero(envelope > threshold * envelope.max())
    return int(above[0]), int(above[-1]) + 1


def rows_of_folder(folder):
    """Lists a folder with one folder a label, as Scaper has its sources.

    Arguments
    ---------
    folder : str or pathlib.Path
        Holds ``<label>/*.wav`` (or .flac, .ogg, .mp3, .m4a).

    Returns
    -------
    dict
        Id to row with `path` and `label`, as a manifest has.

    Raises
    ------
    FileNotFoundError
        If the folder is missing or a label's folder holds no sound.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "dog").mkdir()
    >>> _ = (folder / "dog" / "a.wav").write_bytes(b"")
    >>> rows_of_folder(folder)
    {'dog/a.wav': {'path': '.../dog/a.wav', 'label': 'dog'}}
    """
    folder = pathlib.Path(folder)
    expected = "expected folders named by label, with sounds in them"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: {expected}")
    rows = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        before = len(rows)
        for here, name in list_files(place):
            path = pathlib.Path(here, name)
            if path.suffix.lower() in SUFFIXES and name[0] != ".":
                key = path.relative_to(folder).as_posix()
                rows[key] = {"path": str(path), "label": place.name}
        if len(rows) == before:
            raise FileNotFoundError(
                f"{place} holds no sound ({', '.join(SUFFIXES)}): put some "
                f"there, or remove the folder"
            )
    if not rows:
        raise FileNotFoundError(f"{folder} is empty: {expected}")
    return rows


def read_exclusions(path):
    """Reads which sources are to be left out.

    Arguments
    ---------
    path : str or pathlib.Path
        A text file with one id or file name a line (after # is a comment), or
        a CSV with `fname` and `clean`, of which the rows with FALSE are left
        out: the form of APwD's lists.

    Returns
    -------
    set of str
        Ids or file names.

    Raises
    ------
    ValueError
        If a CSV lacks one of the two columns.

    Example
    -------
    >>> path = getfixture("tmp_path") / "noisy.txt"
    >>> _ = path.write_text("a.wav  # wind\\n\\n")
    >>> read_exclusions(path)
    {'a.wav'}
    """
    path = pathlib.Path(path)
    text = path.read_text("utf-8-sig")
    if path.suffix.lower() != ".csv":
        lines = (line.split("#")[0].strip() for line in text.splitlines())
        return {line for line in lines if line}
    reader = csv.DictReader(text.splitlines())
    if not {"fname", "clean"} <= set(reader.fieldnames or ()):
        raise ValueError(
            f"{path}: has the columns {reader.fieldnames}, expected fname and "
            "clean"
        )
    return {
        row["fname"]
        for row in reader
        if row["clean"].strip().upper() == "FALSE"
    }


class SourceBank:
    """Sounds by label, each decoded once and measured.

    Arguments
    ---------
    rows : dict
        Id to row with `path` and `label`, maybe `start` and `stop` (seconds):
        what ``read_manifest`` or ``rows_of_folder`` gives. A row with a list
        `labels` instead counts where just one of them is needed. Which files
        belong to training and which to evaluation, who makes the rows decides.
    labels : list of str or None
        What is needed. Other rows are left out unread. None: all.
    aliases : dict or None
        A label in the rows to the label that it is mixed under.
    exclude : set of str
        Ids, file names or stems of noisy sources to leave out.
    root : str or pathlib.Path or None
        Files are noted relative to this folder, so that a soundscape can be
        made again where the sounds lie elsewhere. None: as in the rows.
    longest_silence : float
        A sound that is silent for so many seconds in a row is bad: a crop of
        it may be silence.
    on_bad_clip : str
        "stop" or "skip", for sounds that are missing, silent or undecodable.

    Raises
    ------
    ValueError
        If a label has no sounds, or a sound is bad and the rule is "stop".

    Example
    -------
    >>> import soundfile
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> wav = np.zeros(16000)
    >>> wav[4000:8000] = np.sin(np.arange(4000))
    >>> soundfile.write(path, wav, 16000)
    >>> bank = SourceBank({"a": {"path": str(path), "label": "dog"}})
    >>> source = bank.pick(np.random.default_rng(0), "dog")
    >>> [round(seconds, 1) for seconds in source["active"]]
    [0.2, 0.5]
    """

    def __init__(
        self,
        rows,
        labels=None,
        aliases=None,
        exclude=(),
        root=None,
        longest_silence=10.0,
        on_bad_clip="stop",
    ):
        if not rows:
            raise ValueError("there are no sources: the rows are empty")
        said = {
            # In the order of ids: what is drawn does not depend on the rows'.
            name: {(aliases or {}).get(x, x) for x in _labels(name, row)}
            for name, row in sorted(rows.items())
        }
        known = sorted(set().union(*said.values()))
        self.root = root
        self._sources = {label: [] for label in labels or known}
        chosen = {}
        for name, found in said.items():
            row = rows[name]
            file = pathlib.PurePath(row["path"])
            needed = found & self._sources.keys()
            if len(needed) == 1 and not (
                {name, file.name, file.stem} & set(exclude)
            ):
                chosen[name] = {**row, "label": needed.pop()}
        problems = {}
        for name, row in chosen.items():
            try:
                row["measured"] = _measure(row, longest_silence)
            except BadClipError as error:
                problems[name] = str(error).removeprefix(f"{row['path']}: ")
        for name, row in drop_bad(chosen, problems, on_bad_clip).items():
            self._sources[row["label"]].append(
                {
                    "id": name,
                    "label": row["label"],
                    "source_file": self._portable(row["path"]),
                    **row["measured"],
                }
            )
        for label, sources in self._sources.items():
            if not sources:
                raise ValueError(
                    f"label '{label}' has no usable sounds; the rows have "
                    f"{_some(known)} ({len(problems)} bad sounds and those of "
                    "the exclusion list were left out). Add sounds, an alias, "
                    "or take the label out of the scene"
                )

    @property
    def labels(self):
        """The labels that there are sounds of.

        Returns
        -------
        list of str
            In order of the alphabet where none were asked for.
        """
        return list(self._sources)

    def pick(self, rng, label, but=()):
        """Draws one of a label's sounds, all with equal chances.

        Arguments
        ---------
        rng : numpy.random.Generator
            Source of randomness.
        label : str
            One of `labels`.
        but : set of str
            Files that are not to be drawn, unless there are no others.

        Returns
        -------
        dict
            `id`, `label`, `source_file`, `sound` and `active`: seconds in
            the file from which to which there is any sound, and the sound is
            at work (see ``active_span``).

        Raises
        ------
        ValueError
            If there is no such label.
        """
        if label not in self._sources:
            raise ValueError(
                f"label '{label}' has no sounds, expected one of "
                f"{', '.join(self._sources)}"
            )
        sources = self._sources[label]
        others = [s for s in sources if s["source_file"] not in but]
        sources = others or sources
        return sources[int(rng.integers(len(sources)))]

    def _portable(self, path):
        if self.root is None:
            return str(path)
        path, root = os.path.abspath(path), os.path.abspath(self.root)
        if not pathlib.Path(path).is_relative_to(root):
            return path
        return pathlib.Path(path).relative_to(root).as_posix()


def _some(names, most=20):
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _labels(name, row):
    """What is heard in a row's sound, as its data set says it."""
    labels = row.get("labels") or [row.get("label")]
    if "path" not in row or None in labels:
        raise ValueError(f"source '{name}' lacks `path` or `label`")
    return labels


def _measure(row, longest_silence):
    """Decodes one sound and finds where it begins and ends, in seconds."""
    rate = 16000  # enough to tell when something sounds
    reader = SegmentReader(rate, on_bad_clip="stop")
    start = row.get("start", 0.0)
    if not pathlib.Path(row["path"]).is_file():
        raise BadClipError("does not exist")
    try:
        wav = reader(row["path"], row.get("start"), row.get("stop")).numpy()
    except BadClipError as error:
        # The reader's advice is for training.
        raise BadClipError(str(error.__cause__)) from error
    loud = np.flatnonzero(np.abs(wav) > SILENCE)
    hole = np.diff(loud).max(initial=1) / rate
    if hole >= longest_silence:
        raise BadClipError(
            f"{row['path']}: is silent for {hole:.1f} s in a row"
        )
    first, last = active_span(wav)
    return {
        "sound": [
            start + float(loud[0]) / rate,
            start + float(loud[-1] + 1) / rate,
        ],
        "active": [start + first / rate, start + last / rate],
    }
