"""What an experiment file declares, combined and checked before anything starts."""

import importlib
from pathlib import Path

import pytest
from configs import tiny

from vae.errors import InputError
from vae.sweeps.space import Choice, Integer, LogUniform, Plan, Uniform, check, declared, product

ROOT = Path(__file__).resolve().parents[2]
FILE = """
from vae.sweeps.space import *
import numpy as np

def sweep():
    for rate in np.array([1e-3, 1e-2]):
        yield {"optimizer.learning_rate": rate}

def sweep_seeds():
    return product({"seed": range(3)})

def sweep_widths():
    return [{"model.encoder_widths": [8]}, {"model.encoder_widths": (16,), "model.latent_dim": 2}]

def sweep_rates():
    return [{"optimizer.learning_rate": 1e-4}]

def sweep_nothing():
    return []

def sweep_twice():
    return [{"seed": 1}, {"seed": 1}]

def sweep_wrong():
    return {"seed": 1}

def space_beta():
    return Space({"objective.beta": Uniform(0.5, 2)}, minimize="test/nll")

def space_rate():
    return Space({"optimizer.learning_rate": LogUniform(1e-4, 1e-2)}, minimize="test/nll")

def space_best():
    return Space({"model.latent_dim": Integer(2, 4)})

def space_nothing():
    return Space({})

def space_swapped():
    return Space({"objective.beta": Uniform(2, 1)})

def space_zero():
    return Space({"objective.beta": LogUniform(0, 1)})

def space_half():
    return Space({"model.latent_dim": Integer(2, 2.5)})

def space_text():
    return Space({"objective.beta": Uniform("low", 1)})

def space_single():
    return Space({"model.latent_dim": 3})

def space_choice():
    return Space({"model.latent_dim": Choice(())})

def space_both():
    return Space({"objective.beta": Uniform(1, 2)}, maximize="a", minimize="b")
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "experiment.py"
    path.write_text(FILE)
    return path


def plan(distributions=None, rows=({},), objective="valid/elbo"):
    return Plan(distributions or {}, tuple(rows), objective, "maximize")


def test_product_is_the_grid_of_all_combinations():
    assert product({"a": (1, 2), "b": "xy"}) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_what_is_declared_without_a_name(file):
    found = declared(file, ())
    assert found == plan(rows=[{"optimizer.learning_rate": r} for r in (1e-3, 1e-2)])
    assert type(found.rows[0]["optimizer.learning_rate"]) is float


def test_grids_multiply_and_spaces_join(file):
    found = declared(file, ["seeds", "widths"])
    assert len(found.rows) == 6 and found.distributions == {}
    assert found.rows[1] == {"seed": 0, "model.encoder_widths": (16,), "model.latent_dim": 2}
    found = declared(file, ["beta", "rate", "seeds"])
    assert found.rows == ({"seed": 0}, {"seed": 1}, {"seed": 2})
    assert found.distributions == {
        "objective.beta": Uniform(0.5, 2),
        "optimizer.learning_rate": LogUniform(1e-4, 1e-2),
    }
    assert (found.objective, found.direction) == ("test/nll", "minimize")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["seed"], "sweep_seed` or `space_seed`.*there is .*seeds"),
        (["sweep", "rates"], r"learning_rate is swept by both sweep\(\) and sweep_rates\(\)"),
        (["rate", "rates"], "swept by both"),
        (["beta", "best"], "different objectives: minimize test/nll and maximize valid/elbo"),
        (["nothing"], r"sweep_nothing\(\) is empty"),
        (["twice"], "twice"),
        (["wrong"], r"must return a Space, or \{dotted key: value\} dicts in a list"),
        (["swapped"], "low <= high"),
        (["zero"], "low > 0"),
        (["half"], "whole numbers"),
        (["text"], "numbers as its ends"),
        (["single"], "must be a Uniform"),
        (["choice"], "nothing to choose from"),
        (["both"], "one objective"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_file_is_a_sentence(file, names, message):
    with pytest.raises(InputError, match=message):
        declared(file, names)


def test_a_file_that_declares_nothing_is_told_so(tmp_path):
    (tmp_path / "experiment.py").write_text("def get_config(): ...\n")
    with pytest.raises(InputError, match=r"needs a function `sweep` or `space`.*no sweep"):
        declared(tmp_path / "experiment.py", ())


def test_an_empty_space_is_refused(tmp_path):
    text = "from vae.sweeps.space import Space\ndef space(): return Space({})\n"
    (tmp_path / "experiment.py").write_text(text)
    with pytest.raises(InputError, match=r"space\(\) is empty"):
        declared(tmp_path / "experiment.py", ())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (plan(rows=[{"optimizer.learning_rat": 1.0}]), "did you mean 'optimizer.learning_rate'"),
        (plan({"objective.betas": Uniform(0, 1)}), "did you mean 'objective.beta'"),
        (plan(rows=[{"model": 1}]), "model is not a key"),
        (plan(rows=[{"model.latent_dim": 2}, {"model.latent_dim": 2.5}]), "must be a whole number"),
        (plan(rows=[{"model.latent_dim": True}]), "must be a whole number"),
        (plan(rows=[{"model.latent_dim": None}]), "must be a whole number"),
        (plan({"model.latent_dim": Uniform(1.0, 2.0)}), "must be a whole number"),
        (plan(rows=[{"optimizer.name": "adam"}, {"optimizer.name": "sgd"}]), "must be one of"),
        (plan({"objective.beta": Uniform(-1, 1)}), "objective.beta=-1"),
        (plan({"model.latent_dim": Integer(0, 8)}), "model.latent_dim=0"),
        (plan({"model.prior": Choice(("standard_normal", "vampire"))}), "vampire"),
        (
            plan({"data.batch_size": Choice((32, 33))}, [{"training.accumulate": 2}]),
            "data.batch_size=33 must be a multiple of training.accumulate=2",
        ),
        (plan(rows=[{"evaluation.every_steps": 0}]), "never measures valid/elbo"),
        (plan({"objective.beta": Uniform(1, 2)}, objective="elbo"), "'elbo' is no metric"),
        (plan(rows=[{"seed": 1}]), "--config.seed is given, but seed is swept"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_that_cannot_work_is_refused_beforehand(given, message):
    config = tiny()
    before = config.to_json()
    with pytest.raises(InputError, match=message):
        check(given, config, {"seed": 3})
    assert config.to_json() == before


def test_settings_of_one_s_own_part_can_be_searched():
    widths = {"model.prior_settings.widths": Choice(((8,), (16, 16)))}
    swept = plan({"model.prior_settings.rate": Uniform(0, 1)} | widths)
    check(swept, tiny(model__prior="mine:Mine"), {})
    with pytest.raises(InputError, match=r"rate=0 has no effect with model.reg"):
        check(plan({"model.regularizer_settings.rate": Uniform(0, 1)}), tiny(), {})


def test_what_can_work_is_not_refused():
    distributions = {
        "optimizer.learning_rate": LogUniform(1e-4, 1),
        "model.encoder_widths": Choice(((8,), (16, 16))),
        "model.latent_dim": Integer(1, 8),
    }
    check(plan(distributions, [{"seed": 0}, {"seed": 1}]), tiny(), {})


@pytest.mark.parametrize(
    ("name", "sweeps", "runs"),
    [
        ("digits", ["learning_rate", "beta", "seeds"], 24),
        ("digits", [], 1),
        ("binarized_mnist", ["seeds"], 3),
        ("binarized_mnist", ["space", "seeds"], 3),
    ],
)
def test_what_the_experiments_declare_can_work(name, sweeps, runs):
    found = declared(ROOT / "experiments" / f"{name}.py", sweeps)
    assert len(found.rows) == runs
    check(found, importlib.import_module(f"experiments.{name}").get_config(), {})
