"""Decoders with subwords of their own: cache, state, what they refuse.

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
from speechbrain_clap.lobes.subword_decoder import SubwordDecoder  # noqa: E402
from speechbrain_clap.lobes.subword_vocabulary import (  # noqa: E402
    SubwordVocabulary,
)

CAPTIONS = ["a dog barks", "rain falls on a roof", "a dog barks over rain"]


def make(kind):
    torch.manual_seed(0)
    sizes = {"embedding_dim": 16, "num_layers": 2, "nhead": 2}
    options = {"vocab_size": 60, "max_positions": 14, **sizes}
    if kind is CaptionDecoder:
        options["d_ffn"] = 24
    decoder = kind(**options).eval()
    decoder.fit_vocabulary(CAPTIONS)
    return decoder


@torch.no_grad()
def test_cache_equals_the_whole_sequence():
    """With rows reordered, repeated and dropped; with a text before."""
    decoder = make(CaptionDecoder)
    memory, whole = torch.randn(2, 5, 16), torch.randint(300, (2, 3))
    logits, cache = decoder.start(memory, whole, room=4)
    torch.testing.assert_close(logits, decoder(memory, whole)[:, -1])
    torch.testing.assert_close(
        decoder.start(memory)[0], decoder(memory, whole)[:, 0]
    )
    for parents in ([0, 0, 1, 1, 1], [4, 0, 2], [0, 1, 2], [2, 2]):
        parents = torch.tensor(parents)
        tokens = torch.randint(300, parents.shape)
        logits = decoder.proceed(tokens, parents, cache)
        memory = memory[parents]
        whole = torch.cat([whole[parents], tokens[:, None]], 1)
        torch.testing.assert_close(logits, decoder(memory, whole)[:, -1])


@torch.no_grad()
def test_it_looks_at_the_frames_and_not_ahead():
    decoder = make(CaptionDecoder)
    memory, ids = torch.randn(1, 5, 16), torch.randint(300, (1, 6))
    logits = decoder(memory, ids)
    changed = ids.clone()
    changed[:, 4] += 1
    other = decoder(memory, changed)
    torch.testing.assert_close(logits[:, :5], other[:, :5])
    assert not torch.allclose(logits[:, 5:], other[:, 5:])
    assert not torch.allclose(logits, decoder(memory + 1, ids))
    mapped = FrameMapper(8, 15)(torch.ones(1, 3, 8))  # an odd width, too
    assert mapped.shape == (1, 3, 15)
    assert not torch.allclose(mapped[0, 0], mapped[0, 1])


def test_every_parameter_learns():
    decoder = make(CaptionDecoder).train()
    ids = torch.randint(300, (2, 5))
    logits = decoder(torch.randn(2, 4, 16), ids)
    torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), ids.flatten()
    ).backward()
    for name, parameter in decoder.named_parameters():
        if "keys_values.bias" not in name:  # of keys: cancels in the softmax
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", [CaptionDecoder, SubwordDecoder])
def test_the_vocabulary_is_part_of_the_state(kind):
    one, two = make(kind), make(kind)
    two.fit_vocabulary(["other words altogether", "quite different"])
    two.load_state_dict(one.state_dict())
    [ids] = two.encode(["A dog barks"])
    assert [ids] == one.encode(["a dog barks"])
    assert one.encode(["a dog barks"], continued=True) == [ids]
    assert two.decode([*ids, two.end_id, 0]) == "a dog barks"
    with pytest.raises(ValueError, match="14 positions.* 1[57]"):
        two.start(torch.randn(1, 2, 16), torch.randint(9, (1, 14)), room=1)


def test_vocabulary():
    vocabulary = SubwordVocabulary(60)
    with pytest.raises(RuntimeError, match="fit_vocabulary"):
        vocabulary.encode(["a dog"])
    vocabulary.fit_vocabulary(iter(CAPTIONS))
    other = SubwordVocabulary(60)
    other.fit_vocabulary(reversed(CAPTIONS))
    assert torch.equal(vocabulary.get_extra_state(), other.get_extra_state())
    # What the captions did not hold is spelled in bytes.
    for text in ("a dog barks", "öre 鳥", ""):
        [ids] = vocabulary.encode([text])
        assert vocabulary.decode(ids) == text
        assert all(2 < i < vocabulary.size for i in ids)
    assert vocabulary.decode([vocabulary.size - 1, 0, 2]) == ""
    with pytest.raises(ValueError, match="holds any text"):
        vocabulary.fit_vocabulary([" "])
    with pytest.raises(ValueError, match="vocab_size=3 .* distinct"):
        SubwordVocabulary(3).fit_vocabulary(CAPTIONS)
    small = SubwordVocabulary(5)
    with pytest.raises(ValueError, match="built for 264.*vocab_size="):
        small.set_extra_state(vocabulary.get_extra_state())
