"""The 3 x 3 table, its figures and its examples.

Authors
 * The speechbrain_clap team 2026
"""

import json

import numpy as np
import pytest
import soundfile

from speechbrain_clap.evaluation.cross_modal import write_cross_modal

LABELS = ["dog", "rain", "bell"]
DESCRIPTION = {
    "dataset": "Made <up>",
    "split": "test",
    "clips": 6,
    "skipped": 1,
    "sounds": "made-up",
}


@pytest.fixture
def search(tmp_path):
    """Two clips of each class, the images of one class at a wrong place."""
    pytest.importorskip("PIL", reason="Pillow is not installed")
    eye = np.eye(3)
    audio = np.repeat(eye, 2, 0)
    image = audio.copy()
    image[4:] = eye[0]  # bells look like dogs
    ids = [f"set/{label} {n}" for label in LABELS for n in (1, 2)]
    names = {"audio": ids, "image": ids, "text": LABELS}
    embeddings = {"audio": audio, "image": image, "text": eye}
    of_clips = [[label] for label in LABELS for _ in (1, 2)]
    labels = {
        "audio": of_clips,
        "image": of_clips,
        "text": [[label] for label in LABELS],
    }
    files = {}
    for i, name in enumerate(ids):
        path = tmp_path / f"{i}.wav"
        wave = np.sin(np.arange(8000) * 0.05 * (i + 1))
        soundfile.write(path, 0.1 * wave, 8000)
        files[name] = (path, None, None)

    def _write(folder, **more):
        write_cross_modal(
            tmp_path / folder,
            names,
            embeddings,
            labels,
            DESCRIPTION,
            {"crop": "5 s & no more"},
            **more,
        )
        page = (tmp_path / folder / "report.html").read_text("utf-8")
        return json.loads(
            (tmp_path / folder / "metrics.json").read_text()
        ), page

    def _pixels(name):
        return np.full((3, 60, 90), 10 * ids.index(name), np.uint8)

    return _write, files, _pixels


def test_six_directions_in_metrics_and_table(search):
    """The figures of the table are those of metrics.json."""
    write, files, pixels = search
    metrics, page = write("all", files=files, images=pixels)
    assert set(metrics["directions"]) == {
        f"{a}_to_{b}"
        for a in ("audio", "image", "text")
        for b in ("audio", "image", "text")
        if a != b
    }
    assert metrics["directions"]["audio_to_text"]["P@1"]["value"] == 1.0
    found = metrics["directions"]["image_to_text"]
    # Images of bells find dogs.
    assert found["P@1"]["value"] == pytest.approx(2 / 3)
    assert metrics["items"] == {"audio": 6, "image": 6, "text": 3}
    for scores in metrics["directions"].values():
        cell = (
            f"P@1 {100 * scores['P@1']['value']:.1f} %, "
            f"mAP {100 * scores['mAP']['value']:.1f} %"
        )
        assert cell in page
    table = page[page.index("All directions") :].split("</table>")[0]
    assert table.count("<td") == 12 and table.count("–") == 3


def test_examples_are_heard_and_seen(search):
    """Players and thumbnails lie in the page; names are escaped."""
    write, files, pixels = search
    metrics, page = write("all", files=files, images=pixels)
    assert page.count("<audio") >= 12
    assert page.count("data:image/jpeg;base64,") >= 12
    assert "Made &lt;up&gt;" in page and "5 s &amp; no more" in page
    assert "(1 skipped)" in page
    for words in ("Best", "Middling", "Worst"):
        assert page.count(f"<h3>{words}: average precision") == 6
    # The same input gives the same bytes.
    assert write("again", files=files, images=pixels)[1] == page


def test_without_files_there_is_nothing_to_play(search):
    """And nothing to see; the names stay."""
    write, _, _ = search
    _, page = write("bare")
    assert "<audio" not in page and "<img" not in page
    assert "set/dog 1" in page


def test_a_picture_that_is_missing_is_left_out(search):
    """``images`` may give None."""
    write, files, _ = search
    _, page = write("none", files=files, images=lambda name: None)
    assert "<img" not in page and "<audio" in page
