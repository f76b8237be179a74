"""The command line on a tiny model."""

import numpy
import soundfile

from speechbrain_clap.cli.main import main


def test_classify_and_embed(tiny_clap_folder, tmp_path, capsys):
    """A line per file; an array; one line for an error."""
    paths = [str(tmp_path / f"{i}.wav") for i in range(2)]
    for path in paths:
        wav = 0.1 * numpy.random.default_rng(0).standard_normal(8000)
        soundfile.write(path, wav, 16000)
    assert main(["classify", tiny_clap_folder, *paths]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == paths
    output = str(tmp_path / "a.npy")
    assert main(["embed", tiny_clap_folder, *paths, "--output", output]) == 0
    assert numpy.load(output).shape == (2, 12)
    missing = str(tmp_path / "none.wav")
    assert main(["classify", tiny_clap_folder, missing]) == 1
    assert "none.wav: there is no such file" in capsys.readouterr().err


def test_published_weights_by_name(tmp_path, capsys):
    """A family's name in the place of a folder; its faults in one line."""
    path = tmp_path / "weights.pt"
    path.write_bytes(b"no weights")
    command = ["classify", "msclap_2023", "a.wav", "--weights", str(path)]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "weights.pt: is not a file of torch.save" in said
    assert len(said.strip().splitlines()) == 1
