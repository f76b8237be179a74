"""Beam search with a cache, against the published form without one.

ClapCap's mapper and GPT2 small (124 M parameters) with random weights: 40
vectors of prefix, 30 tokens, 5 beams, each clip from its embedding. The peer is
the rule as its authors published it, one clip after another, the whole
sequence run again for every token. Both must write the same tokens. The goal:
5 times as fast. ``--full`` takes 67 tokens, ``--small`` a GPT2 of 4 layers.

Run: ``python benchmarks/beam.py``.

Authors
 * The speechbrain_clap team 2026
"""

import argparse

import torch
from common import describe_device, make_claim, print_report, time_in_turns

from speechbrain_clap.lobes.mapper import TransformerMapper
from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
from speechbrain_clap.models.writing import WritingModel

CLIPS = 2
BEAMS = 5
TOKENS = 30
FULL_TOKENS = 67
STOP = 220
FASTER_GOAL = 5.0
DIFFERENCE_ALLOWED = 1e-4  # of mean log-probabilities


class Writer(WritingModel):
    """The writing half of ClapCap.

    Arguments
    ---------
    layers : int
        Blocks of GPT2.
    """

    stop_id = STOP

    def __init__(self, layers):
        super().__init__()
        config = {
            "model_type": "gpt2",
            "n_layer": layers,
            # Far from uniform, so that beams are no matter of rounding.
            "initializer_range": 0.1,
        }
        self.mapper = TransformerMapper()
        self.decoder = PrefixDecoder(config, pretrained=False)

    def map_features(self, features):
        """Maps embeddings to prefixes.

        Arguments
        ---------
        features : torch.Tensor
            [B, 1024].

        Returns
        -------
        torch.Tensor
            [B, 40, 768].
        """
        return self.mapper(features)


@torch.no_grad()
def published_form(writer, features, max_length):
    """The authors' rule: no cache, no batch.

    Arguments
    ---------
    writer : Writer
        The model.
    features : torch.Tensor
        [B, 1024].
    max_length : int
        Most tokens.

    Returns
    -------
    list of list of list of int
        For each clip its beams, best first.
    torch.Tensor
        Mean log-probabilities, [B, BEAMS].
    """
    found = [
        _one_clip(writer, clip[None], max_length)
        for clip in writer.map_features(features)
    ]
    beams, scores = zip(*found, strict=True)
    return list(beams), torch.stack(scores)


def _one_clip(writer, generated, max_length):
    model, table = writer.decoder.model, writer.decoder.model.lm_head.weight
    tokens = sums = None
    lengths = torch.ones(BEAMS)
    stopped = torch.zeros(BEAMS, dtype=torch.bool)
    for _ in range(max_length):
        # As there, the head scores every position of the sequence.
        logits = model(inputs_embeds=generated, use_cache=False).logits
        log_p = logits[:, -1].softmax(-1).log()
        if sums is None:
            sums, following = log_p[0].topk(BEAMS)
            generated = generated.expand(BEAMS, -1, -1)
            tokens = following[:, None]
        else:
            log_p[stopped] = float("-inf")
            log_p[stopped, 0] = 0
            lengths[~stopped] += 1
            means = (sums[:, None] + log_p) / lengths[:, None]
            means, best = means.flatten().topk(BEAMS)
            parents, following = best // log_p.shape[1], best % log_p.shape[1]
            lengths = lengths[parents]
            tokens = torch.cat([tokens[parents], following[:, None]], 1)
            generated, sums = generated[parents], means * lengths
            stopped = stopped[parents]
        generated = torch.cat([generated, table[following][:, None]], 1)
        stopped = stopped | (following == STOP)
        if stopped.all():
            break
    scores, order = (sums / lengths).sort(descending=True)
    beams = [tokens[i, : int(lengths[i])].tolist() for i in order]
    return beams, scores


def main():
    """Compares the two and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="67 tokens")
    parser.add_argument("--small", action="store_true", help="4 layers")
    parser.add_argument("--rounds", type=int, default=3, help="timed turns")
    options = parser.parse_args()
    torch.manual_seed(0)
    max_length = FULL_TOKENS if options.full else TOKENS
    writer = Writer(4 if options.small else 12).eval()
    features = torch.nn.functional.normalize(torch.randn(CLIPS, 1024), dim=-1)

    def _ours():
        return writer.generate(
            None, features=features, beam_size=BEAMS, max_length=max_length
        )

    def _theirs():
        return published_form(writer, features, max_length)

    (tokens, scores), (wanted, values) = _ours(), _theirs()  # and warms up
    assert tokens == wanted, f"other tokens: {tokens} and {wanted}"
    apart = float((scores - values).abs().max())
    assert apart <= DIFFERENCE_ALLOWED, f"scores differ by {apart}"
    times = time_in_turns(_ours, _theirs, rounds=options.rounds, warm_up=0)
    claim = make_claim(
        "time a clip",
        *(time / CLIPS for time in times),
        "ms",
        benchmark="beam",
        peer="the published form, without cache",
        device=describe_device("cpu"),
    )
    reached = claim["ratio"] >= FASTER_GOAL
    print(
        f"{CLIPS} clips, {BEAMS} beams, {max_length} tokens, GPT2 of "
        f"{writer.decoder.model.config.n_layer} layers: the same tokens, "
        f"scores within {apart:.1g}"
    )
    goal = f"{FASTER_GOAL:g} times as fast: "
    print_report([claim], [goal + ("reached" if reached else "missed")])


if __name__ == "__main__":
    main()
