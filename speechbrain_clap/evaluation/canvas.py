"""What every picture is drawn on, with nothing of the user's own settings.

matplotlib's object interface (no pyplot, no window, no global state), in its
own default style whatever the user's is, and without date or version in the
file: the same numbers give the same bytes.

Authors
 * The speechbrain_clap team 2026
"""

import io

GREY, INK = "#9aa3ad", "#22272e"


def style():
    """The context that everything is drawn in.

    Returns
    -------
    contextlib.AbstractContextManager
        matplotlib's default style, without its frame.

    Example
    -------
    >>> with style():
    ...     figure, axes = new_figure(2, 1)
    """
    import matplotlib.style

    # A class name with two dollar signs is a name, not a formula.
    plain = {
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.axisbelow": True,
    }
    return matplotlib.style.context(["default", plain])


def new_figure(width, height, columns=1):
    """A white figure, and what is drawn on.

    Arguments
    ---------
    width : float
        In inches, at 130 dots each.
    height : float
        In inches.
    columns : int
        Axes, side by side.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    matplotlib.axes.Axes or numpy.ndarray
        Its axes, an array of them where there are several.

    Example
    -------
    >>> _, axes = new_figure(4, 2, columns=2)
    >>> axes.shape
    (2,)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    return figure, figure.subplots(ncols=columns)


def to_png(figure):
    """The bytes of a figure, the same for the same figure.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        From ``new_figure``.

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> figure, _ = new_figure(1, 1)
    >>> to_png(figure)[1:4]
    b'PNG'
    """
    stream = io.BytesIO()
    figure.savefig(
        stream, format="png", bbox_inches="tight", metadata={"Software": None}
    )
    return stream.getvalue()
