"""Reading tables: what is kept as it is, and how each fault is named.

Authors
 * The speechbrain_clap team 2026
"""

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.tables import iterate_rows, read_rows, read_text


@pytest.fixture
def table(tmp_path):
    """Writes bytes to a file and gives its path."""

    def _table(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content)
        return path

    return _table


def test_cells_stay_as_they_are(table):
    path = table(
        b'\xef\xbb\xbffile,text\r\n a.wav,"one, ""two"""\r\n\r\n'
        b'b.wav , three\r\nc.wav,"two\r\nlines"\r\n'
    )
    assert list(iterate_rows(path, ["file"])) == [
        (2, {"file": " a.wav", "text": 'one, "two"'}),
        (4, {"file": "b.wav ", "text": " three"}),
        (6, {"file": "c.wav", "text": "two\r\nlines"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(table, delimiter):
    path = table(f"a{delimiter}b\n1;,{delimiter}2\n".encode())
    if delimiter == "\t":
        assert read_rows(path, "ab", delimiter=None) == [{"a": "1;,", "b": "2"}]
    else:
        with pytest.raises(DataError, match="line 2: has"):
            read_rows(path, "ab", delimiter=None)


def test_comments_header_and_blanks_after_commas(table):
    path = table(b'# made by us\n# id, labels\n-a, "x,y"\n#b, "z"\n')
    options = {"header": ["id", "labels"], "comment": "# "}
    assert read_rows(path, ["id"], skipinitialspace=True, **options) == [
        {"id": "-a", "labels": "x,y"},
        {"id": "#b", "labels": "z"},
    ]
    with pytest.raises(DataError, match="line 3: has 3 cells, expected 2"):
        read_rows(path, ["id"], **options)


def test_ragged_rows_on_request(table):
    path = table(b"a,b\n1\n1,2,3\n")
    with pytest.raises(DataError, match="line 2: has 1 cells, expected 2"):
        read_rows(path, ["a"])
    assert read_rows(path, ["a"], ragged=True) == [
        {"a": "1", "b": None},
        {"a": "1", "b": "2"},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"path,text\n1,2\n", "no column file; its columns are path, text"),
        (b"", "no column file; its columns are none"),
        (b"file,text\n", "holds no row"),
        (b"file,file\n1,2\n", "two columns are named 'file'"),
        (b'file\n"open\nnever closed\n', "line 3: .*double quote not closed"),
        (b"file\nok\ncaf\xe9\n", r"line 3: is not UTF-8 \(byte 0xe9"),
    ],
)
def test_faults_are_named(table, content, words):
    with pytest.raises(DataError, match=f"table.csv.*{words}"):
        read_rows(table(content), ["file"])


def test_fallback_encoding(table):
    path = table("naïve café".encode("iso-8859-1"))
    assert read_text(path, "iso-8859-1") == "naïve café"
    path = table("naïve café ☂".encode())
    assert read_text(path, "iso-8859-1") == "naïve café ☂"


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="b.csv: there is no such"):
        read_rows(tmp_path / "b.csv", [])
