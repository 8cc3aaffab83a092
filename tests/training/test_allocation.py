"""What is larger than the memory is refused with its figures, before anything is written."""

import pytest
from configs import tiny

import vae
from vae.errors import InputError
from vae.experiment import prepare
from vae.training import allocation


@pytest.mark.parametrize(
    "overrides",
    [
        {"model__encoder_widths": (1_000_000, 1_000_000)},
        {"model__latent_dim": 1_000_000, "model__posterior": "full_gaussian"},
        {"data__batch_size": 400_000_000},
        {"objective__name": "iwae", "objective__num_samples": 1_000_000_000},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(overrides, tmp_path):
    with pytest.raises(
        InputError, match=r"does not fit into the memory of [\d.,]+ GB|cannot be built"
    ):
        vae.train(tiny(**overrides), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_bytes_are_those_of_the_arrays(monkeypatch):
    monkeypatch.setattr(allocation, "memory", lambda: 0)
    config = tiny(model__encoder_widths=(100,), training__ema_decay=0.0)
    with pytest.raises(InputError) as refused:
        prepare(config)
    encoder, decoder = 64 * 100 + 100 + 100 * 8 + 8, 4 * 16 + 16 + 16 * 64 + 64
    assert f"for {encoder + decoder + 1:,} weights" in str(refused.value)


def test_a_run_that_fits_is_not_refused(monkeypatch):
    """A run of twice what was counted for it goes through."""
    monkeypatch.setattr(allocation, "memory", lambda: 64 * 2**20)
    prepare(tiny(model__encoder_widths=(512,)))


def test_a_batch_larger_than_the_data_is_said(caplog):
    prepare(tiny(data__batch_size=2000))
    assert "data.batch_size=2000 is more than the 1437 training examples" in caplog.text
