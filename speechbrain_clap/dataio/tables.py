"""Reading the tables that sets ship, with every fault named.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import io
import pathlib

from speechbrain_clap.dataio.folds import DataError

DELIMITERS = (",", ";", "\t")


def read_text(path, fallback=None):
    """Reads a text file, UTF-8 with or without a mark.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.
    fallback : str or None
        Encoding of a file that is not UTF-8, such as "iso-8859-1".

    Returns
    -------
    str
        The text, line ends as they are.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not text in these encodings; the message names the line.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.csv"
    >>> _ = path.write_bytes(b"caf\\xe9")
    >>> read_text(path, fallback="iso-8859-1")
    'café'
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if fallback is not None:
            return data.decode(fallback)
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: is not UTF-8 (byte 0x"
            f"{data[error.start]:02x} at position {error.start}); save the "
            "file as UTF-8"
        ) from error


def iterate_rows(
    path, columns, delimiter=",", fallback=None, header=None, ragged=False,
    skipinitialspace=False, comment=None,
):  # fmt: skip
    """Reads a table row by row, as ``read_rows``, with the lines' numbers.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.
    columns : iterable of str
        The columns that must be there.
    delimiter : str or None
        What stands between two cells; None: comma, semicolon or tab, whichever
        the first line holds most of.
    fallback : str or None
        As for ``read_text``.
    header : list of str or None
        Names of the columns of a file without a header.
    ragged : bool
        Take rows with too few cells (None is filled in) or too many.
    skipinitialspace : bool
        Blanks after a delimiter are no part of the cell.
    comment : str or None
        Lines at the file's head that begin with it are left out.

    Yields
    ------
    tuple
        Number of the line where the row ends, and the row, str to str.

    Raises
    ------
    ValueError
        If a column is missing, a row has another number of cells, or a quote
        is not closed.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.csv"
    >>> _ = path.write_text('name;text\\n a.wav;"two; words"\\n')
    >>> list(iterate_rows(path, ["name"], delimiter=None))
    [(2, {'name': ' a.wav', 'text': 'two; words'})]
    """
    stream = io.StringIO(read_text(path, fallback), newline="")
    skipped, start = 0, 0
    while comment and stream.readline().startswith(comment):
        skipped, start = skipped + 1, stream.tell()
    stream.seek(start)
    if delimiter is None:
        first = stream.readline()
        delimiter = max(DELIMITERS, key=first.count)
        stream.seek(start)
    reader = csv.reader(
        stream,
        delimiter=delimiter,
        skipinitialspace=skipinitialspace,
        strict=not ragged,  # else an open quote swallows the rows after it
    )
    try:
        names = list(next(reader, [])) if header is None else list(header)
        _check_columns(path, names, columns)
        for cells in reader:
            line = skipped + reader.line_num
            if len(cells) != len(names) and cells and not ragged:
                raise DataError(
                    f"{path}, line {line}: has {len(cells)} cells, expected "
                    f"{len(names)}: {', '.join(names)} (a cell that holds a "
                    f"{delimiter!r} needs double quotes)"
                )
            if cells:  # an empty line is no row
                cells += [None] * (len(names) - len(cells))
                yield line, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise DataError(
            f"{path}, line {skipped + reader.line_num}: {error} (is a double "
            "quote not closed?)"
        ) from error


def _check_columns(path, names, columns):
    missing = [name for name in columns if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}; its columns are "
            f"{', '.join(names) or 'none'}"
        )
    if twice:
        raise DataError(f"{path}: two columns are named '{twice[0]}'")


def read_rows(path, columns, **options):
    """Reads a table, finding its faults. Nothing is stripped.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.
    columns : iterable of str
        The columns that must be there.
    **options : dict
        As for ``iterate_rows``: `delimiter`, `fallback`, `header`, `ragged`,
        `skipinitialspace`, `comment`.

    Returns
    -------
    list of dict
        The rows, column to cell.

    Raises
    ------
    ValueError
        As ``iterate_rows``, or if there is no row.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.csv"
    >>> _ = path.write_text("a.wav,1\\nb.wav\\n")
    >>> read_rows(path, ["file"], header=["file", "fold"])
    Traceback (most recent call last):
    ...
    speechbrain_clap.dataio.folds.DataError: ...line 2: has 1 cells, expected...
    """
    rows = [row for _, row in iterate_rows(path, columns, **options)]
    if not rows:
        raise DataError(f"{path}: holds no row")
    return rows
