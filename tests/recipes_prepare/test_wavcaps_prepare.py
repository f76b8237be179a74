"""WavCaps' preparation: four JSON files, blacklists, pointers of Git LFS.

Authors
 * The speechbrain_clap team 2026
"""

import json

import pytest

from speechbrain_clap.dataio.folds import DataError

ITEMS = {
    "AudioSet_SL/as_final": [
        ("Y-a_bcdefgh1.wav", "A dog"),
        ("YYabcdefgh_2.wav", "Rain"),
    ],
    "BBC_Sound_Effects/bbc_final": [("NHU05001", "A bird, far"), ("07002", "")],
    "FreeSound/fsd_final": [
        ("156", "Caf\u00e9"),
        ("157", "B"),
        ("2219", " C "),
    ],
    "SoundBible/sb_final": [("2219", "A plane"), ("2218", "")],
}
BLACKLISTS = {
    "exclude_test_ac": {"AudioSet": [], "FreeSound": ["156", "9999"]},
    "exclude_all_ac": {
        "AudioSet": ["Y-a_bcdefgh1.wav"],
        "FreeSound": ["156", "157"],
    },
    "exclude_ub8k_esc50_vggsound": {
        "AudioSet": ["YYbcdefgh_3.wav", "Y-a_bcdefgh1.wav"],
        "FreeSound": [],
    },
}
SOUNDS = (
    "mnt/scratch/waveforms/AudioSet_SL_flac/Y-a_bcdefgh1.flac",
    "mnt/scratch/waveforms/AudioSet_SL_flac/Yabcdefgh_2.flac",
    "audio/BBC_Sound_Effects_flac/NHU05001.flac",
    "audio/FreeSound/156.flac",
    "audio/FreeSound/157.flac",
    "audio/SoundBible_flac/2219.flac",
    "audio/SoundBible_flac/2218.flac",
)


@pytest.fixture
def data(tmp_path, write_sound):
    folder = tmp_path / "data"
    for name, pairs in ITEMS.items():
        items = [
            {
                "id": number,
                "caption": caption,
                "audio": "wav_path",
                "duration": 1.0,
                "tags": [{"id": "no clip"}],
                "description": "x" * 100,
            }
            for number, caption in pairs
        ]
        write_json(folder, name, {"num_captions_per_audio": 1, "data": items})
    for name, content in BLACKLISTS.items():
        write_json(folder, f"blacklist/blacklist_{name}", content)
    for name in SOUNDS:
        write_sound(folder / name)
    return folder


def write_json(folder, name, content):
    path = folder / "json_files" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")


def test_a_partial_copy(data, preparation):
    before = sorted(data.rglob("*"))
    parts, report = preparation("WavCaps")
    assert list(parts) == ["train"]
    assert parts["train"] == {
        "AudioSet_SL_Yabcdefgh_2": {
            "path": "{data_root}/mnt/scratch/waveforms/AudioSet_SL_flac/"
            "Yabcdefgh_2.flac",
            "captions": ["Rain"],
            "source": "youtube:Yabcdefgh_2",
        },
        "BBC_Sound_Effects_nhu05001": {
            "path": "{data_root}/audio/BBC_Sound_Effects_flac/NHU05001.flac",
            "captions": ["A bird, far"],
            "source": "bbc:nhu05001",
        },
        "FreeSound_157": {
            "path": "{data_root}/audio/FreeSound/157.flac",
            "captions": ["B"],
            "source": "freesound:157",
        },
        # Freesound's 2219, which is missing, is not this one.
        "SoundBible_2219": {
            "path": "{data_root}/audio/SoundBible_flac/2219.flac",
            "captions": ["A plane"],
            "source": "soundbible:2219",
        },
    }
    assert report["missing"] == {"train": 2}
    assert report["bad"] == {
        "{data_root}/audio/SoundBible_flac/2218.flac": "has no caption"
    }
    assert report["leaks"] == {
        "blacklist_exclude_test_ac": 1,
        "blacklist_exclude_ub8k_esc50_vggsound": 1,
    }
    assert sorted(data.rglob("*")) == before


