"""Prepares NSynth: single notes of instruments, with four kinds of labels.

J. Engel et al., "Neural Audio Synthesis of Musical Notes with WaveNet
Autoencoders", ICML 2017, https://arxiv.org/abs/1704.01279, CC BY 4.0:
https://magenta.tensorflow.org/datasets/nsynth. Layout:
`nsynth-{train,valid,test}/audio/<note>.wav` and `examples.json` beside it.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.dataio.captioned import DataError
from speechbrain_clap.dataio.labelled import find_folder, prepare_labelled
from speechbrain_clap.dataio.metadata import read_json

FAMILIES = """
bass brass flute guitar keyboard mallet organ reed string synth_lead vocal
""".split()
QUALITIES = """
bright dark distortion fast_decay long_release multiphonic nonlinear_env
percussive reverb tempo-synced
""".split()
VELOCITIES = ["25", "50", "75", "100", "127"]
KEYS = ("pitch", "velocity", "qualities_str", "instrument_family_str")
HOW_TO_GET = (
    "Pass --nsynth_folder=<folder with nsynth-test/ (audio/ and "
    "examples.json)> (4,096 notes, 350 MB: "
    "https://magenta.tensorflow.org/datasets/nsynth), for training "
    "nsynth-train/ beside it (289,205 notes)."
)


def prepare_nsynth(
    data_folder, manifest_folder, on_bad_clip="skip", decode=False,
    train=False, skip_prep=False,
):  # fmt: skip
    """Writes `test.json`, `prepare.json`, and `valid.json` where it is there.

    Rows have `pitch` (MIDI, as text), `velocity`, `instrument` and
    `qualities` (a list, often empty); `classes` in `prepare.json` has the
    classes of each of them. Those of pitch are the ones that the test notes
    have, as no paper says which.

    Arguments
    ---------
    data_folder : str
        Holds `nsynth-test/`, itself or one level below. Nothing is written
        into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, decode : str, bool
        As for ``speechbrain_clap.dataio.labelled.prepare_labelled``.
    train : bool
        Write `train.json` too, which needs `nsynth-train/`.
    skip_prep : bool
        Do nothing: the manifests are there.

    Example
    -------
    >>> prepare_nsynth("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    needed = ["train", "test"] if train else ["test"]
    lists = [f"nsynth-{part}/examples.json" for part in needed]
    root = find_folder(data_folder, HOW_TO_GET, *lists)
    parts = {part: _notes(root / f"nsynth-{part}") for part in needed}
    if (root / "nsynth-valid" / "examples.json").is_file():
        parts["valid"] = _notes(root / "nsynth-valid")
    pitches = {int(row["pitch"]) for row in parts["test"].values()}
    classes = {
        "pitch": [str(pitch) for pitch in sorted(pitches)],
        "velocity": VELOCITIES,
        "qualities": QUALITIES,
        "instrument": FAMILIES,
    }
    # Those of other pitches cannot be told right.
    for name in [
        name
        for name, row in parts.get("valid", {}).items()
        if row["pitch"] not in classes["pitch"]
    ]:
        del parts["valid"][name]
    prepare_labelled(
        "NSynth", data_folder, manifest_folder, parts, classes, on_bad_clip,
        decode,
    )  # fmt: skip


def _notes(folder):
    """Id to row of one part."""
    path = folder / "examples.json"
    notes = {}
    for name, about in read_json(path).items():
        missing = [key for key in KEYS if key not in about]
        if missing:
            raise DataError(f"{path}: note '{name}' has no {missing[0]}")
        family = about["instrument_family_str"]
        unknown = {*about["qualities_str"]} - {*QUALITIES}
        if family not in FAMILIES or unknown:
            raise DataError(
                f"{path}: note '{name}' is of the family '{family}' with the "
                f"qualities {about['qualities_str']}, expected one of "
                f"{', '.join(FAMILIES)}, and of {', '.join(QUALITIES)}"
            )
        file = folder / "audio" / f"{name}.wav"
        qualities = [q.replace("_", " ") for q in about["qualities_str"]]
        notes[name] = {
            "file": file if file.is_file() else None,
            "pitch": str(about["pitch"]),
            "velocity": str(about["velocity"]),
            "qualities": about["qualities_str"],
            "instrument": family,
            "captions": [" ".join([*qualities, family.replace("_", " ")])],
        }
    return notes
