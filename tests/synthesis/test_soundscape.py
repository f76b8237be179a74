"""Tests of the mixer: levels, times, clipping, and files made again.

Authors
 * The speechbrain_clap team 2026
"""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.synthesis.jams import read_jams
from speechbrain_clap.synthesis.loudness import level_db, lufs, rms_db
from speechbrain_clap.synthesis.rendering import remake, render, write_mixes
from speechbrain_clap.synthesis.soundscape import (
    Mixer,
    draw,
    write_soundscapes,
)
from speechbrain_clap.synthesis.sources import (
    SourceBank,
    active_span,
    read_exclusions,
    rows_of_folder,
)
from speechbrain_clap.synthesis.stretch import stretch_and_shift

RATE = 8000


def tone(frequency, seconds, rate=RATE):
    """A sine of amplitude 0.3."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * frequency * time)


def band_db(wav, low, high):
    """Level of what lies between two frequencies, in dB of full scale."""
    spectrum = np.fft.rfft(wav)
    frequency = np.fft.rfftfreq(len(wav), 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return rms_db(np.fft.irfft(spectrum, len(wav)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sources that frequency tells apart; nobody may change them."""
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(0)
    padded = np.concatenate([np.zeros(RATE), tone(2000, 1), np.zeros(RATE)])
    sounds = {
        "hum/long.wav": (tone(300, 6), RATE),
        "hum/short.wav": (tone(300, 1.5), RATE),
        "hum/other_rate.wav": (tone(300, 6, 11025), 11025),
        "noise/long.wav": (0.1 * rng.standard_normal(6 * RATE), RATE),
        "beep/padded.wav": (padded, RATE),
    }
    for name, (wav, rate) in sounds.items():
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, wav, rate)
    return folder


def bank(folder, *names, **options):
    """A bank of some of the sources."""
    rows = rows_of_folder(folder)
    rows = {name: rows[name] for name in names or rows}
    return SourceBank(rows, root=folder, **options)


def test_lufs_is_that_of_the_standard():
    assert lufs(tone(997, 5, 48000) / 0.3, 48000) == pytest.approx(
        -3.01, abs=0.01
    )
    assert lufs(tone(1000, 5, 44100) / 0.3, 44100) == pytest.approx(
        -3.01, abs=0.02
    )
    # Tech 3341's third signal, in one channel: the faint ends are gated.
    loud, faint = (
        10 ** (decibels / 20) / 0.3 * tone(1000, 10, 48000)
        for decibels in (-23, -36)
    )
    wav = np.concatenate([faint, loud, loud, loud, faint])
    assert lufs(wav, 48000) == pytest.approx(-26.0, abs=0.1)
    assert lufs(np.zeros(48000), 48000) == -np.inf
    # Shorter than a block of the measure.
    short = tone(1000, 0.1, 48000)
    assert lufs(short, 48000) == pytest.approx(
        lufs(tone(1000, 1, 48000), 48000), abs=0.05
    )
    with pytest.raises(ValueError, match="level is 'dbfs', expected"):
        level_db(short, 48000, "dbfs")


@pytest.mark.parametrize("level", ["rms", "lufs"])
def test_snr_and_times_are_found_in_the_mix(folder, level):
    mixer = Mixer(bank(folder), 4.0, RATE, ref_db=-30.0, level=level)
    rng = np.random.default_rng(1)
    layers = [
        mixer.background(rng, "hum"),
        mixer.event(rng, "beep", snr=6.0, event_time=2.0),
    ]
    mix = render(mixer.plan(rng, layers), folder)
    start, stop = round(2.0 * RATE), round(3.0 * RATE)
    event = mix[start:stop]
    if level == "rms":
        assert band_db(mix, 250, 350) == pytest.approx(-30, abs=0.05)
        assert band_db(event, 1900, 2100) == pytest.approx(-24, abs=0.15)
    else:
        # What is left of the mix where the other layer is silent.
        assert level_db(mix[:start], RATE) == pytest.approx(-30, abs=0.1)
        # 2 kHz is weighted by 2.5 dB more than 1 kHz is.
        alone = render(mixer.plan(rng, layers[1:]), folder)[start:stop]
        assert level_db(alone, RATE) == pytest.approx(-24, abs=0.15)
    for quiet in (mix[: start - 50], mix[stop + 500 :]):
        assert band_db(quiet, 1900, 2100) < -70


