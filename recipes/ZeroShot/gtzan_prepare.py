"""Prepares GTZAN: music or speech (128 clips), or ten genres (1,000 clips).

G. Tzanetakis, P. Cook, "Musical Genre Classification of Audio Signals", IEEE
Transactions on Speech and Audio Processing 2002; B. Sturm, "The GTZAN dataset",
2013, https://arxiv.org/abs/1306.1461, has its faults. Layout:
`genres/<genre>/<genre>.<number>.au` (or `.wav`) and
`music_speech/{music_wav,speech_wav}/*.wav`; or HEAR's.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.captioned import DataError
from speechbrain_clap.dataio.finder import check_folder
from speechbrain_clap.dataio.fold_dataset import SUFFIXES
from speechbrain_clap.dataio.hear import find_hear, hear_parts
from speechbrain_clap.dataio.labelled import labelled_files, prepare_labelled

GENRES = """
blues classical country disco hiphop jazz metal pop reggae rock
""".split()
# Name of the set, name of the task in HEAR, folder to class.
TASKS = {
    "genres": ("GTZAN Genres", "tfds_gtzan", {name: name for name in GENRES}),
    "music_speech": (
        "GTZAN Music Speech",
        "tfds_gtzan_music_speech",
        {
            "music_wav": "music",
            "speech_wav": "speech",
            "music": "music",
            "speech": "speech",
        },
    ),
}
HOW_TO_GET = (
    "Pass --gtzan_folder=<folder with genres/ and music_speech/, or HEAR's "
    "tfds_gtzan-... and tfds_gtzan_music_speech-...>: "
    "https://zenodo.org/records/5885750 has HEAR's; marsyas.info had the rest."
)


def prepare_gtzan(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    skip_prep=False, task="genres",
):  # fmt: skip
    """Writes `test.json`, all clips, and `prepare.json`.

    HEAR's form has its ten folds.

    Arguments
    ---------
    data_folder : str
        Holds the folders of the classes, at any depth, or HEAR's task.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    skip_prep : bool
        Do nothing: the manifests are there.
    task : str
        "genres" or "music_speech".

    Example
    -------
    >>> prepare_gtzan("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if task not in TASKS:
        raise DataError(f"task is '{task}', expected one of {', '.join(TASKS)}")
    dataset, of_hear, folders = TASKS[task]
    root = check_folder(data_folder, HOW_TO_GET)
    hear = find_hear(root, of_hear)

    def _row(path):
        label = folders.get(path.parent.name)
        return label and {"label": label}

    if hear:
        parts = hear_parts(hear)
    else:
        parts = {"test": labelled_files(root, _row, (*SUFFIXES, ".au"))}
    if not any(parts.values()):
        raise FileNotFoundError(
            f"data_folder {root} holds no sounds in folders named "
            f"{', '.join(folders)}. {HOW_TO_GET}"
        )
    classes = list(dict.fromkeys(folders.values()))
    prepare_labelled(
        dataset, data_folder, manifest_folder, parts, classes, on_bad_clip,
        decode,
    )  # fmt: skip
