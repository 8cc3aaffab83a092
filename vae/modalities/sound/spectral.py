"""Short-time Fourier transforms, log-mel spectrograms, and the way back from these to a waveform.

Frame t of a waveform x stands for its samples t H, ..., (t + 1) H - 1 (H the hop). A periodic Hann
window w of W = r H samples lies around them, on zeros where the waveform has ended:

    X[t, k] = 2 / sum(w) sum_n w[n] x[t H - P + n] exp(-2 pi i k n / W),    P = (W - H) // 2

so that a sine of amplitude 1 at the frequency of a bin has |X| = 1: full scale. Mel bands are means
of the power |X|^2 over bins, weighted by triangles whose M + 2 corners are equally spaced on

    mel(f) = 2595 log10(1 + f / 700)                    (O'Shaughnessy 1987; the scale of HTK)

from 0 Hz to half the sample rate, and are given in decibels relative to full scale, from `FLOOR`.

Phases are lost, and so are the powers of single bins in a band. For the way back, bins are the
non-negative powers whose means are the bands', found by the iteration of Richardson (1972) and Lucy
(1974), which minimises the Kullback-Leibler divergence and so fits weak bands as well as strong
ones; phases are those at which the fast algorithm of Griffin and Lim arrives (Perraudin, Balazs and
Sondergaard 2013, "A fast Griffin-Lim algorithm").
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import fft

from vae.errors import InputError

FLOOR = -100.0  # dB: power below it is read as if it were this
WINDOW = 0.05  # seconds of the usual window
OVERLAP = 4  # hops in the usual window
SPREADS = 50  # iterations that spread the power of bands over bins
PHASES = 64  # iterations that find the phases
MOMENTUM = 0.99  # of the latter, as the paper recommends


def frames(samples: int, hop: int) -> int:
    """Returns the number of frames of a waveform."""
    return -(-samples // hop)


def hann(window: int) -> np.ndarray:
    """Returns the periodic Hann window, float32 [W]."""
    return (np.sin(np.pi * np.arange(window) / window) ** 2).astype(np.float32)


def stft(x: Any, window: int, hop: int) -> Any:
    """Returns X [..., T, W // 2 + 1] of waveforms x [..., L]: numpy of numpy, JAX of JAX."""
    xp: Any = np if isinstance(x, np.ndarray) else jnp
    number, overlap = frames(x.shape[-1], hop), window // hop
    before = (window - hop) // 2
    after = (number + overlap - 1) * hop - before - x.shape[-1]
    x = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)])
    pieces = x.reshape(*x.shape[:-1], number + overlap - 1, hop)
    cut = xp.concatenate([pieces[..., j : j + number, :] for j in range(overlap)], axis=-1)
    w = hann(window)
    transformed = fft.rfft(cut * w) if xp is np else jnp.fft.rfft(cut * w)
    return transformed * np.float32(2 / w.sum())


def istft(transformed: Array, window: int, hop: int) -> Array:
    """Returns the waveform [..., T H] whose transform is nearest to X [..., T, W // 2 + 1].

    It is exact for the transform of a waveform of T H samples.
    """
    w = hann(window)
    number, overlap = transformed.shape[-2], window // hop
    cut = jnp.fft.irfft(transformed, n=window) * np.float32(w.sum() / 2) * w
    x = _added(cut.reshape(*cut.shape[:-1], overlap, hop))
    weights = _added(jnp.broadcast_to(w**2, (number, window)).reshape(number, overlap, hop))
    before = (window - hop) // 2
    kept = slice(before, before + number * hop)
    return x[..., kept] / jnp.maximum(weights[kept], 1e-6)


def _added(pieces: Array) -> Array:
    """Adds up frames of r pieces [..., T, r, H], each a hop later, into [..., (T + r - 1) H]."""
    overlap = pieces.shape[-2]
    around = [(0, 0)] * (pieces.ndim - 3)
    shifted = [
        jnp.pad(pieces[..., j, :], [*around, (j, overlap - 1 - j), (0, 0)]) for j in range(overlap)
    ]
    added = functools.reduce(jnp.add, shifted)
    return added.reshape(*added.shape[:-2], -1)


