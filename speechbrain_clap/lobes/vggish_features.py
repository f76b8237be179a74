"""VGGish's front end: log-mel examples of about a second.

Authors
 * The speechbrain_clap team 2026
"""

import torch

from speechbrain_clap.lobes.mel import vggish_mel_matrix
from speechbrain_clap.lobes.spectrogram import check_waves


class VGGishLogMel(torch.nn.Module):
    """The log-mel examples of VGGish.

    "CNN Architectures for Large-Scale Audio Classification", Hershey et al.
    2017, https://arxiv.org/abs/1609.09430. Periodic Hann window, frames that
    start with the wave (no centring), magnitude and not power, triangles
    whose sides are straight in mel, then the natural logarithm of mel + 0.01.
    The frames are cut into examples that do not overlap; a rest that fills no
    example is dropped.

    A wave too short for one example, which the published code gives nothing
    for, is padded with zeros at its end to exactly one.

    Arguments
    ---------
    sample_rate : int
        Of the waves, in Hz.
    n_fft : int
        Points of the Fourier transform.
    win_length : int
        Length of the window, in samples.
    hop_length : int
        From one frame to the next, in samples.
    n_mels : int
        Number of mel bins.
    f_min : float
        Lower edge of the lowest bin, in Hz.
    f_max : float
        Upper edge of the highest bin, in Hz.
    log_offset : float
        Added before the logarithm.
    example_frames : int
        Frames of an example.

    Example
    -------
    >>> VGGishLogMel()(torch.randn(2, 40000)).shape
    torch.Size([2, 2, 96, 64])
    >>> VGGishLogMel()(torch.randn(2, 100)).shape
    torch.Size([2, 1, 96, 64])
    """

    def __init__(
        self,
        sample_rate=16000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=64,
        f_min=125.0,
        f_max=7500.0,
        log_offset=0.01,
        example_frames=96,
    ):
        super().__init__()
        if not 0 <= f_min < f_max <= sample_rate / 2:
            raise ValueError(
                f"VGGishLogMel: expected 0 <= f_min < f_max <= sample_rate / "
                f"2, got f_min={f_min}, f_max={f_max}, "
                f"sample_rate={sample_rate}"
            )
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.win_length = win_length
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.log_offset = log_offset
        self.example_frames = example_frames
        window = torch.hann_window(win_length)
        matrix = vggish_mel_matrix(sample_rate, n_fft, n_mels, f_min, f_max)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel_matrix", matrix, persistent=False)

    def examples(self, samples):
        """How many examples a wave gives.

        Arguments
        ---------
        samples : int
            Of the wave.

        Returns
        -------
        int
            At least one.
        """
        frames = 1 + (samples - self.win_length) // self.hop_length
        return max(1, frames // self.example_frames)

    def forward(self, wavs):
        """Turns waves into examples, in float32 whatever the autocast.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], floats of any precision, [B, T].

        Returns
        -------
        torch.Tensor
            Natural logarithms, float32, [B, examples, example_frames, n_mels].

        Raises
        ------
        ValueError
            If there are other dimensions, such as stereo has.
        TypeError
            If the samples are integers.
        """
        check_waves(wavs)
        examples = self.examples(wavs.shape[1])
        frames = examples * self.example_frames
        samples = self.win_length + (frames - 1) * self.hop_length
        with torch.autocast(wavs.device.type, enabled=False):
            wavs = wavs[:, :samples].float()
            missing = samples - wavs.shape[1]
            wavs = torch.nn.functional.pad(wavs, (0, missing))
            frames = wavs.unfold(1, self.win_length, self.hop_length)
            bins = torch.fft.rfft(frames * self.window, self.n_fft)
            mel = bins.abs() @ self.mel_matrix
            x = mel.add_(self.log_offset).log_()
        return x.unflatten(1, (examples, self.example_frames))

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, hop, number of mel bins, frames of an example.
        """
        return (
            f"sample_rate={self.sample_rate}, hop_length={self.hop_length}, "
            f"n_mels={self.n_mels}, example_frames={self.example_frames}"
        )
