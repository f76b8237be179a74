"""The text query-modifier: sums, features, locked towers, the baseline."""

import pytest
import torch
from torch.nn.functional import normalize

from speechbrain_clap.lobes.cnn14 import CNN6
from speechbrain_clap.lobes.features import LogMel
from speechbrain_clap.lobes.projection import ResidualProjection
from speechbrain_clap.lobes.subword_text import SubwordTransformer
from speechbrain_clap.models.query_modifier import QueryModifier

TEXTS = ["add dog bark", "make rain louder", "remove thunder"]


def tiny(**options):
    """A model of a few thousand numbers, in eval mode."""
    torch.manual_seed(0)
    text = SubwordTransformer(embedding_dim=8, nhead=2, d_ffn=16)
    text.fit_vocabulary(TEXTS)
    return QueryModifier(
        CNN6(
            LogMel(sample_rate=16000, f_max=8000.0),
            channels=[4, 8],
            embedding_dim=16,
        ),
        text,
        ResidualProjection(16, 12),
        ResidualProjection(8, 12),
        embedding_dim=12,
        labels=["dog", "thunder"],
        **options,
    ).eval()


@pytest.fixture
def wavs():
    """Two batches of three clips."""
    return 0.1 * torch.randn(2, 3, 8000, generator=torch.manual_seed(1))


def test_a_query_is_the_sum_of_both_embeddings(wavs):
    """Not of unit vectors; the weights are of the parts."""
    model = tiny()
    audio, text = model.embed_audio(wavs[0]), model.embed_text(TEXTS)
    assert (audio.norm(dim=1) > 2).all() and (text.norm(dim=1) > 2).all()
    torch.testing.assert_close(
        model.encode_query(wavs[0], TEXTS), normalize(audio + text, dim=-1)
    )
    torch.testing.assert_close(
        model.encode_query(wavs[0], TEXTS, audio_weight=0.5, text_weight=2.0),
        normalize(0.5 * audio + 2 * text, dim=-1),
    )
    torch.testing.assert_close(
        model.encode_query(wavs[0], TEXTS, text_weight=0.0),
        model.encode_audio(wavs[0]),
    )


@pytest.mark.parametrize("given", [("audio",), ("text",), ("audio", "text")])
def test_features_give_what_waves_and_texts_give(wavs, given):
    """Of one tower or of both."""
    model = tiny(tau=0.5, learn_tau=True)
    wanted = model(*wavs, TEXTS)
    assert wanted[5].item() == pytest.approx(1.6487, abs=1e-4)
    query, target, text = *wavs, TEXTS
    if "audio" in given:
        query, target = map(model.audio_features, wavs)
    if "text" in given:
        text = model.text_features(TEXTS)
    for found, want in zip(
        model(query, target, text, features=given), wanted, strict=True
    ):
        torch.testing.assert_close(found, want)


def test_lens_are_of_queries_and_of_targets(wavs):
    """A padded batch gives what its clips give alone."""
    model, lens = tiny(), torch.tensor([1.0, 0.5, 1.0])
    query, _, target, *_ = model(*wavs, TEXTS, lens=(lens, lens))
    torch.testing.assert_close(
        query[1:2], model.embed_audio(wavs[0, 1:2, :4000])
    )
    torch.testing.assert_close(
        target[1:2], model.embed_audio(wavs[1, 1:2, :4000])
    )


def test_locked_towers_do_not_learn_and_stay_in_eval_mode(wavs):
    """Their projections do, and the classifier."""
    model = tiny()
    model.lock("audio"), model.lock("text")
    model.train()
    assert not model.audio_encoder.training and not model.text_encoder.training
    assert model.audio_projection.training
    before = {k: x.clone() for k, x in model.audio_encoder.state_dict().items()}
    sum(x.sum() for x in model(*wavs, TEXTS)).backward()
    for key, value in model.audio_encoder.state_dict().items():
        assert torch.equal(value, before[key]), key  # batch norm too
    learnt = {
        n.split(".")[0]
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    assert learnt == {"audio_projection", "text_projection", "classifier"}
    with pytest.raises(ValueError, match="tower is 'image'"):
        model.lock("image")


def test_the_baseline_reads_no_text(wavs):
    """T is zero, and nothing of the text's side asks for a gradient."""
    model = tiny(use_text=False)
    query, text, *_ = model(*wavs, TEXTS)
    assert text.shape == (3, 12) and not text.any()
    assert not model.embed_text(TEXTS).any()
    torch.testing.assert_close(
        model.encode_query(wavs[0], TEXTS), normalize(query, dim=-1)
    )
    asking = {
        name.split(".")[0]
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    assert asking == {"audio_encoder", "audio_projection", "classifier"}


def test_tau_is_saved_whether_it_is_learnt_or_not():
    """One checkpoint fits both; labels must be some and differ."""
    state = tiny(tau=0.25).state_dict()
    model = tiny(learn_tau=True)
    model.load_state_dict(state)
    assert model.tau.item() == 0.25 and model.tau.requires_grad
    for labels in ([], ["dog", "dog"]):
        with pytest.raises(ValueError, match="labels are"):
            QueryModifier(None, None, None, None, 4, labels)
