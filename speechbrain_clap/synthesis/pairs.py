"""Pairs of soundscapes that differ as a text says: a query and its target.

After D. Takeuchi et al., "Introducing Auxiliary Text Query-modifier to
Content-based Audio Retrieval", Interspeech 2022, whose data set is APwD.
Alpha (the query) and beta (the target) are cropped from one background and
differ in one thing or two. The six differences: the background is louder or
softer in beta; an event is louder, softer, added or removed.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import zlib

import numpy as np

from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.synthesis.pair_texts import describe
from speechbrain_clap.synthesis.rendering import write_mixes
from speechbrain_clap.synthesis.soundscape import Mixer, draw
from speechbrain_clap.synthesis.sources import SourceBank

ON_BACKGROUND = ("increase", "decrease")
ON_EVENT = ("increase", "decrease", "add", "remove")


class Scene:
    """What the pairs of one scene are made of: a YAML file states it.

    The levels are near what APwD's files show. Distributions are written as
    for ``soundscape.draw``.

    Arguments
    ---------
    name : str
        Begins the names of files.
    background : str
        Label of the background.
    events : list of str
        Labels of the events.
    aliases : dict or None
        Labels of data sets to those above.
    names : dict or None
        Label to ways to say it in the texts.
    background_layers : int
        Files that are laid over one another for the background; the two of a
        pair have the same ones.
    two_differences : float
        Share of pairs with two differences; the others have one.
    loud : float or list
        SNR of an event that is added, removed, or the louder one, in dB.
    soft : float or list
        SNR of an event where it is the softer one.
    boost : float or list
        SNR of the layer that makes a background louder.
    event_time : float or list
        Where an event begins, in seconds.
    event_duration : float or list
        How long it is at most, in seconds.
    duration : float
        Of a soundscape, in seconds.
    sample_rate : int
        In Hz.
    ref_db : float or list
        Level of a background layer, common to a pair.
    level : str
        "lufs" or "rms".
    fade_seconds : float
        Fade in and out of each layer.

    Raises
    ------
    ValueError
        If the labels or numbers cannot make pairs.

    Example
    -------
    >>> Scene("rain", "rain", ["dog", "thunder"]).labels
    ['rain', 'dog', 'thunder']
    """

    def __init__(
        self,
        name,
        background,
        events,
        aliases=None,
        names=None,
        background_layers=1,
        two_differences=0.5,
        loud=("uniform", 5.0, 10.0),
        soft=("uniform", -2.0, 1.0),
        boost=("uniform", 5.0, 10.0),
        event_time=("uniform", 0.0, 8.0),
        event_duration=("uniform", 3.0, 5.0),
        duration=10.0,
        sample_rate=44100,
        ref_db=("uniform", -36.0, -28.0),
        level="lufs",
        fade_seconds=0.01,
    ):
        if not events or len({background, *events}) != len(events) + 1:
            raise ValueError(
                f"scene '{name}' has background '{background}' and events "
                f"{list(events)}: expected one event or more, all different, "
                "and none the background"
            )
        if background_layers < 1 or not 0 <= two_differences <= 1:
            raise ValueError(
                f"scene '{name}' has background_layers={background_layers} and "
                f"two_differences={two_differences}: expected 1 or more layers "
                "and a share from 0 to 1"
            )
        self.name = name
        self.background = background
        self.events = list(events)
        self.aliases = dict(aliases or {})
        self.names = dict(names or {})
        self.background_layers = background_layers
        self.two_differences = two_differences
        self.loud = loud
        self.soft = soft
        self.boost = boost
        self.event = {
            "event_time": event_time,
            "event_duration": event_duration,
        }
        self.mixing = {
            "duration": duration,
            "sample_rate": sample_rate,
            "ref_db": ref_db,
            "level": level,
            "fade_seconds": fade_seconds,
        }

    @property
    def labels(self):
        """The labels that sounds are needed of, the background's first.

        Returns
        -------
        list of str
            All different.
        """
        return [self.background, *self.events]

    def mixer(self, rows, exclude=(), root=None, on_bad_clip="stop"):
        """A mixer of the sounds in some rows.

        Arguments
        ---------
        rows : dict
            Id to row, of one split.
        exclude : set of str
            Noisy sources to leave out; see ``sources.read_exclusions``.
        root : str or pathlib.Path or None
            Files are noted relative to this folder.
        on_bad_clip : str
            "stop" or "skip".

        Returns
        -------
        Mixer
            With the lengths and levels of the scene.

        Raises
        ------
        ValueError
            If a label of the scene has no sounds.
        """
        bank = SourceBank(
            rows,
            labels=self.labels,
            aliases=self.aliases,
            exclude=exclude,
            root=root,
            longest_silence=self.mixing["duration"],
            on_bad_clip=on_bad_clip,
        )
        return Mixer(bank, **self.mixing)

    def draw_differences(self, rng):
        """Draws one or two differences, about different labels.

        Arguments
        ---------
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        list
            Pairs of an action and a label, in the order the text says them.

        Example
        -------
        >>> scene = Scene("rain", "rain", ["dog"], two_differences=1.0)
        >>> found = scene.draw_differences(np.random.default_rng(0))
        >>> sorted(label for _, label in found)
        ['dog', 'rain']
        """
        count = 2 if rng.uniform() < self.two_differences else 1
        found = []
        for _ in range(count):
            taken = [label for _, label in found]
            events = [label for label in self.events if label not in taken]
            # All six have the same chance where all are possible.
            kinds = [(action, None) for action in ON_EVENT] if events else []
            if self.background not in taken:
                kinds += [(action, self.background) for action in ON_BACKGROUND]
            action, label = kinds[int(rng.integers(len(kinds)))]
            found.append([action, label or draw(rng, ["choose", events])])
        return found


def plan_pair(rng, scene, mixer, differences=None):
    """Draws a pair.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of randomness.
    scene : Scene
        What pairs are made of.
    mixer : Mixer
        Of the scene's ``mixer``.
    differences : list or None
        Pairs of an action and a label. None: they are drawn.

    Returns
    -------
    tuple
        Plan of alpha, plan of beta, and the differences.

    Raises
    ------
    ValueError
        If the scene's `soft` and `loud` overlap.

    Example
    -------
    >>> import soundfile
    >>> rows, folder = {}, getfixture("tmp_path")
    >>> for label in ("rain", "dog"):
    ...     path = str(folder / f"{label}.wav")
    ...     soundfile.write(path, np.sin(np.arange(9000) ** 2), 8000)
    ...     rows[label] = {"path": path, "label": label}
    >>> scene = Scene("rain", "rain", ["dog"], sample_rate=8000)
    >>> rng, mixer = np.random.default_rng(0), scene.mixer(rows)
    >>> alpha, beta, _ = plan_pair(rng, scene, mixer, [["add", "dog"]])
    >>> [layer["label"] for layer in alpha["layers"]]
    ['rain']
    >>> [layer["label"] for layer in beta["layers"]]
    ['rain', 'dog']
    """
    differences = differences or scene.draw_differences(rng)
    files = []
    for _ in range(scene.background_layers):
        used = {source["source_file"] for source in files}
        files.append(mixer.sources.pick(rng, scene.background, but=used))
    alpha, beta = (
        [mixer.background(rng, scene.background, source=file) for file in files]
        for _ in range(2)
    )
    for action, label in differences:
        if label == scene.background:
            more = mixer.background(
                rng, label, scene.boost, files[0], role="foreground"
            )
            (beta if action == "increase" else alpha).append(more)
            continue
        source = mixer.sources.pick(rng, label)
        loud, soft = draw(rng, scene.loud), draw(rng, scene.soft)
        if action in ("increase", "decrease") and not soft < loud:
            raise ValueError(
                f"scene '{scene.name}': soft was drawn as {soft:.1f} dB and "
                f"loud as {loud:.1f} dB, expected ranges that do not overlap"
            )
        levels = {
            "add": (None, loud),
            "remove": (loud, None),
            "increase": (soft, loud),
            "decrease": (loud, soft),
        }[action]
        for layers, snr in zip((alpha, beta), levels, strict=True):
            if snr is not None:
                layers.append(
                    mixer.event(rng, label, snr, source=source, **scene.event)
                )
    plan = mixer.plan(rng, alpha)
    return plan, {**plan, "layers": beta}, differences


def write_pairs(
    folder,
    scene,
    rows,
    split,
    count,
    seed=1234,
    workers=1,
    exclude=(),
    root=None,
    suffix=".wav",
    on_bad_clip="stop",
):
    """Writes the pairs of one split, and their manifest.

    The same arguments give the same bytes, whatever `workers`; the first
    pairs do not depend on `count`. A call that was cut off is taken up where
    it stopped. The two of a pair are scaled alike where one would clip.

    Arguments
    ---------
    folder : str or pathlib.Path
        Gets ``<split>/<scene>_<split>_00000_alpha.wav``, ``..._beta.wav``, a
        .jams beside each, and ``<scene>_<split>.json``.
    scene : Scene
        What pairs are made of.
    rows : dict
        Id to row (`path`, `label`): the sounds of this split, and of no other.
    split : str
        Such as "dev". It is part of the seed.
    count : int
        Pairs.
    seed : int
        Of all pairs.
    workers : int
        Processes.
    exclude : set of str
        Noisy sources to leave out.
    root : str or pathlib.Path or None
        Sources are noted relative to this folder.
    suffix : str
        ".wav" (1.8 MB a pair of 10 s at 44.1 kHz), or ".flac".
    on_bad_clip : str
        "stop" or "skip", for bad sources.

    Returns
    -------
    pathlib.Path
        The manifest. A row has `path` (alpha), `target_path` (beta), both
        from "{data_root}"; `text`; `differences`, in the order of the text;
        `background`; `events` and `target_events`, labels of the events in
        alpha and beta. Levels and times are in the JAMS.

    Raises
    ------
    ValueError
        If a label has no sounds, or a source is bad and the rule is "stop".

    Example
    -------
    >>> import soundfile
    >>> rows, folder = {}, getfixture("tmp_path")
    >>> for label in ("rain", "dog"):
    ...     path = str(folder / f"{label}.wav")
    ...     soundfile.write(path, np.sin(np.arange(9000) ** 2), 8000)
    ...     rows[label] = {"path": path, "label": label}
    >>> scene = Scene("rain", "rain", ["dog"], sample_rate=8000)
    >>> write_pairs(folder / "pairs", scene, rows, "dev", 1).name
    'rain_dev.json'
    """
    folder = pathlib.Path(folder)
    mixer = scene.mixer(rows, exclude, root, on_bad_clip)
    key = zlib.crc32(f"{scene.name} {split}".encode())
    tasks, manifest = [], {}
    for index in range(count):
        rng = np.random.default_rng([seed, key, index])
        *plans, differences = plan_pair(rng, scene, mixer)
        name = f"{scene.name}_{split}_{index:05d}"
        files = [f"{split}/{name}_{half}{suffix}" for half in ("alpha", "beta")]
        tasks.append(
            [
                (folder / file, plan)
                for file, plan in zip(files, plans, strict=True)
            ]
        )
        manifest[name] = {
            "path": f"{{data_root}}/{files[0]}",
            "target_path": f"{{data_root}}/{files[1]}",
            "text": describe(differences, scene.names, rng),
            "differences": differences,
            "background": scene.background,
            "events": _events(plans[0], scene),
            "target_events": _events(plans[1], scene),
        }
    write_mixes(tasks, root, workers)
    path = folder / f"{scene.name}_{split}.json"
    write_manifest(path, manifest)
    return path


def _events(plan, scene):
    """Labels of the events that are heard in a soundscape."""
    heard = {layer["label"] for layer in plan["layers"]}
    return [label for label in scene.events if label in heard]
