"""Complex frequency B-spline wavelets, trained with the network they feed.

"ESResNe(X)t-fbsp: Learning Robust Time-Frequency Transformation of Audio",
Guzhov et al. 2021, https://arxiv.org/abs/2104.11587.

Authors
 * The speechbrain_clap team 2026
"""

import math

import scipy.signal
import torch

# As published: keeps a division by `m`, which starts at 0, and `t` off zero.
OFFSET = 1e-8


def unit_maximum(gradient):
    """Scales a gradient so that its largest absolute value is 1.

    Arguments
    ---------
    gradient : torch.Tensor
        Of any shape.

    Returns
    -------
    torch.Tensor
        Scaled; as it was if it is zero throughout.

    Example
    -------
    >>> unit_maximum(torch.tensor([1.0, -4.0]))
    tensor([ 0.2500, -1.0000])
    """
    largest = gradient.abs().amax()
    return gradient / torch.where(largest > 0, largest, 1.0)


class FBSP(torch.nn.Module):
    """Short-time transform with one trainable wavelet per frequency bin.

    At tap t = pi * linspace(-1, 1, n_fft) + 1e-8 the filter of a bin is

    ``sqrt(fb / n_fft) * sinc(fb * t / (m + 1e-8)) ** m * exp(-i * fc * t)``

    with sinc(x) = sin(x) / x and a complex power: a negative base gives the
    phase pi * m. The order `m`, the bandwidth `fb` and the centre `fc` of each
    bin are trained. They start at m = 0, fb = 1, fc = 0, 1, 2, ..., nearly a
    Fourier transform.

    Frames are not centred: the wave is extended by as few zeros as fill the
    last frame, half of them in front. A frame is weighted by a periodic
    Blackman-Harris window, in the middle of the `n_fft` taps.

    In a backward pass the gradient of each of the three is divided by its own
    largest absolute value (under DDP on each rank, before the mean over the
    ranks), also after the module was copied, pickled, moved, or loaded with
    ``assign=True``. A gradient scaler for float16 would be undone by that.

    Where no gradient is to reach the parameters, the filters are computed once
    for as long as these stay as they are; changes are seen by their version,
    so not those written through ``.data``. Compiled, they are part of the
    graph. The arithmetic is float32 even under autocast, as in the authors'
    code: the phases of the highest bins are thereby good to 3e-4 rad.

    Arguments
    ---------
    n_fft : int
        Taps of a filter; even. There are n_fft // 2 + 1 filters.
    hop_length : int
        From one frame to the next, in samples.
    win_length : int
        Samples of a frame; even, `n_fft` at most.

    Raises
    ------
    ValueError
        If the sizes are odd, or the window is longer than the filters.

    Example
    -------
    >>> transform = FBSP(n_fft=64, hop_length=20, win_length=50)
    >>> coefficients = transform(torch.rand(2, 400))
    >>> coefficients.shape, coefficients.dtype
    (torch.Size([2, 33, 19]), torch.complex64)
    """

    def __init__(self, n_fft=2048, hop_length=561, win_length=1654):
        super().__init__()
        if n_fft % 2 or win_length % 2 or not 0 < win_length <= n_fft:
            raise ValueError(
                f"FBSP: expected even sizes, 0 < win_length <= n_fft; got "
                f"n_fft={n_fft}, win_length={win_length}"
            )
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.win_length = win_length
        self.bins = n_fft // 2 + 1
        self._cache = None
        self.m = torch.nn.Parameter(torch.zeros(self.bins))
        self.fb = torch.nn.Parameter(torch.ones(self.bins))
        self.fc = torch.nn.Parameter(torch.arange(float(self.bins)))
        # Published weights hold a bias of size 0. As a parameter it would be
        # one that gets no gradient, which DDP refuses.
        self.register_buffer("bias", torch.empty(0))
        window = scipy.signal.get_window("blackmanharris", win_length)
        self.register_buffer(
            "window", torch.from_numpy(window).float(), persistent=False
        )

    def register_parameter(self, name, param):
        """Takes a parameter in; also what ``assign=True`` brings.

        Arguments
        ---------
        name : str
            Its name.
        param : torch.nn.Parameter
            Its value.
        """
        super().register_parameter(name, param)
        self._take_in_parameters()

    def _apply(self, fn, recurse=True):
        """Moves or casts; what it makes new must be taken in again."""
        super()._apply(fn, recurse)
        self._take_in_parameters()
        return self

    def __getstate__(self):
        """Leaves the filters out of copies and pickles."""
        return {**self.__dict__, "_cache": None}

    def __setstate__(self, state):
        """Restores; parameters lose their hooks in copies and pickles."""
        super().__setstate__(state)
        self._take_in_parameters()

    def _take_in_parameters(self):
        """Normalises the parameters' gradients, forgets older filters."""
        self._cache = None
        for parameter in self._parameters.values():
            if unit_maximum in (parameter._backward_hooks or {}).values():
                continue
            trained = parameter.requires_grad
            parameter.requires_grad_(True)  # who is frozen may thaw later
            parameter.register_hook(unit_maximum)
            parameter.requires_grad_(trained)

    def count(self, samples):
        """Tells how many frames a wave gives.

        Arguments
        ---------
        samples : int
            Length of the wave.

        Returns
        -------
        int
            Number of frames, 1 or more.
        """
        beyond = max(0, samples - self.win_length)
        return 1 + -(-beyond // self.hop_length)

    def filters(self):
        """All taps of the filters, as the formula has them.

        Returns
        -------
        torch.Tensor
            complex64, [bins, n_fft], without the window.
        """
        t = self._taps()
        size, turn = self._envelope(t)
        return torch.polar(size, turn - self.fc.float().unsqueeze(1) * t)

    def norm_loss(self):
        """Keeps the filters near unit norm; is added to the training loss.

        Returns
        -------
        torch.Tensor
            Mean over the bins of (norm - 1) ** 2, a scalar.
        """
        size, _ = self._envelope(self._taps())
        return (torch.linalg.vector_norm(size, dim=1) - 1).square().mean()

    def forward(self, wavs):
        """Transforms waves.

        Arguments
        ---------
        wavs : torch.Tensor
            [B, T].

        Returns
        -------
        torch.Tensor
            complex64, [B, bins, frames].
        """
        return torch.complex(*self._transform(wavs))

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
        real, imag = self._transform(wavs)
        return torch.addcmul(real.square(), imag, imag)

    def _transform(self, wavs):
        """Real and imaginary part of the transform, each [B, bins, frames]."""
        with torch.autocast(wavs.device.type, enabled=False):
            even, odd = self._fold(wavs.float())
            cosines, sines, real_of_odd, imag_of_even, rows = self._kernels()
            real, imag = cosines @ even, sines @ odd
            if rows is None:
                return real + real_of_odd @ odd, imag + imag_of_even @ even
            if len(rows):
                real = real.index_add(1, rows, real_of_odd @ odd)
                imag = imag.index_add(1, rows, imag_of_even @ even)
            return real, imag

    def _fold(self, wavs):
        """Even and odd part of each frame, both [B, win_length // 2, frames].

        The filters are an even envelope times a cosine and a sine. On the even
        and odd parts, which are half as long, a filter whose envelope is real
        costs half the products, and needs half the taps.
        """
        samples, half = wavs.shape[-1], self.win_length // 2
        full = (self.count(samples) - 1) * self.hop_length + self.win_length
        front = (full - samples) // 2
        wavs = torch.nn.functional.pad(wavs, (front, full - samples - front))
        frames = wavs.unfold(-1, self.win_length, self.hop_length) * self.window
        after, before = frames[..., half:], frames[..., :half].flip(-1)
        return (after + before).mT, (after - before).mT

    def _kernels(self):
        """What to multiply folded frames with; see ``_compute_kernels``."""
        parameters = list(self._parameters.values())
        learning = torch.is_grad_enabled() and any(
            parameter.requires_grad for parameter in parameters
        )
        if learning or torch.compiler.is_compiling():
            return self._compute_kernels()
        if any(parameter.is_inference() for parameter in parameters):
            return self._compute_kernels()  # these have no version
        key = [(id(p), p._version, p.data_ptr()) for p in parameters]
        if self._cache is None or self._cache[0] != key:
            # As ordinary tensors, which a later training step can use.
            with torch.inference_mode(False), torch.no_grad():
                *straight, real_of_odd, imag_of_even, _ = (
                    self._compute_kernels()
                )
                # Envelopes are real where m is 0 or no base is negative.
                crossed = real_of_odd.any(1) | imag_of_even.any(1)
                rows = crossed.nonzero()[:, 0]
                kernels = (*straight, real_of_odd[rows], imag_of_even[rows])
                self._cache = key, (*kernels, rows)
        return self._cache[1]

    def _compute_kernels(self):
        """Filters at the taps t > 0 that the window leaves.

        Those at t < 0 are their mirror images but for the offset of 1e-8,
        which turns a bin's phase by 1e-5 at most.

        Returns
        -------
        tuple
            Four float32 [bins, win_length // 2]: from the even part to the
            real one, odd to imaginary, odd to real, even to imaginary; and
            None, for the bins that the last two are of: all.
        """
        middle = self.n_fft // 2
        t = self._taps()[middle : middle + self.win_length // 2]
        size, turn = self._envelope(t)
        angle = self.fc.float().unsqueeze(1) * t
        cosine, sine = angle.cos(), angle.sin()
        real, imag = size * turn.cos(), size * turn.sin()
        kernels = (real * cosine, -real * sine, imag * sine, imag * cosine)
        return (*kernels, None)

    def _taps(self):
        """The places of the taps, float32 [n_fft]."""
        steps = torch.linspace(
            -1, 1, self.n_fft, dtype=torch.float32, device=self.fc.device
        )
        return math.pi * steps + OFFSET

    def _envelope(self, t):
        """Absolute value and phase of the envelope, each [bins, len(t)]."""
        m = self.m.float().unsqueeze(1)
        fb = self.fb.float().unsqueeze(1)
        x = fb * t / (m + OFFSET)
        # Twice, or the gradient at 0 would be NaN.
        zero = x == 0
        base = torch.where(zero, 1.0, x.sin() / torch.where(zero, 1.0, x))
        size = (fb / self.n_fft).sqrt() * base.abs().pow(m)
        return size, math.pi * m * (base < 0)

    def extra_repr(self):
        """Tells the sizes, for ``print``.

        Returns
        -------
        str
            Taps, hop, samples of a frame, bins.
        """
        return (
            f"n_fft={self.n_fft}, hop_length={self.hop_length}, "
            f"win_length={self.win_length}, bins={self.bins}"
        )
