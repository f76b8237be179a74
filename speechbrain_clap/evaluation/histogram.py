"""A histogram, drawn into the page as vectors.

Authors
 * The speechbrain_clap team 2026
"""

import html

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 72, 28, 12, 34
TICKS = 5


def histogram(counts, edges, what):
    """Draws counts as bars.

    Arguments
    ---------
    counts : array_like
        Of each bin, [N].
    edges : array_like
        Of the bins, [N + 1].
    what : str
        What is shown, for who cannot see it, plain text.

    Returns
    -------
    str
        An SVG element in the colours of the page.

    Example
    -------
    >>> drawing = histogram([3, 1], [0.0, 0.5, 1.0], "cosines")
    >>> drawing.count("<rect"), ">0.500<" in drawing
    (2, True)
    """
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    most = max(max(counts), 1)
    step = wide / len(counts)
    bottom = TOP + high
    bars = "".join(
        f'<rect x="{LEFT + i * step:.1f}" y="{bottom - high * n / most:.1f}" '
        f'width="{max(step - 1, 0.5):.1f}" height="{high * n / most:.1f}" '
        f'fill="var(--accent)"/>'
        for i, n in enumerate(counts)
    )
    low, width = edges[0], edges[-1] - edges[0]
    words = "".join(
        _words(
            LEFT + wide * tick / (TICKS - 1),
            HEIGHT - 12,
            f"{low + width * tick / (TICKS - 1):.3f}",
            "middle",
        )
        for tick in range(TICKS)
    )
    words += _words(LEFT - 8, TOP + 10, f"{most:,}", "end")
    words += _words(LEFT - 8, bottom, "0", "end")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(what)}" '
        'style="width:100%;max-width:40rem;display:block;margin:0 auto">'
        f"{bars}{words}</svg>"
    )


def _words(x, y, words, anchor):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'font-size="12" fill="var(--soft)">{words}</text>'
    )
