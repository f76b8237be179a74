"""Scores of all pairs of clips and captions, a block at a time.

Blocks are float32 products, which are fast; a library may sum them in another
order in another place, so that two equal texts can differ in the last bit.
What lies within the error of such a product is decided by a float64 sum whose
order is fixed.

Authors
 * The speechbrain_clap team 2026
"""

import numpy as np

AT_ONCE = 1 << 24  # numbers in a temporary array


def parts(total, size):
    """Cuts a range into parts.

    Arguments
    ---------
    total : int
        Its length.
    size : int
        Length of a part; the last may be shorter.

    Yields
    ------
    slice
        One part after the other.

    Example
    -------
    >>> list(parts(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def pair_scores(similarity):
    """Makes the source of scores that fits what is given.

    Arguments
    ---------
    similarity : array_like or tuple of array_like
        A matrix [N, M], or embeddings [N, D] and [M, D].

    Returns
    -------
    MatrixScores or EmbeddingScores
        Either has `shape`, `margin`, ``block`` and ``exact``.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not finite.

    Example
    -------
    >>> pair_scores([[1.0, 2.0]]).shape
    (1, 2)
    >>> pair_scores((np.eye(2), np.ones((5, 2)))).shape
    (2, 5)
    """
    if isinstance(similarity, tuple):
        return EmbeddingScores(*similarity)
    return MatrixScores(similarity)


class MatrixScores:
    """Scores that are there already.

    Arguments
    ---------
    matrix : array_like
        [N, M], in float of any width, or int.

    Attributes
    ----------
    shape : tuple of int
        N and M.
    margin : float
        How far a block's score may be from the exact one: 0.

    Example
    -------
    >>> MatrixScores([[1, 2], [3, 4]]).exact([0, 1], [1, 1])
    array([2., 4.])
    """

    margin = 0.0

    def __init__(self, matrix):
        self.matrix = np.asanyarray(matrix)
        if self.matrix.ndim != 2 or not self.matrix.size:
            raise ValueError(
                f"similarity has the shape {list(self.matrix.shape)}: expected "
                "[clips, captions], or a tuple of two arrays of embeddings"
            )
        self.shape = self.matrix.shape

    def block(self, clips, captions):
        """Scores of a block.

        Arguments
        ---------
        clips : slice
            Which rows.
        captions : slice
            Which columns.

        Returns
        -------
        ndarray
            Float.

        Raises
        ------
        ValueError
            If one is not finite.
        """
        block = np.asarray(self.matrix[clips, captions])
        if not np.issubdtype(block.dtype, np.floating):
            block = block.astype(np.float64)
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise ValueError(
                f"similarity of clip {clips.start + row} and caption "
                f"{captions.start + column} is NaN or infinite"
            )
        return block

    def exact(self, clips, captions):
        """Scores of some pairs.

        Arguments
        ---------
        clips : array_like
            Places, int [P].
        captions : array_like
            Places, int [P].

        Returns
        -------
        ndarray
            float64 [P].
        """
        return self.matrix[clips, captions].astype(np.float64)


class EmbeddingScores:
    """Dot products of embeddings, computed as they are asked for.

    Arguments
    ---------
    audio : array_like
        Embeddings of clips, float [N, D]; memory-mapped ones are read by
        blocks.
    text : array_like
        Embeddings of captions, float [M, D].

    Attributes
    ----------
    shape : tuple of int
        N and M.
    margin : float
        How far a block's score may be from the exact one.

    Example
    -------
    >>> EmbeddingScores(np.eye(2), [[3, 4]]).exact([0, 1], [0, 0])
    array([3., 4.])
    """

    def __init__(self, audio, text):
        self.audio, self.text = np.asanyarray(audio), np.asanyarray(text)
        longest = [
            _longest("audio embeddings", self.audio),
            _longest("text embeddings", self.text),
        ]
        size = self.audio.shape[1]
        if size != self.text.shape[1]:
            raise ValueError(
                f"audio embeddings have {size} dimensions, text embeddings "
                f"{self.text.shape[1]}: expected one space"
            )
        self.shape = (len(self.audio), len(self.text))
        # The bound of a float32 dot product whose order of summation is
        # unknown (Higham 2002, section 3.1), with room for rounding the
        # inputs, the exact score and the difference of the two.
        self.margin = (size + 8) * 2.0**-24 * longest[0] * longest[1]

    def block(self, clips, captions):
        """Scores of a block, within the margin.

        Arguments
        ---------
        clips : slice
            Which clips.
        captions : slice
            Which captions.

        Returns
        -------
        ndarray
            float32.
        """
        audio = np.asarray(self.audio[clips], np.float32)
        text = np.asarray(self.text[captions], np.float32)
        return audio @ text.T

    def exact(self, clips, captions):
        """Scores of some pairs, the same wherever and whenever.

        Arguments
        ---------
        clips : array_like
            Places, int [P].
        captions : array_like
            Places, int [P].

        Returns
        -------
        ndarray
            float64 [P].
        """
        clips, captions = np.asarray(clips), np.asarray(captions)
        scores = np.empty(len(clips))
        # Small parts stay in the processor's cache: three times as fast.
        step = max(1, (1 << 18) // self.audio.shape[1])
        for part in parts(len(clips), step):
            audio = self.audio[clips[part]].astype(np.float64)
            audio *= self.text[captions[part]]
            scores[part] = audio.sum(1)
        return scores


def nearest(similarity, k=5):
    """The best candidates of each query, in both directions.

    Of equal scores the lower index comes first, as it does for ranks.

    Arguments
    ---------
    similarity : array_like or tuple of array_like
        A matrix [N, M], or embeddings [N, D] and [M, D].
    k : int
        How many; fewer where there are fewer candidates.

    Returns
    -------
    ndarray
        Places of the best clips of each caption, int [M, min(k, N)].
    ndarray
        Places of the best captions of each clip, int [N, min(k, M)].

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not finite.

    Example
    -------
    >>> clips, captions = nearest([[0.9, 0.1], [0.9, 0.2]], k=1)
    >>> clips.tolist(), captions.tolist()
    ([[0], [1]], [[0], [0]])
    """
    pairs = pair_scores(similarity)
    clips, captions = pairs.shape
    all_clips, all_captions = slice(0, clips), slice(0, captions)
    of_captions = [
        _best(
            pairs.block(all_clips, part).T,
            k,
            pairs.margin,
            lambda query, found, first=part.start: pairs.exact(
                found, query + first
            ),
        )
        for part in parts(captions, max(1, AT_ONCE // clips))
    ]
    of_clips = [
        _best(
            pairs.block(part, all_captions),
            k,
            pairs.margin,
            lambda query, found, first=part.start: pairs.exact(
                query + first, found
            ),
        )
        for part in parts(clips, max(1, AT_ONCE // captions))
    ]
    return np.concatenate(of_captions), np.concatenate(of_clips)


def _best(scores, k, margin, exact):
    """Columns of the k best of each row, [rows, k]."""
    rows, count = scores.shape
    k = min(k, count)
    least = np.partition(scores, count - k, axis=1)[:, count - k]
    # Both scores of a comparison may be off by the margin.
    query, found = np.nonzero(scores >= (least - 2 * margin)[:, None])
    order = np.lexsort((found, -exact(query, found), query))
    starts = np.searchsorted(query, np.arange(rows))
    return found[order][starts[:, None] + np.arange(k)]


def _longest(name, embeddings):
    """Checks embeddings and gives the length of the longest."""
    if embeddings.ndim != 2 or not embeddings.size:
        raise ValueError(
            f"{name} have the shape {list(embeddings.shape)}: expected "
            "[how many, dimensions]"
        )
    longest = 0.0
    for part in parts(len(embeddings), max(1, AT_ONCE // embeddings.shape[1])):
        squares = np.square(embeddings[part].astype(np.float64)).sum(1)
        if not np.isfinite(squares).all():
            place = part.start + int(np.argmin(np.isfinite(squares)))
            raise ValueError(
                f"{name} hold NaN or infinite values, the first at place "
                f"{place}: look for broken files, or for a model that diverged"
            )
        longest = max(longest, float(squares.max()) ** 0.5)
    return longest
