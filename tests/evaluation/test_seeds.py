"""A table over seeds, by hand."""

import csv

import pytest

from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.evaluation.seeds import seed_scores, write_seed_table
from speechbrain_clap.utils.files import write_json


def runs(folder, values):
    """Writes what the runs leave: row to a value for each seed."""
    for row, of_seeds in values.items():
        for seed, value in enumerate(of_seeds, start=1):
            write_json(
                folder / f"seed{seed}/{row}/zero_shot_ESC-50/metrics.json",
                {"value": value, "sounds": "real"},
            )


def test_mean_and_standard_deviation(tmp_path):
    """Of the sample: 0.1 for 0.6, 0.7, 0.8."""
    runs(tmp_path, {"teacher": [0.6, 0.7, 0.8], "sl": [0.9, 0.9, 0.9]})
    scores = write_seed_table(tmp_path, [1, 2, 3], ["teacher", "sl"])
    teacher, student = scores["ESC-50"].values()
    assert teacher["mean"] == pytest.approx(0.7)
    assert teacher["std"] == pytest.approx(0.1)
    assert student["std"] == pytest.approx(0.0)
    with open(tmp_path / "table.csv", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[1] == [
        "teacher",
        "ESC-50",
        "70.0",
        "10.0",
        "60.0",
        "70.0",
        "80.0",
    ]
    assert "real recordings" in (tmp_path / "report.html").read_text()
    assert seed_scores(tmp_path, [2], ["sl"])["ESC-50"]["sl"]["std"] is None


def test_a_run_without_scores_is_named(tmp_path):
    """Which one, and what the others have."""
    runs(tmp_path, {"teacher": [0.6], "sl": []})
    with pytest.raises(DataError, match="seed1/sl: .* expected ESC-50"):
        seed_scores(tmp_path, [1], ["teacher", "sl"])
