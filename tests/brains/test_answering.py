"""Two tasks train one tower, which then begins a CLAP."""

import functools

import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounterWithStopper
from train_tiny import TinyEncoder

from speechbrain_clap.augment.waveform import RandomCropOrPad
from speechbrain_clap.brains.captioning import CaptioningBrain
from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.checkpoints.start import start_audio_from
from speechbrain_clap.dataio.datasets import ClipCollate
from speechbrain_clap.dataio.mixture import MixtureBatches
from speechbrain_clap.dataio.pairs import ClipPairs, PairDataset
from speechbrain_clap.dataio.task_rules import NameLabels
from speechbrain_clap.dataio.task_sets import AskedPairs, TaskPairs
from speechbrain_clap.evaluation.answers import write_answers
from speechbrain_clap.lobes.mapper import MLPMapper
from speechbrain_clap.losses.captioning import CaptionLoss
from speechbrain_clap.models.export import write_weights
from speechbrain_clap.schedulers import WarmupCosine
from speechbrain_clap.utils.checkpointer import AtomicCheckpointer

pytest.importorskip("transformers")

LABELS = ("dog", "rain", "siren", "waves")


def read(file, start, stop, position):
    """A clip that tells what it is by the quarter that is loud."""
    generator = torch.Generator().manual_seed(int(file))
    wav = 0.1 * torch.randn(64, generator=generator)
    wav.view(4, 16)[int(file) % 4] += 3.0
    return wav


def sources(first, last):
    """Two tasks over one part."""
    rows = {
        str(i): {
            "path": str(i),
            "captions": ["-"],
            "label": LABELS[i % 4],
            "half": ("first", "second")[i % 4 // 2],
        }
        for i in range(first, last)
    }
    return [
        TaskPairs("naming", rows, NameLabels("label", "what is this?")),
        TaskPairs("halves", rows, NameLabels("half", "which half is loud?")),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A brain, its test sources and what it wrote about them."""
    from speechbrain_clap.lobes.subword_decoder import SubwordDecoder
    from speechbrain_clap.models.captioner import Captioner

    folder = tmp_path_factory.mktemp("answering")
    torch.manual_seed(0)
    captioner = Captioner(
        TinyEncoder(0.0),
        torch.nn.Linear(8, 8),
        MLPMapper(8, 32, prefix_length=2),
        SubwordDecoder(32, 1, 2, 40, 48, dropout=0.0),
        normalise_prefix=False,
        stop_id=None,
    )
    train, tests = sources(0, 64), sources(64, 104)
    asked = [source.ask(i) for source in train for i in range(64)]
    captioner.decoder.fit_vocabulary(
        [text for prompt, answers in asked for text in (prompt, *answers)]
    )
    counter = EpochCounterWithStopper(8, 99, 0, "min")
    brain = CaptioningBrain(
        modules={"captioner": captioner},
        opt_class=functools.partial(torch.optim.Adam, lr=0.005),
        hparams={
            "seed": 1,
            "epoch_counter": counter,
            "lr_schedule": WarmupCosine(0.1, 0.0),
            "train_loggers": [],
            "selection": "loss",
            "crop": RandomCropOrPad(1.0, 64),
            "augment": [],
            "loss": CaptionLoss(),
            "locked_audio": False,
            "answer_length": 12,
            "generation": {"beam_size": 1, "max_length": 12},
            "lr_factors": {},
        },
        run_opts={"device": "cpu", "noprogressbar": True},
        checkpointer=AtomicCheckpointer(
            folder / "save", {"captioner": captioner, "counter": counter}
        ),
    )
    pairs = PairDataset(train, read, seed=1)
    brain.fit(
        counter,
        torch.utils.data.DataLoader(
            AskedPairs(pairs, train, seed=1),
            batch_sampler=MixtureBatches(
                train, 16, 1, {"naming": 2, "halves": 1}, epoch_size=192
            ),
            collate_fn=ClipCollate(fill=True),
        ),
    )
    found = {}
    for source in tests:
        clips = ClipPairs(source, read, policy={"samples": 64})
        loader = {"batch_size": 8, "collate_fn": ClipCollate(fill=False)}
        brain.evaluate(AskedPairs(clips, [source]), test_loader_kwargs=loader)
        about = {"dataset": "Tones", "split": "test", "sounds": "made-up"}
        found[source.name] = write_answers(
            folder / source.name, *brain.results(), about, {}, source
        )
    lobe = folder / "audio_encoder"
    lobe.mkdir()
    write_weights(lobe, "audio_encoder", captioner.audio_encoder, {})
    return captioner.eval(), found, folder


def test_both_tasks_are_learnt(trained):
    _, found, folder = trained
    for name, least in (("naming", 0.9), ("halves", 0.9)):
        assert found[name]["value"] >= least > found[name]["majority"]
        assert (folder / name / "answers.csv").is_file()
    assert found["naming"]["per_name"]["dog"]["clips"] == 10
    assert set(found["halves"]["per_name"]) == {"first", "second"}


def test_clap_begins_with_the_tower(trained, caplog):
    from speechbrain_clap.lobes.subword_text import SubwordTransformer
    from speechbrain_clap.models.clap import CLAP

    captioner, _, folder = trained

    def _clap():
        torch.manual_seed(3)
        text = SubwordTransformer(embedding_dim=8, num_layers=1, nhead=2)
        projections = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)
        return CLAP(TinyEncoder(0.0), text, *projections).eval()

    scratch, clap = _clap(), _clap()
    with caplog.at_level("INFO"):
        start_audio_from(clap.audio_encoder, folder / "audio_encoder")
    parts = len(clap.audio_encoder.state_dict())
    assert f"all of its {parts} parts" in caplog.text
    wavs = torch.stack([read(str(i), 0, 0, 0) for i in range(6)])
    with torch.no_grad():
        heard = clap.audio_encoder(wavs)
        torch.testing.assert_close(heard, captioner.audio_encoder(wavs))
        before, after = (x.encode_audio(wavs) for x in (scratch, clap))
    assert (before - after).abs().max() > 0.01
    # What is not the sound tower is as from scratch.
    torch.testing.assert_close(
        clap.audio_projection.weight, scratch.audio_projection.weight
    )


def test_a_tower_of_another_size_is_refused(trained):
    wide = TinyEncoder(0.0)
    wide.net[3] = torch.nn.Linear(16, 9)
    with pytest.raises(CheckpointError, match="no weights for .* such as"):
        start_audio_from(wide, trained[2] / "audio_encoder")
    with pytest.raises(CheckpointError, match="or audio_encoder.ckpt"):
        start_audio_from(wide, trained[2])
