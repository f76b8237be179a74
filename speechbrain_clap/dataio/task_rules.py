"""How a clip becomes a task of a model that writes: a prompt, and the answer.

The training of HTSAT-22: "Natural Language Supervision for General-Purpose
Audio Representations", Elizalde et al. 2023, https://arxiv.org/abs/2309.05767,
whose tasks are not published. Questions are in ``task_questions.py``.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.metadata import label_caption


def labels_of(row, key):
    """The labels of a row, be there one, several or none.

    Arguments
    ---------
    row : dict
        Of a manifest.
    key : str
        Of the row: a text, or a list of texts.

    Returns
    -------
    list of str
        As they are spoken: in lower case, with blanks.

    Example
    -------
    >>> labels_of({"labels": ["Sea_waves", "Rain"]}, "labels")
    ['sea waves', 'rain']
    >>> labels_of({"label": "dog"}, "label"), labels_of({}, "label")
    (['dog'], [])
    """
    labels = row.get(key) or []
    labels = [labels] if isinstance(labels, str) else labels
    return [label.replace("_", " ").lower() for label in labels]


class TaskRule:
    """What is asked about a clip, and which answers are right.

    A subclass gives `_known(row)`, what there is to ask about in a row of a
    manifest, and `_ask(row, rows, draw)`.

    Attributes
    ----------
    kind : str
        How answers are compared: "words" (one of the right ones), "labels"
        (names in any order, joined by ", ") or "captions" (one of them).

    Example
    -------
    >>> class Hush(TaskRule):
    ...     def _known(self, row):
    ...         return row.get("silent")
    ...
    ...     def _ask(self, row, rows, draw):
    ...         return "is it silent?", ["yes"]
    >>> Hush().fits({}), Hush()({"silent": True}, [], None)
    (False, ('is it silent?', ['yes']))
    """

    kind = "words"

    def fits(self, row):
        """Whether a row can be asked about.

        Arguments
        ---------
        row : dict
            Of a manifest.

        Returns
        -------
        bool
            True where it has what the rule asks about.
        """
        return bool(self._known(row))

    def __call__(self, row, rows, draw):
        """Asks.

        Arguments
        ---------
        row : dict
            That fits.
        rows : list of dict
            All that fit of the same part, where wrong choices come from.
        draw : random.Random
            Draws whatever is drawn.

        Returns
        -------
        str
            The prompt, which the answer follows.
        list of str
            The right answers, of which the first trains.
        """
        return self._ask(row, rows, draw)


class NameLabels(TaskRule):
    """Classification and tagging: the names of a clip's labels.

    Several are joined by ", " in the order of the alphabet; a comma within a
    name becomes a blank.

    Arguments
    ---------
    key : str
        Of the rows: a label, or a list of them.
    prompt : str
        What the answer follows.

    Example
    -------
    >>> rule = NameLabels("labels", "what is heard?")
    >>> rule({"labels": ["rain", "Dog"]}, [], None)
    ('what is heard?', ['dog, rain'])
    """

    kind = "labels"

    def __init__(self, key, prompt):
        self.key = key
        self.prompt = prompt

    def _known(self, row):
        return labels_of(row, self.key)

    def _ask(self, row, rows, draw):
        names = {
            " ".join(name.replace(",", " ").split())
            for name in labels_of(row, self.key)
        }
        return self.prompt, [label_caption(sorted(names))]


class WriteCaption(TaskRule):
    """Captioning: one of a clip's captions is drawn, all are right.

    Arguments
    ---------
    prompt : str
        What the caption follows.

    Example
    -------
    >>> import random
    >>> rule = WriteCaption("caption:")
    >>> rule({"captions": ["a dog barks"]}, [], random.Random(0))
    ('caption:', ['a dog barks'])
    """

    kind = "captions"

    def __init__(self, prompt):
        self.prompt = prompt

    def _known(self, row):
        return row["captions"]

    def _ask(self, row, rows, draw):
        captions = list(row["captions"])
        first = captions.pop(draw.randrange(len(captions)))
        return self.prompt, [first, *captions]
