"""Sounds in tars as files that can be opened.

Authors
 * The speechbrain_clap team 2026
"""

import functools
import io
import os
import tarfile

AT_ONCE = 1 << 20  # bytes up to which a clip is read in one go
BUFFER = 1 << 16  # bytes read at once of a longer one
OPEN_TARS = 256  # kept open by a process; Linux allows 1,024 by default


@functools.lru_cache(maxsize=OPEN_TARS)
def opened(path, time):
    """Opens a tar, or finds that it is open.

    It is closed when the last user lets it go after it left the cache.

    Arguments
    ---------
    path : str
        The tar.
    time : int
        When it changed: another file may come to have that name.

    Returns
    -------
    io.FileIO
        To be read by position alone, for all share it.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.tar"
    >>> _ = path.write_bytes(b"abc")
    >>> os.pread(opened(str(path), 0).fileno(), 2, 1)
    b'bc'
    """
    return open(path, "rb", buffering=0)


class _Slice(io.RawIOBase):
    """A part of an open file as a stream of its own.

    Reads by position: forked workers share no place in the file.
    """

    def __init__(self, file, offset, size):
        self.file = file
        self.offset = offset
        self.size = size
        self.place = 0

    def readable(self):
        """Says yes."""
        return True

    def seekable(self):
        """Says yes."""
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        """Moves."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.place}
        self.place = max(0, base.get(whence, self.size) + offset)
        return self.place

    def readinto(self, buffer):
        """Reads."""
        wanted = min(len(buffer), self.size - self.place)
        if wanted <= 0:
            return 0
        got = os.preadv(
            self.file.fileno(),
            [memoryview(buffer)[:wanted]],
            self.offset + self.place,
        )
        self.place += got
        return got


def read_member(file, offset, size):
    """Reads a member of a tar whole, after a look at its header.

    Arguments
    ---------
    file : io.FileIO
        The tar.
    offset : int
        Where the member's bytes begin.
    size : int
        Their number.

    Returns
    -------
    bytes
        The member.

    Raises
    ------
    OSError
        If the tar has no such member there.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.tar"
    >>> with tarfile.open(path, "w") as tar:
    ...     member = tarfile.TarInfo("a.txt")
    ...     member.size = 4
    ...     tar.addfile(member, io.BytesIO(b"rain"))
    >>> with open(path, "rb", buffering=0) as file:
    ...     read_member(file, 512, 4)
    b'rain'
    """
    data = os.pread(
        file.fileno(), size + tarfile.BLOCKSIZE, offset - tarfile.BLOCKSIZE
    )
    _check_header(data[: tarfile.BLOCKSIZE], size)
    if len(data) < size + tarfile.BLOCKSIZE:
        raise OSError("the tar ends within it")
    return data[tarfile.BLOCKSIZE :]


def _check_header(header, size):
    # tarfile's own parser takes longer than the reading of a short clip.
    try:
        total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        is_header = total == int(header[148:156].strip(b"\0 "), 8)
        is_octal = header[124:125] < b"\x80"  # else of 8 GiB or more
        found = int(header[124:136].strip(b"\0 "), 8) if is_octal else size
    except ValueError:
        is_header = False
    if not is_header:
        raise OSError("the tar is corrupted, it has no header there")
    if found != size:
        raise OSError(
            f"the tar holds {found} bytes there, and the index says {size}"
        )


class ShardFile:
    """A sound in a tar, as ``SegmentReader`` takes it.

    Arguments
    ---------
    name : str
        For messages; no other sound has it.
    tar : tuple
        Path of the tar and its time of change in ns.
    offset : int
        Where the sound begins in the tar, in bytes.
    size : int
        Its bytes.
    problem : str or None
        What is wrong with it, if that is known already.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.tar"
    >>> with tarfile.open(path, "w") as tar:
    ...     member = tarfile.TarInfo("a.wav")
    ...     member.size = 4
    ...     tar.addfile(member, io.BytesIO(b"RIFF"))
    >>> ShardFile("a.tar: clip 'a'", (path, 0), 512, 4).open().read()
    b'RIFF'
    """

    def __init__(self, name, tar, offset, size, problem=None):
        self.name = name
        self.tar = tar
        self.offset = offset
        self.size = size
        self.problem = problem

    def open(self):
        """Opens it.

        Returns
        -------
        io.BufferedIOBase
            A seekable stream of the sound's bytes.

        Raises
        ------
        OSError
            If the tar is not what its index says, there.
        """
        if self.problem is not None:
            raise OSError(self.problem)
        file = opened(*self.tar)
        if self.size <= AT_ONCE:
            return io.BytesIO(read_member(file, self.offset, self.size))
        start = self.offset - tarfile.BLOCKSIZE
        header = os.pread(file.fileno(), tarfile.BLOCKSIZE, start)
        _check_header(header, self.size)
        return io.BufferedReader(_Slice(file, self.offset, self.size), BUFFER)
