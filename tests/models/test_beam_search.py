"""Beam search against its rule written out, and against all sequences.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import pytest
import torch

from speechbrain_clap.models.beam_search import beam_search

V = 7


class MadeUp:
    """A distribution that depends on the whole sequence, and on the clip.

    As a step callable it keeps the sequences that its rows stand for, which
    shows whether the parents are told right.
    """

    def __init__(self, clips, spread=1.5):
        self.clips = clips
        self.spread = spread
        self.rows = [(clip,) for clip in clips]
        self.calls = []

    def logits(self, sequence):
        """Of the token after a sequence, whose first entry is the clip."""
        seed = 0
        for entry in sequence:
            seed = (31 * seed + int(entry) + 1) % 1_000_003
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(V, generator=generator, dtype=torch.float64)
        return self.spread * noise

    def first(self):
        return torch.stack([self.logits((clip,)) for clip in self.clips])

    def __call__(self, tokens, parents):
        self.rows = [
            (*self.rows[parent], token)
            for token, parent in zip(
                tokens.tolist(), parents.tolist(), strict=True
            )
        ]
        self.calls.append(len(self.rows))
        return torch.stack([self.logits(row) for row in self.rows])

    def log_p(self, sequence, temperature=1.0):
        """Log-probabilities of the next token, a list."""
        return (self.logits(sequence) / temperature).log_softmax(0).tolist()


def by_the_rule(source, clip, beam_size, max_length, temperature, stop_id):
    """The published rule for one clip, in plain Python, with no cache."""
    beams = [
        # tokens, sum, length, stopped
        ([token], value, 1, token == stop_id)
        for token, value in enumerate(source.log_p((clip,), temperature))
    ]
    beams = sorted(beams, key=lambda beam: -beam[1])[:beam_size]
    for _ in range(1, max_length):
        if all(stopped for *_, stopped in beams):
            break
        candidates = []
        for tokens, total, length, stopped in beams:
            if stopped:
                candidates.append(([*tokens, 0], total, length, True))
                continue
            values = source.log_p((clip, *tokens), temperature)
            for token, value in enumerate(values):
                done = token == stop_id
                candidates.append(
                    ([*tokens, token], total + value, length + 1, done)
                )
        candidates.sort(key=lambda beam: -beam[1] / beam[2])
        beams = candidates[:beam_size]
    beams.sort(key=lambda beam: -beam[1] / beam[2])
    return [(tokens[:n], total / n) for tokens, total, n, _ in beams]


def search(source, **settings):
    """Ours, as lists cut to their lengths."""
    tokens, lengths, scores = beam_search(source.first(), source, **settings)
    beams = [
        [row[:n] for row, n in zip(*clip, strict=True)]
        for clip in zip(tokens.tolist(), lengths.tolist(), strict=True)
    ]
    return beams, scores


@pytest.mark.parametrize("beam_size", [1, 3, V])
@pytest.mark.parametrize("max_length", [1, 2, 9])
@pytest.mark.parametrize("stop_id", [-1, 0, 4])
@pytest.mark.parametrize("temperature", [0.01, 0.3, 1.0, 2.0])
def test_follows_the_rule(beam_size, max_length, stop_id, temperature):
    clips = list(range(10))
    settings = {
        "beam_size": beam_size,
        "max_length": max_length,
        "temperature": temperature,
        "stop_id": stop_id,
    }
    beams, scores = search(MadeUp(clips), **settings)
    for clip in clips:
        wanted = by_the_rule(MadeUp([]), clip, **settings)
        assert beams[clip] == [tokens for tokens, _ in wanted]
        torch.testing.assert_close(
            scores[clip],
            torch.tensor([score for _, score in wanted]).double(),
        )


def test_wide_beams_find_the_best_of_all_sequences():
    """Two tokens and as many beams as tokens: nothing can be missed."""
    source = MadeUp([3])
    ended, everything = 5, []
    for first, second in itertools.product(range(V), repeat=2):
        one = source.log_p((3,))[first]
        if first == ended:
            everything.append((one, [first]))
            continue
        two = source.log_p((3, first))[second]
        everything.append(((one + two) / 2, [first, second]))
    # The sequence that ends at once was counted once per second token.
    unique = {tuple(tokens): score for score, tokens in everything}
    best = sorted(unique.items(), key=lambda pair: -pair[1])[:V]
    beams, scores = search(source, beam_size=V, max_length=2, stop_id=ended)
    assert beams[0] == [list(tokens) for tokens, _ in best]
    wanted = torch.tensor([score for _, score in best]).double()
    torch.testing.assert_close(scores[0], wanted)


def test_batched_equals_one_by_one():
    """To the bit, also where clips end at different times."""
    clips = list(range(20))
    settings = {"beam_size": 3, "max_length": 12, "stop_id": 6}
    beams, scores = search(MadeUp(clips), **settings)
    ends = {max(len(beam) for beam in clip) for clip in beams}
    assert len(ends) > 2
    for clip in clips:
        alone, score = search(MadeUp([clip]), **settings)
        assert alone[0] == beams[clip]
        assert torch.equal(score[0], scores[clip])


def test_stopped_beams_cost_nothing():
    """The network gets what is still open, and is not asked in vain."""
    source = MadeUp([0])
    source.logits = lambda sequence: torch.tensor(
        [0.0, 1.0, 9.0] if len(sequence) > 1 else [9.0, 8.0, 2.0]
    )
    tokens, lengths, _ = beam_search(
        source.first(), source, beam_size=2, max_length=50, stop_id=2
    )
    # After 0 and 1 comes 2 with near certainty, and both beams have ended.
    assert source.calls == [2]
    assert tokens.tolist() == [[[0, 2], [1, 2]]]
    assert lengths.tolist() == [[2, 2]]

    source = MadeUp([0])
    tokens, lengths, _ = beam_search(
        torch.tensor([[0.0, 1.0, 9.0]]), source, beam_size=1, stop_id=2
    )
    assert source.calls == [] and tokens.tolist() == [[[2]]]


def test_past_the_end_there_are_zeros():
    source = MadeUp(list(range(20)))
    tokens, lengths, scores = beam_search(
        source.first(), source, beam_size=4, max_length=12, stop_id=2
    )
    past = torch.arange(tokens.shape[2]) >= lengths[:, :, None]
    assert past.any() and not tokens[past].any()
    ended = tokens.gather(2, lengths[:, :, None] - 1)[:, :, 0] == 2
    assert torch.equal(lengths < tokens.shape[2], ended & (lengths < 12))
    assert (scores.diff(dim=1) <= 0).all()


def test_half_precision_is_widened():
    source = MadeUp([0])
    scores = beam_search(
        source.first().bfloat16(), source, beam_size=2, max_length=1
    )[2]
    assert scores.dtype == torch.float32


@pytest.mark.parametrize(
    "settings",
    [
        {"beam_size": 0},
        {"beam_size": V + 1},
        {"max_length": 0},
        {"temperature": 0.0},
    ],
)
def test_what_cannot_be_is_refused(settings):
    source = MadeUp([0])
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        beam_search(source.first(), source, **settings)
