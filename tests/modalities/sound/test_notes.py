"""Notes: their factors, and whether these are heard."""

import numpy as np

from vae import modalities
from vae.modalities.sound import notes

RATE = 8000


def pitch_of(sound, rate, low=100, high=1000):
    """The frequency in Hz of a sound [L], from the first high peak of its autocorrelation."""
    lags = np.arange(int(rate / high), int(rate / low) + 2)
    pairs = [(sound[:-lag], sound[lag:]) for lag in lags]
    found = np.array([a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in pairs])
    inside = found[1:-1]
    peaks = (inside >= found[:-2]) & (inside >= found[2:]) & (inside > 0.9 * found.max())
    top = 1 + int(peaks.argmax())
    left, middle, right = found[top - 1 : top + 2]
    return rate / (lags[top] + (left - right) / (2 * (left - 2 * middle + right)))


def test_factors_are_what_the_notes_have():
    number = 60
    factors = notes.factors(np.arange(number))
    assert (factors[:, :3].sum(1) == 1).all() and (factors[:, :3].sum(0) > 10).all()
    for values, (low, high) in zip(factors[:, 3:].T, notes.RANGES.values(), strict=True):
        assert low <= values.min() < values.max() <= high
    played = notes.play(factors, np.arange(number), RATE, 4096)
    peaks = 20 * np.log10(np.abs(played).max(1))
    np.testing.assert_allclose(peaks, factors[:, 4], atol=1e-3)
    wanted = notes.frequency_of(factors[:, 3])
    cents = 1200 * np.log2([pitch_of(x.astype(float), RATE) for x in played] / wanted)
    tuned = factors[:, 2] == 0  # the partials of a bell are apart
    assert np.abs(cents[tuned]).max() < 25
    np.testing.assert_array_equal(notes.play(factors[7:8], np.array([7]), RATE, 4096)[0], played[7])


def test_a_note_falls_by_60_db_in_its_decay():
    factors = notes.factors(np.arange(30))
    factors[:, 5], factors[:, 6] = 0.5, 0
    played = notes.play(factors, np.arange(30), RATE, 4096)
    early, late = (np.sqrt((played[:, i : i + 400] ** 2).mean(1)) for i in (400, 2400))
    fallen = 20 * np.log10(early / late)  # over a quarter of a second
    assert (fallen > 25).all() and np.median(fallen) < 45


def test_notes_are_a_set_of_the_table(configure):
    keys = {"train": "train[:20]", "valid": "valid[:10]", "test": "test[:10]"}
    found = modalities.load(configure(name="notes", **keys))
    assert found.event.shape == (32, 64) and found.attributes == notes.NAMES
    assert not found.event.values.missing
    twice = modalities.load(configure(name="notes", channels=2, sample_rate=16000, **keys))
    assert twice.event.shape == (32, 128) and twice.digest != found.digest
    levels = modalities.load(configure(name="notes", representation="mu_law", **keys))
    assert levels.event.shape == (4096, 1) and levels.event.values.levels == 256
