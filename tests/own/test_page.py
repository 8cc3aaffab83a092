"""The page on parts of one's own can be followed: its files train, and are loaded again."""

import re
from pathlib import Path

import numpy as np
import pytest
from configs import tiny

import vae
from vae import modalities
from vae.config import base, own

PAGE = (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text("utf-8")
FILES = dict(re.findall(r"`(\w+)\.py`(?:(?!\.py`|```).)*```python\n(.*?)```", PAGE, re.S))


@pytest.fixture(autouse=True)
def beside(tmp_path, monkeypatch):
    """The files of the page, beside an experiment."""
    monkeypatch.setattr(own, "_directories", [])
    monkeypatch.setattr(own, "_modules", {})
    monkeypatch.setattr(own, "_recorded", {})
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    own.look_in(tmp_path)


def few(**overrides):
    return tiny(
        training__steps=4,
        evaluation__every_steps=0,
        evaluation__num_samples=2,
        checkpoint__every_steps=0,
        **overrides,
    )


def test_each_is_under_thirty_lines():
    assert len(FILES) == 9
    assert all(len(re.findall(r"^.+$", text, re.M)) < 30 for text in FILES.values())


PARTS = {
    "prior": ("laplace:Laplace", {"width": 0.7}),
    "posterior": ("laplace_posterior:LaplacePosterior", {}),
    "encoder": ("normed:Normed", {"groups": 8}),
    "likelihood": ("student:StudentT", {"freedom": 4.0}),
    "regularizer": ("sparse:Sparse", {"weight": 0.5}),
}


def test_parts_of_a_model(tmp_path):
    config = few()
    for key, (name, settings) in PARTS.items():
        config.model[key] = name
        config.model[f"{key}_settings"].update(settings)
    result = vae.train(config, tmp_path / "run")
    assert result["status"] == "completed" and np.isfinite(result["metrics"]["test/nll"])
    own._modules.clear()
    own._directories.clear()
    run = vae.load(tmp_path / "run")
    assert abs(run.params["prior"]["log_width"] - np.log(0.7)) < 0.1
    assert run.model.encoder.groups == 8 and run.model.likelihood.freedom == 4
    assert np.isfinite(run.sample(3)).all()

    norms = own.resolve("norms:norms", "task")
    assert norms(run, num=9).figures["mean_length"] > 0


def test_an_objective_and_an_optimizer(tmp_path):
    config = few(objective__name="renyi:renyi", optimizer__name="lion:lion")
    config.objective.num_samples = 3
    config.optimizer.settings.b1 = 0.95
    result = vae.train(config, tmp_path / "run")
    assert result["status"] == "completed" and np.isfinite(result["metrics"]["test/nll"])


def test_a_data_source():
    data = base().data
    data.name = "rings:rings"
    data.settings.num = 90
    assert len(modalities.load(data).train) == 72