def usual_window(rate: int) -> int:
    """Returns the power of two whose duration is nearest to `WINDOW`, in samples."""
    return 2 ** max(OVERLAP, round(np.log2(WINDOW * rate)))


@functools.lru_cache(8)
def mel_filters(rate: int, window: int, mels: int) -> np.ndarray:
    """Returns the weights of bins in bands [W // 2 + 1, M] float32, each band's sum being 1.

    Raises:
      InputError: the lowest bands are narrower than the distance between two bins.
    """
    weights = _triangles(rate, window, mels)
    if not (sums := weights.sum(0)).all():
        raise InputError(
            f"data.mels={mels} bands are too many for a window of {window} samples at {rate} Hz, "
            f"for some have no frequency in them: give at most {most_mels(rate, window, mels)}, or "
            "a longer data.window."
        )
    return (weights / sums).astype(np.float32)


def most_mels(rate: int, window: int, mels: int) -> int:
    """Returns the most bands, up to `mels`, of which each has a frequency in it."""
    while mels > 1 and not _triangles(rate, window, mels).sum(0).all():
        mels -= 1
    return mels


def _triangles(rate: int, window: int, mels: int) -> np.ndarray:
    """Returns triangles of height 1 [W // 2 + 1, M]."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, mels + 2) / 2595) - 1)
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    bins = np.arange(window // 2 + 1)[:, None] * rate / window
    return np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)


def log_mel(x: Any, rate: int, window: int, hop: int, mels: int) -> Any:
    """Returns the mel bands [..., T, M] of waveforms [..., L], in dB relative to full scale."""
    xp: Any = np if isinstance(x, np.ndarray) else jnp
    power = xp.abs(stft(x, window, hop)) ** 2
    return decibels(power @ mel_filters(rate, window, mels))


def decibels(power: Any) -> Any:
    """Returns powers relative to full scale in dB, no less than `FLOOR`."""
    xp: Any = np if isinstance(power, np.ndarray) else jnp
    return xp.maximum(10 * xp.log10(xp.maximum(power, np.float32(1e-30))), np.float32(FLOOR))


def spread(bands: Array, filters: np.ndarray) -> Array:
    """Returns powers [..., W // 2 + 1] >= 0 whose means are the powers of bands [..., M]."""
    whole = filters.sum(1)
    inside = jnp.asarray(whole > 0)
    backward = jnp.asarray(filters.T / np.where(whole > 0, whole, 1))

    def step(_: Any, power: Array) -> Array:
        return power * ((bands / jnp.maximum(power @ filters, 1e-20)) @ backward)

    start = jnp.where(inside, bands @ backward, 0.0)
    return jax.lax.fori_loop(0, SPREADS, step, start)


def phases(magnitude: Array, window: int, hop: int) -> Array:
    """Returns the waveform [..., T H] whose transform has about the magnitudes [..., T, bins].

    The search begins where every bin is a sine of its own frequency.
    """
    turn = 2 * np.pi * hop / window * np.arange(magnitude.shape[-1])
    angle = np.arange(magnitude.shape[-2])[:, None] * turn
    start = magnitude * jnp.asarray(np.exp(1j * (angle % (2 * np.pi))), jnp.complex64)

    def step(_: Any, state: tuple[Array, Array]) -> tuple[Array, Array]:
        guess, before = state
        found = stft(istft(guess, window, hop), window, hop)
        ahead = found + MOMENTUM * (found - before)
        return magnitude * ahead / jnp.maximum(jnp.abs(ahead), 1e-12), found

    guess, _ = jax.lax.fori_loop(0, PHASES, step, (start, jnp.zeros_like(start)))
    return istft(guess, window, hop)


def waveform(bands: Array, rate: int, window: int, hop: int) -> Array:
    """Returns a waveform [..., T H] with about the mel bands [..., T, M], which are in dB."""
    filters = mel_filters(rate, window, bands.shape[-1])
    power = jnp.where(bands > FLOOR, 10 ** (bands / 10), 0.0)
    return phases(jnp.sqrt(spread(power, filters)), window, hop)
