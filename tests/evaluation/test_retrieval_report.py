"""What a retrieval leaves: right numbers, a page that stands alone.

Authors
 * The speechbrain_clap team 2026
"""

import base64
import csv
import html.parser
import io
import json

import numpy as np
import pytest
import soundfile

from speechbrain_clap.evaluation.recall_curve import recall_curve
from speechbrain_clap.evaluation.retrieval import (
    scores_with_intervals,
    write_retrieval,
)
from speechbrain_clap.metrics.retrieval import retrieval_scores

DESCRIPTION = {
    "dataset": "Clotho",
    "split": "test",
    "skipped": 2,
    "sounds": "made-up",
}
PROTOCOL = {"crop": "5 s: <centre>", "checkpoint": "model/clap.ckpt"}


class Page(html.parser.HTMLParser):
    """Collects what a page holds, and checks that its tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.links, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.links += [attrs[key] for key in ("src", "href") if key in attrs]
        # A paragraph would end where a block begins.
        assert "p" not in self.open or tag not in {"p", "div", "table"}
        if tag not in {"meta", "line", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"line", "polyline"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def experiment(clips=20, size=16, noise=1.0, seed=0):
    """Clips with one to four captions, embedded around them."""
    random = np.random.default_rng(seed)
    counts = 1 + np.arange(clips) % 4
    audio = random.normal(size=(clips, size))
    captions = [
        [f"sound {clip} told <i>{n}</i>, again" for n in range(counts[clip])]
        for clip in range(clips)
    ]
    clip_of = np.repeat(np.arange(clips), counts)
    text = audio[clip_of] + noise * random.normal(size=(len(clip_of), size))
    audio /= np.linalg.norm(audio, axis=1, keepdims=True)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    ids = [f"Clotho/clip, {clip} & co" for clip in range(clips)]
    return ids, captions, audio.astype("f4"), text.astype("f4"), clip_of


def write(folder, files=None, **options):
    ids, captions, audio, text, clip_of = experiment(**options)
    metrics = write_retrieval(
        folder, ids, captions, audio, text, DESCRIPTION, PROTOCOL, files
    )
    return metrics, (folder / "report.html").read_text("utf-8")


def test_metrics_hold_what_the_scores_are(tmp_path):
    metrics, _ = write(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    *_, audio, text, clip_of = experiment()
    scores = retrieval_scores((audio, text), clip_of)
    for direction, wanted in scores.items():
        assert set(metrics[direction]) == set(wanted)
        for name, value in wanted.items():
            found = metrics[direction][name]
            assert found["value"] == pytest.approx(value)
            low, high = found["interval"]
            assert low <= value <= high
            better = found["chance"] < value
            assert better != (name == "median_rank"), name
    assert metrics["value"] == scores["text_to_audio"]["R@1"]
    assert metrics["interval"] == metrics["text_to_audio"]["R@1"]["interval"]
    assert (metrics["clips"], metrics["captions"]) == (20, 50)
    assert metrics["skipped"] == 2 and metrics["protocol"] == PROTOCOL


def test_a_row_for_each_query(tmp_path):
    write(tmp_path)
    path = tmp_path / "retrieval.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids, captions, *_, clip_of = experiment()
    texts = [text for each in captions for text in each]
    assert len(rows) == 50 + 20
    for row, text, clip in zip(rows[:50], texts, clip_of, strict=True):
        assert row["direction"] == "text_to_audio"
        assert (row["query"], row["right"]) == (text, ids[clip])
    for row, name, own in zip(rows[50:], ids, captions, strict=True):
        assert row["direction"] == "audio_to_text"
        assert row["query"] == name and row["right"] in own
    for row in rows:
        top = [row[f"top_{place}"] for place in range(1, 6)]
        assert len(set(top)) == 5
        rank = int(row["rank"])
        assert (top[rank - 1] == row["right"]) if rank <= 5 else rank > 5
        assert -1 <= float(row["cosine"]) <= 1


def test_the_page_stands_alone(tmp_path):
    metrics, text = write(tmp_path)
    page = Page(text)
    assert not page.links
    assert not {"script", "link", "iframe", "img", "i"} & set(page.tags)
    assert "http" not in text and "url(" not in text
    words = " ".join(page.words)
    share = f"{100 * metrics['value']:.1f} %"
    assert share in words and "2 skipped" in words
    assert "made-up sounds" in words and "nothing to play" in words
    assert "sound 3 told <i>0</i>, again" in words
    assert "5 s: <centre>" in words
    # Curves of both directions; nine examples each.
    assert page.tags.count("svg") == 2 and page.tags.count("polyline") == 4
    assert text.count("<h3>") == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "metrics.json",
        "report.html",
        "retrieval.csv",
    ]


def test_players_hold_the_sound(tmp_path):
    """Excerpts of what can be read; one file is gone, one a part of it."""
    rate, files = 22050, []
    for clip in range(6):
        path = tmp_path / f"{clip}.wav"
        wave = 0.1 * np.sin(np.arange(12 * rate) * (clip + 1) * 0.02)
        soundfile.write(path, wave, rate)
        files.append((path, None, None))
    files[1] = (tmp_path / "gone.wav", None, None)
    files[2] = (files[2][0], 1.0, 3.0)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        _, text = write(folder, files, clips=6)
    pages = [(folder / "report.html").read_bytes() for folder in folders]
    assert pages[0] == pages[1]
    page = Page(text)
    seconds = set()
    for link in page.links:
        kind, _, content = link.partition(";base64,")
        assert kind in ("data:audio/mpeg", "data:audio/wav")
        with soundfile.SoundFile(io.BytesIO(base64.b64decode(content))) as s:
            seconds.add(round(s.frames / s.samplerate))
            assert np.abs(s.read()).max() == pytest.approx(0.1, abs=0.02)
    assert seconds == {2, 10}
    assert "excerpt of Clotho/clip, 0 &amp; co" in text
    assert "excerpt of Clotho/clip, 1 " not in text
    assert "nothing to play" not in text


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_few_clips(tmp_path, clips):
    metrics, text = write(tmp_path, clips=clips)
    Page(text)
    assert metrics["clips"] == clips
    if clips == 1:
        # One candidate is always right, and nobody can tell how often.
        assert metrics["value"] == 1
        assert metrics["interval"] == pytest.approx([0.2065, 1], abs=1e-4)


def test_captions_of_several_clips_are_counted(tmp_path):
    captions = [["rain", "rain", "a dog"], ["a dog"], ["a dog", "wind"]]
    metrics = write_retrieval(
        tmp_path,
        ["a", "b", "c"],
        captions,
        np.eye(3),
        np.eye(3)[[0, 0, 1, 1, 1, 2]],
        DESCRIPTION,
        {},
    )
    assert metrics["shared_captions"] == 3
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "3 captions are word for word those of another clip" in text


def test_intervals_cover_as_often_as_they_say():
    """Clips that are heard or not, five captions each."""
    random = np.random.default_rng(1)
    clip_of, covered = np.repeat(np.arange(60), 5), 0
    for _ in range(40):
        heard = random.random(60) < 0.6
        ranks = np.where(heard[clip_of], 1, 7)
        scores = scores_with_intervals(ranks, ranks, clip_of)
        low, high = scores["text_to_audio"]["R@1"]["interval"]
        covered += low <= 0.6 <= high
        median = scores["text_to_audio"]["median_rank"]
        assert median["interval"][0] <= median["value"]
    assert covered >= 34


def test_what_does_not_fit_is_refused(tmp_path):
    ids, captions, audio, text, _ = experiment(clips=3)
    for given, words in (
        ((ids[:2], captions, audio, text), "3 captions for 2 clips"),
        ((ids, captions, audio[:2], text), "2 audio_embeddings for 3 clips"),
        ((ids, captions, audio, text[:2]), "2 text_embeddings for 6 captions"),
        ((ids, [["a"], [], ["b"]], audio, text), "co' has captions"),
        ((ids, ["a", "b", "c"], audio, text), "expected a list"),
        (([], [], audio[:0], text[:0]), "no clip"),
        ((ids, captions, audio * np.nan, text), "NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            write_retrieval(tmp_path / "out", *given, DESCRIPTION, {})
    lacking = {**DESCRIPTION, "sounds": "mixed"}
    with pytest.raises(ValueError, match="sounds = 'mixed'"):
        write_retrieval(tmp_path, ids, captions, audio, text, lacking, {})
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "metrics.json").exists()


def test_recall_curve_ends_at_all():
    svg = recall_curve([1, 2, 2, 4], [0.25, 0.5, 0.75, 1.0], "<recall>")
    assert 'aria-label="&lt;recall&gt;"' in svg
    curves = [
        [tuple(map(float, point.split(","))) for point in part.split()]
        for part in svg.split('points="')[1:]
        for part in [part.split('"')[0]]
    ]
    assert [len(curve) for curve in curves] == [4, 4]
    guessed, found = ([y for _, y in curve] for curve in curves)
    top, bottom = 12.0, 276.0
    assert guessed[-1] == found[-1] == top
    assert found[0] == pytest.approx(bottom - 0.25 * (bottom - top))
    assert found[1] == pytest.approx(bottom - 0.75 * (bottom - top))
    recall_curve([1], [1.0], "one candidate")
