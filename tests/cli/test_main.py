"""The command line on a tiny model."""

import numpy
import soundfile

from speechbrain_clap.cli import use
from speechbrain_clap.cli.main import main
from speechbrain_clap.dataio.audio import read_audio
from speechbrain_clap.inference import opening


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


def test_captions_of_good_and_bad_files(monkeypatch, tmp_path, capsys):
    """A bad file costs its own line and the exit code, nothing else."""
    heard = []

    class Stub:
        @classmethod
        def from_hparams(cls, source, run_opts):
            return cls()

        def caption_files(self, paths, **options):
            heard.append((list(paths), options))
            for path in paths:
                read_audio(path, 16000)
            return [f"a sound of {len(path)}" for path in paths]

    monkeypatch.setattr(opening, "Captioner", Stub)
    good = [str(tmp_path / f"{i}.wav") for i in range(2)]
    for path in good:
        soundfile.write(path, 0.1 * numpy.sin(numpy.arange(800)), 16000)
    bad = str(tmp_path / "bad.wav")
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    command = ["caption", str(tmp_path), good[0], bad, good[1]]
    assert main([*command, "--top_p", "0.9", "--prompt", "hear"]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"{path}\ta sound of {len(path)}" for path in good
    ]
    assert "bad.wav" in told.err and len(told.err.splitlines()) == 1
    assert heard[0][1] == {"prompt": "hear", "top_p": 0.9}
    assert [len(paths) for paths, _ in heard] == [3, 1, 1, 1]
    assert main(["caption", str(tmp_path), *good, "--beam_size", "1"]) == 0
    assert heard[-1] == (good, {"beam_size": 1})
    assert main(["caption", str(tmp_path / "none"), *good]) == 1
    assert "expected the folder model/" in capsys.readouterr().err


def test_a_model_that_does_not_classify(monkeypatch, capsys):
    monkeypatch.setattr(use, "open_model", lambda *_: object())
    assert main(["classify", "model", "a.wav"]) == 1
    assert "model: object does not classify" in capsys.readouterr().err


def test_published_weights_by_name(tmp_path, capsys):
    """A family's name in the place of a folder; its faults in one line."""
    path = tmp_path / "weights.pt"
    path.write_bytes(b"no weights")
    command = ["classify", "msclap_2023", "a.wav", "--weights", str(path)]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "weights.pt: is not a file of torch.save" in said
    assert len(said.strip().splitlines()) == 1
