"""The mixer: backgrounds and events at random times and levels.

Its terms are those of Scaper (J. Salamon et al., "Scaper: A library for
soundscape synthesis and augmentation", WASPAA 2017). A soundscape is first
*planned*: all that is random is drawn, and the plan is plain data. Then it is
*rendered*, which has no randomness: see ``rendering.py``.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

import numpy as np

from speechbrain_clap.synthesis.loudness import LEVELS
from speechbrain_clap.synthesis.rendering import write_mixes


def draw(rng, value):
    """Draws from a distribution, written as Scaper's are.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of randomness.
    value : object
        A list whose first item is "const", "choose", "uniform", "normal" or
        "truncnorm" (mean, deviation, least, most); anything else is itself.

    Returns
    -------
    object
        What was drawn.

    Raises
    ------
    ValueError
        If there is no such distribution, or its numbers do not fit.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> draw(rng, 3.0), draw(rng, ["choose", ["dog"]])
    (3.0, 'dog')
    >>> 5 <= draw(rng, ["uniform", 5, 10]) <= 10
    True
    """
    if not isinstance(value, (list, tuple)):
        return value
    match list(value):
        case ["const", item]:
            return item
        case ["choose", [*items]] if items:
            return items[int(rng.integers(len(items)))]
        case ["uniform", low, high] if low <= high:
            return float(rng.uniform(low, high))
        case ["normal", mean, deviation] if deviation >= 0:
            return float(rng.normal(mean, deviation))
        case ["truncnorm", mean, deviation, low, high] if low <= high:
            return float(np.clip(rng.normal(mean, deviation), low, high))
    raise ValueError(
        f"{value} is no distribution, expected a number, [const, x], [choose, "
        "[x, ...]], [uniform, least, most], [normal, mean, deviation] or "
        "[truncnorm, mean, deviation, least, most]"
    )


class Mixer:
    """Plans soundscapes of the sounds of a bank.

    Arguments
    ---------
    sources : speechbrain_clap.synthesis.sources.SourceBank
        Where sounds are drawn from.
    duration : float
        Of a soundscape, in seconds.
    sample_rate : int
        Of a soundscape, in Hz.
    ref_db : float or list
        Reference level; a distribution is drawn for each soundscape. A layer
        with an SNR of 0 has this level.
    level : str
        What levels are measured in: "lufs" or "rms" (dB of full scale).
    fade_seconds : float
        Fade in and out of every layer, a quarter of a sine.

    Raises
    ------
    ValueError
        If a length, a rate or the kind of level is impossible.

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.synthesis.loudness import level_db
    >>> from speechbrain_clap.synthesis.rendering import render
    >>> from speechbrain_clap.synthesis.sources import SourceBank
    >>> path = getfixture("tmp_path") / "rain.wav"
    >>> soundfile.write(path, np.sin(np.arange(16000) ** 2), 16000)
    >>> bank = SourceBank({"a": {"path": str(path), "label": "rain"}})
    >>> mixer = Mixer(bank, duration=2.0, sample_rate=16000, ref_db=-25)
    >>> rng = np.random.default_rng(0)
    >>> plan = mixer.plan(rng, [mixer.background(rng, "rain")])
    >>> round(level_db(render(plan), 16000), 1)
    -25.0
    """

    def __init__(
        self,
        sources,
        duration=10.0,
        sample_rate=44100,
        ref_db=-30.0,
        level="lufs",
        fade_seconds=0.01,
    ):
        if level not in LEVELS:
            raise ValueError(
                f"level is '{level}', expected one of {', '.join(LEVELS)}"
            )
        if not (duration > 2 * fade_seconds >= 0 and sample_rate > 0):
            raise ValueError(
                f"duration={duration}, fade_seconds={fade_seconds} and "
                f"sample_rate={sample_rate}: expected a positive rate, and a "
                "duration that holds both fades"
            )
        self.sources = sources
        self.duration = float(duration)
        self.sample_rate = int(sample_rate)
        self.ref_db = ref_db
        self.level = level
        self.fade_seconds = float(fade_seconds)

    def background(self, rng, label, snr=0.0, source=None, role="background"):
        """Draws a layer that fills the whole soundscape.

        A source that is shorter is looped, with a cross-fade of 50 ms.

        Arguments
        ---------
        rng : numpy.random.Generator
            Source of randomness.
        label : str or list
            A label of the bank, or a distribution over some.
        snr : float or list
            Level above `ref_db`, in dB.
        source : dict or None
            From the bank's ``pick``. None: one is drawn.
        role : str
            "background" or "foreground".

        Returns
        -------
        dict
            The layer.
        """
        label = draw(rng, label)
        source = source or self.sources.pick(rng, label)
        first, last = source["sound"]
        room = last - first - self.duration
        # In a loop, every point of it may be where the crop begins.
        offset = rng.uniform(0.0, room if room >= 0 else last - first)
        return {
            "label": label,
            "source_file": source["source_file"],
            "source_time": float(first + offset),
            "event_time": 0.0,
            "event_duration": self.duration,
            "snr": float(draw(rng, snr)),
            "role": role,
            "pitch_shift": None,
            "time_stretch": None,
            "loop": None if room >= 0 else [first, last],
        }

    def event(
        self,
        rng,
        label,
        snr=("uniform", 5.0, 10.0),
        event_time=("uniform", 0.0, 8.0),
        event_duration=5.0,
        source=None,
        pitch_shift=None,
        time_stretch=None,
    ):
        """Draws an event, cut where its source is at work.

        An event is never looped: of a source that is shorter than
        `event_duration`, it is as long as the source. It ends where the
        soundscape ends.

        Arguments
        ---------
        rng : numpy.random.Generator
            Source of randomness.
        label : str or list
            A label of the bank, or a distribution over some.
        snr : float or list
            Level above `ref_db`, in dB.
        event_time : float or list
            Where it begins, in seconds.
        event_duration : float or list
            How long it is at most, in seconds.
        source : dict or None
            From the bank's ``pick``. None: one is drawn.
        pitch_shift : float or list or None
            In semitones.
        time_stretch : float or list or None
            Factor on the duration.

        Returns
        -------
        dict
            The layer. Its `event_duration` is of the source, before it is
            stretched, as in Scaper.

        Raises
        ------
        ValueError
            If it would begin outside the soundscape, or have no length.
        """
        label = draw(rng, label)
        source = source or self.sources.pick(rng, label)
        first, last = source["active"]
        begin = float(draw(rng, event_time))
        longest = float(draw(rng, event_duration))
        stretch = draw(rng, time_stretch)
        room = (self.duration - begin) / (stretch or 1.0)
        length = min(longest, last - first, room)
        if not (0 <= begin and length > 0):
            raise ValueError(
                f"event '{label}' begins at {begin:g} s and lasts {length:g} "
                f"s: the soundscape goes from 0 to {self.duration:g} s. Change "
                "event_time or event_duration"
            )
        return {
            "label": label,
            "source_file": source["source_file"],
            "source_time": float(first),
            "event_time": begin,
            "event_duration": float(length),
            "snr": float(draw(rng, snr)),
            "role": "foreground",
            "pitch_shift": draw(rng, pitch_shift),
            "time_stretch": stretch,
            "loop": None,
        }

    def plan(self, rng, layers):
        """Puts layers together.

        Arguments
        ---------
        rng : numpy.random.Generator
            Source of randomness, for `ref_db`.
        layers : list of dict
            From ``background`` and ``event``.

        Returns
        -------
        dict
            The plan: plain data, for ``rendering.render`` and ``write_jams``.
        """
        return {
            "duration": self.duration,
            "sample_rate": self.sample_rate,
            "ref_db": float(draw(rng, self.ref_db)),
            "level": self.level,
            "fade_seconds": self.fade_seconds,
            "layers": layers,
        }


def write_soundscapes(
    folder,
    mixer,
    count,
    background,
    event,
    n_events=("choose", [1, 2, 3]),
    seed=1234,
    workers=1,
    suffix=".wav",
):
    """Writes soundscapes of one background and some events each.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to: ``soundscape_00000.wav``, ``soundscape_00000.jams`` ...
    mixer : Mixer
        Plans them.
    count : int
        How many.
    background : dict
        Arguments of ``Mixer.background``.
    event : dict
        Arguments of ``Mixer.event``.
    n_events : int or list
        How many events, or a distribution.
    seed : int
        The same seed gives the same files, whatever `workers`; the first
        ones do not depend on `count`.
    workers : int
        Processes.
    suffix : str
        ".wav", or ".flac" at half the size.

    Returns
    -------
    dict
        Counts, as of ``rendering.write_mixes``.

    Example
    -------
    >>> import soundfile
    >>> from speechbrain_clap.synthesis.sources import SourceBank
    >>> folder, rows = getfixture("tmp_path"), {}
    >>> for label in ("rain", "dog"):
    ...     path = str(folder / f"{label}.wav")
    ...     soundfile.write(path, np.sin(np.arange(9000) ** 2), 8000)
    ...     rows[label] = {"path": path, "label": label}
    >>> mixer = Mixer(SourceBank(rows), duration=2.0, sample_rate=8000)
    >>> event = {"label": "dog", "event_time": ["uniform", 0, 1]}
    >>> write_soundscapes(folder / "mixes", mixer, 2, {"label": "rain"}, event)
    {'written': 2, 'kept': 0, 'scaled': 0}
    """
    tasks = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        layers = [mixer.background(rng, **background)]
        for _ in range(draw(rng, n_events)):
            layers.append(mixer.event(rng, **event))
        path = pathlib.Path(folder) / f"soundscape_{index:05d}{suffix}"
        tasks.append([(path, mixer.plan(rng, layers))])
    return write_mixes(tasks, mixer.sources.root, workers)
