"""The verbs that index sounds and search in them."""

import numpy
import pytest
import soundfile

from speechbrain_clap.cli.main import main
from speechbrain_clap.inference import SoundIndex


@pytest.fixture
def sounds(tmp_path):
    """Four sounds, and a file that is none."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(4):
        wav = 0.1 * numpy.random.default_rng(i).standard_normal(8000)
        soundfile.write(folder / f"{i}.wav", wav, 16000)
    (folder / "bad.wav").write_bytes(b"no sound")
    return folder


def test_index_and_search(sounds, tiny_clap_folder, tmp_path, capsys):
    """Made, brought up to date, searched by all there is."""
    folder = str(tmp_path / "index")
    assert main(["index", str(sounds), folder]) == 1
    assert "pass a model" in capsys.readouterr().err
    command = ["index", str(sounds), folder, "--device", "cpu"]
    assert main([*command, "--model", tiny_clap_folder]) == 0
    told = capsys.readouterr()
    assert told.out == (
        "4 sounds: 4 added, 0 changed, 0 removed, 0 kept (4 embedded), "
        "1 unreadable\n"
    )
    assert "sbclap: bad.wav: cannot be decoded" in told.err
    (sounds / "3.wav").unlink()
    assert main(command) == 0
    assert "3 sounds: 0 added, 0 changed, 1 removed" in capsys.readouterr().out

    search = ["search", "--device", "cpu", folder]
    assert main([*search, "a dog barks", "--k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    index = SoundIndex(folder, device="cpu")
    assert lines == [
        f"{hit.cosine:.4f}\t{hit.file}"
        for hit in index.search("a dog barks", k=2)
    ]
    page = tmp_path / "found.html"
    command = [*search, "rain", "--text_weight=-0.5", "--modifier", "add dog"]
    command += ["--modifier_weight", "2", "--sound", str(sounds / "1.wav")]
    command += ["--refine", "louder", "--refine", "add rain"]
    assert main([*command, "--report", str(page)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2 and "found.html" in told.err
    first = index.search({"rain": -0.5}, str(sounds / "1.wav"), {"add dog": 2})
    last = index.refine(index.refine(first, {"louder": 2}), {"add rain": 2})
    assert told.out == "".join(f"{h.cosine:.4f}\t{h.file}\n" for h in last)
    text = page.read_text("utf-8")
    assert "2</b><span>refinements" in text and "2 × “add rain”" in text


def test_one_line_for_an_error(sounds, tiny_clap_folder, tmp_path, capsys):
    """No index; nothing asked; no such sound."""
    folder = str(tmp_path / "index")
    SoundIndex(folder, tiny_clap_folder, device="cpu").update(sounds)
    for words, said in (
        (["search", str(tmp_path / "none"), "dog"], "holds no index"),
        (["search", folder, "--device", "cpu"], "pass a text, a sound"),
        (["search", folder, "--sound", "none.wav"], "neither a file nor"),
        (["search", folder, "dog", "--k", "0"], "k is 0"),
    ):
        capsys.readouterr()
        assert main(words) == 1
        told = capsys.readouterr().err.splitlines()
        assert said in told[-1] and told[-1].startswith("sbclap: ")
