"""Updates with a large gradient are left out, and are no divergence."""

import jax
import numpy as np
from configs import tiny

import vae
from vae.training.state import initial_state


def test_updates_above_the_norm_are_skipped_and_counted(tmp_path):
    config = tiny(optimizer__skip_norm=1e-9, training__max_nonfinite=3, training__ema_decay=0.0)
    result = vae.train(config, tmp_path)
    assert result["status"] == "diverged" and "no update was applied" in result["error"]
    assert result["metrics"]["train/skipped"] == config.training.steps
    run = vae.load(tmp_path)
    start = jax.jit(lambda: initial_state(run.model, config).params)()
    jax.tree.map(np.testing.assert_allclose, run.params["encoder"], start["encoder"])


def test_updates_below_the_norm_are_applied(tmp_path):
    result = vae.train(tiny(optimizer__skip_norm=1e9), tmp_path)
    assert result["metrics"]["train/skipped"] == 0
