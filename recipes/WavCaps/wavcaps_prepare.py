"""Prepares WavCaps: 403,050 sounds of four sources, captions by ChatGPT.

X. Mei et al., "WavCaps: A ChatGPT-Assisted Weakly-Labelled Audio Captioning
Dataset for Audio-Language Multimodal Research", IEEE/ACM TASLP 2024,
https://arxiv.org/abs/2303.17395; for academic use. Captions and sounds:
https://huggingface.co/datasets/cvssp/WavCaps. Layout:
`json_files/<source>/<name>.json`, `json_files/blacklist/*.json` and FLAC files
in a folder for each source.

Authors
 * The speechbrain_clap team 2026
"""

import os

from speechbrain.utils.logger import get_logger

from speechbrain_clap.dataio.captioned import (
    DataError,
    FileFinder,
    check_folder,
    prepare_pairs,
)
from speechbrain_clap.dataio.metadata import find_metadata, read_json
from speechbrain_clap.dataio.youtube import video_id

logger = get_logger(__name__)

# Source to its JSON file, how the name of its folder of sounds begins, and
# where its recordings are from.
SOURCES = {
    "AudioSet_SL": ("as_final.json", "audioset", "youtube"),
    "BBC_Sound_Effects": ("bbc_final.json", "bbc", "bbc"),
    "FreeSound": ("fsd_final.json", "freesound", "freesound"),
    "SoundBible": ("sb_final.json", "soundbible", "soundbible"),
}
BLACKLISTS = ("exclude_test_ac", "exclude_ub8k_esc50_vggsound")
HOW_TO_GET = (
    "Pass --data_folder=<folder with json_files/ of "
    "https://huggingface.co/datasets/cvssp/WavCaps and, at any depth, the "
    "unpacked sounds, in folders whose names begin with AudioSet, BBC, "
    "FreeSound and SoundBible> (820 GB of FLAC at 32 kHz, the archives as "
    "much again; join the split ones with zip -s 0 before)."
)


def prepare_wavcaps(
    data_folder, manifest_folder, on_bad_clip="skip", held_out=None,
    decode=False, skip_prep=False, sources=tuple(SOURCES),
    blacklists=BLACKLISTS,
):  # fmt: skip
    """Writes `train.json` and `prepare.json`: WavCaps has no split.

    A clip's id is `<source>_<id>`. A source whose JSON file is not there is
    left out.

    Arguments
    ---------
    data_folder : str
        Holds `json_files/`, itself or one level below, and the sounds.
        Nothing is written into it.
    manifest_folder : str
        Gets the manifests.
    on_bad_clip, held_out, decode : str, dict or None, bool
        As for ``speechbrain_clap.dataio.captioned.prepare_pairs``.
    skip_prep : bool
        Do nothing: the manifests are there.
    sources : list of str
        Of "AudioSet_SL", "BBC_Sound_Effects", "FreeSound" and "SoundBible".
    blacklists : list of str
        WavCaps' own lists of clips that are in other sets, to hold out:
        "exclude_test_ac" (validation and test of AudioCaps and Clotho),
        "exclude_all_ac" (their training parts too),
        "exclude_ub8k_esc50_vggsound". Counted one by one in `prepare.json`.

    Example
    -------
    >>> prepare_wavcaps("/no/such/folder", "manifests")
    Traceback (most recent call last):
    ...
    FileNotFoundError: data_folder /no/such/folder does not exist. Pass ...
    """
    if skip_prep:
        return
    if not sources or isinstance(sources, str) or set(sources) - set(SOURCES):
        raise DataError(
            f"sources is {sources!r}, expected a list of {', '.join(SOURCES)}"
        )
    folder = check_folder(data_folder, HOW_TO_GET)
    tables = {
        source: _find_json(folder, f"{source}/{SOURCES[source][0]}")
        for source in sources
    }
    for source in [source for source in tables if tables[source] is None]:
        del tables[source]
        logger.info("WavCaps: no %s, left out", f"json_files/{source}")
    if not tables:
        raise FileNotFoundError(
            f"data_folder {folder} holds no json_files/<source>/<name>.json, "
            f"neither itself nor in a folder of it. {HOW_TO_GET}"
        )
    lists = {
        f"blacklist_{name}": _blacklist(folder, name) for name in blacklists
    }
    clips = {source: _clips(source, path) for source, path in tables.items()}
    places = _sound_folders(folder, tables)
    rows = {}
    for source, of_source in clips.items():
        # One finder for each: SoundBible's numbers are Freesound's as well.
        finder = FileFinder(places[source])
        for row in of_source.values():
            row["file"] = finder.find(*row["file"])
        rows |= of_source
    prepare_pairs(
        "WavCaps", folder, manifest_folder, {"train": rows}, on_bad_clip,
        {**lists, **(held_out or {})}, decode,
    )  # fmt: skip


