"""The captioner on a tiny encoder and a tiny GPT2.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from speechbrain_clap.lobes.cnn14 import CNN6  # noqa: E402
from speechbrain_clap.lobes.features import LogMel  # noqa: E402
from speechbrain_clap.lobes.mapper import TransformerMapper  # noqa: E402
from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder  # noqa: E402
from speechbrain_clap.lobes.projection import ResidualProjection  # noqa: E402
from speechbrain_clap.models.captioner import Captioner  # noqa: E402

V = 50
GPT2 = {
    "model_type": "gpt2",
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 32,
    "vocab_size": V,
    "bos_token_id": None,
    "eos_token_id": None,
    # Far from uniform, so that beams are no matter of rounding.
    "initializer_range": 0.5,
}


def words():
    """A tokenizer of whole words: no two of its ids give the same text."""
    table = {f"W{number}": number for number in range(V)}
    core = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(table, unk_token="W0")
    )
    core.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core)


def make(seed=0, tokenizer=None, **options):
    torch.manual_seed(seed)
    encoder = CNN6(
        LogMel(sample_rate=16000, f_max=8000.0),
        clip_seconds=1.0,
        channels=[4, 8],
        embedding_dim=16,
    )
    captioner = Captioner(
        encoder,
        ResidualProjection(16, 12),
        TransformerMapper(12, 16, 4, 3, num_layers=2, num_heads=2),
        PrefixDecoder(GPT2, pretrained=False, tokenizer_source=tokenizer),
        **options,
    )
    # Statistics as after training, or batch norm would do nothing.
    with torch.no_grad():
        captioner.train().prefix(sounds(8))
        # Or the sound would hardly matter beside the learned vectors.
        captioner.mapper.linear.weight.mul_(20)
    return captioner.eval()


def sounds(clips, samples=8000):
    """Noises of different colours."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(clips, samples, generator=generator)
    for clip in range(clips):
        noise[clip] = noise[clip].cumsum(0) / 50 if clip % 2 else noise[clip]
    return 0.1 * (1 + torch.arange(clips)[:, None]) * noise


@pytest.fixture(scope="module")
def captioner():
    return make()


@torch.no_grad()
def published_rule(captioner, wav, beam_size, max_length, temperature, stop_id):
    """One clip, the whole sequence run again at every step, as published."""
    prefix = captioner.prefix(wav[None])
    model, table = captioner.decoder.model, captioner.decoder.model.lm_head
    tokens, sums, lengths, stopped = [], None, None, None
    for _ in range(max_length):
        rows = [table.weight[ids] for ids in tokens] or [
            prefix.new_empty(0, 16)
        ]
        inputs = torch.stack([torch.cat([prefix[0], row]) for row in rows])
        logits = model(inputs_embeds=inputs, use_cache=False).logits[:, -1]
        log_p = (logits / temperature).log_softmax(-1)
        if sums is None:
            sums, best = log_p[0].topk(beam_size)
            tokens = [[token] for token in best.tolist()]
            lengths = torch.ones(beam_size)
            stopped = best == stop_id
        else:
            log_p[stopped] = float("-inf")
            log_p[stopped, 0] = 0
            lengths[~stopped] += 1
            means = (sums[:, None] + log_p) / lengths[:, None]
            means, best = means.flatten().topk(beam_size)
            parents, best = best // V, best % V
            lengths = lengths[parents]
            sums = means * lengths
            tokens = [
                [*tokens[parent], token]
                for parent, token in zip(
                    parents.tolist(), best.tolist(), strict=True
                )
            ]
            stopped = stopped[parents] | (best == stop_id)
        if stopped.all():
            break
    scores, order = (sums / lengths).sort(descending=True)
    return [tokens[i][: int(lengths[i])] for i in order.tolist()], scores


@pytest.mark.parametrize("beam_size, temperature", [(5, 1.0), (2, 0.5)])
def test_cache_and_batch_change_nothing(captioner, beam_size, temperature):
    """For many stops, so that beams end early, late and never."""
    wavs = sounds(3)
    free, _ = captioner.generate(wavs, max_length=10, stop_id=-1)
    met = {token for beams in free for beam in beams for token in beam}
    seen = set()
    for stop_id in (-1, *sorted(met)[:8]):
        settings = {
            "beam_size": beam_size,
            "max_length": 10,
            "temperature": temperature,
            "stop_id": stop_id,
        }
        tokens, scores = captioner.generate(wavs, **settings)
        for clip, wav in enumerate(wavs):
            wanted, values = published_rule(captioner, wav, **settings)
            assert tokens[clip] == wanted
            torch.testing.assert_close(
                scores[clip], values, atol=2e-5, rtol=2e-5
            )
            seen |= {len(beam) for beam in wanted}
    assert 10 in seen and len(seen) > 3


def test_sounds_get_captions_of_their_own(captioner):
    """A batch, a clip alone, and a padded clip with its length agree."""
    wavs = sounds(3)
    tokens, scores = captioner.generate(wavs, max_length=6)
    assert len({tuple(beams[0]) for beams in tokens}) > 1
    lens = torch.tensor([1.0, 0.5, 1.0])
    silenced = wavs.clone()
    silenced[1, 4000:] = 0
    padded, values = captioner.generate(silenced, lens, max_length=6)
    alone, value = captioner.generate(wavs[1:2, :4000], max_length=6)
    assert padded == [tokens[0], alone[0], tokens[2]]
    torch.testing.assert_close(values[1:2], value, atol=2e-5, rtol=2e-5)


