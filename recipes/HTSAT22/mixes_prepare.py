"""Prepares mixes of known sounds, with captions and the times of all events.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from compositions_prepare import prepare_compositions

from speechbrain_clap.dataio.manifest import write_manifest
from speechbrain_clap.dataio.metadata import read_json
from speechbrain_clap.synthesis.jams import SUFFIX, read_jams

ROOT = "{data_root}"


def prepare_mixes(data_folder, manifest_folder, skip_prep=False, **options):
    """Writes the mixes, then `{train,valid,test}.json` and `prepare.json`.

    Rows have `captions`, `labels` and `events`, a list of onset, offset (in
    seconds) and label, backgrounds not among them.

    Arguments
    ---------
    data_folder : str
        Gets the mixes.
    manifest_folder : str
        Gets the manifests.
    skip_prep : bool
        Do nothing: the manifests are there.
    **options : dict
        As for `compositions_prepare.prepare_compositions`.

    Example
    -------
    >>> prepare_mixes("mixes", "manifests", sounds_folder="/no/such")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such does not exist. Pass ...
    """
    if skip_prep:
        return
    prepare_compositions(data_folder, manifest_folder, **options)
    for part in ("train", "valid", "test"):
        path = pathlib.Path(manifest_folder, f"{part}.json")
        rows = read_json(path)
        for row in rows.values():
            file = pathlib.Path(row["path"].replace(ROOT, str(data_folder)))
            plan, _, _ = read_jams(file.with_suffix(SUFFIX))
            row["events"] = [
                [
                    layer["event_time"],
                    layer["event_time"] + layer["event_duration"],
                    layer["label"],
                ]
                for layer in plan["layers"]
                if layer["role"] == "foreground"
            ]
        write_manifest(path, rows)
