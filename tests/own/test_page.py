"""The page on parts of one's own can be followed: its files train, and are loaded again."""

import re
from pathlib import Path

import numpy as np
import pytest
from configs import tiny

import vae
from vae.config import own

PAGE = (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text("utf-8")
FILES = dict(re.findall(r"in `(\w+)\.py`:\n\n```python\n(.*?)```", PAGE, re.S))


@pytest.fixture(autouse=True)
def beside(tmp_path, monkeypatch):
    """The files of the page, beside an experiment."""
    monkeypatch.setattr(own, "_directories", [])
    monkeypatch.setattr(own, "_modules", {})
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
        assert len(text.splitlines()) <= 40
    own.look_in(tmp_path)


def test_a_prior(tmp_path):
    config = tiny(model__prior="laplace:Laplace")
    config.model.prior_settings.width = 0.7
    result = vae.train(config, tmp_path / "run")
    assert result["status"] == "completed" and np.isfinite(result["metrics"]["test/nll"])
    run = vae.load(tmp_path / "run")
    assert abs(run.params["prior"]["log_width"] - np.log(0.7)) < 0.1
    assert np.isfinite(run.sample(3)).all()
