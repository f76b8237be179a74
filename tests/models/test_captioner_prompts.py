"""Captions after prompts, drawn, greedy, of kept features and of frames.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

pytest.importorskip("transformers")

from speechbrain_clap.lobes.caption_decoder import (  # noqa: E402
    CaptionDecoder,
    FrameMapper,
)
from speechbrain_clap.lobes.mapper import TransformerMapper  # noqa: E402
from speechbrain_clap.lobes.resnet18 import ResNet18  # noqa: E402
from speechbrain_clap.lobes.subword_decoder import SubwordDecoder  # noqa: E402
from speechbrain_clap.models.captioner import Captioner  # noqa: E402

CAPTIONS = ["a dog barks", "rain falls on a roof", "what is heard: a bell"]


def make(frames):
    torch.manual_seed(0)
    sizes = {"embedding_dim": 16, "nhead": 2, "max_positions": 30}
    encoder = ResNet18(
        widths=[4, 8], depths=[1, 1], frame_length=4000, frame_hop=4000
    )
    captioner = Captioner(
        encoder,
        torch.nn.Linear(8, 12),
        FrameMapper(12, 16)
        if frames
        else TransformerMapper(12, 16, 3, 3, num_layers=1, num_heads=2),
        CaptionDecoder(d_ffn=16, vocab_size=60, **sizes)
        if frames
        else SubwordDecoder(num_layers=1, vocab_size=60, **sizes),
        normalise_prefix=False,
        frames=frames,
        stop_id=None,
    ).eval()
    captioner.decoder.fit_vocabulary(CAPTIONS)
    for name, parameter in captioner.named_parameters():
        if name.startswith(("mapper", "decoder", "audio_projection")):
            torch.nn.init.normal_(parameter, std=0.5)
    return captioner


@pytest.fixture(scope="module", params=[False, True], ids=["prefix", "frames"])
def captioner(request):
    return make(request.param)


WAVS = 0.1 * torch.randn(4, 8000, generator=torch.Generator().manual_seed(1))


def test_prompts_of_any_length(captioner):
    """Each clip gets what it gets alone; the score is that of its answer."""
    prompts = ["", "what is heard:", "", "a dog"]
    settings = {"max_length": 6, "beam_size": 3}
    beams, scores = captioner.generate(WAVS, prompts=prompts, **settings)
    for i, prompt in enumerate(prompts):
        alone, value = captioner.generate(
            WAVS[i : i + 1], prompts=[prompt], **settings
        )
        assert alone == beams[i : i + 1]
        torch.testing.assert_close(value[0], scores[i], atol=1e-4, rtol=1e-4)
        [read] = captioner.decoder.encode([prompt])
        ids = torch.tensor([read + beams[i][0]])
        with torch.no_grad():
            logits = captioner(WAVS[i : i + 1], ids)
        log_p = logits[:, :-1].log_softmax(-1).gather(2, ids[:, :, None])
        answer = log_p[0, len(read) :, 0].mean()
        torch.testing.assert_close(answer, scores[i, 0], atol=1e-4, rtol=1e-4)
    plain, _ = captioner.generate(WAVS, **settings)
    assert plain[0] == beams[0] and plain != beams
    with pytest.raises(ValueError, match="1 prompts for 4 clips"):
        captioner.generate(WAVS, prompts=["a"])


def test_greedy_drawn_and_beams(captioner):
    greedy = captioner.caption(WAVS, beam_size=1, max_length=6)
    cold = captioner.caption(WAVS, top_p=1.0, temperature=1e-3, max_length=6)
    assert cold == greedy
    drawn = [
        captioner.caption(WAVS, top_p=0.95, seed=seed, max_length=6)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_kept_features_serve_as_well(captioner):
    with torch.no_grad():
        features = captioner.features(WAVS)
    assert features.ndim == (3 if captioner.frames else 2)
    settings = {"max_length": 5, "beam_size": 2}
    wanted = captioner.generate(WAVS, **settings)
    found = captioner.generate(None, features=features, **settings)
    assert found[0] == wanted[0]
    ids = torch.randint(9, (4, 3))
    with torch.no_grad():
        torch.testing.assert_close(
            captioner(None, ids, features=features), captioner(WAVS, ids)
        )


def test_what_hears_is_locked():
    captioner = make(False)
    captioner.lock("audio")
    captioner.train()
    assert not captioner.audio_encoder.training
    assert captioner.mapper.training
    captioner(WAVS, torch.randint(9, (4, 3))).sum().backward()
    grads = {
        name.split(".")[0]
        for name, p in captioner.named_parameters()
        if p.grad is not None
    }
    assert grads == {"mapper", "decoder"}
    with pytest.raises(ValueError, match="'text'"):
        captioner.lock("text")
