"""Recall at every K, drawn into the page as vectors.

Authors
 * The speechbrain_clap team 2026
"""

import html
import math

import numpy as np

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 44


def recall_curve(ranks, guessed, what):
    """Draws how many queries are answered among the first K.

    Arguments
    ---------
    ranks : array_like
        Rank of what is right for each query, int [Q].
    guessed : array_like
        Recall at every K when guessing, as
        ``speechbrain_clap.metrics.retrieval.random_recall`` gives, drawn
        dashed. Its length is the number of candidates.
    what : str
        What is shown, for who cannot see it, plain text.

    Returns
    -------
    str
        An SVG element in the colours of the page.

    Example
    -------
    >>> recall_curve([1, 3], [0.25, 0.5, 0.75, 1.0], "recall")[:26]
    '<svg viewBox="0 0 640 320"'
    """
    last = max(len(guessed), 2)
    # Evenly on the logarithmic axis; each K once.
    ks = np.unique(np.geomspace(1, len(guessed), 200).round().astype(int))
    found = np.searchsorted(np.sort(ranks), ks, side="right") / len(ranks)
    guessed = np.asarray(guessed)[ks - 1]
    grid = "".join(
        _line(LEFT, _y(share), WIDTH - RIGHT, _y(share))
        + _text(LEFT - 8, _y(share) + 4, f"{100 * share:.0f} %", "end")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    powers = [10**n for n in range(int(math.log10(last)) + 1)]
    grid += "".join(
        _line(_x(k, last), TOP, _x(k, last), HEIGHT - BOTTOM)
        + _text(_x(k, last), HEIGHT - BOTTOM + 18, f"{k:,}", "middle")
        for k in powers
    )
    grid += _text(
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "first K candidates", "middle"
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(what)}" '
        'style="width:100%;max-width:40rem;display:block;margin:0 auto">'
        f"{grid}"
        + _curve(ks, guessed, last, "var(--soft)", "5 4")
        + _curve(ks, found, last, "var(--accent)", "none")
        + "</svg>"
    )


def _x(k, last):
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(k) / math.log(last)


def _y(share):
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def _line(x1, y1, x2, y2):
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="var(--line)"/>'
    )


def _text(x, y, words, anchor):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'font-size="12" fill="var(--soft)">{words}</text>'
    )


def _curve(ks, shares, last, colour, dashes):
    points = " ".join(
        f"{_x(k, last):.1f},{_y(share):.1f}"
        for k, share in zip(ks.tolist(), shares.tolist(), strict=True)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" '
        f'stroke-width="2" stroke-dasharray="{dashes}"/>'
    )
