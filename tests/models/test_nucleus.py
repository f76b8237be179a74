"""Nucleus sampling: what may be drawn, how often, and the same again.

Authors
 * The speechbrain_clap team 2026
"""

import pytest
import torch

from speechbrain_clap.models.nucleus import nucleus_sampling

CHANCES = torch.tensor([0.05, 0.5, 0.3, 0.15])


def draw(clips, **settings):
    logits = CHANCES.log().expand(clips, -1)

    def step(tokens, parents):
        assert len(tokens) == len(parents)
        return logits[: len(tokens)]

    return nucleus_sampling(logits, step, **{"stop_id": -1, **settings})


@pytest.mark.parametrize(
    "top_p, kept", [(0.4, [1]), (0.6, [1, 2]), (0.8001, [1, 2, 3]), (1.0, None)]
)
def test_frequencies(top_p, kept):
    """Tokens of the nucleus alone, in proportion."""
    seeds = list(range(400))
    tokens, lengths, scores = draw(400, top_p=top_p, max_length=10, seed=seeds)
    assert tokens.shape == (400, 1, 10) and (lengths == 10).all()
    found = torch.bincount(tokens.flatten(), minlength=4) / tokens.numel()
    wanted = CHANCES.clone()
    if kept is not None:
        wanted = torch.zeros(4)
        wanted[kept] = CHANCES[kept] / CHANCES[kept].sum()
        assert (found[wanted == 0] == 0).all()
    torch.testing.assert_close(found, wanted, atol=0.03, rtol=0)
    torch.testing.assert_close(
        scores, CHANCES.log()[tokens].mean(2), atol=1e-5, rtol=1e-5
    )


def test_a_clip_does_not_depend_on_its_neighbours():
    seeds = [3, 4, 5, 6, 7, 3]
    many, lengths, _ = draw(6, stop_id=1, max_length=12, seed=seeds)
    assert len(lengths.unique()) > 1  # they end at different times
    for clip in range(6):
        alone, length, _ = draw(1, stop_id=1, max_length=12, seed=seeds[clip])
        assert length == lengths[clip]
        assert torch.equal(alone[0, 0], many[clip, 0, : int(length)])
        assert (many[clip, 0, int(length) :] == 0).all()
        ended = many[clip, 0, int(length) - 1] == 1
        assert ended or length == 12


def test_low_temperature_takes_the_likeliest():
    assert (draw(9, temperature=0.01, max_length=4)[0] == 1).all()


@pytest.mark.parametrize(
    "settings", [{"top_p": 0.0}, {"max_length": 0}, {"temperature": 0.0}]
)
def test_what_cannot_be_is_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        draw(1, **settings)
