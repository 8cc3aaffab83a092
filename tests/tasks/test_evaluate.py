"""The figures of a run on its data."""

import json

import numpy as np

from vae.tasks.evaluate import evaluate


def test_the_groups_of_a_ladder_share_its_divergence(ladder):
    result = evaluate(ladder, num_samples=1)
    shares = result["group_kl"]
    assert len(shares) == 3 and min(shares) > 0
    np.testing.assert_allclose(sum(shares), result["metrics"]["test/kl"], rtol=1e-5)
    assert json.loads((ladder.workdir / "evaluation_test.json").read_text()) == result