def test_blacklists_are_an_option(data, preparation):
    parts, report = preparation("WavCaps", blacklists=[])
    assert len(parts["train"]) == 6 and report["leaks"] == {}
    parts, report = preparation(
        "WavCaps",
        blacklists=["exclude_all_ac"],
        held_out={"SoundDescs": {"bbc:nhu05001"}},
    )
    assert len(parts["train"]) == 2
    assert report["leaks"] == {"blacklist_exclude_all_ac": 3, "SoundDescs": 1}
    (data / "json_files/blacklist/blacklist_exclude_test_ac.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"or set blacklists: \[\]"):
        preparation("WavCaps")
    write_json(data, "blacklist/blacklist_exclude_test_ac", {"AudioSet": []})
    with pytest.raises(DataError, match="no list named `FreeSound`"):
        preparation("WavCaps")


def test_a_pointer_of_git_lfs(data, preparation):
    (data / "json_files/FreeSound/fsd_final.json").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(DataError, match="pointer of Git LFS.*leave FreeSound"):
        preparation("WavCaps")
    others = ["AudioSet_SL", "BBC_Sound_Effects", "SoundBible"]
    assert len(preparation("WavCaps", sources=others)[0]["train"]) == 3


def test_one_source_in_a_clone_of_github(data, preparation, write_sound):
    (data / "data").mkdir()
    (data / "json_files").rename(data / "data" / "json_files")
    (data / "audio" / "SoundBible_flac").rename(data / "flat")
    parts, _ = preparation("WavCaps", sources=["SoundBible"])
    path = parts["train"]["SoundBible_2219"]["path"]
    assert path == "{data_root}/flat/2219.flac"


def test_sources_without_json_or_sounds(data, preparation, caplog):
    (data / "json_files/AudioSet_SL/as_final.json").unlink()
    (data / "audio" / "FreeSound").rename(data / "audio" / "other")
    with caplog.at_level("WARNING"):
        parts, report = preparation("WavCaps")
    assert list(parts["train"]) == [
        "BBC_Sound_Effects_nhu05001",
        "SoundBible_2219",
    ]
    assert "no folder of sounds whose name begins with FreeSound" in caplog.text
    assert report["missing"] == {"train": 4}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"data": {}}, "holds no list named `data`"),
        ([], "holds no list named `data`"),
        ({"data": [{"id": "1"}]}, "item 1 of `data`: has no `id` and `capti"),
        ({"data": ["x"]}, "item 1 of `data`: has no `id` and `caption`"),
        (
            {"data": 2 * [{"id": 1, "caption": "x"}]},
            "item 2 of `data`: id '1' stands there twice",
        ),
    ],
)
def test_faults(data, preparation, content, words):
    write_json(data, "SoundBible/sb_final", content)
    with pytest.raises(DataError, match="sb_final.json.*" + words):
        preparation("WavCaps")


def test_other_faults(data, preparation):
    for given in ([], "FreeSound", ["Freesound"]):
        with pytest.raises(DataError, match="expected a list of AudioSet_SL"):
            preparation("WavCaps", sources=given)
    path = data / "json_files/AudioSet_SL/as_final.json"
    text = path.read_text("utf-8")
    path.write_text(text.replace("YYabcdefgh_2", "Yabc"))
    with pytest.raises(DataError, match="item 2 of `data`: 'Yabc.wav' is no"):
        preparation("WavCaps")
    path.write_text(text.replace("Rain", "Pluie \u00e9"), encoding="latin-1")
    with pytest.raises(DataError, match=r"as_final.json, line \d+: is not UTF"):
        preparation("WavCaps")
    path.write_text(text[:-5])
    with pytest.raises(DataError, match="as_final.json: is not JSON"):
        preparation("WavCaps")
    for path in (data / "json_files").glob("*/*_final.json"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="huggingface.co/datasets/cvss"):
        preparation("WavCaps")
