"""Transforms, mel bands, mu-law and the ways back, against other formulas and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from vae.errors import InputError
from vae.modalities.sound import mu_law, notes, spectral

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("window", "hop"), [(64, 16), (64, 32), (30, 10), (12, 4)])
def test_the_transform_is_that_of_windows_cut_out_and_is_inverted(window, hop):
    x = RNG.normal(size=(2, 12 * hop)).astype(np.float32)
    found = spectral.stft(x, window, hop)
    hann = signal.get_window("hann", window)
    padded = np.pad(x, ((0, 0), ((window - hop) // 2, window)))
    for t in range(12):
        direct = np.fft.rfft(padded[:, t * hop : t * hop + window] * hann) * 2 / hann.sum()
        np.testing.assert_allclose(found[:, t], direct, atol=1e-5)
    np.testing.assert_allclose(spectral.stft(jnp.asarray(x), window, hop), found, atol=1e-5)
    np.testing.assert_allclose(spectral.istft(jnp.asarray(found), window, hop), x, atol=1e-5)


def test_a_sine_at_full_scale_is_at_zero_decibels():
    x = np.sin(2 * np.pi * 8 / 64 * np.arange(640)).astype(np.float32)
    assert np.abs(spectral.stft(x, 64, 16))[10].max() == pytest.approx(1, abs=1e-5)


def test_mel_bands_are_means_under_triangles_of_the_scale_of_htk():
    rate, window, mels = 8000, 512, 20
    filters = spectral.mel_filters(rate, window, mels)
    mel = 1127.01048 * np.log1p(np.arange(257) * rate / window / 700)  # the same, by another log
    spacing = 1127.01048 * np.log1p(rate / 2 / 700) / (mels + 1)
    assert filters.shape == (257, mels)
    np.testing.assert_allclose(filters.sum(0), 1, rtol=1e-5)
    for band, weights in enumerate(filters.T):
        inside = np.abs(mel - (band + 1) * spacing) < spacing
        assert (weights[inside] > 0).all() and (weights[~inside] < 1e-6).all()
        hertz = np.arange(257) * rate / window
        corners = [700 * np.expm1((band + k) * spacing / 1127.01048) for k in range(3)]
        triangle = np.interp(hertz, corners, [0, 1, 0])
        np.testing.assert_allclose(weights, triangle / triangle.sum(), atol=1e-5)


def test_white_noise_has_one_level_in_all_bands_and_silence_is_at_the_floor():
    x = RNG.normal(0, 0.1, 200_000).astype(np.float32)
    bands = 10 ** (spectral.log_mel(x, 8000, 512, 128, 30) / 10)
    w = spectral.hann(512)
    expected = 4 * 0.01 * (w**2).sum() / w.sum() ** 2
    np.testing.assert_allclose(bands[4:-4].mean(0), expected, rtol=0.1)
    assert (spectral.log_mel(np.zeros(500, np.float32), 8000, 512, 128, 30) == -100).all()


def test_too_many_bands_are_refused_with_the_most_there_can_be():
    with pytest.raises(InputError, match="give at most 86") as error:
        spectral.mel_filters(8000, 256, 100)
    assert "data.mels=100" in str(error.value)
    spectral.mel_filters(8000, 256, 86)


def test_powers_spread_over_bins_have_the_bands_they_came_from():
    filters = spectral.mel_filters(8000, 256, 30)
    power = RNG.gamma(0.5, size=(3, 129)).astype(np.float32)
    bands = power @ filters
    found = spectral.spread(jnp.asarray(bands), filters)
    assert (found >= 0).all()
    np.testing.assert_allclose(found @ filters, bands, rtol=0.02)


def test_notes_come_back_from_magnitudes_and_from_mel_bands():
    played = notes.play(notes.factors(np.arange(40)), np.arange(40), 8000, 2048)
    wanted = np.abs(spectral.stft(played, 256, 64))
    phases = jax.jit(lambda m: spectral.phases(m, 256, 64))
    found = np.abs(spectral.stft(np.asarray(phases(jnp.asarray(wanted))), 256, 64))
    # Over many notes: a single one may have partials so close that phases are hard to find.
    convergence = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert convergence < 0.1, convergence  # -20 dB
    bands = spectral.log_mel(played, 8000, 256, 64, 40)
    made = jax.jit(lambda b: spectral.waveform(b, 8000, 256, 64))(jnp.asarray(bands))
    again = spectral.log_mel(np.asarray(made), 8000, 256, 64, 40)
    loud = bands > -70
    assert np.sqrt(((again - bands)[loud] ** 2).mean()) < 3


def test_mu_law_is_right_to_half_a_level():
    x = np.linspace(-1, 1, 4001).astype(np.float32)
    levels = mu_law.levels(x)
    assert levels.dtype == np.int16 and (levels.min(), levels.max()) == (0, 255)
    apart = mu_law.compress(mu_law.waveform(levels)) - mu_law.compress(x)
    assert np.abs(apart).max() <= 1 / 255 + 1e-5
    assert mu_law.levels(np.zeros(1)) == mu_law.SILENCE
    assert mu_law.levels(np.array([2.0])) == 255
    np.testing.assert_array_equal(mu_law.levels(mu_law.waveform(np.arange(256))), np.arange(256))
