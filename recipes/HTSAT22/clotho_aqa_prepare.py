"""Prepares Clotho-AQA: six questions about each of 1,991 sounds of Clotho.

S. Lipping, P. Sudarsanam, K. Drossos, T. Virtanen, "Clotho-AQA: A Crowdsourced
Dataset for Audio Question Answering", EUSIPCO 2022,
https://arxiv.org/abs/2204.09634: https://zenodo.org/records/6473207. Layout:
`clotho_aqa_{train,val,test}.csv` (file_name, QuestionText, answer; three rows a
question, one for each person who answered) and `audio_files/`.

Authors
 * The speechbrain_clap team 2026
"""

import collections

from speechbrain_clap.dataio.captioned import (
    FileFinder,
    check_folder,
    iterate_rows,
    prepare_pairs,
)

SPLITS = {"train": "train", "valid": "val", "test": "test"}
COLUMNS = ["file_name", "QuestionText", "answer"]
HOW_TO_GET = (
    "Pass --clotho_aqa_folder=<folder with clotho_aqa_train.csv and "
    "audio_files/> (https://zenodo.org/records/6473207, 3.7 GB unpacked)."
)


def prepare_clotho_aqa(
    data_folder, manifest_folder, on_bad_clip="skip", skip_prep=False
):
    """Writes `{train,valid,test}.json` and `prepare.json`.

    Rows have `questions`: each with its answers, the commonest first. As the
    sounds are Clotho's, `source` is ``freesound:<id>`` where the metadata are
    there: what another set tests does not train.

    Arguments
    ---------
    data_folder : str
        Clotho-AQA's root. Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip : str
        "skip" or "stop"; missing clips are counted, never refused.
    skip_prep : bool
        Do nothing: the manifests are there.

    Raises
    ------
    FileNotFoundError
        If none of the lists is there.

    Example
    -------
    >>> prepare_clotho_aqa("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    folder = check_folder(data_folder, HOW_TO_GET)
    tables, finder = FileFinder([folder], (".csv",)), FileFinder([folder])
    sources = _sources(tables.find("clotho_aqa_metadata"))
    parts = {}
    for part, split in SPLITS.items():
        table = tables.find(f"clotho_aqa_{split}")
        if table is not None:
            parts[part] = _clips(table, finder, sources)
    if not parts:
        raise FileNotFoundError(
            f"data_folder {folder} holds no clotho_aqa_<split>.csv, neither "
            f"itself nor below. {HOW_TO_GET}"
        )
    prepare_pairs("ClothoAQA", folder, manifest_folder, parts, on_bad_clip)


def _clips(table, finder, sources):
    """Id to row of one split."""
    asked = {}
    for _, row in iterate_rows(table, COLUMNS, fallback="latin-1"):
        answer = row["answer"].strip().lower()
        question = " ".join(row["QuestionText"].split())
        if answer and question:
            of_clip = asked.setdefault(row["file_name"], {})
            of_clip.setdefault(question, []).append(answer)
    clips = {}
    for name, questions in asked.items():
        clips[name] = {
            "file": finder.find(name),
            "questions": [
                # most_common keeps the order of those as common.
                [text, [x for x, _ in collections.Counter(said).most_common()]]
                for text, said in questions.items()
            ],
            # Sets of pairs want one; the questions are what is used.
            "captions": list(questions),
        }
        if sources.get(name):
            clips[name]["source"] = f"freesound:{sources[name]}"
    return clips


def _sources(table):
    """Name of a file to its id on Freesound, of those that are told."""
    if table is None:
        return {}
    rows = iterate_rows(table, ["file_name"], fallback="latin-1", ragged=True)
    return {row["file_name"]: (row.get("sound_id") or "") for _, row in rows}
