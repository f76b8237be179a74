"""Texts to embed, each distinct one once.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib


class Texts:
    """Texts to embed, none of them twice.

    Arguments
    ---------
    ids : list of str
        Of each text.
    texts : list of str
        The texts.
    rows : list of list of str
        The ids of the manifest's rows that have each text.

    Example
    -------
    >>> Texts(["dog"], ["this is a sound of dog"], [[]]).texts
    ['this is a sound of dog']
    """

    def __init__(self, ids, texts, rows):
        self.ids = ids
        self.texts = texts
        self.rows = rows

    @classmethod
    def of_sounds(cls, sounds):
        """Gathers the captions of sounds, each distinct one once.

        Arguments
        ---------
        sounds : object
            From ``speechbrain_clap.dataio.sounds.open_sounds``.

        Returns
        -------
        Texts
            In the order in which they are met. The id of a text is that of
            its first sound and its number there, as in "a/0".

        Example
        -------
        >>> from speechbrain_clap.dataio.sounds import FileSounds
        >>> rows = {
        ...     "a": {"path": "a.wav", "captions": ["rain", "it rains"]},
        ...     "b": {"path": "b.wav", "captions": ["rain"]},
        ... }
        >>> texts = Texts.of_sounds(FileSounds("garden", rows))
        >>> texts.ids, texts.texts, texts.rows
        (['a/0', 'a/1'], ['rain', 'it rains'], [['a', 'b'], ['a']])
        """
        found = {}
        for i, row in enumerate(sounds.ids):
            for number, text in enumerate(sounds.captions(i)):
                name, rows = found.setdefault(text, (f"{row}/{number}", []))
                rows.append(row)
        return cls(
            [name for name, _ in found.values()],
            list(found),
            [list(dict.fromkeys(rows)) for _, rows in found.values()],
        )

    @classmethod
    def of_file(cls, path):
        """Reads a text file with a text in each line, empty ones left out.

        Arguments
        ---------
        path : str or pathlib.Path
            The file, UTF-8.

        Returns
        -------
        Texts
            Each distinct line once; they belong to no sound.

        Example
        -------
        >>> path = getfixture("tmp_path") / "a.txt"
        >>> _ = path.write_text("rain\\n\\na dog\\nrain\\n")
        >>> Texts.of_file(path).ids
        ['line 1', 'line 3']
        """
        found = {}
        lines = pathlib.Path(path).read_text("utf-8-sig").splitlines()
        for number, line in enumerate(lines, 1):
            if line.strip():
                found.setdefault(line.strip(), f"line {number}")
        return cls(list(found.values()), list(found), [[] for _ in found])