def test_a_finished_batch_stops_early(captioner, monkeypatch):
    wavs = sounds(2)
    free, _ = captioner.generate(wavs, beam_size=1, max_length=12, stop_id=-1)
    stop_id = free[0][0][1]
    asked = []
    proceed = captioner.decoder.proceed

    def counted(tokens, parents, cache):
        asked.append(len(tokens))
        return proceed(tokens, parents, cache)

    monkeypatch.setattr(captioner.decoder, "proceed", counted)
    tokens, _ = captioner.generate(
        wavs[:1], beam_size=1, max_length=12, stop_id=stop_id
    )
    assert tokens[0][0] == free[0][0][: free[0][0].index(stop_id) + 1]
    assert len(asked) == len(tokens[0][0]) - 1 < 11


def test_teacher_forcing_agrees_with_generation(captioner):
    """A beam's score is the mean of its tokens' log-probabilities."""
    wavs = sounds(2)
    tokens, scores = captioner.generate(wavs, max_length=6, stop_id=-1)
    ids = torch.tensor([beams[0] for beams in tokens])
    with torch.no_grad():
        logits = captioner(wavs, ids)
    assert logits.shape == (2, 7, V)
    log_p = logits[:, :-1].log_softmax(-1).gather(2, ids[:, :, None])
    torch.testing.assert_close(log_p.mean((1, 2)), scores[:, 0])


def test_the_prefix_can_be_left_as_it_is():
    """Embeddings: normalised for everybody, or as projected."""
    captioner, wavs = make(normalise_prefix=False), sounds(2)
    with torch.no_grad():
        raw = captioner.audio_embedding(wavs)
        unit = captioner.encode_audio(wavs)
        torch.testing.assert_close(unit.norm(dim=1), torch.ones(2))
        torch.testing.assert_close(
            captioner.prefix(wavs), captioner.mapper(raw)
        )
        captioner.normalise_prefix = True
        torch.testing.assert_close(
            captioner.prefix(wavs), captioner.mapper(unit)
        )


def test_every_parameter_trains():
    captioner = make().train()
    logits = captioner(sounds(4), torch.randint(V, (4, 5)))
    torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), torch.randint(V, (20,))
    ).backward()
    for name, parameter in captioner.named_parameters():
        assert parameter.grad is not None, name


def test_state_dict_round_trip():
    one, two, wavs = make(0), make(1), sounds(2)
    settings = {"max_length": 5, "beam_size": 3}
    wanted = one.generate(wavs, **settings)
    assert two.generate(wavs, **settings)[0] != wanted[0]
    two.load_state_dict(one.state_dict())
    found = two.generate(wavs, **settings)
    assert found[0] == wanted[0]
    torch.testing.assert_close(found[1], wanted[1])


def test_bf16(captioner):
    """It writes, its scores are float32 and near those of float32."""
    wavs, ids = sounds(2), torch.randint(V, (2, 5))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        tokens, scores = captioner.generate(wavs, max_length=6)
        logits = captioner(wavs, ids).float()
    assert len(tokens[0]) == 5
    assert scores.dtype == torch.float32 and scores.isfinite().all()
    with torch.no_grad():
        wanted = captioner(wavs, ids)
    assert torch.cosine_similarity(logits, wanted, dim=-1).min() > 0.99


@pytest.mark.parametrize("samples", [1, 1600, 64000])
def test_silence_and_odd_lengths(captioner, samples):
    tokens, scores = captioner.generate(torch.zeros(1, samples), max_length=3)
    assert len(tokens[0]) == 5 and scores.isfinite().all()


def test_strings():
    """The stop is cut off, the first letter alone is upper case."""
    captioner, wavs = make(tokenizer=words()), sounds(2)
    tokens, _ = captioner.generate(wavs, beam_size=2, max_length=4, stop_id=-1)
    best = tokens[0][0]
    wanted = " ".join(f"w{token}" for token in best).capitalize()
    said = captioner.caption(wavs, beam_size=2, max_length=4, stop_id=-1)
    assert said[0] == wanted and len(said) == 2
    stopped = captioner.caption(
        wavs[:1], beam_size=1, max_length=4, stop_id=best[0]
    )
    greedy, _ = captioner.generate(
        wavs[:1], beam_size=1, max_length=4, stop_id=best[0]
    )
    kept = [token for token in greedy[0][0] if token != best[0]]
    assert stopped[0] == " ".join(f"w{token}" for token in kept).capitalize()


def test_what_cannot_be_is_refused(captioner):
    with pytest.raises(ValueError, match="no tokenizer"):
        captioner.caption(sounds(1))
    with pytest.raises(ValueError, match="32 positions.* need 33"):
        captioner.generate(sounds(1), max_length=30)
    captioner.generate(sounds(1), beam_size=1, max_length=29)
    with pytest.raises(ValueError, match="beam_size=51"):
        captioner.generate(sounds(1), beam_size=51, max_length=3)
    with pytest.raises(ValueError, match="out_dim=16"):
        Captioner(
            captioner.audio_encoder,
            captioner.audio_projection,
            TransformerMapper(12, 8, num_layers=1),
            captioner.decoder,
        )
    assert captioner.sample_rate == 16000 and captioner.clip_seconds == 1.0
