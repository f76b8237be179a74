"""ClapCap against its authors' code: embedding, prefix, logits, beams.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.htsat import HTSAT
from speechbrain_clap.lobes.mapper import TransformerMapper
from speechbrain_clap.lobes.mel import slaney_mel_matrix
from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
from speechbrain_clap.lobes.projection import ResidualProjection
from speechbrain_clap.models.captioner import Captioner

PREFIXES = {
    "audio_projection": "clap.projection.",
    "mapper": "clap_project.",
}


@pytest.fixture(scope="module")
def clapcap(golden):
    return golden("msclap_clapcap")


@pytest.fixture(scope="module")
def captioner(clapcap):
    """The published captioner under the golden weights."""
    # Drawing random weights first would take longer than the tests.
    with torch.device("meta"):
        mapper = TransformerMapper()
        decoder = PrefixDecoder({"model_type": "gpt2"}, pretrained=False)
    captioner = Captioner(
        HTSAT(LogMel(), num_classes=527, window_frames=689, cover_tail=False),
        ResidualProjection(768, 1024),
        mapper,
        decoder,
    ).eval()
    # Published with the matrix of another sample rate.
    captioner.audio_encoder.features.mel_matrix.copy_(
        slaney_mel_matrix(32000, 1024, 64, 50.0, 14000.0)
    )
    state = clapcap.weights("clap.base.htsat.")
    del state["head.weight"], state["head.bias"]  # never used
    report = captioner.audio_encoder.load_state_dict(state, strict=False)
    assert not report.unexpected_keys
    for key in report.missing_keys:
        assert key.startswith("features.") or "num_batches" in key
    for name, prefix in PREFIXES.items():
        getattr(captioner, name).load_state_dict(
            clapcap.weights(prefix), assign=True
        )
    decoder.load_state_dict(
        {f"model.{k}": v for k, v in clapcap.weights("gpt.").items()},
        assign=True,
    )
    return captioner


@pytest.fixture(scope="module")
def waves(clapcap):
    return clapcap.waves()


@torch.no_grad()
def test_published_outputs(clapcap, captioner, waves):
    """Stage by stage, every output of the file."""
    assert set(clapcap.facts["outputs"]) == {
        "audio_embedding",
        "mapper_linear_item0_first4",
        "prefix_item0_first128",
        "prefix_mean_over_positions",
        "caption_logits_first256",
        "caption_logsumexp",
        "caption_top5_logits",
    }
    clapcap.check("audio_embedding", captioner.audio_embedding(waves))
    unit = captioner.encode_audio(waves)
    linear = captioner.mapper.linear(unit[:1]).view(-1, 768)
    clapcap.check("mapper_linear_item0_first4", linear[:4])
    prefix = captioner.prefix(waves)
    clapcap.check("prefix_item0_first128", prefix[0, :, :128])
    clapcap.check("prefix_mean_over_positions", prefix.mean(1))

    ids = torch.tensor(clapcap.facts["text_input"]["input_ids"])
    logits = captioner(waves, ids)
    clapcap.check("caption_logits_first256", logits[..., :256])
    clapcap.check("caption_logsumexp", logits.logsumexp(-1))
    values, best = logits.topk(5)
    clapcap.check("caption_top5_logits", values)
    assert best.tolist() == clapcap.facts["caption_top5_ids"]


@pytest.mark.parametrize(
    "name", ["plain", "with_a_stop", "with_another_stop", "narrow"]
)
def test_published_beams(clapcap, captioner, waves, name):
    """Id by id, of every beam, both clips in one batch."""
    case = clapcap.facts["beam_search"][name]
    tokens, scores = captioner.generate(
        waves,
        beam_size=case["beam_size"],
        max_length=case["entry_length"],
        temperature=case["temperature"],
        stop_id=case["stop_id"],
    )
    assert tokens == case["per_item"]
    assert (scores.diff(dim=1) <= 0).all()


def test_no_case_is_left_out(clapcap):
    cases = {k for k, v in clapcap.facts["beam_search"].items() if "note" != k}
    cases = {k for k in cases if not k.startswith("same")}
    assert cases == {"plain", "with_a_stop", "with_another_stop", "narrow"}