def _find_json(folder, name):
    # The folder of Hugging Face, of GitHub, or json_files itself.
    return find_metadata(
        folder, f"json_files/{name}", f"data/json_files/{name}", name
    )


def _sound_folders(folder, tables):
    """Source to the topmost folders that bear its name."""
    places = {source: [] for source in tables}
    beginnings = {SOURCES[source][1]: source for source in tables}
    for here, names, _ in os.walk(folder):
        names.sort()
        for name in list(names):
            source = next(
                (s for b, s in beginnings.items() if _begins(name, b)), None
            )
            if name == "json_files" or source:
                names.remove(name)
            if source:
                places[source].append(os.path.join(here, name))
    if len(tables) == 1 and not any(places.values()):
        return dict.fromkeys(tables, [folder])  # no other to be taken for it
    for source, found in places.items():
        if not found:
            logger.warning(
                "WavCaps: %s holds no folder of sounds whose name begins with "
                "%s: all of its clips count as missing",
                folder,
                source.split("_")[0],
            )
    return places


def _begins(name, beginning):
    return name.lower().replace("_", "").startswith(beginning)


def _clips(source, path):
    """Id to row of one source, with the names that its file may have."""
    try:
        # Descriptions and tags make up most of these files.
        content = read_json(path, keep=["data", "id", "caption"])
    except DataError as error:  # a clone from GitHub holds pointers
        raise DataError(
            f"{error}; or leave {source} out of `sources`"
        ) from error
    items = content.get("data") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise DataError(f"{path}: holds no list named `data`")
    clips = {}
    for number, item in enumerate(items, 1):
        where = f"{path}, item {number} of `data`"
        try:
            given, caption = str(item["id"]), item["caption"] or ""
        except (KeyError, TypeError) as error:
            raise DataError(f"{where}: has no `id` and `caption`") from error
        recording = _recording(source, given, where)
        name = f"{source}_{recording.partition(':')[2]}"
        if name in clips:
            raise DataError(f"{where}: id '{given}' stands there twice")
        stem = given.removesuffix(".wav").removesuffix(".flac")
        clips[name] = {
            "file": (stem, recording.partition(":")[2]),
            "captions": [caption],
            "source": recording,
        }
    return clips


def _recording(source, given, where):
    """Where a clip is from, spelled as other sets do."""
    kind = SOURCES[source][2]
    if kind == "youtube":
        return f"youtube:{video_id(given, where)}"
    name = given.strip().removesuffix(".wav").removesuffix(".flac")
    if not name:
        raise DataError(f"{where}: the id is empty")
    # The BBC's own names are in capitals, in SoundDescs they are not.
    return f"{kind}:{name.lower() if kind == 'bbc' else name}"


def _blacklist(folder, name):
    """The recordings that one of WavCaps' lists holds out."""
    path = _find_json(folder, f"blacklist/blacklist_{name}.json")
    if path is None:
        raise FileNotFoundError(
            f"data_folder {folder} holds no json_files/blacklist/"
            f"blacklist_{name}.json, so clips of other sets' tests would "
            "train: take it from https://github.com/XinhaoMei/WavCaps, "
            "data/json_files/blacklist/, or set blacklists: []"
        )
    content = read_json(path)
    held_out = set()
    for key, source in (("AudioSet", "AudioSet_SL"), ("FreeSound",) * 2):
        given = content.get(key) if isinstance(content, dict) else None
        if not isinstance(given, list):
            raise DataError(f"{path}: holds no list named `{key}`")
        held_out |= {
            _recording(source, str(one), f"{path}: {key}") for one in given
        }
    return held_out
