"""Sounds mixed of known events, and captions that say so.

"A dog barks twice over rain": a background, or none, and up to two kinds of
events, one after the other. The sources are clips with the labels of ESC-10,
recorded or made up (see ``sounds.py``).

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import re

import numpy as np

from speechbrain_clap.synthesis.rendering import write_mixes
from speechbrain_clap.synthesis.soundscape import Mixer
from speechbrain_clap.synthesis.sources import SourceBank

# Label to subject, verb, verbal noun, and how often it may be heard.
EVENTS = {
    "dog": ("a dog", "barks", "barking", 3),
    "rooster": ("a rooster", "crows", "crowing", 2),
    "sneezing": ("someone", "sneezes", "sneezing", 3),
    "crying_baby": ("a baby", "cries", "crying", 1),
}
# Label to a noun and a sentence.
BACKGROUNDS = {
    "rain": ("rain", "rain falls"),
    "sea_waves": ("sea waves", "sea waves break"),
    "crackling_fire": ("a crackling fire", "a fire crackles"),
    "clock_tick": ("a ticking clock", "a clock ticks"),
    "helicopter": ("a helicopter", "a helicopter flies"),
    "chainsaw": ("a chainsaw", "a chainsaw runs"),
}
TIMES = ("", " twice", " three times")
# The beginnings of words that name a source.
STEMS = {
    "dog": "dog|bark",
    "rooster": "rooster|crow",
    "sneezing": "sneez",
    "crying_baby": "baby|babies|cry|cries",
    "rain": "rain",
    "sea_waves": "sea|wave",
    "crackling_fire": "fire|crackl",
    "clock_tick": "clock|tick",
    "helicopter": "helicopter",
    "chainsaw": "chainsaw",
}
PIECE = 0.16  # of a clip: how long one bark may be
SNR = ("uniform", 3.0, 12.0)  # of an event over the background, in dB


def caption_composition(events, background):
    """Says what is heard, in several ways.

    Arguments
    ---------
    events : list of tuple
        A key of `EVENTS` and how often it is heard; none, one or two.
    background : str or None
        A key of `BACKGROUNDS`.

    Returns
    -------
    list of str
        Captions, in lower case, without a full stop.

    Raises
    ------
    ValueError
        If nothing is heard, or more than two kinds of events.

    Example
    -------
    >>> caption_composition([("dog", 2)], "rain")[:2]
    ['a dog barks twice over rain', 'a dog barks twice while rain falls']
    >>> caption_composition([("dog", 1), ("rooster", 1)], None)[0]
    'a dog barks, then a rooster crows'
    """
    if len(events) > 2 or not (events or background):
        raise ValueError(
            f"{len(events)} kinds of events over {background}: expected one "
            "or two, or a background"
        )
    said = [
        f"{EVENTS[label][0]} {EVENTS[label][1]}{TIMES[count - 1]}"
        for label, count in events
    ]
    if len(said) == 2:
        phrases = [", then ".join(said), " and then ".join(said)]
    else:
        phrases = said
    if background is None:
        if len(events) == 1:
            [(label, count)] = events
            subject, _, verbal, _ = EVENTS[label]
            heard = f"the sound of {subject} {verbal}{TIMES[count - 1]}"
            return [*phrases, heard]
        return phrases
    noun, sentence = BACKGROUNDS[background]
    if not events:
        return [sentence, f"the sound of {noun}"]
    first, last = phrases[0], phrases[-1]
    return [
        f"{first} over {noun}",
        f"{last} while {sentence}",
        f"{sentence} and {first}",
    ]


def sources_named(caption):
    """Which sources a caption names.

    Arguments
    ---------
    caption : str
        Any text.

    Returns
    -------
    set of str
        Keys of `EVENTS` and `BACKGROUNDS`.

    Example
    -------
    >>> sorted(sources_named("Dogs are barking in the rain"))
    ['dog', 'rain']
    """
    return {
        label
        for label, stems in STEMS.items()
        if re.search(rf"\b(?:{stems})", caption.lower())
    }


def draw_composition(rng):
    """Draws what is heard, all of it evenly.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of tuple
        Events, as for `caption_composition`: none in 1 of 5 clips, two kinds
        in 1 of 5.
    str or None
        The background; none in 1 of 5 clips that have an event.

    Example
    -------
    >>> events, background = draw_composition(np.random.default_rng(0))
    >>> len(events) <= 2 and (background is None or background in BACKGROUNDS)
    True
    """
    kinds = int(rng.choice([0, 1, 2], p=[0.2, 0.6, 0.2]))
    labels = rng.choice(sorted(EVENTS), kinds, replace=False).tolist()
    most = [EVENTS[label][3] for label in labels]
    if kinds == 2:  # or there would be no room
        most = [min(2, count) for count in most]
    events = [
        (label, int(rng.integers(1, count + 1)))
        for label, count in zip(labels, most, strict=True)
    ]
    background = str(rng.choice(sorted(BACKGROUNDS)))
    if kinds and rng.uniform() < 0.2:
        background = None
    return events, background


def plan_composition(rng, mixer, events, background):
    """Plans the mix of a composition.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of randomness.
    mixer : speechbrain_clap.synthesis.soundscape.Mixer
        With sounds of all labels.
    events : list of tuple
        From `draw_composition`.
    background : str or None
        From `draw_composition`.

    Returns
    -------
    dict
        The plan, for ``speechbrain_clap.synthesis.rendering.write_mixes``.
        What is heard twice is one piece of one clip, at two times.

    Example
    -------
    >>> import soundfile
    >>> rows = {}
    >>> for label in ("rain", "dog"):
    ...     path = str(getfixture("tmp_path") / f"{label}.wav")
    ...     soundfile.write(path, np.sin(np.arange(9000) ** 2), 8000)
    ...     rows[label] = {"path": path, "label": label}
    >>> mixer = Mixer(SourceBank(rows), duration=2.0, sample_rate=8000)
    >>> rng = np.random.default_rng(0)
    >>> plan = plan_composition(rng, mixer, [("dog", 2)], "rain")
    >>> [layer["label"] for layer in plan["layers"]]
    ['rain', 'dog', 'dog']
    """
    layers = []
    if background is not None:
        layers.append(mixer.background(rng, background))
    pieces = sum(count for _, count in events)
    slot = mixer.duration / max(pieces, 1)
    # A baby cries on; pieces that come again must not touch.
    longest = mixer.duration * (PIECE if pieces > 1 else 2 * PIECE)
    place = 0
    for label, count in events:
        source = mixer.sources.pick(rng, label)
        snr = float(rng.uniform(*SNR[1:]))
        for _ in range(count):
            begin = place * slot + rng.uniform(0.0, slot - longest)
            layers.append(
                mixer.event(
                    rng,
                    label,
                    snr=snr,
                    event_time=float(begin),
                    event_duration=longest,
                    source=source,
                )
            )
            place += 1
    return mixer.plan(rng, layers)


def write_compositions(
    folder, rows, part, count, seconds=5.0, sample_rate=22050, seed=1234,
    workers=1,
):  # fmt: skip
    """Writes mixes of one part of a set; those that are there are kept.

    Arguments
    ---------
    folder : str or pathlib.Path
        Gets ``<part>/<part>_00000.flac``, each with its JAMS.
    rows : dict
        The sources: id to row with `path` and `label`. Give each part its
        own recordings.
    part : str
        "train", "valid" or "test"; its draws are its own.
    count : int
        How many; the first ones do not depend on it.
    seconds : float
        Length of a mix.
    sample_rate : int
        In Hz.
    seed : int
        The same seed gives the same files, whatever `workers`.
    workers : int
        Processes.

    Returns
    -------
    dict
        Id to `file`, `captions`, `labels` (of the sources heard) and `events`
        (onset and offset in seconds, and label; backgrounds are none), as
        ``speechbrain_clap.dataio.captioned.prepare_pairs`` takes them.

    Raises
    ------
    ValueError
        If a label has no sounds.

    Example
    -------
    >>> write_compositions("nowhere", {}, "test", 1)
    Traceback (most recent call last):
    ...
    ValueError: there are no sources: the rows are empty
    """
    bank = SourceBank(rows, sorted({*EVENTS, *BACKGROUNDS}))
    mixer = Mixer(bank, seconds, sample_rate, level="rms")
    tasks, written = [], {}
    for index in range(count):
        rng = np.random.default_rng([seed, *part.encode(), index])
        events, background = draw_composition(rng)
        plan = plan_composition(rng, mixer, events, background)
        name = f"{part}_{index:05d}"
        path = pathlib.Path(folder, part, f"{name}.flac")
        tasks.append([(path, plan)])
        labels = [label for label, _ in events]
        written[name] = {
            "file": path,
            "captions": caption_composition(events, background),
            "labels": labels + [background] * (background is not None),
            "events": [
                [
                    layer["event_time"],
                    layer["event_time"] + layer["event_duration"],
                    layer["label"],
                ]
                for layer in plan["layers"]
                if layer["role"] == "foreground"
            ],
        }
    write_mixes(tasks, None, workers)
    return written
