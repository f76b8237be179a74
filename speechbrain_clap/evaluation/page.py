"""The shell of a report: one HTML file that needs no other.

Pictures are embedded, fonts are the reader's own, there is no script. Every
text passes through `html.escape`: class and file names come from outside.

Authors
 * The speechbrain_clap team 2026
"""

import base64
import html

from speechbrain_clap.utils.files import atomic_write

BANNERS = {
    "real": "real recordings",
    "made-up": "made-up sounds: synthesised, not recordings",
}

CSS = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #ffffff;
  --ink: #1f2630; --soft: #5b6673; --line: #e1e5ea; --accent: #2f62a8;
  --real: #e3f2e7; --real-ink: #1d5c32; --made: #fdeed1; --made-ink: #7a4a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d;
  --card: #1d232a; --ink: #e5e9ee; --soft: #9ba6b2; --line: #323a44;
  --accent: #82b1f0; --real: #17351f; --real-ink: #a5e0b6; --made: #422c05;
  --made-ink: #ffd48a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .25rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
.kind { color: var(--soft); margin: 0 0 1rem; }
.banner { display: inline-block; border-radius: 99px; padding: .3rem 1rem;
  margin: 0 0 1.25rem; font-weight: 600; }
.banner.real { background: var(--real); color: var(--real-ink); }
.banner.made-up { background: var(--made); color: var(--made-ink); }
.tiles { display: grid; gap: .75rem; margin-bottom: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.tile, section { background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.tile { padding: .9rem 1.1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; }
.tile:first-child b { color: var(--accent); }
.tile span { color: var(--soft); font-size: .88rem; }
section { padding: 1.25rem; margin-bottom: 1.25rem; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto;
  background: #ffffff; border-radius: 8px; }
figcaption, .note { color: var(--soft); font-size: .9rem; margin: .75rem 0 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .4rem .7rem; text-align: left;
  border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
tbody tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  background: var(--paper); border-radius: 4px; padding: .1em .35em;
  overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--accent); font-weight: 600; }
details[open] summary { margin-bottom: .75rem; }
@media print { body { background: none; } section, .tile {
  break-inside: avoid; } }
"""


def page(title, kind, sounds, tiles, sections):
    """Puts a whole report together.

    Arguments
    ---------
    title : str
        What was evaluated, plain text.
    kind : str
        What sort of evaluation it is, plain text.
    sounds : str or None
        "real" or "made-up": which banner it carries. None: no banner.
    tiles : list of tuple of str
        Headline numbers, each with the words under it, plain text.
    sections : list of str
        HTML, as `section` gives.

    Returns
    -------
    str
        An HTML document.

    Example
    -------
    >>> text = page("A <b>", "test", "made-up", [("1", "clip")], [])
    >>> "A &lt;b&gt;" in text, BANNERS["made-up"] in text
    (True, True)
    """
    numbers = "".join(
        f'<div class="tile"><b>{html.escape(number)}</b>'
        f"<span>{html.escape(words)}</span></div>\n"
        for number, words in tiles
    )
    banner = ""
    if sounds is not None:
        banner = f'<p class="banner {sounds}">{BANNERS[sounds]}</p>\n'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, '
        'initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{CSS}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{html.escape(title)}</h1>\n"
        f'<p class="kind">{html.escape(kind)}</p>\n'
        f"{banner}"
        f'<div class="tiles">\n{numbers}</div>\n'
        + "".join(sections)
        + "</main>\n</body>\n</html>\n"
    )


def section(title, *parts):
    """A card with a heading.

    Arguments
    ---------
    title : str
        Plain text.
    *parts : str
        HTML.

    Returns
    -------
    str
        HTML.

    Example
    -------
    >>> section("Folds", "<p>none</p>")
    '<section>\\n<h2>Folds</h2>\\n<p>none</p>\\n</section>\\n'
    """
    body = "\n".join(parts)
    return f"<section>\n<h2>{html.escape(title)}</h2>\n{body}\n</section>\n"


def table(columns, rows):
    """A table; columns whose name starts with "#" hold numbers.

    Arguments
    ---------
    columns : list of str
        Names of the columns, plain text.
    rows : list of list
        Cells, shown as `str` gives them, plain text.

    Returns
    -------
    str
        HTML.

    Example
    -------
    >>> '<td class="number">3</td>' in table(["name", "#clips"], [["<", 3]])
    True
    """
    kinds = [
        ' class="number"' if name.startswith("#") else "" for name in columns
    ]
    head = "".join(
        f"<th{kind}>{html.escape(name.removeprefix('#'))}</th>"
        for kind, name in zip(kinds, columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{html.escape(str(cell))}</td>"
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>\n</table></div>"
    )


def picture(path, png, alt, caption=""):
    """Writes a picture to its file and embeds it in the page.

    Arguments
    ---------
    path : pathlib.Path
        Where the PNG goes.
    png : bytes
        The PNG file.
    alt : str
        What it shows, for who cannot see it, plain text.
    caption : str
        What stands under it, plain text.

    Returns
    -------
    str
        HTML.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.png"
    >>> picture(path, b"bytes", "nothing")[:42], path.read_bytes()
    ('<figure><img src="data:image/png;base64,Yn', b'bytes')
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(png)
    under = f"<figcaption>{html.escape(caption)}</figcaption>" * bool(caption)
    return (
        '<figure><img src="data:image/png;base64,'
        f'{base64.b64encode(png).decode()}" alt="{html.escape(alt)}">'
        f"{under}</figure>"
    )
