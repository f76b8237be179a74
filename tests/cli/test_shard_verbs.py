"""The verbs that make and check shards."""

import json

import numpy
import soundfile

from speechbrain_clap.cli.main import main


def test_pack_verify_and_index(tmp_path, capsys):
    """A line for what was done; status 1 and a line for each fault."""
    rows = {}
    for name in "ab":
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, numpy.full(800, 0.1), 8000)
        rows[name] = {"path": f"{{data_root}}/{name}.wav", "captions": ["hum"]}
    rows["c"] = {"path": "{data_root}/c.wav", "captions": ["hum"]}
    manifest = tmp_path / "pairs.json"
    manifest.write_text(json.dumps(rows))
    folder = tmp_path / "shards"
    command = ["pack", str(manifest), str(folder)]
    command += ["--data_root", str(tmp_path), "--shard_megabytes", "0.005"]
    assert main(command) == 0
    assert capsys.readouterr().out == "2 clips in 2 shards, 0 left out\n"
    assert main([*command, "--on_bad_clip", "stop"]) == 1
    assert "c.wav does not exist" in capsys.readouterr().err
    assert main(["verify", str(folder)]) == 0
    assert "all tars are as their checksums say" in capsys.readouterr().out
    (folder / "shard-000000.tar").write_bytes(b"")
    assert main(["verify", str(folder)]) == 1
    assert "sbclap: shard-000000.tar: has 0 bytes" in capsys.readouterr().err
    assert main(["index-shards", str(folder)]) == 1
    assert "pack wrote it" in capsys.readouterr().err
    (folder / "index.json").unlink()
    assert main(["index-shards", str(folder)]) == 0
    assert capsys.readouterr().out == "1 clips in 1 shards, 1 left out\n"
