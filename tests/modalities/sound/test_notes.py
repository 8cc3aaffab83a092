"""Notes: their factors, and whether these are heard."""

import numpy as np

from experiments.sound import pitch_of
from vae import modalities
from vae.modalities.sound import notes

RATE = 8000


def test_factors_are_what_the_notes_have():
    number = 60
    factors = notes.factors(np.arange(number))
    assert (factors[:, :3].sum(1) == 1).all() and (factors[:, :3].sum(0) > 10).all()
    assert (factors[:, 3:34].sum(1) == 1).all() and len(set(notes.pitch_of(factors))) > 20
    for values, (low, high) in zip(factors[:, 34:].T, notes.RANGES.values(), strict=True):
        assert low <= values.min() < values.max() <= high
    played = notes.play(factors, np.arange(number), RATE, 4096)
    peaks = 20 * np.log10(np.abs(played).max(1))
    np.testing.assert_allclose(peaks, factors[:, notes.NAMES.index("Loudness")], atol=1e-3)
    found = np.array([pitch_of(x.astype(float), RATE)[0] for x in played])
    tuned = factors[:, 2] == 0  # the partials of a bell are apart
    assert np.abs(found - notes.pitch_of(factors))[tuned].max() < 0.25
    np.testing.assert_array_equal(notes.play(factors[7:8], np.array([7]), RATE, 4096)[0], played[7])


def test_a_note_falls_by_60_db_in_its_decay():
    factors = notes.factors(np.arange(30))
    factors[:, -2:] = 0.5, 0
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
