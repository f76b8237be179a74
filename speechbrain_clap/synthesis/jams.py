"""Soundscape plans as JAMS, the JSON that Scaper writes.

`annotations[0].data` lists the layers, in Scaper's names; `sandbox` holds what
belongs to the whole. What Scaper wrote can be read.

Authors
 * The speechbrain_clap team 2026
"""

import json
import pathlib

from speechbrain_clap.utils.files import write_json

SUFFIX = ".jams"
OURS, SCAPERS = "speechbrain_clap", "scaper"


def write_jams(path, plan, scale=1.0, digest=None):
    """Writes a plan.

    Arguments
    ---------
    path : str or pathlib.Path
        Where to.
    plan : dict
        From ``Mixer.plan``.
    scale : float
        Factor on the mix, below 1 where it would have clipped.
    digest : str or None
        SHA-256 of the 16-bit samples.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.jams"
    >>> plan = {"duration": 1.0, "sample_rate": 8000, "ref_db": -20.0}
    >>> plan |= {"level": "lufs", "fade_seconds": 0.0, "layers": []}
    >>> write_jams(path, plan, 0.5)
    >>> read_jams(path) == (plan, 0.5, None)
    True
    """
    data = [
        {
            "time": layer["event_time"],
            "duration": layer["event_duration"] * (layer["time_stretch"] or 1),
            "value": layer,
            "confidence": 1.0,
        }
        for layer in plan["layers"]
    ]
    events = [x for x in plan["layers"] if x["role"] == "foreground"]
    general = {
        "duration": plan["duration"],
        "sr": plan["sample_rate"],
        "n_channels": 1,
        "n_events": len(events),
        "ref_db": plan["ref_db"],
        "level": plan["level"],
        "fade_in_len": plan["fade_seconds"],
        "fade_out_len": plan["fade_seconds"],
        "reverb": None,
        "clipping_avoided": scale < 1,
        "scale": scale,
        "sha256_of_samples": digest,
    }
    annotation = {
        "namespace": "scaper",
        "annotation_metadata": {},
        "time": 0.0,
        "duration": plan["duration"],
        "data": data,
        "sandbox": {OURS: general},
    }
    file_metadata = {"duration": plan["duration"], "jams_version": "0.3.4"}
    write_json(
        path,
        {
            "annotations": [annotation],
            "file_metadata": file_metadata,
            "sandbox": {},
        },
    )


def read_jams(path):
    """Reads a plan that ``write_jams`` or Scaper wrote.

    Arguments
    ---------
    path : str or pathlib.Path
        The JAMS.

    Returns
    -------
    tuple
        The plan; the factor on the mix (None where Scaper wrote none); the
        SHA-256 of the samples, or None.

    Raises
    ------
    ValueError
        If it is no such file, or has reverberation, which is not made here.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.jams"
    >>> _ = path.write_text("{}")
    >>> read_jams(path)
    Traceback (most recent call last):
    ...
    ValueError: .../a.jams: is no JAMS of a soundscape ('annotations'), ...
    """
    path = pathlib.Path(path)
    try:
        annotation = json.loads(path.read_text("utf-8"))["annotations"][0]
        sandbox = annotation["sandbox"]
        general = sandbox.get(OURS) or sandbox[SCAPERS]
        plan = {
            "duration": float(general["duration"]),
            "sample_rate": int(general["sr"]),
            "ref_db": float(general["ref_db"]),
            "level": general.get("level", "lufs"),
            "fade_seconds": float(general["fade_in_len"]),
            "layers": [
                {**x["value"], "loop": x["value"].get("loop")}
                for x in annotation["data"]
            ],
        }
    except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: is no JAMS of a soundscape ({error}), expected what "
            "speechbrain_clap or Scaper writes"
        ) from error
    if general.get("reverb"):
        raise ValueError(
            f"{path}: has reverb {general['reverb']}, which is not made here"
        )
    return plan, general.get("scale"), general.get("sha256_of_samples")