def test_event_is_cut_where_its_source_sounds(folder):
    source = bank(folder).pick(np.random.default_rng(0), "beep")
    assert source["active"] == pytest.approx([1.0, 2.0], abs=0.05)
    mixer = Mixer(bank(folder), 4.0, RATE)
    layer = mixer.event(np.random.default_rng(0), "beep", event_time=3.5)
    assert layer["event_duration"] == 0.5  # up to the end of the soundscape
    with pytest.raises(ValueError, match="begins at 4 s"):
        mixer.event(np.random.default_rng(0), "beep", event_time=4.0)


def test_background_shorter_than_the_crop_is_looped(folder):
    mixer = Mixer(bank(folder, "hum/short.wav"), 5.0, RATE, level="rms")
    rng = np.random.default_rng(3)
    layer = mixer.background(rng, "hum")
    assert layer["loop"] == pytest.approx([0.0, 1.5], abs=0.01)
    mix = render(mixer.plan(rng, [layer]), folder)
    levels = [rms_db(mix[i : i + 400]) for i in range(400, len(mix) - 800, 400)]
    # 50 ms in which the loop's ends cross may be out of phase.
    assert np.median(levels) == pytest.approx(-30, abs=0.5)
    assert sum(level < -40 for level in levels) <= 4
    assert np.abs(np.diff(mix)).max() < 0.02  # no click


def test_jams_makes_the_same_file_again(folder, tmp_path):
    mixer = Mixer(bank(folder), 2.0, RATE, ref_db=["uniform", -30, -20])
    background = {"label": ["choose", ["hum", "noise"]]}
    event = {
        "label": "beep",
        "event_time": ["uniform", 0, 1.5],
        "pitch_shift": ["uniform", -2, 2],
        "time_stretch": ["choose", [0.8, 1.25]],
    }
    for suffix in (".wav", ".flac"):
        counts = write_soundscapes(
            tmp_path, mixer, 5, background, event, suffix=suffix
        )
        assert counts["written"] == 5
    # The sources lie elsewhere now.
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    paths = sorted(tmp_path.glob("*.flac"))
    assert len(paths) == 5
    for path in paths:
        again = tmp_path / "again" / path.name
        jams = path.with_suffix(".jams")
        for suffix in (".flac", ".wav"):
            remake(jams, again.with_suffix(suffix), moved)
            found = again.with_suffix(suffix).read_bytes()
            assert found == path.with_suffix(suffix).read_bytes()
            found = again.with_suffix(".jams").read_bytes()
            assert found == jams.read_bytes()
    # A source that is another one now is noticed.
    for path in moved.rglob("*.wav"):
        wav, rate = soundfile.read(path)
        soundfile.write(path, wav[::-1], rate)
    with pytest.raises(ValueError, match="a source has changed"):
        remake(jams, tmp_path / "other.wav", moved)
    assert not (tmp_path / "other.wav").exists()
    remake(jams, tmp_path / "other.wav", moved, check=False)
    assert (tmp_path / "other.wav").exists()


def test_complete_soundscapes_are_kept_and_others_made(folder, tmp_path):
    mixer = Mixer(bank(folder), 1.0, RATE)
    arguments = ({"label": "hum"}, {"label": "beep", "event_time": 0.2})
    write_soundscapes(tmp_path, mixer, 3, *arguments)
    before = (tmp_path / "soundscape_00001.wav").read_bytes()
    # As a run leaves it that was killed between the audio and its JAMS.
    (tmp_path / "soundscape_00001.jams").unlink()
    counts = write_soundscapes(tmp_path, mixer, 4, *arguments)
    assert counts == {"written": 2, "kept": 2, "scaled": 0}
    assert (tmp_path / "soundscape_00001.wav").read_bytes() == before
    counts = write_soundscapes(tmp_path, mixer, 4, *arguments, seed=2)
    assert counts["written"] == 4


