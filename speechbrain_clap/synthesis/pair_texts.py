"""Imperative texts for the difference between two soundscapes.

A difference is an action and a label: ``["increase", "rain"]``. Texts are
those of the paper's kind, such as "make car horn lower and add dog bark"
(D. Takeuchi et al., "Introducing Auxiliary Text Query-modifier to
Content-based Audio Retrieval", Interspeech 2022).

Authors
 * The speechbrain_clap team 2026
"""

TEMPLATES = {
    "increase": (
        "increase the sound of {}",
        "make {} louder",
        "turn up {}",
        "raise the volume of {}",
        "make the sound of {} louder",
    ),
    "decrease": (
        "decrease the sound of {}",
        "make {} lower",
        "turn down {}",
        "lower the volume of {}",
        "make the sound of {} softer",
    ),
    "add": (
        "add {}",
        "add the sound of {}",
        "put in {}",
        "mix in the sound of {}",
    ),
    "remove": (
        "remove {}",
        "remove the sound of {}",
        "take out {}",
        "delete the sound of {}",
    ),
}
JOINTS = ("{} and {}", "{}, and {}", "{}, then {}")


def describe(differences, names=None, rng=None):
    """Puts differences into words.

    Arguments
    ---------
    differences : list
        One or two pairs of an action ("increase", "decrease", "add",
        "remove") and a label, in the order they are said.
    names : dict or None
        Label to a list of ways to say it. Others are said as they are
        written, with blanks for underscores.
    rng : numpy.random.Generator or None
        Draws the wording. None: always the first.

    Returns
    -------
    str
        The text, in lower case, without a full stop.

    Raises
    ------
    ValueError
        If there is no such action, or not one or two of them.

    Example
    -------
    >>> describe([["decrease", "car_horn"], ["add", "dog"]])
    'decrease the sound of car horn and add dog'
    >>> describe([["add", "dog"]], names={"dog": ["dog bark"]})
    'add dog bark'
    """
    if len(differences) not in (1, 2):
        raise ValueError(f"{len(differences)} differences, expected 1 or 2")
    said = []
    for action, label in differences:
        if action not in TEMPLATES:
            raise ValueError(
                f"action '{action}' is not one of {', '.join(TEMPLATES)}"
            )
        name = _one(rng, (names or {}).get(label) or [label.replace("_", " ")])
        said.append(_one(rng, TEMPLATES[action]).format(name))
    return said[0] if len(said) == 1 else _one(rng, JOINTS).format(*said)


def find_differences(alpha, beta):
    """Tells how one soundscape differs from another, from their layers.

    Foreground layers are compared by label: only in beta is "add", only in
    alpha "remove", in both "increase" or "decrease" by their SNR. A label
    that is the background's, too, makes that louder: only in beta is
    "increase", only in alpha "decrease". These are the rules of APwD.

    Arguments
    ---------
    alpha : list of dict
        Layers (`value` in JAMS) with `label`, `role` and `snr`.
    beta : list of dict
        Those of the other soundscape.

    Returns
    -------
    list
        Pairs of an action and a label, alpha's labels first.

    Raises
    ------
    ValueError
        If a label is in the foreground of both at the same SNR, or twice in
        one of them.

    Example
    -------
    >>> rain = {"label": "rain", "role": "background", "snr": 0}
    >>> dog = {"label": "dog", "role": "foreground", "snr": 7}
    >>> more = {"label": "rain", "role": "foreground", "snr": 7}
    >>> find_differences([rain, dog], [rain, more])
    [['remove', 'dog'], ['increase', 'rain']]
    """
    levels = []
    for layers in (alpha, beta):
        events = [x for x in layers if x["role"] == "foreground"]
        levels.append({x["label"]: x["snr"] for x in events})
        if len(levels[-1]) < len(events):
            raise ValueError("a label is twice in a foreground, expected once")
    before, after = levels
    grounds = {x["label"] for x in alpha + beta if x["role"] == "background"}
    differences = []
    for label in {**before, **after}:
        if label in before and label in after:
            if before[label] == after[label]:
                raise ValueError(
                    f"'{label}' is in both at an SNR of {before[label]} dB: "
                    "expected a difference"
                )
            louder = after[label] > before[label]
            action = "increase" if louder else "decrease"
        elif label in grounds:
            action = "increase" if label in after else "decrease"
        else:
            action = "add" if label in after else "remove"
        differences.append([action, label])
    return differences


def _one(rng, items):
    return items[0 if rng is None else int(rng.integers(len(items)))]
