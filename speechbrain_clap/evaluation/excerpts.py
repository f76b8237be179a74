"""Short excerpts of recordings, played within a page.

Authors
 * The speechbrain_clap team 2026
"""

import base64
import html
import io

import soundfile

from speechbrain_clap.dataio.segments import SegmentReader

SECONDS = 10.0
RATE = 16000  # speech band: 40 kB for ten seconds


class Excerpts:
    """Makes players of clips; the sound lies within the page.

    A page is often looked at on another machine than the one that has the
    recordings. MP3 is what all browsers play; where libsndfile is too old to
    write it (before 1.1), WAV is taken, which is eight times as large.

    Arguments
    ---------
    files : list of tuple or None
        For each clip (file, start, stop), as
        ``speechbrain_clap.dataio.segments.SegmentReader`` takes. None: no
        clip has a player.

    Example
    -------
    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> soundfile.write(path, 0.1 * np.ones(8000), 8000)
    >>> excerpts = Excerpts([(path, None, None)])
    >>> excerpts.player(0, "a hum")[:49]
    '<audio controls preload="none" aria-label="a hum"'
    >>> Excerpts(None).player(0, "a hum")
    ''
    """

    def __init__(self, files):
        self.files = files
        self.reader = SegmentReader(RATE, SECONDS, on_bad_clip="skip")
        self.format = "MP3" if "MP3" in soundfile.available_formats() else "WAV"
        self.made = {}

    def player(self, clip, name):
        """Gives a player of the middle of a clip.

        Arguments
        ---------
        clip : int
            Its place.
        name : str
            What it is, for who cannot see the page, plain text.

        Returns
        -------
        str
            HTML; empty where the file cannot be read.
        """
        if self.files is None:
            return ""
        if clip not in self.made:
            self.made[clip] = self._encode(*self.files[clip])
        if self.made[clip] is None:
            return ""
        kind = {"MP3": "audio/mpeg", "WAV": "audio/wav"}[self.format]
        return (
            f'<audio controls preload="none" aria-label="{html.escape(name)}" '
            f'src="data:{kind};base64,{self.made[clip]}"></audio>'
        )

    def _encode(self, file, start, stop):
        """The excerpt as base64, or None."""
        wav = self.reader(file, start, stop, position=0.5)
        if wav is None:
            return None
        stream = io.BytesIO()
        soundfile.write(stream, wav.numpy(), RATE, format=self.format)
        return base64.b64encode(stream.getvalue()).decode()
