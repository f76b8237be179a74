"""Embedding: folders, manifests, shards; bad clips, stale stores."""

import json

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.curation.embed import embed_sounds, embed_texts
from speechbrain_clap.curation.texts import Texts
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.sounds import open_sounds


class Model(torch.nn.Module):
    """Hears how loud a clip is; counts what it was given."""

    sample_rate, clip_seconds = 8000, 0.1

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.batches = []

    def encode_audio(self, wavs):
        self.batches.append(len(wavs))
        assert wavs.shape[1] == 800
        return torch.stack([wavs.abs().max(1)[0], wavs[:, 0] * 0 + 1], 1)

    def encode_text(self, texts):
        self.batches.append(len(texts))
        return torch.tensor([[float(len(t)), 1.0] for t in texts])


@pytest.fixture
def folder(tmp_path):
    """Five sounds as loud as their number."""
    (tmp_path / "sounds").mkdir()
    for number in range(1, 6):
        wav = np.full(500 * number, number / 10)
        soundfile.write(tmp_path / "sounds" / f"{number}.wav", wav, 8000)
    return tmp_path / "sounds"


def loudness(store):
    return dict(
        zip(
            store.ids(range(len(store))),
            np.round(store.embeddings[:, 0].astype(float), 2),
            strict=True,
        )
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_in_order(folder, tmp_path, workers):
    (folder / "3.wav").write_bytes(b"RIFF")
    store = embed_sounds(
        Model(),
        open_sounds(folder),
        tmp_path / "store",
        batch_size=2,
        num_workers=workers,
        rows_per_part=3,
    )
    assert loudness(store) == {
        "1.wav": 0.1, "2.wav": 0.2, "4.wav": 0.4, "5.wav": 0.5
    }  # fmt: skip
    bad = json.loads((tmp_path / "store" / "bad.json").read_text())
    assert list(bad["problems"]) == ["3.wav"] and bad["bad"] == 1
    assert sorted(p.name for p in store.folder.iterdir()) == [
        "bad.json", "embeddings.f16", "rows.parquet", "store.json"
    ]  # fmt: skip


def test_a_part_without_any_sound(folder, tmp_path):
    for number in (1, 2):
        (folder / f"{number}.wav").write_bytes(b"")
    sounds = open_sounds(folder)
    store = embed_sounds(
        Model(), sounds, tmp_path / "a", batch_size=1, rows_per_part=2
    )
    assert list(loudness(store).values()) == [0.3, 0.4, 0.5]
    with pytest.raises(BadClipError, match="1.wav.*set on_bad_clip: skip"):
        embed_sounds(Model(), sounds, tmp_path / "b", on_bad_clip="stop")
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 5 sounds can be read"):
        embed_sounds(Model(), sounds, tmp_path / "c")


def test_a_manifest_with_parts_of_files(folder, tmp_path):
    wav = np.concatenate([np.full(8000, 0.1), np.full(8000, 0.7)])
    soundfile.write(folder / "long.wav", wav, 8000)
    path = tmp_path / "wild.csv"
    path.write_text(
        "ID,path,start,stop,source,caption\n"
        'a,{data_root}/long.wav,0,1,youtube:aaaaaaaaaaa,"low, hum"\n'
        "b,{data_root}/long.wav,1,2,,\n"
    )
    sounds = open_sounds(path, folder)
    store = embed_sounds(Model(), sounds, tmp_path / "store")
    assert loudness(store) == {"a": 0.1, "b": 0.7}
    rows = store.rows().to_pylist()
    assert rows[0]["source"] == "youtube:aaaaaaaaaaa"
    assert rows[0]["captions"] == ["low, hum"] and rows[1]["captions"] == []
    assert rows[1]["source"] is None and rows[1]["start"] == 1.0
    assert rows[1]["path"] == str(folder / "long.wav")


def test_shards(folder, tmp_path):
    from speechbrain_clap.dataio.shard_packing import pack

    rows = {
        f"clip {n}": {"path": str(folder / f"{n}.wav"), "captions": [f"{n}"]}
        for n in (1, 2, 3)
    }
    pack(rows, tmp_path / "shards")
    sounds = open_sounds(tmp_path / "shards")
    store = embed_sounds(Model(), sounds, tmp_path / "store")
    assert list(loudness(store).values()) == [0.1, 0.2, 0.3]
    row = store.rows().to_pylist()[2]
    assert row["path"].endswith(".tar") and row["audio_bytes"] > 2000


def test_goes_on_and_refuses_what_is_stale(folder, tmp_path):
    sounds = open_sounds(folder)

    class Killed(Model):
        def encode_audio(self, wavs):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().encode_audio(wavs)

    options = {"batch_size": 2, "rows_per_part": 2}
    place = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        embed_sounds(Killed(), sounds, place, **options)
    with pytest.raises(ValueError, match="stale: its policy"):
        embed_sounds(Model(), sounds, place, clip_seconds=0.2, **options)
    model = Model()
    store = embed_sounds(model, sounds, place, **options)
    assert model.batches == [1]  # the first two parts are not heard again
    assert len(store) == 5
    model.batches.clear()
    embed_sounds(model, sounds, place, **options)
    assert model.batches == []
    with torch.no_grad():
        model.weight += 1
    with pytest.raises(ValueError, match="stale: its weights"):
        embed_sounds(model, sounds, place, **options)
    (folder / "9.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="stale: its rows"):
        embed_sounds(Model(), open_sounds(folder), place, **options)


def test_texts_are_in_order_whatever_their_length(tmp_path):
    texts = ["a longer caption", "b", "middling", "c!", "the longest of all"]
    given = Texts([f"{i}" for i in range(5)], texts, [["r"]] * 5)
    store = embed_texts(
        Model(), given, tmp_path / "t", batch_size=2, rows_per_part=4
    )
    assert store.embeddings[:, 0].tolist() == [len(text) for text in texts]
    assert store.rows(["text"])["text"].to_pylist() == texts


def test_what_is_no_set_of_sounds(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist: expected a m"):
        open_sounds(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds no sound"):
        open_sounds(tmp_path)
    with pytest.raises(DataError, match="names is 'tube', expected"):
        open_sounds(tmp_path, names="tube")


@pytest.mark.parametrize(
    "kind, stem, source",
    [
        ("youtube", "Y-BJ455B1aAs", "youtube:-BJ455B1aAs"),
        ("youtube", "Yabcdefghij", "youtube:Yabcdefghij"),
        ("youtube", "Yabcdefghij_30", "youtube:Yabcdefghij"),
        ("youtube", "YYabcdefghij_30.000_40.000", "youtube:Yabcdefghij"),
        ("youtube", "short", None),
        ("freesound", "1234-a dog", "freesound:1234"),
        ("freesound", "a dog", None),
    ],
)
def test_names_tell_sources(tmp_path, kind, stem, source):
    (tmp_path / f"{stem}.wav").write_bytes(b"")
    assert open_sounds(tmp_path, names=kind).sources == [source]
