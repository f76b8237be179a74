"""From made-up sounds to the tables of the text query-modifier."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
SMALL = (
    f"--text_source={SAMPLES / 'text_models' / 'bert'}",
    "--text_pretrained=False",
    "--text_dim=16",
    "--text_length=50",
    "--clip_seconds=1.0",
    "--num_workers=0",
    "--batch_size=32",
    "--number_of_epochs=40",
    "--valid_fraction=0.1",
    "--tau=3.0",
    "--lr=0.003",
    "--seed=1",
)


def run(script, *options):
    """Runs a recipe of APwD from the root to its end."""
    done = subprocess.run(
        [sys.executable, f"recipes/APwD/{script}.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_differences_of_sounds_meet_their_texts(tmp_path):
    """Pairs of made-up sounds, two methods trained, both evaluated."""
    data = tmp_path / "pairs"
    run(
        "synthesise",
        "hparams/apwd_synthesise.yaml",
        f"--esc50_folder={SAMPLES / 'ESC50'}",
        f"--scene={SAMPLES / 'APwD' / 'scene_rain_esc10.yaml'}",
        f"--output_folder={data}",
        "--dev_pairs=200",
        "--eval_pairs=40",
        "--num_workers=1",
    )
    for method, options in (
        ("with_text", ()),
        ("baseline", ("--rho=0", "--use_text=False")),
    ):
        run(
            "train",
            "hparams/apwd_small.yaml",
            f"--data_folder={data}",
            f"--features_folder={tmp_path / 'features'}",
            f"--output_folder={tmp_path / method}",
            "--device=cpu",
            "--noprogressbar",
            *SMALL,
            *options,
        )
    run(
        "evaluate",
        "hparams/apwd_evaluate.yaml",
        f"--data_folder={data}",
        "--scene=rain_esc10",
        f"--model={tmp_path}/{{method}}/model",
        "--methods=[baseline,with_text]",
        "--seeds=[1]",
        f"--output_folder={tmp_path / 'tables'}",
        "--device=cpu",
    )
    found = json.loads((tmp_path / "tables" / "metrics.json").read_text())
    assert set(found["methods"]) == {"baseline", "with_text"}
    assert (tmp_path / "tables" / "report.html").is_file()
    # Sounds that were held out: what differs lies where its own text does.
    [agreement] = found["agreement"]["with_text"]
    assert agreement["own"] > agreement["others"] + 0.1
    assert found["agreement"]["baseline"] == [None]
