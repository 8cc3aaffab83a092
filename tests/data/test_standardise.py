"""Standardisation by the training set: its mean and deviation, what is said of strange columns."""

import numpy as np
import pytest

from vae.data import standardise
from vae.data.examples import in_memory
from vae.data.standardise import check_far, standardised
from vae.probability.event import Event

RNG = np.random.default_rng(0)
NAMES = ("a", "b", "c")


def test_mean_and_deviation_of_each_channel_over_all_places(monkeypatch):
    raw = RNG.normal((5, -3000, 0.02), (2, 400, 0.001), (70, 4, 3)).astype(np.float32)
    monkeypatch.setattr(standardise, "ROWS", 16)  # of several chunks, the last a short one
    values = standardised(in_memory(raw), NAMES, "toy")
    x = values.to_x(raw)
    np.testing.assert_allclose(x.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std((0, 1)), 1, rtol=1e-5)
    assert (values.low, values.high) == pytest.approx((x.min(), x.max()), rel=1e-4)
    np.testing.assert_allclose(values.to_raw(x), raw, rtol=1e-5)
    assert Event((4, 3), values).log_scale == pytest.approx(4 * np.log(values.scale).sum())


def test_a_constant_channel_is_named(caplog):
    raw = RNG.normal(size=(30, 3)).astype(np.float32)
    raw[:, 1] = 0.1
    values = standardised(in_memory(raw), NAMES, "toy")
    assert values.scale[1] == 1 and (values.to_x(raw)[:, 1] == 0).all()
    assert [record.getMessage() for record in caplog.records] == [
        "toy: constant in the training set, which teaches nothing: b"
    ]


def test_a_channel_that_float32_rounds_is_named(caplog):
    raw = RNG.normal((0, 0, 1.7e9), (1, 1, 500), (30, 3))
    standardised(in_memory(raw.astype(np.float32)), (), "toy")
    (record,) = caplog.records
    assert "too far from 0 for its spread" in record.getMessage()
    assert record.getMessage().endswith("float32 rounds it: 2; subtract a number")


def test_a_value_far_from_the_training_set_is_named(caplog):
    raw = RNG.normal(size=(30, 3)).astype(np.float32)
    values = standardised(in_memory(raw), NAMES, "toy")
    check_far({"valid": in_memory(raw)}, values, NAMES)
    assert not caplog.records
    raw[7, 1] = 1e30
    check_far({"valid": in_memory(raw[:5]), "test": in_memory(raw)}, values, NAMES)
    (record,) = caplog.records
    assert record.getMessage().startswith("data.test has a value of b 9")
