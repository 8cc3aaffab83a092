"""The learning-rate range test: its rule against curves that are known, and a short one as run."""

import json

import numpy as np
import pytest
from configs import tiny

from vae.errors import InputError
from vae.lr_range import judged, lr_range
from vae.report.lr_range import write

RATES = np.geomspace(1e-6, 1.0, 601)


def test_the_suggestion_is_a_tenth_of_the_rate_with_the_lowest_smoothed_loss():
    losses = 100 * (np.log10(RATES) + 2) ** 2 - 500  # lowest at 0.01; a density's may be negative
    noise = np.random.default_rng(0).normal(0, 5, len(RATES))
    noise[50] = -1300  # one easy batch is no minimum: its neighbours are averaged with it
    found = judged(RATES, losses + noise)
    assert found.lowest == pytest.approx(0.01, rel=0.3)
    assert found.suggestion == float(f"{found.lowest / 10:.2g}")
    exact = judged(RATES, losses)
    assert exact.lowest == pytest.approx(0.01) and exact.suggestion == 0.001
    assert "A tenth is 0.001" in exact.said


def test_running_means_are_centred_and_leave_out_what_is_not_known():
    losses = np.linspace(3.0, 1.0, 101)
    losses[90:] = 5.0
    gaps = losses.copy()
    gaps[[20, 40, 41]] = np.nan
    found, other = judged(RATES[:101], losses), judged(RATES[:101], gaps)
    np.testing.assert_allclose(found.smoothed[10:80], losses[10:80])  # a line stays as it is
    assert np.isfinite(other.smoothed).all() and other.suggestion == found.suggestion


@pytest.mark.parametrize(
    ("losses", "ended", "said"),
    [
        (np.log10(RATES), False, "the loss does not fall: lower --low from 1e-06"),
        (-np.log10(RATES), False, "raise --high from 1"),
        (np.full(601, np.nan), True, "no loss was finite"),
    ],
)
def test_without_a_minimum_there_is_no_suggestion(losses, ended, said):
    found = judged(RATES, losses, ended=ended)
    assert found.suggestion is None and said in found.said


def test_a_loss_that_falls_until_it_is_not_finite_has_its_minimum_there():
    found = judged(RATES[:400], -np.log10(RATES[:400]), ended=True)
    assert found.suggestion == float(f"{RATES[399] / 10:.2g}")
    assert "is not finite" in found.said


def test_a_range_test_trains_at_rising_rates_and_writes_a_page_and_figures(tmp_path):
    config = tiny(optimizer__warmup_steps=1000, optimizer__schedule="cosine", training__steps=3)
    found = lr_range(config, tmp_path / "run", calls=24, low=1e-7, high=1e3)
    assert config.training.steps == 3 and not list(tmp_path.iterdir())
    assert found.rates[0] == pytest.approx(1e-7) and len(found.rates) == len(found.losses)
    # Up to 1e-4 the weights stand still, and at 1e3, or before, they are spoilt.
    first = found.losses[found.rates < 1e-4]
    assert first.std() < 0.1 * abs(first.mean())
    assert len(found.losses) < 24 or found.losses[-1] > 3 * first.max()
    paths = write(found, tmp_path / "run", "<b>own</b>.py", 1e-3)
    page, figures = paths[0].read_text(), json.loads(paths[1].read_text())
    assert figures["suggestion"] == found.suggestion and len(figures["losses"]) == len(found.rates)
    assert found.said in page.replace("&#39;", "'") and "<svg" in page
    assert "&lt;b&gt;own" in page and "<b>own" not in page


@pytest.mark.parametrize("ends", [{"low": 0.0}, {"low": 1.0, "high": 1e-3}, {"calls": 3}])
def test_a_range_that_is_none_is_refused(tmp_path, ends):
    with pytest.raises(InputError, match="a range of rates from"):
        lr_range(tiny(), tmp_path, **ends)
