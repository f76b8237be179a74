"""Prepares TAU Urban Audio-Visual Scenes 2021: ten scenes in twelve cities.

S. Wang, A. Mesaros, T. Heittola, T. Virtanen, "A Curated Dataset of Urban
Scenes for Audio-Visual Scene Analysis", ICASSP 2021,
https://arxiv.org/abs/2011.00030; free for non-commercial use:
https://zenodo.org/records/4477542. Layout: `audio/<scene>-<city>-<location>-
<segment>.wav`, 10 s each, 48 kHz, stereo, `meta.csv` and
`evaluation_setup/fold1_{train,test,evaluate}.csv`, with tabs.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
)
from speechbrain_clap.dataio.metadata import (
    add_classes,
    find_metadata,
    label_caption,
)

logger = get_logger(__name__)

CLASSES = """
airport bus metro metro_station park public_square shopping_mall
street_pedestrian street_traffic tram
""".split()
LISTS = {"train": "fold1_train.csv", "test": "fold1_evaluate.csv"}
SECONDS = 10
HOW_TO_GET = (
    "Pass --data_folder=<TAU-urban-audio-visual-scenes-2021-development, with "
    "audio/ and evaluation_setup/> (zenodo.org/records/4477542; the sounds "
    "are 27 GB, the videos are not needed)."
)


def prepare_tau2021(
    data_folder, manifest_folder, on_bad_clip="skip", piece_seconds=None,
    decode=False, skip_prep=False, template="{}",
):  # fmt: skip
    """Writes `train.json`, `test.json` and `prepare.json`.

    The official fold: its training list trains, the list with the answers
    (`fold1_evaluate.csv`) tests. `source` is scene, city and location: a
    location that is tested never trains. Rows have `label`.

    Arguments
    ---------
    data_folder : str
        The development package, or the folder that holds it. Nothing is
        written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    piece_seconds : float or None
        Each clip is cut into pieces so long, which are clips of their own, as
        in the Wav2CLIP paper, which counts 190,000 clips of 1 s. None: clips
        of 10 s.
    skip_prep : bool
        Do nothing: the manifests are there.
    template : str
        A sentence with {} where the scene goes, for the caption.

    Raises
    ------
    FileNotFoundError
        If the lists are not there.
    DataError
        If a list is not as described, or no clip can be used.

    Example
    -------
    >>> prepare_tau2021("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    finder = FileFinder([folder])
    parts = {}
    for part, name in LISTS.items():
        path = find_metadata(folder, f"evaluation_setup/{name}")
        if path is None:
            raise FileNotFoundError(
                f"data_folder {folder} holds no evaluation_setup/{name}, "
                f"neither itself nor in a folder of it. {HOW_TO_GET}"
            )
        whole = _read(path, finder, template)
        parts[part] = dict(_pieces(whole, piece_seconds))
    tested = {row["source"] for row in parts["test"].values()}
    prepare_pairs(
        "TAU2021", folder, manifest_folder, parts, on_bad_clip,
        {"TAU2021 test": tested}, decode,
    )  # fmt: skip
    add_classes(manifest_folder, CLASSES)


def _read(path, finder, template):
    """Id to row of one list."""
    rows = {}
    columns = ["filename_audio", "scene_label"]
    for line, row in iterate_rows(path, columns, delimiter="\t"):
        where = f"{path}, line {line}"
        label = row["scene_label"].strip()
        name = pathlib.PurePosixPath(row["filename_audio"].strip()).stem
        cells = name.split("-")
        if label not in CLASSES or len(cells) != 4:
            raise DataError(
                f"{where}: '{row['filename_audio']}' with the scene '{label}',"
                " expected <scene>-<city>-<location>-<segment>.wav and one of "
                f"{', '.join(CLASSES)}"
            )
        if name in rows:
            raise DataError(f"{where}: '{name}' stands there twice")
        rows[name] = {
            "file": finder.find(name),
            "captions": [label_caption([label.replace("_", " ")], template)],
            "source": f"tau2021:{'-'.join(cells[:3])}",
            "label": label,
        }
    return rows


def _pieces(rows, seconds):
    """The clips, or the pieces that they are cut into."""
    if seconds is None:
        yield from rows.items()
        return
    count = int(SECONDS / seconds + 1e-9)
    if count < 1:
        raise DataError(
            f"piece_seconds is {seconds}, expected at most {SECONDS}, the "
            "length of a clip"
        )
    for name, row in rows.items():
        for number in range(count):
            place = {"start": number * seconds, "stop": (number + 1) * seconds}
            yield f"{name}_{number:02d}", {**row, **place}
