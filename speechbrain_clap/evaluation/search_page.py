"""The page of a search: what was asked, what was found, and how it sounds.

Authors
 * The speechbrain_clap team 2026
"""

import html
import os
import pathlib

from speechbrain_clap.evaluation.excerpts import SECONDS, Excerpts
from speechbrain_clap.evaluation.page import page, section
from speechbrain_clap.utils.files import atomic_write

KIND = "Search: sounds nearest to words, to a sound, or to both"
GONE = "cannot be read now"
NOTE = (
    "Ranked by cosine to the sum of the parts{how}. Players hold up to "
    "{seconds:g} s from the middle of a recording."
)


def write_search_page(path, answers):
    """Writes a page that needs no other file.

    Arguments
    ---------
    path : str or pathlib.Path
        The HTML file.
    answers : list
        At least one ``speechbrain_clap.inference.answers.Answer``: a search
        and the refinements that followed, in order.

    Returns
    -------
    pathlib.Path
        The file.

    Example
    -------
    >>> from speechbrain_clap.inference.answers import Answer, Hit, Part
    >>> hit = Hit("a<b>.wav", "no/such/folder/a<b>.wav", 0.5)
    >>> answer = Answer((Part("text", "rain"),), (hit,), 9)
    >>> path = getfixture("tmp_path") / "found.html"
    >>> text = write_search_page(path, [answer]).read_text("utf-8")
    >>> "“rain”" in text, "a&lt;b&gt;.wav" in text, GONE in text
    (True, True, True)
    """
    path = pathlib.Path(path)
    files = {}  # to its place among the excerpts
    for answer in answers:
        asked = [part.file for part in answer.parts if part.kind == "sound"]
        for file in (*asked, *(hit.file for hit in answer.hits)):
            files.setdefault(file, len(files))
    players = _Players(files)
    last = answers[-1]
    tiles = [
        (f"{last.searched:,}", "sounds looked through"),
        (f"{len(last)}", "found"),
    ]
    if last.hits:
        tiles.append((f"{last[0].cosine:.3f}", "cosine of the best"))
    if len(answers) > 1:
        tiles.append((f"{len(answers) - 1}", "refinements"))
    text = page(
        answers[0].asked,
        KIND,
        None,
        tiles,
        [_answer(answer, players) for answer in answers],
    )
    with atomic_write(path) as temporary:
        # Names of files need not be of any encoding.
        temporary.write_bytes(text.encode("utf-8", "replace"))
    return path


class _Players:
    """Players of files, each encoded once."""

    def __init__(self, files):
        self.places = files
        self.excerpts = Excerpts([(file, None, None) for file in files])

    def __call__(self, file, name):
        """HTML; says so where the file cannot be played."""
        player = self.excerpts.player(self.places[file], f"excerpt of {name}")
        if not player:
            return f'<span class="note">{GONE}</span>'
        return f"<div>{player}</div>"


def _answer(answer, players):
    """A card with the parts of the query and what was found."""
    asked = "".join(_part(part, players) for part in answer.parts)
    rows = "".join(
        f'<tr><td class="number">{place}</td><td class="number">'
        f"{hit.cosine:.3f}</td><td>{html.escape(hit.path)}"
        f"{players(hit.file, os.path.basename(hit.path))}</td></tr>\n"
        for place, hit in enumerate(answer.hits, 1)
    )
    how = "" if answer.exact else ", approximately: some may be missing"
    return section(
        answer.asked,
        f'<div class="scroll"><table>\n<tbody>{asked}</tbody></table></div>',
        f'<p class="note">{NOTE.format(how=how, seconds=SECONDS)}</p>',
        '<div class="scroll"><table>\n<thead><tr><th class="number">rank</th>'
        '<th class="number">cosine</th><th>sound</th></tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>",
    )


def _part(part, players):
    """A row of the query."""
    what = html.escape(part.what)
    if part.kind == "sound":
        what += players(part.file, os.path.basename(part.what))
    return (
        f'<tr><th>{part.kind}</th><td class="number">{part.weight:g} ×</td>'
        f"<td>{what}</td></tr>\n"
    )
