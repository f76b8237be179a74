"""ESResNeXt-fbsp as it stands against the same network untuned.

    python benchmarks/esresnext.py [--full] [--device cpu|cuda]

Both have the published sizes and the same weights, and hear the same clips.
The untuned one is written as the paper has it: every filter is computed anew
in each pass, over all of its taps, and slides over the waves as a convolution
of real and imaginary parts; images lie in memory channel by channel. What was
tuned: the products are of frames folded into even and odd parts, which halves
them; filters that do not learn are kept; images lie channels last. Eval and
training, of the transform alone and of the whole network, and the machine's
own rate of matrix products beside the latter. ``--full`` takes more turns.

Authors
 * The speechbrain_clap team 2026
"""

import argparse

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

from speechbrain_clap.lobes.esresnext import ESResNeXt
from speechbrain_clap.lobes.fbsp import FBSP

BATCH = 2
SECONDS = 5.0
PEER = "the same network untuned"


class PlainFBSP(FBSP):
    """The transform as a convolution with the filters of the formula."""

    def power(self, wavs):
        """The squared absolute value of the transform.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T].

        Returns
        -------
        torch.Tensor
            float32, [B, bins, frames].
        """
        samples, beside = wavs.shape[-1], (self.n_fft - self.win_length) // 2
        full = (self.count(samples) - 1) * self.hop_length + self.win_length
        front = (full - samples) // 2
        back = full - samples - front
        wavs = torch.nn.functional.pad(wavs, (beside + front, back + beside))
        window = torch.nn.functional.pad(self.window, (beside, beside))
        # Cross-correlation with the conjugate is convolution with the filter.
        filters = self.filters().conj() * window
        real, imag = (
            torch.nn.functional.conv1d(
                wavs.unsqueeze(1), part.unsqueeze(1), stride=self.hop_length
            )
            for part in (filters.real, filters.imag)
        )
        return real.square() + imag.square()


def make_networks(device):
    """The tuned and the untuned network, with the same weights.

    Arguments
    ---------
    device : str
        "cpu" or "cuda".

    Returns
    -------
    tuple
        Two ``ESResNeXt`` in eval mode.
    """
    torch.manual_seed(0)
    ours = ESResNeXt()
    plain = ESResNeXt()
    sizes = (ours.fbsp.n_fft, ours.fbsp.hop_length, ours.fbsp.win_length)
    plain.fbsp = PlainFBSP(*sizes)
    plain.load_state_dict(ours.state_dict())
    plain.to(memory_format=torch.contiguous_format)
    # Else each image would be laid channels last before the first layer.
    plain.trunk = _plain_trunk.__get__(plain)
    return ours.to(device).eval(), plain.to(device).eval()


def _plain_trunk(self, image):
    """``ESResNeXt.trunk`` with the image as it comes."""
    x = torch.relu(self.bn1(self.conv1(image.contiguous())))
    x = torch.nn.functional.max_pool2d(x, 3, 2, padding=1)
    for index in range(1, 5):
        y = getattr(self, f"layer{index}")(x)
        x = y * getattr(self, f"att{index}")(x, y.shape[2:])
    return x


def compare(device, rounds):
    """Times both networks.

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
        What each is about.
    """
    ours, plain = make_networks(device)
    samples = int(SECONDS * ours.sample_rate)
    waves = 0.1 * torch.randn(BATCH, samples, device=device)
    claims, notes = [], []

    def _claim(name, pair, limit=None, note=""):
        claims.append(
            make_claim(
                name,
                *(1000 * BATCH / ms for ms in pair),
                "clip/s",
                "esresnext",
                PEER,
                describe_device(device),
                smaller_is_better=False,
                limit=limit and float(f"{limit:.4g}"),
            )
        )
        if limit:
            share = 100 * claims[-1]["ours"] / limit
            note = f"{share:.0f} % of the matrix products' rate"
        notes.append(note)

    with torch.no_grad():
        error = (ours(waves) - plain(waves)).abs().max().item()
        operations = count_operations(
            lambda: plain.trunk(plain.features(waves))
        )
        pair = time_in_turns(
            lambda: ours.features(waves),
            lambda: plain.features(waves),
            rounds,
            device=device,
        )
        note = f"filters kept; embeddings differ by {error:.0e} at most"
        _claim("transform, eval", pair, note=note)
        pair = time_in_turns(
            lambda: ours(waves), lambda: plain(waves), rounds, device=device
        )
        limit = BATCH * matrix_rate(device, torch.float32) / operations
        _claim("network, eval", pair, limit)
    ours.train()
    plain.train()
    pair = time_in_turns(
        training_step(ours.fbsp, lambda: ours.features(waves), False, device),
        training_step(plain.fbsp, lambda: plain.features(waves), False, device),
        rounds,
        device=device,
    )
    _claim("transform, training", pair, note="filters computed in each step")
    pair = time_in_turns(
        training_step(ours, lambda: ours(waves), False, device),
        training_step(plain, lambda: plain(waves), False, device),
        rounds,
        device=device,
    )
    limit = BATCH * matrix_rate(device, torch.float32) / (3 * operations)
    _claim("network, training", pair, limit)
    return claims, notes


def main():
    """Runs the comparison and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more turns")
    parser.add_argument("--device", default=None, help="cpu or cuda")
    arguments = parser.parse_args()
    device = arguments.device
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = False
    rounds = 20 if arguments.full or device == "cuda" else 5
    print_report(*compare(device, rounds))


if __name__ == "__main__":
    main()
