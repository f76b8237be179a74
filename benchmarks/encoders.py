"""Encoders: HTSAT against transformers' ClapAudioModel, ESResNeXt by itself.

    python benchmarks/encoders.py [--full] [--device cpu|cuda]

Both HTSATs have the published sizes and start from the same log-mel
spectrograms of eight clips of ten seconds, so that only the networks are
compared. ``--full`` takes more turns; on a card it adds bf16 and compiled
training. The machine's own rate of matrix products is printed beside, since
no network can be faster than that.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
from importlib.metadata import version

import torch
from common import (
    count_operations,
    describe_device,
    make_claim,
    matrix_rate,
    print_report,
    time_in_turns,
    training_step,
)
from torch.nn.functional import cosine_similarity
from transformers import ClapAudioConfig, ClapAudioModel

from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.htsat import HTSAT

BATCH = 8
FRAMES, MELS = 1001, 64  # ten seconds at a hop of 10 ms
FORWARD_GOAL, TRAINING_GOAL, BF16_GOAL, GPU_GOAL = 1.15, 1.15, 2.0, 1.5
COSINE_GOAL = 0.999
FRONT_END_GOAL = 5.0  # percent


class LogMelGiven(torch.nn.Module):
    """In the place of a front end: what comes in is the log-mel already."""

    n_mels = MELS
    sample_rate = 48000
    hop_length = 480

    def forward(self, mels):
        """Passes [B, frames, mels] on.

        Arguments
        ---------
        mels : torch.Tensor
            Log-mel, [B, frames, mels].

        Returns
        -------
        torch.Tensor
            The same.
        """
        return mels


def make_htsats(device):
    """Both networks at the published sizes, in eval mode.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".

    Their weights differ, which takes no time of either.
    """
    torch.manual_seed(0)
    ours = (
        HTSAT(LogMelGiven(), clip_seconds=10.0, drop_path=0.0).to(device).eval()
    )
    theirs = ClapAudioModel(ClapAudioConfig()).to(device).eval()
    return ours, theirs


def compare_htsat(device, rounds):
    """Forward and training, float32 and bf16.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".
    rounds : int
        Timed turns of each.

    Returns
    -------
    list of dict
        Claims.
    list of str
        Whether their goals were reached.
    """
    ours, theirs = make_htsats(device)
    mels = torch.randn(BATCH, FRAMES, MELS, device=device) * 10 - 30
    about = {
        "benchmark": "encoders",
        "peer": f"transformers {version('transformers')} ClapAudioModel",
        "device": describe_device(device),
        "smaller_is_better": False,
    }
    longer = torch.zeros(BATCH, 1, dtype=torch.bool, device=device)

    def _ours():
        return ours(mels)

    def _theirs():
        return theirs(mels.unsqueeze(1), is_longer=longer).pooler_output

    def _bf16(function):
        def _call():
            with torch.autocast(device, torch.bfloat16):
                return function()

        return _call

    operations = count_operations(lambda: torch.no_grad()(_ours)())
    claims, goals = [], []

    def _claim(name, our_ms, their_ms, goal, dtype, passes=1):
        rate = matrix_rate(device, dtype)
        limit = BATCH * rate / (operations * passes)
        claim = make_claim(
            name,
            1000 * BATCH / our_ms,
            1000 * BATCH / their_ms,
            "clip/s",
            limit=float(f"{limit:.4g}"),
            **about,
        )
        share = 100 * claim["ours"] / limit
        text = f"{share:.0f} % of the matrix products' rate"
        if goal:
            done = "reached" if claim["ratio"] >= goal else "missed"
            text = f"{goal:g} times: {done}; {text}"
        claims.append(claim)
        goals.append(text)

    with torch.inference_mode():
        pair = time_in_turns(_ours, _theirs, rounds, device=device)
        _claim("forward", *pair, FORWARD_GOAL, torch.float32)
        half = time_in_turns(_bf16(_ours), _theirs, rounds, device=device)
        _claim("bf16 to fp32", *half, BF16_GOAL, torch.bfloat16)
        both = time_in_turns(
            _bf16(_ours), _bf16(_theirs), rounds, device=device
        )
        _claim("bf16 to bf16", *both, None, torch.bfloat16)
        cosine = cosine_similarity(_bf16(_ours)().float(), _ours()).min().item()
    about["smaller_is_better"] = True
    claims.append(
        make_claim("1 - cosine", 1 - cosine, 1 - COSINE_GOAL, "", **about)
    )
    done = "reached" if cosine > COSINE_GOAL else "missed"
    goals.append(f"bf16 to float32, above {COSINE_GOAL}: {done}")
    about["smaller_is_better"] = False
    ours.train()
    theirs.train()
    for precision, name in ((False, "training"), (True, "bf16 training")):
        pair = time_in_turns(
            training_step(ours, _ours, precision, device),
            training_step(theirs, _theirs, precision, device),
            max(3, rounds // 2),
            device=device,
        )
        goal = TRAINING_GOAL if not precision else None
        if precision and device != "cpu":
            goal = GPU_GOAL
        dtype = torch.bfloat16 if precision else torch.float32
        _claim(name, *pair, goal, dtype, passes=3)
    return claims, goals


def compare_compiled(device, rounds):
    """Our training in bf16 under torch.compile against theirs as it is.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".
    rounds : int
        Timed turns of each.

    Returns
    -------
    tuple of list
        Claims, and whether their goals were reached.
    """
    ours, theirs = make_htsats(device)
    mels = torch.randn(BATCH, FRAMES, MELS, device=device) * 10 - 30
    longer = torch.zeros(BATCH, 1, dtype=torch.bool, device=device)
    compiled = torch.compile(ours.train())
    theirs.train()
    pair = time_in_turns(
        training_step(ours, lambda: compiled(mels), True, device),
        training_step(
            theirs,
            lambda: theirs(mels.unsqueeze(1), is_longer=longer).pooler_output,
            True,
            device,
        ),
        rounds,
        warm_up=4,
        device=device,
    )
    claim = make_claim(
        "compiled",
        1000 * BATCH / pair[0],
        1000 * BATCH / pair[1],
        "clip/s",
        "encoders",
        f"transformers {version('transformers')} ClapAudioModel",
        describe_device(device),
        smaller_is_better=False,
    )
    return [claim], ["bf16 training, ours compiled"]


def measure_front_end(device, rounds):
    """Share of ESResNeXt's time that its spectrogram takes, in eval mode.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".
    rounds : int
        Timed turns of each.

    Returns
    -------
    tuple of list
        Claims, and whether their goals were reached.
    """
    network = ESResNeXt().to(device).eval()
    waves = 0.1 * torch.randn(BATCH, 5 * network.sample_rate, device=device)
    with torch.inference_mode():
        part, whole = time_in_turns(
            lambda: network.features(waves),
            lambda: network(waves),
            rounds,
            device=device,
        )
    share = 100 * part / whole
    claim = make_claim(
        "front end",
        share,
        12.0,
        "%",
        "encoders",
        "the authors' code, 12 % as measured there",
        describe_device(device),
    )
    done = "reached" if share <= FRONT_END_GOAL else "missed"
    return [claim], [
        f"at most {FRONT_END_GOAL:g} % of {whole:.0f} ms, 8 clips of 5 s: "
        f"{done}"
    ]


def main():
    """Runs all comparisons and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more turns")
    parser.add_argument("--device", default=None, help="cpu or cuda")
    arguments = parser.parse_args()
    device = arguments.device
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    rounds = 20 if arguments.full or device == "cuda" else 6
    torch.backends.cuda.matmul.allow_tf32 = False
    claims, goals = [], []
    # The front end first: once the others have warmed the memory up, the
    # network takes half of its time and the share doubles.
    parts = [measure_front_end, compare_htsat]
    if device == "cuda":
        parts.append(compare_compiled)
    for part in parts:
        more = part(device, rounds)
        claims += more[0]
        goals += more[1]
    print_report(claims, goals)


if __name__ == "__main__":
    main()
