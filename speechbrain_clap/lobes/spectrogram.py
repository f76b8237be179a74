"""What the spectrograms share: the short-time Fourier transform's power.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from speechbrain.processing.features import STFT


def check_waves(wavs):
    """Refuses what is no batch of mono waves, before it is misread.

    Arguments
    ---------
    wavs : torch.Tensor
        Should be floats, [B, T].

    Raises
    ------
    ValueError
        For other shapes, such as stereo.
    TypeError
        For integers, whose range is another.

    Example
    -------
    >>> check_waves(torch.zeros(2, 16000))
    """
    if wavs.ndim != 2:
        raise ValueError(
            f"expected mono waves [B, T], got shape {tuple(wavs.shape)}; take "
            "the mean over channels, or add the batch dimension"
        )
    if not wavs.is_floating_point():
        raise TypeError(
            f"expected waves as floats in [-1, 1], got {wavs.dtype}; divide "
            "16-bit samples by 32768"
        )


class PowerSpectrogram(torch.nn.Module):
    """Power of the short-time Fourier transform.

    Periodic Hann window, centred frames with reflected edges. The arithmetic
    is float32 even under autocast: in bf16 the quiet bins would be lost.

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

    Example
    -------
    >>> PowerSpectrogram(16000, 512, 512, 160)(torch.randn(2, 16000)).shape
    torch.Size([2, 101, 257])
    """

    def __init__(self, sample_rate, n_fft, win_length, hop_length):
        super().__init__()
        self.sample_rate = sample_rate
        self.hop_length = hop_length
        # SpeechBrain's STFT takes milliseconds and rounds to samples.
        self.stft = STFT(
            sample_rate=sample_rate,
            win_length=1000.0 * win_length / sample_rate,
            hop_length=1000.0 * hop_length / sample_rate,
            n_fft=n_fft,
            window_fn=torch.hann_window,
            pad_mode="reflect",
        )
        # A buffer goes to the device once, not with every batch.
        window = self.stft.window
        del self.stft.window
        self.stft.register_buffer("window", window, persistent=False)
        self.shortest = n_fft // 2 + 1  # what reflection at the edges needs

    @property
    def window(self):
        """What each frame is multiplied with.

        Returns
        -------
        torch.Tensor
            [win_length].
        """
        return self.stft.window

    def forward(self, wavs):
        """Turns waves into spectrograms.

        Arguments
        ---------
        wavs : torch.Tensor
            Mono waves in [-1, 1], floats of any precision, [B, T]. Fewer
            samples than half a window are padded with zeros, since the edges
            are reflected.

        Returns
        -------
        torch.Tensor
            float32, [B, T // hop_length + 1, n_fft // 2 + 1]; for a subclass,
            what its ``scale`` makes of it.

        Raises
        ------
        ValueError
            If there are other dimensions, such as stereo has.
        TypeError
            If the samples are integers.
        """
        check_waves(wavs)
        with torch.autocast(wavs.device.type, enabled=False):
            wavs = wavs.float()
            if wavs.shape[-1] < self.shortest:
                missing = self.shortest - wavs.shape[-1]
                wavs = torch.nn.functional.pad(wavs, (0, missing))
            if wavs.device.type != "cpu":
                return self.scale(self._power(wavs))
            # Clip by clip the spectra stay in the cache: the same numbers in
            # a third of the time.
            clips = [self.scale(self._power(wav)) for wav in wavs.split(1)]
            return torch.cat(clips)

    def _power(self, wavs):
        bins = torch.view_as_complex(self.stft(wavs))
        # Summing over a trailing axis of two would be six times slower.
        return bins.real.square().addcmul_(bins.imag, bins.imag)

    def scale(self, power):
        """What a subclass makes of the power; it may change it in place.

        Arguments
        ---------
        power : torch.Tensor
            float32, [B, frames, n_fft // 2 + 1].

        Returns
        -------
        torch.Tensor
            [B, frames, bins].
        """
        return power

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Sample rate, points, window and hop.
        """
        return (
            f"sample_rate={self.sample_rate}, n_fft={self.stft.n_fft}, "
            f"win_length={self.stft.win_length}, hop_length={self.hop_length}"
        )
