"""Captions: metrics.json, table and page.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import json

import numpy as np
import pytest
import soundfile

from speechbrain_clap.dataio.pairs import ManifestPairs
from speechbrain_clap.evaluation.captions import count_sources, write_captions
from speechbrain_clap.synthesis.compositions import sources_named

DESCRIPTION = {
    "dataset": "Mixes",
    "split": "test",
    "skipped": 1,
    "sounds": "made-up",
}


@pytest.fixture
def source(tmp_path):
    rows = {}
    for i, (captions, labels) in enumerate(
        [
            (
                ["a dog barks over rain", "rain falls & a dog barks"],
                ["dog", "rain"],
            ),
            (["a rooster crows"], ["rooster"]),
            (["sea waves break"], ["sea_waves"]),
        ]
    ):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, 0.1 * np.ones(4000), 8000)
        rows[str(i)] = {
            "path": str(path),
            "captions": captions,
            "labels": labels,
        }
    return ManifestPairs("Mixes", rows)


def test_what_is_written(source, tmp_path):
    captions = ["A dog barks over rain", "A <rooster> crows", "Rain falls"]
    metrics = write_captions(
        tmp_path / "out",
        [f"Mixes/{i}" for i in range(3)],
        captions,
        [row["captions"] for row in source.rows],
        DESCRIPTION,
        {"prompt": "", "generation": {"beam_size": 5}},
        source,
        sources_named,
        java=False,
    )
    read = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert read == metrics
    assert read["metric"] == "CIDEr" and read["clips"] == 3
    assert read["references"] == 4 and read["skipped"] == 1
    low, high = read["interval"]
    assert low <= read["value"] <= high
    assert read["missing"].keys() == {"METEOR", "SPICE", "SPIDEr"}
    assert read["scores"]["ROUGE-L"]["value"] == pytest.approx(2 / 3)
    assert read["scores"]["BLEU-1"]["interval"] is None
    assert read["sources"]["exact"] == pytest.approx(2 / 3)
    with open(tmp_path / "out" / "captions.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["caption"] for row in rows] == captions
    assert float(rows[1]["ROUGE-L"]) == 1.0
    assert rows[0]["references"].count("|") == 1
    page = (tmp_path / "out" / "report.html").read_text()
    for text in (
        "made-up sounds",
        "66.7 %",
        "A &lt;rooster&gt; crows",
        "rain falls &amp; a dog barks",
        "could not be computed",
        "SPICE",
        "speechbrain_clap.metrics",
    ):
        assert text in page, text
    assert page.count("<audio") == 3


def test_without_a_source(tmp_path):
    metrics = write_captions(
        tmp_path,
        ["a"],
        [""],
        [["a dog"]],
        DESCRIPTION,
        {},
        name_sources=sources_named,
        java=False,
    )
    assert metrics["metric"] == "ROUGE-L" and metrics["value"] == 0.0
    assert "CIDEr" in metrics["missing"] and "sources" not in metrics
    assert "(nothing)" in (tmp_path / "report.html").read_text()
    with pytest.raises(ValueError, match="2 captions for 1 clips"):
        write_captions(tmp_path, ["a"], ["", ""], [["a"]], DESCRIPTION, {})


def test_counts_by_hand():
    named = [{"dog"}, {"dog", "rain"}, set(), {"rooster"}]
    heard = [["dog"], ["rain"], ["rain"], ["dog", "rooster"]]
    counts = count_sources(named, heard)
    assert counts["exact"] == 1 / 4
    assert counts["precision"] == 3 / 4 and counts["recall"] == 3 / 5
    assert counts["f1"] == pytest.approx(2 * 3 / 9)
