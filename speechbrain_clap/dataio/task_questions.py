"""Questions about clips with short answers, made of labels and captions.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.task_rules import TaskRule, labels_of

YES, NO = "yes", "no"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
TRIES = 20  # rows looked at for a wrong choice


class IsHeard(TaskRule):
    """Question answering: is this heard? Half of the answers are yes.

    What is asked about in vain is a label of another clip, so that a label is
    asked about as often in vain as not, nearly: the question tells nothing.

    Arguments
    ---------
    key : str
        Of the rows: a label, or a list of them.
    question : str
        With {} where the label goes.

    Example
    -------
    >>> import random
    >>> rows = [{"label": "dog"}, {"label": "rain"}]
    >>> rule = IsHeard("label", "is this heard: {}?")
    >>> rule(rows[0], rows, random.Random(0))
    ('is this heard: rain?', ['no'])
    >>> rule(rows[0], rows, random.Random(1))
    ('is this heard: dog?', ['yes'])
    """

    def __init__(self, key, question):
        self.key = key
        self.question = question

    def _known(self, row):
        return labels_of(row, self.key)

    def _ask(self, row, rows, draw):
        heard = labels_of(row, self.key)
        answer, asked = YES, heard
        if draw.random() >= 0.5:
            for _ in range(TRIES):
                other = labels_of(draw.choice(rows), self.key)
                absent = [label for label in other if label not in heard]
                if absent:
                    answer, asked = NO, absent
                    break
        return self.question.replace("{}", draw.choice(asked)), [answer]


class CountEvents(TaskRule):
    """Question answering: how many times is this heard?

    Rows have `events`: onset, offset and label of each, eight at most.

    Arguments
    ---------
    question : str
        With {} where the label goes, drawn whatever its events' number.

    Example
    -------
    >>> import random
    >>> row = {"events": [[0.1, 0.4, "dog"], [2.0, 2.3, "dog"]]}
    >>> CountEvents("how many times: {}?")(row, [], random.Random(0))
    ('how many times: dog?', ['two'])
    """

    def __init__(self, question):
        self.question = question

    def _known(self, row):
        return 0 < len(row.get("events", [])) <= len(NUMBERS)

    def _ask(self, row, rows, draw):
        labels = labels_of({"heard": [x[2] for x in row["events"]]}, "heard")
        asked = draw.choice(sorted(set(labels)))
        answer = NUMBERS[labels.count(asked) - 1]
        return self.question.replace("{}", asked), [answer]


class TextFits(TaskRule):
    """Retrieval as text: does this text fit the sound? Half of them do.

    A text that does not fit is a caption of another clip which shares no
    caption with this one, nor the same labels, where there are labels.

    Arguments
    ---------
    question : str
        With {} where the text goes.

    Example
    -------
    >>> import random
    >>> rows = [{"captions": ["a dog barks"]}, {"captions": ["rain falls"]}]
    >>> rule = TextFits("does this fit: {}?")
    >>> rule(rows[0], rows, random.Random(0))
    ('does this fit: rain falls?', ['no'])
    """

    def __init__(self, question):
        self.question = question

    def _known(self, row):
        return row["captions"]

    def _ask(self, row, rows, draw):
        answer, texts = YES, row["captions"]
        if draw.random() >= 0.5:
            for _ in range(TRIES):
                other = draw.choice(rows)
                if not _alike(row, other):
                    answer, texts = NO, other["captions"]
                    break
        return self.question.replace("{}", draw.choice(texts)), [answer]


def _alike(row, other):
    """Whether two clips could have the same text."""
    if not set(row["captions"]).isdisjoint(other["captions"]):
        return True
    labels = [set(labels_of(each, "labels")) for each in (row, other)]
    return bool(labels[0]) and labels[0] == labels[1]


class AskedByPeople(TaskRule):
    """Question answering: questions that people asked about a clip.

    Rows have `questions`, a list of a question and its right answers each, the
    one that most people gave first.

    Example
    -------
    >>> import random
    >>> row = {"questions": [["Is it a dog?", ["yes"]]]}
    >>> AskedByPeople()(row, [], random.Random(0))
    ('Is it a dog?', ['yes'])
    """

    def _known(self, row):
        return row.get("questions")

    def _ask(self, row, rows, draw):
        question, answers = draw.choice(row["questions"])
        return question, list(answers)
