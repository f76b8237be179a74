"""Pictures of sounds, with the way to them, on files and on one page.

Authors
 * The speechbrain_clap team 2026
"""

import html
import io
import pathlib

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.finder import list_files
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.excerpts import Excerpts
from speechbrain_clap.evaluation.page import page, picture, section
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

KIND = "Listening at a glance: what CLIP sees as a model hears"
SHOWN = 128  # height of the pictures of the progress, in pixels


def find_sounds(sounds, max_sounds=None):
    """Lists sound files.

    Arguments
    ---------
    sounds : str, pathlib.Path or list of str
        A file, a folder (all below it too), or a list of files.
    max_sounds : int or None
        So many at most, spread evenly over the sorted paths.

    Returns
    -------
    list of pathlib.Path
        In the order of their names, those of a list in its order.

    Raises
    ------
    DataError
        If there is none, or a file is missing.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> for name in ("a.wav", "b.flac", "c.txt", "d.wav"):
    ...     _ = (folder / name).write_bytes(b"")
    >>> [path.name for path in find_sounds(folder, max_sounds=2)]
    ['a.wav', 'd.wav']
    """
    if isinstance(sounds, (list, tuple)):
        found = [pathlib.Path(path) for path in sounds]
    elif pathlib.Path(sounds).is_dir():
        found = sorted(
            pathlib.Path(folder, name)
            for folder, name in list_files(sounds)
            if pathlib.Path(name).suffix.lower() in SUFFIXES
        )
    else:
        found = [pathlib.Path(sounds)]
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise DataError(
            f"{missing[0] if missing else sounds}: expected a sound file, or a "
            f"folder with such ({', '.join(SUFFIXES)})"
        )
    if max_sounds is None or len(found) <= max_sounds:
        return found
    places = torch.linspace(0, len(found) - 1, max_sounds).round().int()
    return [found[place] for place in places.tolist()]


def generate_images(
    output_folder, embedder, glance, sounds, height=256, width=256, seed=0
):
    """Makes a picture for each sound, and a page to listen and look.

    Of each sound the folder gets `<number>_<name>.png`, `..._progress.png`
    with the way there, and, last, `..._similarity.json`: the cosine of sound
    and picture before each step and after the last. `report.html` and
    `metrics.json` are over all.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    embedder : speechbrain_clap.inference.embedder.SoundEmbedder
        Whose space is that of the CLIP in `glance`.
    glance : speechbrain_clap.models.glance.Glance
        What makes the pictures, on its device.
    sounds : list of pathlib.Path
        Files.
    height : int
        Of a picture, in pixels.
    width : int
        Of a picture, in pixels.
    seed : int
        Of each picture: the same one gives the same pictures.

    Returns
    -------
    dict
        What `metrics.json` holds: `before` and `after`, the mean cosines of
        sound and picture, and `sounds`, those of each.

    Raises
    ------
    speechbrain_clap.dataio.audio.BadClipError
        If a sound cannot be read.
    DataError
        If sounds and pictures are embedded in different spaces.
    """
    output_folder = pathlib.Path(output_folder)
    players = Excerpts([(path, None, None) for path in sounds])
    targets = embedder.encode_audio_files(sounds)
    found, sections = {}, []
    for number, (path, target) in enumerate(zip(sounds, targets, strict=True)):
        try:
            made = glance(target, height, width, seed)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        name = f"{number:03d}_{path.stem}"
        before, after = made["similarity"][0], made["similarity"][-1]
        found[str(path)] = {"before": before, "after": after}
        words = f"cosine {before:.3f} at first, {after:.3f} at last"
        shown = [
            picture(
                output_folder / f"{name}.png",
                to_png(made["picture"]),
                f"picture made of {path.name}",
                words,
            ),
            picture(
                output_folder / f"{name}_progress.png",
                to_png(side_by_side(made["stages"])),
                "pictures on the way there, from the first to the last",
            ),
        ]
        write_json(
            output_folder / f"{name}_similarity.json", made["similarity"]
        )
        player = players.player(number, f"excerpt of {path.name}")
        sections.append(section(path.name, f"<p>{player}</p>", *shown))
        logger.info("%s: %s; see %s.png", path, words, output_folder / name)
    metrics = {
        "before": sum(each["before"] for each in found.values()) / len(found),
        "after": sum(each["after"] for each in found.values()) / len(found),
        "steps": glance.steps,
        "seed": seed,
        "sounds": found,
    }
    tiles = [
        (f"{metrics['after']:.3f}", "mean cosine of sound and picture"),
        (f"{metrics['before']:.3f}", "before the first step"),
        (f"{len(found)}", "sounds"),
    ]
    note = (
        f"<p>{glance.steps} steps of Adam ({html.escape(str(glance.lr))}) on "
        f"{glance.cut_outs.count} changed parts of the picture; seed {seed}. "
        "The cosine is that which was made to rise: it tells that the search "
        "worked, not that a person would see the sound.</p>"
    )
    sections.append(section("How", note))
    text = page("Listening at a glance", KIND, None, tiles, sections)
    with atomic_write(output_folder / "report.html") as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    # Last: who finds it knows that all pictures are there.
    write_json(output_folder / "metrics.json", metrics)
    return metrics


def side_by_side(stages):
    """Pictures in a row, each made small.

    Arguments
    ---------
    stages : list of torch.Tensor
        uint8 [3, H, W] each.

    Returns
    -------
    torch.Tensor
        uint8 [3, h, w].

    Example
    -------
    >>> stages = [torch.zeros(3, 256, 512, dtype=torch.uint8)] * 4
    >>> side_by_side(stages).shape
    torch.Size([3, 128, 1024])
    """
    pictures = torch.stack(stages).float()
    height, width = pictures.shape[2:]
    small = min(SHOWN, height)
    pictures = torch.nn.functional.interpolate(
        pictures,
        (small, round(width * small / height)),
        mode="bilinear",
        antialias=True,
    )
    row = torch.cat(list(pictures), 2)
    return row.round().clamp(0, 255).to(torch.uint8)


def to_png(pixels):
    """The bytes of a PNG, the same for the same picture.

    Arguments
    ---------
    pixels : torch.Tensor
        uint8 [3, H, W].

    Returns
    -------
    bytes
        A PNG file.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("PIL")
    >>> to_png(torch.zeros(3, 4, 4, dtype=torch.uint8))[1:4]
    b'PNG'
    """
    from PIL import Image  # of the extra "vision"

    stream = io.BytesIO()
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    image.save(stream, format="PNG")
    return stream.getvalue()