def test_clipping_is_avoided_and_noted(folder, tmp_path):
    mixer = Mixer(bank(folder), 1.0, RATE, ref_db=0.0, level="rms")
    rng = np.random.default_rng(0)
    plan = mixer.plan(rng, [mixer.background(rng, "noise")])
    counts = write_mixes([[(tmp_path / "a.wav", plan)]], folder)
    assert counts["scaled"] == 1
    wav, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert np.abs(wav).max() == 32767
    assert np.sum(np.abs(wav) == 32767) == 1  # scaled, not cut off
    _, scale, _ = read_jams(tmp_path / "a.jams")
    loud = np.abs(render(plan, folder)).max()
    assert scale == pytest.approx(1 / loud)
    text = json.loads((tmp_path / "a.jams").read_text())
    sandbox = text["annotations"][0]["sandbox"]["speechbrain_clap"]
    assert sandbox["clipping_avoided"] is True


def test_what_scaper_wrote_is_rendered(folder, tmp_path):
    value = {
        "label": "beep",
        "source_file": "beep/padded.wav",
        "source_time": 1.0,
        "event_time": 0.5,
        "event_duration": 1.0,
        "snr": 5.0,
        "role": "foreground",
        "pitch_shift": None,
        "time_stretch": None,
    }
    ground = {
        **value,
        "label": "hum",
        "source_file": "hum/short.wav",
        "event_time": 0,
        "event_duration": 3,
        "snr": 0,
        "role": "background",
    }
    general = {
        "duration": 3,
        "sr": RATE,
        "ref_db": -25,
        "fade_in_len": 0.01,
        "fade_out_len": 0.01,
        "reverb": None,
    }
    annotation = {
        "data": [{"value": ground}, {"value": value}],
        "sandbox": {"scaper": general},
    }
    path = tmp_path / "a.jams"
    path.write_text(json.dumps({"annotations": [annotation]}))
    remake(path, tmp_path / "again.wav", folder)
    wav, rate = soundfile.read(tmp_path / "again.wav")
    assert (len(wav), rate) == (3 * RATE, RATE)
    event = level_db(tone(2000, 1), RATE) - rms_db(tone(2000, 1))
    found = band_db(wav[4000:12000], 1900, 2100) + event
    assert found == pytest.approx(-20, abs=0.2)
    general["reverb"] = 0.5
    path.write_text(json.dumps({"annotations": [annotation]}))
    with pytest.raises(ValueError, match="a.jams: has reverb 0.5"):
        remake(path, tmp_path / "b.wav", folder)


def test_missing_label_and_empty_folders_are_told(folder, tmp_path):
    with pytest.raises(ValueError, match="'dog' has no usable sounds.*beep"):
        bank(folder, labels=["hum", "dog"])
    with pytest.raises(ValueError, match="label 'dog' has no sounds, expected"):
        bank(folder).pick(np.random.default_rng(0), "dog")
    with pytest.raises(ValueError, match="the rows are empty"):
        SourceBank({})
    with pytest.raises(ValueError, match="source 'a' lacks"):
        SourceBank({"a": {"path": "a.wav"}})
    with pytest.raises(FileNotFoundError, match="is empty: expected folders"):
        rows_of_folder(tmp_path)
    (tmp_path / "dog").mkdir()
    with pytest.raises(FileNotFoundError, match="dog holds no sound"):
        rows_of_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        rows_of_folder(tmp_path / "none")


def test_bad_sources_stop_or_are_left_out(folder, tmp_path):
    rows = {
        name: {"path": str(tmp_path / name), "label": "dog"}
        for name in ("silent.wav", "gone.wav", "text.wav", "hole.wav")
    }
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    (tmp_path / "text.wav").write_text("no sound")
    hole = np.concatenate([tone(500, 1), np.zeros(3 * RATE), tone(500, 1)])
    soundfile.write(tmp_path / "hole.wav", hole, RATE)
    said = {
        "silent.wav": "silent.wav is silent",
        "gone.wav": "gone.wav does not exist",
        "text.wav": "text.wav",
        "hole.wav": "hole.wav is silent for 3.0 s in a row",
    }
    for name, words in said.items():
        with pytest.raises(ValueError, match=words):
            SourceBank({name: rows[name]}, longest_silence=2.5)
    good = {"good": {"path": str(folder / "beep/padded.wav"), "label": "dog"}}
    found = SourceBank(
        {**rows, **good}, longest_silence=2.5, on_bad_clip="skip"
    )
    rng = np.random.default_rng(0)
    assert {found.pick(rng, "dog")["id"] for _ in range(9)} == {"good"}
    with pytest.raises(ValueError, match="4 bad sounds"):
        SourceBank(rows, longest_silence=2.5, on_bad_clip="skip")


def test_a_source_that_vanished_since_is_told(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    mixer = Mixer(bank(tmp_path / "copy"), 1.0, RATE)
    rng = np.random.default_rng(0)
    plan = mixer.plan(rng, [mixer.background(rng, "noise")])
    (tmp_path / "copy/noise/long.wav").unlink()
    with pytest.raises(BadClipError, match="long.wav.*exclusion list"):
        write_mixes([[(tmp_path / "a.wav", plan)]], tmp_path / "copy")
    assert not list(tmp_path.glob("*.wav")) + list(tmp_path.glob("*.jams"))


def test_exclusions_and_labels_of_many(folder, tmp_path):
    path = tmp_path / "dog.csv"
    path.write_text("fname,label,clean,noise desc\na.wav,dog,FALSE,wind\n")
    assert read_exclusions(path) == {"a.wav"}
    path.write_text("name\na.wav\n")
    with pytest.raises(ValueError, match="expected fname and clean"):
        read_exclusions(path)
    found = bank(folder, labels=["hum"], exclude={"short", "other_rate.wav"})
    rng = np.random.default_rng(0)
    assert {found.pick(rng, "hum")["id"] for _ in range(9)} == {"hum/long.wav"}
    rows = {
        "one": {"labels": ["Hum", "Machine"]},
        "two": {"labels": ["Hum", "Beep"]},
        "beep": {"labels": ["Beep"]},
    }
    for row in rows.values():
        row["path"] = str(folder / "hum/long.wav")
    found = SourceBank(rows, ["hum", "Beep"], aliases={"Hum": "hum"})
    assert {found.pick(rng, "hum")["id"] for _ in range(9)} == {"one"}


def test_stretch_and_shift_are_told_apart():
    wav = torch.from_numpy(tone(400, 2.0)).float()
    for stretch, shift in ((1.5, None), (0.7, 3.0), (None, -7.0)):
        found = stretch_and_shift(wav, stretch, shift).numpy()
        assert len(found) == round(2 * RATE * (stretch or 1))
        peak = np.abs(np.fft.rfft(found)).argmax() * RATE / len(found)
        expected = 400 * 2 ** ((shift or 0) / 12)
        assert peak == pytest.approx(expected, rel=0.01)
        assert rms_db(found) == pytest.approx(rms_db(wav.numpy()), abs=1.0)
    with pytest.raises(ValueError, match="expected a factor above 0"):
        stretch_and_shift(wav, time_stretch=0.0)


def test_distributions_and_settings_are_checked(folder):
    rng = np.random.default_rng(0)
    drawn = [draw(rng, ["truncnorm", 0, 9, -1, 1]) for _ in range(50)]
    assert min(drawn) >= -1 and max(drawn) <= 1
    for wrong in (["uniform", 2, 1], ["choose", []], ["gauss", 1], []):
        with pytest.raises(ValueError, match="is no distribution"):
            draw(rng, wrong)
    with pytest.raises(ValueError, match="level is 'peak'"):
        Mixer(bank(folder), level="peak")
    with pytest.raises(ValueError, match="duration=0"):
        Mixer(bank(folder), duration=0)


def test_active_span_ignores_what_is_faint():
    wav = 0.01 * np.ones(RATE)
    wav[3000:5000] = 1.0
    first, last = active_span(wav)
    assert 2700 < first <= 3000 and 5000 <= last < 5300
    assert active_span(np.ones(100)) == (0, 100)
